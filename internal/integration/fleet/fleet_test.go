package fleet

import (
	"maps"
	"testing"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// life is how long X's access tokens work.
const life = 2 * time.Hour

// fleet is an X, a store and the workers that use them.
type fleet struct {
	t       *testing.T
	x       *localX
	p       provider.Provider
	vault   *tokenstore.Vault
	offset  time.Duration
	workers []*process
	happens chan happening
}

// happening is an event of a worker.
type happening struct {
	worker int
	event  string
}

type options struct {
	workers int
	skews   []time.Duration // of the first workers
	users   int             // 0: one
	timeout time.Duration   // 0: the default
}

func newFleet(t *testing.T, b backend, o options) *fleet {
	t.Helper()
	f := &fleet{t: t, x: newX(t, max(o.users, 1)), happens: make(chan happening, 10_000)}
	f.p = f.x.provider(t, f.now)
	var err error
	f.vault, err = tokenstore.NewVault(b.store(t), []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	for i := range o.workers {
		s := setup{X: f.x.URL, Backend: b, Timeout: o.timeout}
		if i < len(o.skews) {
			s.Skew = o.skews[i]
		}
		f.workers = append(f.workers, newProcess(t, i, s, f.happens))
	}
	for range f.workers {
		f.await("ready")
	}
	return f
}

func (f *fleet) now() time.Time { return time.Now().Add(f.offset) }

// pass moves the clocks of X and of all workers forward.
func (f *fleet) pass(d time.Duration) {
	f.t.Helper()
	f.x.Advance(d)
	f.offset += d
	f.each(command{Op: "clock", Offset: f.offset})
}

// each sends all workers a command at once, and returns their answers.
func (f *fleet) each(c command) []answer {
	f.t.Helper()
	return all(f.t, f.workers, c)
}

func all(t *testing.T, workers []*process, c command) []answer {
	t.Helper()
	var waiting []<-chan answer
	for _, w := range workers {
		waiting = append(waiting, w.start(c))
	}
	var answers []answer
	for i, w := range workers {
		answers = append(answers, w.finish(waiting[i]))
	}
	return answers
}

// burst makes n requests for a user on each of some workers, all at once, and returns their
// outcomes.
func (f *fleet) burst(workers []*process, user string, n int) outcomes {
	f.t.Helper()
	sum := outcomes{}
	for _, a := range all(f.t, workers, command{Op: "do", Users: []string{user}, N: n}) {
		for how, k := range a.Outcomes {
			sum[how] += k
		}
	}
	return sum
}

// await waits for an event of any worker. It drops events that come before.
func (f *fleet) await(name string) happening {
	f.t.Helper()
	guard := time.NewTimer(patience)
	defer guard.Stop()
	for {
		select {
		case h := <-f.happens:
			if h.event == name {
				return h
			}
		case <-guard.C:
			f.t.Fatalf("no worker said %q", name)
		}
	}
}

// happened returns the number of each event since the last call.
func (f *fleet) happened() outcomes {
	o := outcomes{}
	for {
		select {
		case h := <-f.happens:
			o[h.event]++
		default:
			return o
		}
	}
}

// signIn signs a user in and stores the token, like another replica.
func (f *fleet) signIn(user string) tokenstore.Token {
	f.t.Helper()
	token := f.x.signIn(f.t, f.p, user)
	if _, err := f.vault.Put(f.t.Context(), keyOf(user), token); err != nil {
		f.t.Fatal(err)
	}
	return token
}

func (f *fleet) stored(user string) tokenstore.Token {
	f.t.Helper()
	token, _, err := f.vault.Get(f.t.Context(), keyOf(user))
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

// wantLive checks that X accepts the user's stored token.
func (f *fleet) wantLive(user string) {
	f.t.Helper()
	token := f.stored(user)
	if !f.x.Live(token.RefreshToken) {
		f.t.Errorf("user %s: X does not know the refresh token that is stored", user)
	}
	if !token.Expiry.Before(f.now()) && !f.x.Live(token.AccessToken) {
		f.t.Errorf("user %s: X does not know the access token that is stored", user)
	}
}

func (f *fleet) wantRefreshes(want int) {
	f.t.Helper()
	if n := f.x.refreshes(); n != want {
		f.t.Errorf("X was asked for a token %d times, want %d", n, want)
	}
}

func (o outcomes) want(t testing.TB, want outcomes) {
	t.Helper()
	if !maps.Equal(o, want) {
		t.Errorf("got %v, want %v", o, want)
	}
}

// refreshed is the event of a refresh that was saved.
const refreshed = string(event.Refreshed)
