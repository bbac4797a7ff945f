package main

import (
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/schollz/progressbar/v3"
)

// bar shows how far a file is. It draws only where a person looks at standard error, and
// leaves nothing there at its end. Goroutines may share it.
type bar struct {
	world world
	mu    sync.Mutex // guards shown
	shown *progressbar.ProgressBar
}

// begin ends what was drawn before and draws name with total steps or bytes.
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

func (b *bar) describe(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown != nil {
		b.shown.Describe(text)
	}
}

// at says how many steps or bytes are done. The transport calls it, and may do so after the
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

// sentKey is the key of a context's func(int64).
type sentKey struct{}

// withSent has a request's body counted: sent gets how much of it the network has taken.
func withSent(ctx context.Context, sent func(int64)) context.Context {
	return context.WithValue(ctx, sentKey{}, sent)
}

// counting counts bodies as the transport below reads them.
type counting struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, ok := r.Context().Value(sentKey{}).(func(int64))
	if !ok || r.Body == nil {
		return t.base.RoundTrip(r)
	}
	body, again := r.Body, r.GetBody
	r = r.Clone(r.Context())
	r.Body = &countedBody{ReadCloser: body, sent: sent}
	if again != nil {
		// A second try begins anew, and so does its count.
		r.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			return &countedBody{ReadCloser: body, sent: sent}, err
		}
	}
	return t.base.RoundTrip(r)
}

type countedBody struct {
	io.ReadCloser
	n    int64
	sent func(int64)
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	b.sent(b.n)
	return n, err
}
