package session_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// deleteUser ends a user's sessions and deletes the user from the token store.
func (l *listed) deleteUser(t *testing.T, user string) {
	t.Helper()
	endAll(t, l.b, user)
	vault, err := tokenstore.NewVault(l.entries, secret(1))
	if err == nil {
		err = vault.DeleteUser(t.Context(), user, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (l *listed) entryCount(t *testing.T) (n int) {
	t.Helper()
	if err := l.entries.Walk(t.Context(), func(tokenstore.Key) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTheListOfADeletedUserStaysAway: work that began before the user was deleted ends after.
func TestTheListOfADeletedUserStaysAway(t *testing.T) {
	for name, work := range map[string]func(t *testing.T, l *listed, token string){
		"a touch that reads the list late": func(t *testing.T, l *listed, token string) {
			time.Sleep(11 * time.Minute)
			var once sync.Once
			l.entries.set(func(op string) error {
				once.Do(func() {
					l.entries.set(nil, nil)
					l.deleteUser(t, "ann")
				})
				return nil
			}, nil)
			wantUser(t, l.a, token, "ann")
			synctest.Wait()
		},
		"a touch that writes the list late": func(t *testing.T, l *listed, token string) {
			time.Sleep(11 * time.Minute)
			l.entries.Store = tokenstore.NewMemory() // the touch has to make the entry
			var once sync.Once
			l.entries.set(func(op string) error {
				if op == "replace" {
					once.Do(func() {
						l.entries.set(nil, nil)
						// Another touch has listed the session before.
						wantUser(t, l.b, token, "ann")
						time.Sleep(time.Second)
						l.deleteUser(t, "ann")
					})
				}
				return nil
			}, nil)
			wantUser(t, l.a, token, "ann")
			synctest.Wait()
		},
		"a sign-out of a request that has loaded the session": func(t *testing.T, l *listed, token string) {
			w, r := request(l.a, token)
			l.a.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				l.deleteUser(t, "ann")
				if err := l.a.SignOut(w, r); err != nil {
					t.Error(err)
				}
			})).ServeHTTP(w, r)
		},
		"a sign-out that could not be listed": func(t *testing.T, l *listed, token string) {
			l.entries.set(away, nil)
			if w, r := request(l.a, token); l.a.SignOut(w, r) != nil {
				t.Error("the sign-out has failed")
			}
			l.entries.set(nil, nil)
			l.deleteUser(t, "ann")
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newListed(t)
			l.bubble(t, func(t *testing.T) {
				token := signIn(t, l.a, "ann")
				work(t, l, token)
				time.Sleep(time.Hour)
				for range 2 {
					wantUser(t, l.a, token, "")
					wantUser(t, l.b, token, "")
					synctest.Wait()
				}
				if n := l.entryCount(t); n != 0 {
					t.Errorf("the token store has %d entries", n)
				}
			})
		})
	}
}

// TestATouchKeepsTheOthersInAList: a touch that finds its session ended removes only that.
func TestATouchKeepsTheOthersInAList(t *testing.T) {
	l := newListed(t)
	l.bubble(t, func(t *testing.T) {
		ended, other := signIn(t, l.a, "ann"), signIn(t, l.a, "ann")
		time.Sleep(11 * time.Minute)
		l.entries.Store = tokenstore.NewMemory()
		var once sync.Once
		l.entries.set(nil, func(op string) error {
			if op == "replace" {
				once.Do(func() {
					l.entries.set(nil, nil)
					wantUser(t, l.b, other, "ann")
					time.Sleep(time.Second)
					if w, r := request(l.b, ended); l.b.SignOut(w, r) != nil {
						t.Error("the sign-out has failed")
					}
				})
			}
			return nil
		})
		wantUser(t, l.a, ended, "ann")
		time.Sleep(time.Minute)
		if n := len(listOf(t, l.a, "ann")); n != 1 {
			t.Errorf("%d sessions are listed", n)
		}
		wantUser(t, l.a, ended, "")
		wantUser(t, l.a, other, "ann")
	})
}

// TestASignOutReplacesAnEntryOfAnUnknownSecret, so that a late write of the record is caught.
func TestASignOutReplacesAnEntryOfAnUnknownSecret(t *testing.T) {
	l := newListed(t)
	other := l.replica(t, secret(2))
	l.bubble(t, func(t *testing.T) {
		token := signIn(t, l.a, "ann")
		if w, r := request(other, token); other.SignOut(w, r) != nil {
			t.Error("the sign-out has failed")
		}
		if _, err := other.UserSessions().List(t.Context(), "ann"); err != nil {
			t.Errorf("the list: %v", err)
		}
		if err := other.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
