package fleet

import (
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// strict is the X that forgives least: a second refresh of one token ends the user's
// whole grant.
var strict = xtest.Switches{RefreshReuseRevokes: true}

// TestARefreshHappensOnce: eight processes, a thousand requests, one expired token.
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

// round moves the clocks on and makes requests on all workers for a user whose token has
// to be refreshed then.
func (f *fleet) round(d time.Duration, user string, n int) {
	f.t.Helper()
	// Before the clocks move: a worker that looks early, in the background, may still be
	// about to read the entry, and refreshes it as soon as its clock is on.
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

// TestClocksThatAreWrongRefreshOnce: what is expired for one replica is not for another,
// and the token that one has expired at X before its clock says so.
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
				life + time.Minute,    // expired at X, by the late clock not
				life - time.Minute,    // expired by the early clock, perhaps, at X not
			} {
				f.round(d, user, 25)
				// Whoever is early has a new token by now, and needs no other.
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
