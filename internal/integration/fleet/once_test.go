package fleet

import (
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// strict is the strictest X: a second refresh with one token ends the user's whole grant.
var strict = xtest.Switches{RefreshReuseRevokes: true}

// TestARefreshHappensOnce has eight processes, a thousand requests and one expired token.
func TestARefreshHappensOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, b backend) {
		f := newFleet(t, b, options{workers: 8})
		f.x.SetSwitches(strict)
		user := userID(0)
		f.signIn(user)
		for n := range rounds {
			f.round(life+10*time.Minute, user, 125)
			if f.x.answered().want(t, outcomes{"OK": 1000}); t.Failed() {
				t.Fatalf("round %d", n)
			}
		}
	})
}

// round moves the clocks forward, and makes requests on all workers for a user whose token then
// has to be refreshed.
func (f *fleet) round(d time.Duration, user string, n int) {
	f.t.Helper()
	// Do this before the clocks move. A worker that looks early, in the background, may still be
	// about to read the entry. It refreshes the token as soon as its clock has moved.
	before, asked := f.stored(user), f.x.refreshes()
	f.pass(d)
	f.burst(f.workers, user, n).want(f.t, outcomes{good: n * len(f.workers)})
	f.await(refreshed)
	f.wantRefreshes(asked + 1)
	if f.x.Live(before.RefreshToken) || f.stored(user).RefreshToken == before.RefreshToken {
		f.t.Error("X did not rotate the refresh token")
	}
	f.wantLive(user)
}

// TestClocksThatAreWrongRefreshOnce: a token may be expired for one replica and not for another.
// It may also be expired at X before a replica's clock says so.
func TestClocksThatAreWrongRefreshOnce(t *testing.T) {
	const wrong = 2 * time.Minute
	eachStore(t, func(t *testing.T, b backend) {
		f := newFleet(t, b, options{workers: 4, skews: []time.Duration{wrong, -wrong}})
		f.x.SetSwitches(strict)
		user := userID(0)
		f.signIn(user)
		for n := range max(rounds/5, 3) {
			for _, d := range []time.Duration{
				life + 10*time.Minute, // expired by every clock
				life + time.Minute,    // expired at X, but not by the late clock
				life - time.Minute,    // perhaps expired by the early clock, but not at X
			} {
				f.round(d, user, 25)
				// The early worker has a new token by now, and needs no other.
				asked := f.x.refreshes()
				f.burst(f.workers, user, 5).want(t, outcomes{good: 20})
				if f.wantRefreshes(asked); t.Failed() {
					t.Fatalf("round %d, after %v", n, d)
				}
			}
		}
		f.happened().want(t, outcomes{})
	})
}
