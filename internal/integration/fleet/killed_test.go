package fleet

import (
	"testing"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/xtest"
)

const (
	shortTimeout = 4 * time.Second
	shortLease   = 3 * shortTimeout
	// overLease is how much longer than the lease the other workers may take on a busy machine.
	overLease = time.Minute
)

// TestTheHolderOfARefreshIsKilled sends SIGKILL at each step of a refresh.
func TestTheHolderOfARefreshIsKilled(t *testing.T) {
	eachStore(t, func(t *testing.T, b backend) {
		for _, test := range []struct {
			name  string
			skews []time.Duration
			// lost: X has rotated the token, and no process has the new one.
			lost bool
			// until returns when the holder, which makes a request, has reached the point at
			// which it dies.
			until func(t *testing.T, f *fleet, request func())
		}{
			{"before it calls X", nil, false, untilBlocked(afterLease)},
			{"before it calls X, and clocks are wrong", []time.Duration{2 * time.Minute, -2 * time.Minute}, false, untilBlocked(afterLease)},
			{"before X has read its request", nil, false, untilHeld(xtest.Fault{})},
			{"while X answers", nil, true, untilHeld(xtest.Fault{After: true})},
			{"before it saves", nil, true, untilBlocked(beforeReplace)},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel() // they mostly wait for leases to end
				f := newFleet(t, newBackend(t, b.Kind), options{workers: 4, skews: test.skews, timeout: shortTimeout})
				user := userID(0)
				f.signIn(user)
				f.burst(f.workers, user, 5).want(t, outcomes{good: 20})
				f.pass(life + 10*time.Minute)

				holder := f.workers[0]
				test.until(t, f, func() { holder.start(command{Op: "do", Users: []string{user}, N: 5}) })
				began := time.Now()
				holder.kill()
				f.workers = f.workers[1:]
				if test.lost {
					f.lost(f.workers, user, 2)
				} else {
					f.burst(f.workers, user, 25).want(t, outcomes{good: 75})
					f.wantLive(user)
				}
				if took := time.Since(began); took > shortLease+overLease {
					t.Errorf("the others went on after %v", took)
				}
			})
		}
	})
}

// lost checks that the fleet notices a lost token once, from first, at the asked-th request to
// X. A new sign-in must fix it.
func (f *fleet) lost(first []*process, user string, asked int) {
	f.t.Helper()
	f.happened()
	f.burst(first, user, 25).want(f.t, outcomes{signInAgain: 25 * len(first)})
	f.wantRefreshes(asked)
	if !f.stored(user).NeedsReauth {
		f.t.Error("that the user has to sign in again is not stored")
	}
	f.x.answered()
	n := 25 * len(f.workers)
	for range 3 {
		f.burst(f.workers, user, 25).want(f.t, outcomes{signInAgain: n})
	}
	f.wantRefreshes(asked)
	f.x.answered().want(f.t, outcomes{})
	f.happened().want(f.t, outcomes{string(event.NeedsReauth): 1})

	f.signIn(user)
	f.burst(f.workers, user, 25).want(f.t, outcomes{good: n})
	f.wantRefreshes(asked)
	f.wantLive(user)
}

// untilBlocked stops the holder in its store.
func untilBlocked(place string) func(*testing.T, *fleet, func()) {
	return func(_ *testing.T, f *fleet, request func()) {
		f.workers[0].do(command{Op: "block", Name: place})
		request()
		f.await(place)
	}
}

// untilHeld stops the holder's refresh at X.
func untilHeld(fault xtest.Fault) func(*testing.T, *fleet, func()) {
	return func(t *testing.T, f *fleet, request func()) {
		at, release := f.hold(fault)
		t.Cleanup(release)
		request()
		at()
	}
}

// hold makes X hold the next token request. at waits until X has the request.
func (f *fleet) hold(fault xtest.Fault) (at, release func()) {
	reached, hold := make(chan struct{}), make(chan struct{})
	fault.Path, fault.Times, fault.Reached, fault.Hold = tokenPath, 1, reached, hold
	f.x.Fail(fault)
	return func() {
		f.t.Helper()
		select {
		case <-reached:
		case <-time.After(patience):
			f.t.Fatal("nobody asked X for a token")
		}
	}, func() { close(hold) }
}

// TestXsAnswerIsCutOff: X has rotated the token and no process has the new one, although no
// process died.
func TestXsAnswerIsCutOff(t *testing.T) {
	eachStore(t, func(t *testing.T, b backend) {
		for name, cut := range map[string]int{"half-way": 100, "before it begins": -1} {
			t.Run(name, func(t *testing.T) {
				f := newFleet(t, b, options{workers: 4})
				user := userID(0)
				old := f.signIn(user)
				f.pass(life + 10*time.Minute)
				f.x.Fail(xtest.Fault{Path: tokenPath, Times: 1, CutAfter: cut})
				// A worker cannot distinguish this from an outage of X.
				f.burst(f.workers[:1], user, 5).want(t, outcomes{unavailable: 5})
				f.wantRefreshes(1)
				if f.x.Live(old.RefreshToken) {
					t.Error("X has not rotated the token: this tests nothing")
				}
				// The worker that failed waits a little before it calls X again. The others do
				// not know of the failure.
				f.lost(f.workers[1:], user, 2)
			})
		}
	})
}
