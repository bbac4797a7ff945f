package testkit

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

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/tokenstore"
)

// FaultPoint is one call of a journey: the n-th call of a method of one part.
type FaultPoint struct {
	Part, Method string
	n            int
}

// String names the call.
func (p FaultPoint) String() string { return fmt.Sprintf("%s, %s %d", p.Part, p.Method, p.n) }

// The parts that can fail.
const (
	FaultSessions = "sessions"
	FaultTokens   = "tokens"
	FaultX        = "X"
)

// FaultKind is a kind of fault.
type FaultKind struct {
	Name string
	// effect: the call has its effect before it fails.
	effect bool
	// Late is how long the call takes. It then succeeds, unless its context has ended.
	Late time.Duration
	// hang: the call returns nothing before its context ends.
	hang bool
	// The others apply to X only: an answer of its edge, an answer that is cut off in the body,
	// and an answer whose body stops.
	status    int
	cut, stop bool
}

// AnyFaults returns the faults that every part can have.
func AnyFaults() []FaultKind {
	return []FaultKind{
		{Name: "fails"},
		{Name: "fails after the effect", effect: true},
		{Name: "hangs", hang: true},
		{Name: "hangs after the effect", effect: true, hang: true},
		{Name: "is a second late", Late: time.Second},
		{Name: "is four seconds late", Late: 4 * time.Second},
		{Name: "is a minute late", Late: time.Minute},
	}
}

// XFaults returns the faults that X can have.
func XFaults() []FaultKind {
	return append(AnyFaults(),
		FaultKind{Name: "is over capacity", status: http.StatusServiceUnavailable},
		FaultKind{Name: "breaks off in the body", effect: true, cut: true},
		FaultKind{Name: "stops in the body", effect: true, stop: true},
	)
}

// Lost reports whether the call had its effect although the caller got an error.
func (k FaultKind) Lost() bool { return k.effect }

var errAway = errors.New("away")

// neverEnding is how long a call without a deadline hangs. It exceeds every limit, so that the
// walk detects it.
const neverEnding = time.Hour

// wait waits for d. It returns ctx's error if ctx ends first.
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

// gone ends a call that hangs.
func gone(ctx context.Context) error {
	if err := wait(ctx, neverEnding); err != nil {
		return err
	}
	return errAway
}

// do runs a call that fails in the way of k.
func (k FaultKind) do(ctx context.Context, call func() error) error {
	if k.Late > 0 {
		if err := wait(ctx, k.Late); err != nil {
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

// FaultPlan numbers the calls to all parts, and makes the chosen calls fail.
type FaultPlan struct {
	mu     sync.Mutex
	calls  map[FaultPoint]int // by part and method
	points []FaultPoint
	at     FaultPoint
	kind   FaultKind
	stays  bool
	armed  bool
	hit    bool
	open   int // answers of X whose body is not closed
	given  []string
}

// NewFaultPlan returns a plan under which no call fails.
func NewFaultPlan() *FaultPlan { return &FaultPlan{calls: make(map[FaultPoint]int)} }

// Arm makes the call at fail. With stays, every later call to the same part fails too, until
// Lift.
func (f *FaultPlan) Arm(at FaultPoint, kind FaultKind, stays bool) {
	f.at, f.kind, f.stays, f.armed = at, kind, stays, true
}

// Restart forgets the calls so far, and numbers the next calls from the start.
func (f *FaultPlan) Restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.points, f.given = make(map[FaultPoint]int), nil, nil
}

// Lift ends the failures.
func (f *FaultPlan) Lift() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = false
}

// WasHit reports whether a call failed.
func (f *FaultPlan) WasHit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// Calls returns the calls so far, in order.
func (f *FaultPlan) Calls() []FaultPoint {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.points)
}

// GivenTokens returns the tokens that X has issued so far.
func (f *FaultPlan) GivenTokens() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.given)
}

// OpenAnswers returns the number of X's answers whose body is not closed.
func (f *FaultPlan) OpenAnswers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// SessionStore returns store with the faults of the plan. The result implements scs.CtxStore.
func (f *FaultPlan) SessionStore(store *SessionStore) scs.Store { return faultySessions{store, f} }

// TokenStore returns store with the faults of the plan.
func (f *FaultPlan) TokenStore(store *TokenStore) tokenstore.Store { return faultyTokens{store, f} }

// Transport returns rt, which sends requests to X, with the faults of the plan.
func (f *FaultPlan) Transport(rt http.RoundTripper) http.RoundTripper { return faultyX{rt, f} }

// next counts a call, and returns its fault, or nil.
func (f *FaultPlan) next(part, method string) *FaultKind {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := FaultPoint{Part: part, Method: method}
	f.calls[p]++
	p.n = f.calls[p]
	f.points = append(f.points, p)
	if f.armed && (p == f.at || f.hit && f.stays && part == f.at.Part) {
		f.hit = true
		return &f.kind
	}
	return nil
}

func (f *FaultPlan) call(ctx context.Context, part, method string, call func() error) error {
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
	*SessionStore
	plan *FaultPlan
}

func (s faultySessions) FindCtx(ctx context.Context, key string) (b []byte, found bool, err error) {
	var got []byte
	err = s.plan.call(ctx, FaultSessions, "Find", func() error {
		got, found, err = s.Find(key)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return got, found, nil
}

func (s faultySessions) CommitCtx(ctx context.Context, key string, b []byte, expiry time.Time) error {
	return s.plan.call(ctx, FaultSessions, "Commit", func() error { return s.Commit(key, b, expiry) })
}

func (s faultySessions) DeleteCtx(ctx context.Context, key string) error {
	return s.plan.call(ctx, FaultSessions, "Delete", func() error { return s.Delete(key) })
}

// faultyTokens is a token store.
type faultyTokens struct {
	*TokenStore
	plan *FaultPlan
}

// faulty calls the store, and returns the zero value if the call fails.
func faulty[T any](ctx context.Context, f *FaultPlan, method string, call func() (T, error)) (T, error) {
	var got T
	err := f.call(ctx, FaultTokens, method, func() (err error) {
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
	return faulty(ctx, s.plan, "Get", func() (tokenstore.Entry, error) { return s.TokenStore.Get(context.Background(), key) })
}

func (s faultyTokens) Put(ctx context.Context, key tokenstore.Key, value []byte) (tokenstore.Version, error) {
	return faulty(ctx, s.plan, "Put", func() (tokenstore.Version, error) {
		return s.TokenStore.Put(context.Background(), key, value)
	})
}

func (s faultyTokens) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	return faulty(ctx, s.plan, "Replace", func() (tokenstore.Version, error) {
		return s.TokenStore.Replace(context.Background(), key, v, value)
	})
}

func (s faultyTokens) Delete(ctx context.Context, key tokenstore.Key, v tokenstore.Version) error {
	return s.plan.call(ctx, FaultTokens, "Delete", func() error { return s.TokenStore.Delete(context.Background(), key, v) })
}

func (s faultyTokens) Lease(ctx context.Context, key tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
	return faulty(ctx, s.plan, "Lease", func() (tokenstore.LeaseID, error) {
		return s.Store.Lease(context.Background(), key, v, d)
	})
}

func (s faultyTokens) Release(ctx context.Context, key tokenstore.Key, id tokenstore.LeaseID) error {
	return s.plan.call(ctx, FaultTokens, "Release", func() error { return s.Store.Release(context.Background(), key, id) })
}

func (s faultyTokens) List(ctx context.Context, userID string) ([]tokenstore.Key, error) {
	return faulty(ctx, s.plan, "List", func() ([]tokenstore.Key, error) {
		return s.TokenStore.List(context.Background(), userID)
	})
}

func (s faultyTokens) Walk(ctx context.Context, visit func(tokenstore.Key) error) error {
	return s.plan.call(ctx, FaultTokens, "Walk", func() error { return s.Store.Walk(context.Background(), visit) })
}

// faultyX sends requests to X. It records the tokens that X issues, and the answers that are not
// closed.
type faultyX struct {
	http.RoundTripper
	plan *FaultPlan
}

func (x faultyX) RoundTrip(r *http.Request) (*http.Response, error) {
	k := x.plan.next(FaultX, r.Method+" "+r.URL.Path)
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
			// X has executed the request, even if the caller has gone.
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

// note records the tokens in an answer.
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

// stopping is the rest of a body that never arrives.
type stopping struct{ ctx context.Context }

func (s stopping) Read([]byte) (int, error) { return 0, gone(s.ctx) }

// closing counts the open answers.
type closing struct {
	io.ReadCloser
	plan *FaultPlan
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
