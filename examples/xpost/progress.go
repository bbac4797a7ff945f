package main

import (
	"sync"

	"github.com/schollz/progressbar/v3"
)

// bar shows the progress of a file. It draws only if standard error is a terminal, and clears
// the line at its end. Goroutines may share it.
type bar struct {
	world world
	mu    sync.Mutex // guards shown
	shown *progressbar.ProgressBar
}

// begin ends the previous bar and draws name with total steps or bytes.
func (b *bar) begin(name string, total int64, bytes bool) {
	b.end()
	if !b.world.terminal {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	options := []progressbar.Option{
		progressbar.OptionSetWriter(b.world.stderr),
		progressbar.OptionSetDescription(name),
		progressbar.OptionShowBytes(bytes),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetWidth(24),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionClearOnFinish(),
	}
	if bytes {
		options = append(options, progressbar.OptionShowCount())
	}
	b.shown = progressbar.NewOptions64(total, options...)
}

// at sets the number of finished steps or bytes. The transport calls it, and may do so after the
// request has ended.
func (b *bar) at(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown != nil {
		_ = b.shown.Set64(n)
	}
}

func (b *bar) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown != nil {
		_ = b.shown.Exit()
		_ = b.shown.Clear()
	}
	b.shown = nil
}
