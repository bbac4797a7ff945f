package main

import (
	"errors"
	"net/http"
	"sync"
	"testing"
)

// TestFiveHundredSignInsAtOnce: each sign-in is complete, or refused with 503 and Retry-After,
// and the process stays small.
func TestFiveHundredSignInsAtOnce(t *testing.T) {
	const signIns, limit = 500, 256 << 20
	eachStore(t, allStores(), func(t *testing.T, p place) {
		x, s := oneOf(t, p, signIns)
		d := newDoor(newTally())
		d.open(s)
		visitors := make([]*visitor, signIns)
		outcomes := make([]error, signIns)
		begin := make(chan struct{})
		var wg sync.WaitGroup
		for i := range visitors {
			visitors[i] = newVisitor(userID(i), x, d, uint64(i))
			wg.Go(func() {
				<-begin
				outcomes[i] = visitors[i].signIn()
			})
		}
		close(begin)
		wg.Wait()
		complete, refused := 0, 0
		for i, err := range outcomes {
			var status *statusError
			switch {
			case err == nil:
				complete++
				if _, err := visitors[i].ask(t.Context(), "/timeline"); err != nil {
					t.Errorf("after the sign-in: %v", err)
				}
			case errors.As(err, &status) && status.status == http.StatusServiceUnavailable && status.retryAfter != "":
				refused++
			default:
				t.Errorf("visitor %d: %v", i, err)
			}
		}
		st := statsOf(t, s)
		t.Logf("%d complete, %d refused, %d MiB at most, %d goroutines after", complete, refused, st.MaxRSS>>20, st.Goroutines)
		if complete+refused != signIns || complete == 0 {
			t.Errorf("%d complete and %d refused of %d", complete, refused, signIns)
		}
		// If the database was too busy to save the session, it may also have been too busy to
		// delete the token. Then the token stays, sealed, until its user signs in.
		sessions, tokens, ok := recordsOf(t, p)
		if ok && (sessions != complete || tokens < complete || tokens > complete+refused) {
			t.Errorf("%d sessions and %d tokens are stored for %d sign-ins", sessions, tokens, complete)
		}
		// The race detector needs several times as much.
		if !raced && st.MaxRSS > limit {
			t.Errorf("the process needed %d MiB", st.MaxRSS>>20)
		}
		d.base.CloseIdleConnections()
	})
}
