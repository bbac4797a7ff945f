package fleet

import (
	"slices"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
)

// The phases of an outage. In the last one the store works again.
const (
	phaseUp       = "up"
	phaseStopping = "stopping"
	phaseDown     = "down"
	phaseStarting = "starting"
	phaseWell     = "well"
)

// eachServer runs a test for each store that is a server, with a server that the test may stop.
func eachServer(t *testing.T, test func(t *testing.T, s *testservers.Server, b backend)) {
	t.Helper()
	t.Run(inPostgres, func(t *testing.T) {
		s := testservers.NewPostgres(t)
		test(t, s, backend{inPostgres, s.URL})
	})
	t.Run(inRedis, func(t *testing.T) {
		s := testservers.NewRedis(t)
		test(t, s, backend{inRedis, s.Addr})
	})
}

// TestTheStoreIsAwayForAWhile stops and restarts the tokens' server under load.
func TestTheStoreIsAwayForAWhile(t *testing.T) {
	eachServer(t, func(t *testing.T, s *testservers.Server, b backend) {
		f := newFleet(t, b, options{workers: 4, users: 10, timeout: 20 * time.Second})
		f.x.SetSwitches(strict)
		var users []string
		for i := range 10 {
			users = append(users, userID(i))
		}
		expired, saving := users[:3], users[3]
		unread, cached := users[4:6], users[6:]
		for _, user := range users[:4] {
			f.signIn(user)
		}
		f.pass(life + 10*time.Minute)
		for _, user := range users[4:] {
			f.signIn(user)
		}

		f.each(command{Op: "phase", Name: phaseUp})
		f.each(command{Op: "load", Users: cached})
		f.each(command{Op: "await", N: 5})
		f.x.answered()
		first := f.workers[0]
		at, release := f.hold(xtest.Fault{After: true})
		save := first.start(command{Op: "do", Users: []string{saving}, N: 5})
		at()

		f.each(command{Op: "phase", Name: phaseStopping})
		s.Stop()
		f.each(command{Op: "phase", Name: phaseDown})
		release()
		// Only this process has the new token, and uses it.
		first.finish(save).Outcomes.want(t, outcomes{good: 5})
		f.each(command{Op: "load", Users: slices.Concat(unread, expired)})
		f.each(command{Op: "load", Users: []string{saving}})
		f.each(command{Op: "await", N: 20})
		f.wantRefreshes(1)

		f.each(command{Op: "phase", Name: phaseStarting})
		s.Start()
		f.each(command{Op: "recover", N: 5})
		f.each(command{Op: "phase", Name: phaseWell})
		f.each(command{Op: "await", N: 20})

		tallies := map[*process][]loadOutcome{}
		for i, a := range f.each(command{Op: "tally"}) {
			tallies[f.workers[i]] = a.Load
		}
		for w, tally := range tallies {
			for _, o := range tally {
				served := slices.Contains(cached, o.User) || o.User == saving && w == first
				for how, n := range o.Outcomes {
					ok := how == good && (served || o.Phase != phaseDown) ||
						how == unavailable && !served && (o.Phase == phaseDown || o.Phase == phaseStarting || o.Phase == between)
					if !ok {
						t.Errorf("worker %d, user %s, while the server is %s: %d requests ended with %q", w.number, o.User, o.Phase, n, how)
					}
				}
			}
		}
		// X got no refresh twice, and no token was lost.
		f.wantRefreshes(1 + len(expired))
		for _, user := range users {
			f.wantLive(user)
		}
	})
}
