package main

import (
	"errors"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
	"github.com/tsenart/vegeta/v12/lib/plot"
)

// tally collects the results of a run. Vegeta computes the latencies and the plot from them.
type tally struct {
	answers atomic.Int64

	mu      sync.Mutex // guards all below
	run     string     // the name of the run in the plot
	plot    *plot.Plot // nil for no plot
	err     error      // of plot
	begun   uint64     // requests that have begun
	metrics vegeta.Metrics
	actions map[string]int // what visitors did
	faults  map[string]int // by kind; a good run has none
}

// newTally returns a tally of a run. It also adds the requests to p, unless p is nil.
func newTally(run string, p *plot.Plot) *tally {
	return &tally{run: run, plot: p, actions: map[string]int{}, faults: map[string]int{}}
}

// begin returns the result of a request that begins now. The caller must pass the result to
// answered or failed, because the plot waits for missing sequence numbers.
func (t *tally) begin(r *http.Request) *vegeta.Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun++
	return &vegeta.Result{
		Attack: t.run, Seq: t.begun - 1, Timestamp: time.Now(), BytesOut: uint64(max(0, r.ContentLength)),
	}
}

// answered adds the result of a request that got a whole response.
func (t *tally) answered(r *vegeta.Result, status, bytes int) {
	r.Code, r.BytesIn = uint16(status), uint64(bytes)
	t.add(r)
	t.answers.Add(1)
}

// failed adds the result of a request that got no response, or part of one.
func (t *tally) failed(r *vegeta.Result, err error) {
	r.Error = err.Error()
	t.add(r)
}

func (t *tally) add(r *vegeta.Result) {
	r.Latency = time.Since(r.Timestamp)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.metrics.Add(r)
	if t.plot != nil {
		t.err = errors.Join(t.err, t.plot.Add(r))
	}
}

// report returns the statistics of all requests. It is called once, after the last request.
func (t *tally) report() (vegeta.Metrics, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.metrics.Close()
	return t.metrics, t.err
}

// done counts an action of a visitor.
func (t *tally) done(action string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.actions[action]++
}

// fault counts a fault.
func (t *tally) fault(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults[kind]++
}

// newPlot returns a plot of latencies over time, with a line for each run.
func newPlot() *plot.Plot {
	const points = 4000 // of a line; Vegeta leaves out the least visible ones
	return plot.New(plot.Title("Latencies of examples/app, by store"), plot.Downsample(points))
}

// writePlot writes p to an HTML file. Nothing can be added to p afterwards.
func writePlot(file string, p *plot.Plot) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	p.Close()
	_, err = p.WriteTo(f)
	return errors.Join(err, f.Close())
}

// sortedKeys returns the names in a count, sorted.
func sortedKeys(count map[string]int) []string { return slices.Sorted(maps.Keys(count)) }
