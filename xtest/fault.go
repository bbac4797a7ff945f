package xtest

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Fault makes requests go wrong. A fault that only waits (Hold, Delay, Reached) lets the request be handled; one that
// sets Status, Header, Body or Handler answers in X's place; one with CutAfter breaks the connection.
type Fault struct {
	// Method and Path choose the requests. Empty means any; a Path that ends in * means all that begin so.
	Method, Path string
	// Times is for how many requests. 0 means until [X.ClearFaults].
	Times int

	// Status, Header and Body are the answer instead of X's. With any of them set, Status 0 means 200.
	Status int
	Header http.Header
	Body   string
	// Handler writes the answer instead of X, for bodies without an end and the like; it should return when the
	// request's context ends. It goes before Status, Header and Body.
	Handler http.Handler

	// After lets X handle the request first, with all effects, and then replaces or cuts its answer. Otherwise the
	// request has no effect. A fault that cuts X's own answer is always After.
	After bool
	// CutAfter breaks the connection after this many bytes of the answer's body; -1 breaks it before the answer
	// begins. 0 means not at all.
	CutAfter int

	// Reached receives a value when a request meets the fault, before it waits. The request goes no further until
	// the value is taken.
	Reached chan<- struct{}
	// Hold keeps the request until the channel is closed or sends a value, before handling it, or with After between
	// handling it and answering.
	Hold <-chan struct{}
	// Delay keeps the request for a time of the machine's clock, at the same point. For people; tests have Hold.
	Delay time.Duration
}

func (f *Fault) answers() bool {
	return f.Status != 0 || f.Header != nil || f.Body != "" || f.Handler != nil
}

func (f *Fault) after() bool { return f.After || f.CutAfter != 0 && !f.answers() }

type faults struct {
	mu  sync.Mutex
	all []*Fault
}

// Fail adds a fault. When several match a request, the first added is used. All requests are subject to faults,
// consent pages too; what [X.Approve] and [X.Deny] do is not.
func (x *X) Fail(f Fault) {
	f.Header = f.Header.Clone()
	x.faults.mu.Lock()
	defer x.faults.mu.Unlock()
	x.faults.all = append(x.faults.all, &f)
}

// ClearFaults removes all faults. A request that one of them holds stays held.
func (x *X) ClearFaults() {
	x.faults.mu.Lock()
	defer x.faults.mu.Unlock()
	x.faults.all = nil
}

// take finds the fault for a request and uses it up by one.
func (fs *faults) take(r *http.Request) *Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.all {
		if !matches(f.Method, f.Path, r.Method, r.URL.Path) {
			continue
		}
		if f.Times == 1 {
			fs.all = append(fs.all[:i:i], fs.all[i+1:]...)
		} else if f.Times > 1 {
			f.Times--
		}
		return f
	}
	return nil
}

// withFaults is around everything that an X serves.
func (x *X) withFaults(w http.ResponseWriter, r *http.Request, handle http.HandlerFunc) {
	f := x.faults.take(r)
	if f == nil {
		handle(w, r)
		return
	}
	if !f.after() {
		f.wait(r)
		if f.answers() {
			f.answer(w, r)
		} else {
			handle(w, r)
		}
		return
	}
	kept := &keptAnswer{header: w.Header().Clone()}
	handle(kept, r)
	f.wait(r)
	if f.answers() {
		f.answer(w, r)
		return
	}
	kept.replay(w, f.CutAfter)
}

func (f *Fault) wait(r *http.Request) {
	done := r.Context().Done()
	if f.Reached != nil {
		select {
		case f.Reached <- struct{}{}:
		case <-done:
			panic(http.ErrAbortHandler)
		}
	}
	if f.Hold != nil {
		select {
		case <-f.Hold:
		case <-done:
			panic(http.ErrAbortHandler)
		}
	}
	if f.Delay > 0 {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-done:
			panic(http.ErrAbortHandler)
		}
	}
}

func (f *Fault) answer(w http.ResponseWriter, r *http.Request) {
	if f.Handler != nil {
		if f.CutAfter != 0 {
			w = &cuttingWriter{ResponseWriter: w, left: max(f.CutAfter, 0), early: f.CutAfter < 0}
		}
		f.Handler.ServeHTTP(w, r)
		return
	}
	kept := &keptAnswer{header: w.Header().Clone(), status: f.Status}
	for k, v := range f.Header {
		kept.header[k] = v
	}
	kept.body.WriteString(f.Body)
	kept.replay(w, f.CutAfter)
}

// keptAnswer holds an answer back until it is known what becomes of it.
type keptAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *keptAnswer) Header() http.Header { return k.header }
func (k *keptAnswer) Flush()              {}

func (k *keptAnswer) WriteHeader(status int) {
	if k.status == 0 && status >= 200 {
		k.status = status
	}
}

func (k *keptAnswer) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.body.Write(b)
}

func (k *keptAnswer) replay(w http.ResponseWriter, cut int) {
	if cut < 0 {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	clear(h)
	for name, values := range k.header {
		h[name] = values
	}
	if k.status == 0 {
		k.status = http.StatusOK
	}
	b := k.body.Bytes()
	if cut > 0 {
		// The length promises the whole, so that no client takes the part for it.
		h.Set("Content-Length", strconv.Itoa(max(len(b), cut+1)))
		w = &cuttingWriter{ResponseWriter: w, left: cut}
	}
	w.WriteHeader(k.status)
	_, _ = w.Write(b)
	if cut > 0 {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// cuttingWriter breaks the connection after some bytes of the body.
type cuttingWriter struct {
	http.ResponseWriter
	left  int
	early bool
}

func (w *cuttingWriter) WriteHeader(status int) {
	if w.early {
		panic(http.ErrAbortHandler)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *cuttingWriter) Write(b []byte) (int, error) {
	if w.early {
		panic(http.ErrAbortHandler)
	}
	if len(b) < w.left {
		w.left -= len(b)
		return w.ResponseWriter.Write(b)
	}
	_, _ = w.ResponseWriter.Write(b[:w.left])
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// Unwrap is for [http.ResponseController].
func (w *cuttingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
