package client

import (
	"context"
	"testing"
	"time"
)

// TestASignInThatOvertakesARefreshIsUndone: a sign-in stores its token while X answers a
// refresh. Undoing the sign-in restores the token that the refresh has spent. The refreshed token
// must replace it, whenever X's answer arrives, and even if a request has used the spent token
// in between.
func TestASignInThatOvertakesARefreshIsUndone(t *testing.T) {
	for name, elsewhere := range map[string]bool{"in this process": false, "in another process": true} {
		for _, when := range []string{"before the answer", "after the answer", "long after the answer", "and X has refused"} {
			t.Run(name+", "+when, func(t *testing.T) {
				bubble(t, func(w *world) {
					w.signIn()
					signingIn := w.pool
					if elsewhere {
						signingIn = newWorld(w.T, w.x, w.store.Store).pool
					}
					spent, answer, done := make(chan struct{}), make(chan struct{}), make(chan error)
					slow := func(context.Context) error {
						w.x.set(func(s *service) { s.after = nil })
						close(spent)
						<-answer
						return nil
					}
					w.x.set(func(s *service) { s.after = slow })
					go func() { done <- w.pool.Refresh(w.Context(), user) }()
					<-spent
					stored, err := signingIn.PutWithRollback(w.Context(), user, w.x.signIn(), PutOptions{})
					if err != nil {
						w.Fatal(err)
					}
					undo := func() {
						if err := stored.Rollback(w.Context()); err != nil {
							w.Error(err)
						}
					}
					if when == "before the answer" {
						undo()
					}
					close(answer)
					if err := <-done; err != nil {
						w.Error(err)
					}
					if when == "long after the answer" {
						time.Sleep(25 * time.Second)
					}
					if when != "before the answer" {
						undo()
					}
					if when == "and X has refused" {
						if err := w.pool.Refresh(w.Context(), user); err == nil || !w.stored().NeedsReauth {
							w.Errorf("X has not refused the spent token: %v", err)
						}
					}
					time.Sleep(time.Minute)
					if got := w.stored().AccessToken; got != "access-2" {
						w.Errorf("stored %q, want the refreshed token", got)
					}
					w.wantToken("access-2")
					time.Sleep(3 * time.Hour)
					w.wantToken("access-4")
					w.wantRevoked("")
				})
			})
		}
	}
}
