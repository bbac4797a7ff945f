package proxies

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/internal/testservers"
)

// TestARollingRestart restarts three replicas behind a proxy one after the other, twice. Meanwhile
// visitors load pages, call X, and sign out and in again. No restart signs a user out, and no
// answer of a replica has a status of 500 or above. A replica that ends may drop a connection
// before it has read the request. A visitor repeats a request that a proxy answers with 502.
func TestARollingRestart(t *testing.T) {
	for _, p := range allProxies[1:3] {
		t.Run(p.name, func(t *testing.T) {
			rollingRestart(t, deploy(t, p, "redis://"+testservers.Redis(t)))
		})
	}
	for name, start := range map[string]func(*testing.T) string{
		"Redis": func(t *testing.T) string { return "redis://" + testservers.Redis(t) },
		"PostgreSQL": func(t *testing.T) string {
			at := testservers.Postgres(t)
			if err := makeTables(t.Context(), at); err != nil {
				t.Fatal(err)
			}
			return at
		},
	} {
		t.Run(name, func(t *testing.T) {
			rollingRestart(t, deploy(t, allProxies[0], start(t)))
		})
	}
}

func rollingRestart(t *testing.T, d *deployment) {
	const visitors, rounds = 12, 2
	var load load
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	for i := range visitors {
		v := &visitor{b: d.browser(), load: &load, d: d, id: userID(i)}
		if err := v.signIn(ctx); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { v.visit(ctx, i) })
	}
	for range rounds {
		for i := range 3 {
			load.await(t, 200)
			d.replicas[i].stop()
			if err := d.replicas[i].err; err != nil {
				t.Errorf("the replica ended with %v", err)
			}
			load.await(t, 200)
			d.replicas[i] = startReplica(t, d.setups[i])
		}
	}
	load.await(t, 200)
	stop()
	wg.Wait()
	t.Logf("%d answers, %d sign-ins, %d requests repeated", load.answers.Load(), load.signIns.Load(), load.repeated.Load())
	for _, fault := range load.faults {
		t.Error(fault)
	}
	if load.signIns.Load() < 2*visitors {
		t.Errorf("%d sign-ins: too few to tell", load.signIns.Load())
	}
}

// load is the shared state of a test's visitors.
type load struct {
	answers, signIns, repeated atomic.Int64
	mu                         sync.Mutex // guards both
	faults                     []string
	waiting                    chan struct{} // closed with the next answer
}

// answered counts an answer, and records a wrong one.
func (l *load) answered(err error) {
	l.answers.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && len(l.faults) < 10 {
		l.faults = append(l.faults, err.Error())
	}
	if l.waiting != nil {
		close(l.waiting)
		l.waiting = nil
	}
}

// await waits for n more answers.
func (l *load) await(t *testing.T, n int64) {
	t.Helper()
	for until := l.answers.Load() + n; l.answers.Load() < until; {
		l.mu.Lock()
		if l.waiting == nil {
			l.waiting = make(chan struct{})
		}
		more := l.waiting
		l.mu.Unlock()
		if l.answers.Load() < until {
			<-more
		}
	}
}

// visitor is a user with a browser.
type visitor struct {
	b    *testkit.Browser
	load *load
	d    *deployment
	id   string
}

// visit acts as a visitor until ctx ends.
func (v *visitor) visit(ctx context.Context, begin int) {
	for i := begin; ctx.Err() == nil; i++ {
		var err error
		switch i % 12 {
		case 0:
			if err = v.signOut(ctx); err == nil {
				err = v.signIn(ctx)
			}
		case 4, 8:
			err = v.wants(ctx, "/api", `"id":"`+v.id+`"`)
		default:
			err = v.wants(ctx, "/me", v.id+" ")
		}
		if ctx.Err() == nil {
			v.load.answered(err)
		}
	}
}

// do sends a request. A failure of the proxy or the kit is an error.
func (v *visitor) do(ctx context.Context, method, target string, headers ...string) (testkit.Answer, error) {
	if strings.HasPrefix(target, "/") {
		target = v.d.public + target
	}
	a, err := v.once(ctx, method, target, headers...)
	if err == nil && a.StatusCode == http.StatusBadGateway && a.Header.Get(ofReplica) == "" {
		v.load.repeated.Add(1)
		a, err = v.once(ctx, method, target, headers...)
	}
	if err == nil && a.StatusCode >= http.StatusInternalServerError {
		path, _, _ := strings.Cut(strings.TrimPrefix(target, v.d.public), "?")
		err = fmt.Errorf("%s %s: %s, %.300s", method, path, a.Status, a.Text)
	}
	return a, err
}

func (v *visitor) once(ctx context.Context, method, target string, headers ...string) (testkit.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, http.NoBody)
	if err != nil {
		return testkit.Answer{}, err
	}
	req.Header.Set("Accept", "text/html")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return v.b.Try(req)
}

// wants loads a page for signed-in users only.
func (v *visitor) wants(ctx context.Context, path, text string) error {
	a, err := v.do(ctx, http.MethodGet, path)
	if err == nil && (a.StatusCode != http.StatusOK || !strings.Contains(a.Text, text)) {
		err = fmt.Errorf("user %s, %s: %s to %q, %.300s", v.id, path, a.Status, a.Redirect(), a.Text)
	}
	return err
}

func (v *visitor) signOut(ctx context.Context) error {
	a, err := v.do(ctx, http.MethodPost, "/auth/logout", "Sec-Fetch-Site", "same-origin")
	if err == nil && a.StatusCode != http.StatusSeeOther {
		err = fmt.Errorf("sign-out: %s, %.300s", a.Status, a.Text)
	}
	return err
}

func (v *visitor) signIn(ctx context.Context) error {
	a, err := v.do(ctx, http.MethodGet, "/auth/login")
	if err != nil {
		return err
	}
	callback, err := v.d.x.Approve(a.Redirect(), v.id)
	if err != nil {
		return fmt.Errorf("login: %s, %w", a.Status, err)
	}
	a, err = v.do(ctx, http.MethodGet, callback)
	if err == nil && a.StatusCode != http.StatusSeeOther {
		err = fmt.Errorf("callback: %s, %.300s", a.Status, a.Text)
	}
	v.load.signIns.Add(1)
	return err
}
