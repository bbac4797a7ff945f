package xsignin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// point is one call of a journey: the n-th of a method of one part.
type point struct {
	part, method string
	n            int
}

func (p point) String() string { return fmt.Sprintf("%s, %s %d", p.part, p.method, p.n) }

// The parts that fail.
const (
	theSessions = "sessions"
	theTokens   = "tokens"
	theX        = "X"
)

// faultKind is a way to go wrong.
type faultKind struct {
	name string
	// effect: the call does what it should before it goes wrong.
	effect bool
	// late is how long the call takes; it goes well then, unless its context has ended.
	late time.Duration
	// hang: the call answers nothing before its context ends.
	hang bool
	// The others are X's alone: an answer of its edge, one that breaks off in the body, and
	// one whose body stops.
	status    int
	cut, stop bool
}

var (
	anyFault = []faultKind{
		{name: "fails"},
		{name: "fails after the effect", effect: true},
		{name: "hangs", hang: true},
		{name: "hangs after the effect", effect: true, hang: true},
		{name: "is a second late", late: time.Second},
		{name: "is four seconds late", late: 4 * time.Second},
		{name: "is a minute late", late: time.Minute},
	}
	xFault = append(slices.Clone(anyFault),
		faultKind{name: "is over capacity", status: http.StatusServiceUnavailable},
		faultKind{name: "breaks off in the body", effect: true, cut: true},
		faultKind{name: "stops in the body", effect: true, stop: true},
	)
)

// lost reports whether X has done what it was asked for, and nobody was told.
func (k faultKind) lost() bool { return k.effect }

var errAway = errors.New("away")

// neverEnding is how long a call hangs whose context has no end: longer than any bound, so
// that the walk sees it.
const neverEnding = time.Hour

// wait waits for d, and returns ctx's error if that ends first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gone is the end of a call that hangs.
func gone(ctx context.Context) error {
	if err := wait(ctx, neverEnding); err != nil {
		return err
	}
	return errAway
}

// do is a call that goes wrong in the way of k.
func (k faultKind) do(ctx context.Context, call func() error) error {
	if k.late > 0 {
		if err := wait(ctx, k.late); err != nil {
			return err
		}
		return call()
	}
	if k.effect {
		_ = call()
	}
	if k.hang {
		return gone(ctx)
	}
	return errAway
}

// faultPlan numbers the calls to all parts, and spoils those that it is told to.
type faultPlan struct {
	mu     sync.Mutex
	calls  map[point]int // by part and method
	points []point
	at     point
	kind   faultKind
	stays  bool
	armed  bool
	hit    bool
	open   int // answers of X whose body is not closed
	given  []string
}

func newFaultPlan() *faultPlan { return &faultPlan{calls: make(map[point]int)} }

// arm spoils the call at, and with stays every later call to the same part, until lift.
func (f *faultPlan) arm(at point, kind faultKind, stays bool) {
	f.at, f.kind, f.stays, f.armed = at, kind, stays, true
}

func (f *faultPlan) lift() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = false
}

func (f *faultPlan) wasHit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// next counts a call, and returns how it is to go wrong; nil for not at all.
func (f *faultPlan) next(part, method string) *faultKind {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := point{part: part, method: method}
	f.calls[p]++
	p.n = f.calls[p]
	f.points = append(f.points, p)
	if f.armed && (p == f.at || f.hit && f.stays && part == f.at.part) {
		f.hit = true
		return &f.kind
	}
	return nil
}

func (f *faultPlan) call(ctx context.Context, part, method string, call func() error) error {
	if k := f.next(part, method); k != nil {
		return k.do(ctx, call)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return call()
}

// faultySessions is a session store that takes contexts.
type faultySessions struct {
	*sessionStore
	plan *faultPlan
}

func (s faultySessions) FindCtx(ctx context.Context, key string) (b []byte, found bool, err error) {
	var got []byte
	err = s.plan.call(ctx, theSessions, "Find", func() error {
		got, found, err = s.Find(key)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return got, found, nil
}

func (s faultySessions) CommitCtx(ctx context.Context, key string, b []byte, expiry time.Time) error {
	return s.plan.call(ctx, theSessions, "Commit", func() error { return s.Commit(key, b, expiry) })
}

func (s faultySessions) DeleteCtx(ctx context.Context, key string) error {
	return s.plan.call(ctx, theSessions, "Delete", func() error { return s.Delete(key) })
}

// faultyTokens is a token store.
type faultyTokens struct {
	*spyStore
	plan *faultPlan
}

// faulty calls the store, and gives nothing where it went wrong.
func faulty[T any](ctx context.Context, f *faultPlan, method string, call func() (T, error)) (T, error) {
	var got T
	err := f.call(ctx, theTokens, method, func() (err error) {
		got, err = call()
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return got, nil
}

func (s faultyTokens) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Entry, error) {
	return faulty(ctx, s.plan, "Get", func() (tokenstore.Entry, error) { return s.spyStore.Get(context.Background(), key) })
}

func (s faultyTokens) Put(ctx context.Context, key tokenstore.Key, value []byte) (tokenstore.Version, error) {
	return faulty(ctx, s.plan, "Put", func() (tokenstore.Version, error) {
		return s.spyStore.Put(context.Background(), key, value)
	})
}

func (s faultyTokens) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	return faulty(ctx, s.plan, "Replace", func() (tokenstore.Version, error) {
		return s.Store.Replace(context.Background(), key, v, value)
	})
}

func (s faultyTokens) Delete(ctx context.Context, key tokenstore.Key) error {
	return s.plan.call(ctx, theTokens, "Delete", func() error { return s.spyStore.Delete(context.Background(), key) })
}

func (s faultyTokens) Lease(ctx context.Context, key tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
	return faulty(ctx, s.plan, "Lease", func() (tokenstore.LeaseID, error) {
		return s.Store.Lease(context.Background(), key, v, d)
	})
}

func (s faultyTokens) Release(ctx context.Context, key tokenstore.Key, id tokenstore.LeaseID) error {
	return s.plan.call(ctx, theTokens, "Release", func() error { return s.Store.Release(context.Background(), key, id) })
}

// faultyX is a way to X. It notes the tokens that X gives, and the answers that nobody
// closes.
type faultyX struct {
	http.RoundTripper
	plan *faultPlan
}

func (x faultyX) RoundTrip(r *http.Request) (*http.Response, error) {
	k := x.plan.next(theX, r.Method+" "+r.URL.Path)
	var resp *http.Response
	ask := func(ctx context.Context) error {
		var err error
		if resp, err = x.RoundTripper.RoundTrip(r.WithContext(ctx)); err == nil {
			err = x.note(resp)
		}
		return err
	}
	ctx := r.Context()
	switch {
	case k == nil:
		if err := ask(ctx); err != nil {
			return nil, err
		}
	case k.status != 0:
		if r.Body != nil {
			_ = r.Body.Close()
		}
		resp = &http.Response{
			StatusCode: k.status, Status: http.StatusText(k.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {"text/html"}}, Request: r,
			Body: io.NopCloser(bytes.NewReader([]byte("<!doctype html><title>Over capacity</title>"))),
		}
	case k.cut, k.stop:
		if err := ask(ctx); err != nil {
			return nil, err
		}
		whole, _ := io.ReadAll(resp.Body)
		var rest io.Reader = ending{io.ErrUnexpectedEOF}
		if k.stop {
			rest = stopping{ctx}
		}
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), rest))
	default:
		err := k.do(ctx, func() error {
			// The effect is X's, whatever becomes of the one who asked.
			if k.effect {
				return ask(context.WithoutCancel(ctx))
			}
			return ask(ctx)
		})
		if err != nil {
			return nil, err
		}
	}
	x.plan.mu.Lock()
	x.plan.open++
	x.plan.mu.Unlock()
	resp.Body = &closing{ReadCloser: resp.Body, plan: x.plan}
	return resp, nil
}

// note keeps the tokens in an answer.
func (x faultyX) note(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return err
	}
	var doc map[string]any
	var given []string
	if json.Unmarshal(body, &doc) == nil {
		for _, name := range []string{"access_token", "refresh_token"} {
			if v, ok := doc[name].(string); ok {
				given = append(given, v)
			}
		}
	} else if form, err := url.ParseQuery(string(body)); err == nil && resp.Request.URL.Path == "/oauth/access_token" {
		given = append(given, form.Get("oauth_token"))
	}
	x.plan.mu.Lock()
	defer x.plan.mu.Unlock()
	x.plan.given = append(x.plan.given, given...)
	return nil
}

// stopping is the rest of a body that never comes.
type stopping struct{ ctx context.Context }

func (s stopping) Read([]byte) (int, error) { return 0, gone(s.ctx) }

// closing counts the answers that are open.
type closing struct {
	io.ReadCloser
	plan *faultPlan
	once sync.Once
}

func (c *closing) Close() error {
	c.once.Do(func() {
		c.plan.mu.Lock()
		defer c.plan.mu.Unlock()
		c.plan.open--
	})
	return c.ReadCloser.Close()
}
