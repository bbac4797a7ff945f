package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// entryStore is a token store that counts its calls, and lets a test fail, delay or repeat
// each of them.
type entryStore struct {
	tokenstore.Store
	mu     sync.Mutex // guards all below
	calls  int
	before func(op string) error
	after  func(op string) error
}

func (s *entryStore) do(op string, call func() error) error {
	s.mu.Lock()
	s.calls++
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil {
		if err := before(op); err != nil {
			return err
		}
	}
	err := call()
	if after != nil && err == nil {
		err = after(op)
	}
	return err
}

func (s *entryStore) set(before, after func(op string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.before, s.after = 0, before, after
}

func (s *entryStore) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *entryStore) Get(ctx context.Context, key tokenstore.Key) (e tokenstore.Entry, err error) {
	err = s.do("get", func() error { e, err = s.Store.Get(ctx, key); return err })
	return e, err
}

func (s *entryStore) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, b []byte) (next tokenstore.Version, err error) {
	err = s.do("replace", func() error { next, err = s.Store.Replace(ctx, key, v, b); return err })
	return next, err
}

func away(op string) error { return errStore }

// listed is two replicas over one session store and one token store.
type listed struct {
	spy     *spyStore
	entries *entryStore
	a, b    *session.Manager
}

func newListed(t testing.TB) *listed {
	l := &listed{spy: newSpy(), entries: &entryStore{Store: tokenstore.NewMemory()}}
	l.a, l.b = l.replica(t, secret(1)), l.replica(t, secret(1))
	return l
}

func (l *listed) replica(t testing.TB, secrets ...[]byte) *session.Manager {
	t.Helper()
	vault, err := tokenstore.NewVault(l.entries, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return newManager(t, session.Config{Store: l.spy, Vault: vault})
}

// bubble runs f in a synctest bubble and closes the replicas at its end.
func (l *listed) bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t)
		for _, m := range []*session.Manager{l.a, l.b} {
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

func endAll(t testing.TB, m *session.Manager, user string) {
	t.Helper()
	if err := m.UserSessions().End(t.Context(), user, nil); err != nil {
		t.Fatal(err)
	}
}

func listOf(t testing.TB, m *session.Manager, user string) []session.UserSession {
	t.Helper()
	list, err := m.UserSessions().List(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTheSessionsOfAUserAreListedAndEnded(t *testing.T) {
	l := newListed(t)
	l.bubble(t, func(t *testing.T) {
		var tokens []string
		for range 4 {
			tokens = append(tokens, signIn(t, l.a, "ann"))
			time.Sleep(time.Minute)
		}
		bob := signIn(t, l.b, "bob")
		list := listOf(t, l.b, "ann")
		if len(list) != 4 || list[0].Provider != "x" || list[0].AccountID != "id-ann" {
			t.Fatalf("%+v", list)
		}
		_, r := request(l.b, tokens[3])
		id, ok, err := l.b.SessionID(t.Context(), r)
		if id != list[0].ID || !ok || err != nil {
			t.Errorf("%q, %t, %v", id, ok, err)
		}
		users := l.b.UserSessions()
		if err := users.End(t.Context(), "ann", func(s session.UserSession) bool { return s.ID == list[3].ID }); err != nil {
			t.Fatal(err)
		}
		wantUser(t, l.a, tokens[0], "")
		wantUser(t, l.a, tokens[1], "ann")
		if err := users.End(t.Context(), "ann", func(s session.UserSession) bool { return s.ID != id }); err != nil {
			t.Fatal(err)
		}
		wantUser(t, l.a, tokens[1], "")
		wantUser(t, l.a, tokens[3], "ann")
		for _, account := range []string{"another", "id-ann"} {
			if err := users.End(t.Context(), "ann", func(s session.UserSession) bool { return s.AccountID == account }); err != nil {
				t.Fatal(err)
			}
			wantUser(t, l.a, tokens[3], map[string]string{"another": "ann"}[account])
		}
		again := signIn(t, l.a, "ann")
		endAll(t, l.b, "ann")
		wantUser(t, l.a, again, "")
		wantUser(t, l.a, bob, "bob")
		if n := len(listOf(t, l.a, "ann")); n != 0 {
			t.Errorf("%d sessions are listed", n)
		}
		// A sign-out leaves the list, too.
		again = signIn(t, l.a, "ann")
		w, r := request(l.b, again)
		if err := l.b.SignOut(w, r); err != nil {
			t.Fatal(err)
		}
		if n := len(listOf(t, l.a, "ann")); n != 0 {
			t.Errorf("%d sessions are listed after a sign-out", n)
		}
	})
}

func TestAnOrdinaryRequestMakesNoCallToTheTokenStore(t *testing.T) {
	l := newListed(t)
	l.bubble(t, func(t *testing.T) {
		token := signIn(t, l.a, "ann")
		for m, most := range map[*session.Manager]int{l.a: 0, l.b: 1} { // b touches once
			l.entries.set(nil, nil)
			for range 1000 {
				wantUser(t, m, token, "ann")
			}
			synctest.Wait()
			if n := l.entries.count(); n > most {
				t.Errorf("%d calls in 1,000 requests, want %d", n, most)
			}
		}
		l.entries.set(nil, nil)
		for range 60 {
			time.Sleep(time.Minute)
			wantUser(t, l.a, token, "ann")
		}
		synctest.Wait()
		if n := l.entries.count(); n < 10 || n > 14 {
			t.Errorf("%d calls in an hour, want 2 in ten minutes", n)
		}
	})
}

// TestALateWriteIsCaught: a driver repeats a write that arrives after the session has ended,
// and no reader looks for tombstones.
func TestALateWriteIsCaught(t *testing.T) {
	for _, end := range []string{"sign-out", "everywhere"} {
		for _, late := range []time.Duration{5 * time.Second, 30 * time.Second, 5 * time.Minute} {
			t.Run(fmt.Sprint(end, late), func(t *testing.T) {
				l := newListed(t)
				l.bubble(t, func(t *testing.T) {
					token := signIn(t, l.a, "ann")
					all, _ := l.spy.MemStore.All()
					if end == "everywhere" {
						endAll(t, l.a, "ann")
					} else if w, r := request(l.a, token); l.a.SignOut(w, r) != nil {
						t.Fatal("the sign-out has failed")
					}
					time.Sleep(late)
					for key, b := range all {
						_ = l.spy.MemStore.Commit(key, b, time.Now().Add(time.Hour))
					}
					if late < time.Minute {
						time.Sleep(time.Minute) // a later deletion
					} else {
						_, r := request(l.b, token)
						_, _, _ = l.b.Get(t.Context(), r) // one touch
						synctest.Wait()
					}
					for _, m := range []*session.Manager{l.a, l.b} {
						wantUser(t, m, token, "")
					}
				})
			})
		}
	}
}

// TestAKilledEnderIsFinished: the process writes the entry and dies. The sessions end at the
// next write of the entry, or at their next touch.
func TestAKilledEnderIsFinished(t *testing.T) {
	for _, by := range []string{"a sign-in", "a touch"} {
		t.Run(by, func(t *testing.T) {
			l := newListed(t)
			l.bubble(t, func(t *testing.T) {
				token := signIn(t, l.a, "ann")
				dead := l.spy
				dead.reset(failing)
				ctx, cancel := context.WithCancel(t.Context())
				if err := l.a.UserSessions().End(ctx, "ann", nil); !errors.Is(err, errStore) {
					t.Fatalf("%v", err)
				}
				cancel()
				dead.reset(nil)
				if by == "a sign-in" {
					again := signIn(t, l.b, "ann")
					synctest.Wait()
					wantUser(t, l.b, again, "ann")
				} else {
					wantUser(t, l.b, token, "ann")
					synctest.Wait()
				}
				wantUser(t, l.b, token, "")
			})
		})
	}
}

func TestASignOutWhileTheTokenStoreIsAway(t *testing.T) {
	l := newListed(t)
	l.bubble(t, func(t *testing.T) {
		token := signIn(t, l.a, "ann")
		l.entries.set(away, nil)
		w, r := request(l.a, token)
		if err := l.a.SignOut(w, r); err != nil {
			t.Fatal(err)
		}
		wantUser(t, l.b, token, "")
		l.entries.set(nil, nil)
		time.Sleep(time.Minute)
		if n := len(listOf(t, l.b, "ann")); n != 0 {
			t.Errorf("%d sessions are listed", n)
		}
	})
}

// TestASignInThatCannotBeListedLeavesNothing: whichever call to the token store fails, before
// or after its effect.
func TestASignInThatCannotBeListedLeavesNothing(t *testing.T) {
	for _, op := range []string{"get", "replace"} {
		for _, after := range []bool{false, true} {
			if op == "get" && after {
				continue // a read has no effect
			}
			l := newListed(t)
			l.bubble(t, func(t *testing.T) {
				old := signIn(t, l.a, "bob")
				fail := func(o string) error {
					if o == op {
						return errStore
					}
					return nil
				}
				if after {
					l.entries.set(nil, fail)
				} else {
					l.entries.set(fail, nil)
				}
				w, r := request(l.a, old)
				if err := l.a.SignIn(w, r, user("ann")); !errors.Is(err, errStore) || len(w.Result().Cookies()) != 0 {
					t.Errorf("%s: %v", op, err)
				}
				l.entries.set(nil, nil)
				time.Sleep(time.Minute)
				if n := len(listOf(t, l.b, "ann")); n != 0 {
					t.Errorf("%s, after %t: %d sessions are listed", op, after, n)
				}
				wantUser(t, l.b, old, "bob")
			})
		}
	}
}

// TestARenewedSessionEndsEverywhere: the application renews the id by scs, so that the list
// has the old key.
func TestARenewedSessionEndsEverywhere(t *testing.T) {
	for _, asked := range []bool{false, true} {
		l := newListed(t)
		l.bubble(t, func(t *testing.T) {
			token := signIn(t, l.a, "ann")
			w, r := request(l.a, token)
			l.a.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if err := l.a.SCS().RenewToken(r.Context()); err != nil {
					t.Error(err)
				}
			})).ServeHTTP(w, r)
			renewed := sent(t, w).Value
			if asked {
				wantUser(t, l.b, renewed, "ann")
				l.entries.set(nil, nil)
				wantUser(t, l.b, renewed, "ann")
				synctest.Wait()
				if n := l.entries.count(); n > 1 {
					t.Errorf("registered again: %d calls", n)
				}
			}
			endAll(t, l.a, "ann")
			wantUser(t, l.b, renewed, "")
			wantUser(t, l.b, token, "")
		})
	}
}

func TestALostEntrySignsNobodyOut(t *testing.T) {
	l := newListed(t)
	l.bubble(t, func(t *testing.T) {
		token := signIn(t, l.a, "ann")
		l.entries.Store = tokenstore.NewMemory()
		time.Sleep(11 * time.Minute)
		wantUser(t, l.a, token, "ann")
		synctest.Wait()
		if n := len(listOf(t, l.b, "ann")); n != 1 {
			t.Fatalf("%d sessions are listed", n)
		}
		endAll(t, l.b, "ann")
		wantUser(t, l.a, token, "")
	})
}

// TestASessionFromBeforeTheVaultIsListed: an application may set a vault later.
func TestASessionFromBeforeTheVaultIsListed(t *testing.T) {
	l := newListed(t)
	without := newManager(t, session.Config{Store: l.spy})
	l.bubble(t, func(t *testing.T) {
		token := signIn(t, without, "ann")
		time.Sleep(11 * time.Minute)
		wantUser(t, l.a, token, "ann")
		synctest.Wait()
		if n := len(listOf(t, l.b, "ann")); n != 1 {
			t.Errorf("%d sessions are listed", n)
		}
		endAll(t, l.b, "ann")
		wantUser(t, l.a, token, "")
	})
}

// TestAnEntryOfAnUnknownSecret: touches leave it alone, and a sign-in or an ending replaces it.
func TestAnEntryOfAnUnknownSecret(t *testing.T) {
	l := newListed(t)
	other := l.replica(t, secret(2))
	l.bubble(t, func(t *testing.T) {
		token := signIn(t, l.a, "ann")
		wantUser(t, other, token, "ann")
		synctest.Wait()
		if n := len(listOf(t, l.a, "ann")); n != 1 {
			t.Errorf("%d sessions are listed", n)
		}
		if _, err := other.UserSessions().List(t.Context(), "ann"); !errors.As(err, new(*tokenstore.UnknownKeyError)) {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Minute)
		endAll(t, other, "ann")
		time.Sleep(11 * time.Minute)
		_, r := request(other, token)
		_, _, _ = other.Get(t.Context(), r)
		synctest.Wait()
		wantUser(t, other, token, "")
		if err := other.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestManySignInsOfOneUserConflict: all succeed, and the list holds them.
func TestManySignInsOfOneUserConflict(t *testing.T) {
	t.Parallel()
	l := newListed(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var tokens []string
	for i := range 32 {
		wg.Go(func() {
			token := signIn(t, []*session.Manager{l.a, l.b}[i%2], "ann")
			mu.Lock()
			defer mu.Unlock()
			tokens = append(tokens, token)
		})
	}
	wg.Wait()
	if n := len(listOf(t, l.a, "ann")); n != 32 {
		t.Errorf("%d sessions are listed", n)
	}
	endAll(t, l.a, "ann")
	for _, token := range tokens {
		wantUser(t, l.b, token, "")
	}
}

func TestTheLeastRecentlyUsedOfTooManySessionsEnds(t *testing.T) {
	l := newListed(t)
	l.bubble(t, func(t *testing.T) {
		var tokens []string
		for range 202 {
			tokens = append(tokens, signIn(t, l.a, "ann"))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := len(listOf(t, l.b, "ann")); n > 200 || n < 150 {
			t.Errorf("%d sessions are listed", n)
		}
		wantUser(t, l.b, tokens[0], "")
		wantUser(t, l.b, tokens[201], "ann")
	})
}

// TestASignOutClearsEveryCookieOfTheName: an older cookie at a longer path comes first.
func TestASignOutClearsEveryCookieOfTheName(t *testing.T) {
	t.Parallel()
	m := newManager(t, session.Config{Store: newSpy()})
	ann, stale := signIn(t, m, "ann"), strings.Repeat("A", 43)
	w, r := request(m, "")
	r = withPath(r, "/app/deep/page")
	r.Header.Set("Cookie", "xsignin="+stale+"; xsignin="+ann)
	if u, ok, err := m.Get(r.Context(), r); !ok || u.ID != "ann" || err != nil {
		t.Fatalf("%v, %t, %v", u, ok, err)
	}
	if err := m.SignOut(w, r); err != nil {
		t.Fatal(err)
	}
	wantUser(t, m, ann, "")
	var paths []string
	for _, c := range w.Result().Cookies() {
		if c.Name == "xsignin" && c.MaxAge < 0 {
			paths = append(paths, c.Path)
		}
	}
	for _, path := range []string{"/", "/app", "/app/", "/app/deep", "/app/deep/", "/app/deep/page"} {
		if !slices.Contains(paths, path) {
			t.Errorf("the cookie at %s is not cleared: %v", path, paths)
		}
	}
	for host, domains := range map[string]int{
		"www.site.example": 2, "www.site.example:8443": 2, "www.site.example.": 3, "localhost": 0, "127.0.0.1": 0, "[::1]:8080": 0,
		"my_site.example": 0, "b\u00fccher.example": 0, "-a.example": 0, "": 0,
	} {
		w, r := request(m, "")
		r.Host = host
		r.Header.Set("Cookie", "xsignin="+stale+"; xsignin="+stale)
		if err := m.SignOut(w, r); err != nil {
			t.Error(err)
		}
		lines := w.Header()["Set-Cookie"]
		if got := strings.Count(strings.Join(lines, "\n"), "Domain="); got != domains || len(slices.Compact(slices.Sorted(slices.Values(lines)))) != len(lines) {
			t.Errorf("%q: %d domains: %q", host, got, lines)
		}
	}
}

// TestSignInTellsThatTheSessionIsSaved: once, after LoadAndSave's last commit or at once
// without it. A visitor who leaves when the answer has begun may have its cookie.
func TestSignInTellsThatTheSessionIsSaved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ wrapped, leaves bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		l := newListed(t)
		ctx, leave := context.WithCancel(t.Context())
		w, r := request(l.a, "")
		told, early := 0, 0
		var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := l.a.SignIn(w, r, user("ann"), func(saved bool) error {
				if told++; !saved {
					t.Errorf("%+v: the session counts as lost", c)
				}
				return nil
			})
			if early = told; err != nil {
				t.Error(err)
			}
			if c.leaves {
				w.WriteHeader(http.StatusSeeOther)
				leave()
			}
		})
		if c.wrapped {
			h = l.a.LoadAndSave(h)
		}
		h.ServeHTTP(w, r.WithContext(ctx))
		leave()
		if told != 1 || (early == 0) != c.wrapped {
			t.Errorf("%+v: told %d times, %d of them within the handler", c, told, early)
		}
	}
}

// TestSignInTellsThatItHasFailed: an error of then is part of the answer.
func TestSignInTellsThatItHasFailed(t *testing.T) {
	t.Parallel()
	l := newListed(t)
	l.entries.set(away, nil)
	w, r := request(l.a, "")
	errUndo := errors.New("undo")
	told := 0
	err := l.a.SignIn(w, r, user("ann"), func(saved bool) error {
		if told++; saved {
			t.Error("the session counts as saved")
		}
		return errUndo
	})
	if told != 1 || !errors.Is(err, errStore) || !errors.Is(err, errUndo) {
		t.Errorf("told %d times, %v", told, err)
	}
}

// TestASecondCommitThatFailsUndoesTheSignIn: LoadAndSave saves the session again at the end of
// the request.
func TestASecondCommitThatFailsUndoesTheSignIn(t *testing.T) {
	t.Parallel()
	l := newListed(t)
	w, r := request(l.a, "")
	undone := 0
	l.a.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := l.a.SignIn(w, r, user("ann"), func(saved bool) error {
			if undone++; saved {
				t.Error("the session counts as saved")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		n := 0
		l.spy.reset(func(_ int, c call) error {
			if c.op == "commit" {
				if n++; n == 1 {
					return errStore
				}
			}
			return nil
		})
		w.WriteHeader(http.StatusSeeOther)
	})).ServeHTTP(w, r)
	l.spy.reset(nil)
	if w.Code != http.StatusServiceUnavailable || undone != 1 || len(w.Result().Cookies()) != 0 {
		t.Errorf("status %d, undone %d times, %v", w.Code, undone, w.Header())
	}
	all, _ := l.spy.MemStore.All()
	for key, b := range all {
		if b[0] == 0xb3 {
			t.Errorf("a session is left at %s", key)
		}
	}
	if n := len(listOf(t, l.b, "ann")); n != 0 {
		t.Errorf("%d sessions are listed", n)
	}
}

// A session that is renewed and then committed twice in one request is one session in the list.
func TestARenewedSessionIsListedOnce(t *testing.T) {
	l := newListed(t)
	l.bubble(t, func(t *testing.T) {
		token := signIn(t, l.a, "ann")
		sm := l.a.SCS()
		w, r := request(l.a, token)
		l.a.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if err := sm.RenewToken(r.Context()); err != nil {
				t.Error(err)
			}
			for range 2 {
				if _, _, err := sm.Commit(r.Context()); err != nil {
					t.Error(err)
				}
			}
		})).ServeHTTP(w, r)
		if list := listOf(t, l.a, "ann"); len(list) != 1 {
			t.Errorf("%d sessions are listed: %+v", len(list), list)
		}
		wantUser(t, l.b, sent(t, w).Value, "ann")
	})
}

// Several requests that renew one id leave several records. A sign-out everywhere ends all.
func TestSeveralRenewalsOfOneSessionEndEverywhere(t *testing.T) {
	l := newListed(t)
	l.bubble(t, func(t *testing.T) {
		token := signIn(t, l.a, "ann")
		var renewed []string
		var all sync.WaitGroup
		var mu sync.Mutex // guards renewed
		begin := make(chan struct{})
		for _, m := range []*session.Manager{l.a, l.b, l.a} {
			all.Go(func() {
				w, r := request(m, token)
				m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					<-begin // every request has loaded the session
					_ = m.SCS().RenewToken(r.Context())
				})).ServeHTTP(w, r)
				mu.Lock()
				defer mu.Unlock()
				for _, c := range w.Result().Cookies() {
					renewed = append(renewed, c.Value)
				}
			})
		}
		synctest.Wait()
		close(begin)
		all.Wait()
		endAll(t, l.a, "ann")
		for _, id := range append(renewed, token) {
			wantUser(t, l.b, id, "")
		}
	})
}

// A touch of the record from before a renewal does not replace the renewed one in the list.
func TestATouchOfAnOldRecordLeavesTheRenewedOneListed(t *testing.T) {
	l := newListed(t)
	l.bubble(t, func(t *testing.T) {
		token := signIn(t, l.a, "ann")
		old, _ := l.spy.MemStore.All()
		w, r := request(l.a, token)
		l.a.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if err := l.a.SCS().RenewToken(r.Context()); err != nil {
				t.Error(err)
			}
		})).ServeHTTP(w, r)
		time.Sleep(2 * time.Minute) // the later deletions
		// The store loses the tombstone, and a late write brings the record back.
		all, _ := l.spy.MemStore.All()
		for key, b := range all {
			if b[0] == 0xb0 {
				_ = l.spy.MemStore.Delete(key)
			}
		}
		for key, b := range old {
			_ = l.spy.MemStore.Commit(key, b, time.Now().Add(time.Hour))
		}
		wantUser(t, l.b, token, "ann")
		synctest.Wait()
		endAll(t, l.a, "ann")
		wantUser(t, l.b, sent(t, w).Value, "")
	})
}

// A mark ends a session that no deletion reached: its record was written after the last one,
// and the tombstone is lost.
func TestAMarkEndsWhatNoDeletionReached(t *testing.T) {
	for _, everywhere := range []bool{false, true} {
		l := newListed(t)
		l.bubble(t, func(t *testing.T) {
			token := signIn(t, l.a, "ann")
			old, _ := l.spy.MemStore.All()
			if everywhere {
				endAll(t, l.a, "ann")
			} else if w, r := request(l.a, token); l.a.SignOut(w, r) != nil {
				t.Error("the sign-out has failed")
			}
			time.Sleep(2 * time.Minute)
			all, _ := l.spy.MemStore.All()
			for key := range all {
				_ = l.spy.MemStore.Delete(key)
			}
			for key, b := range old {
				_ = l.spy.MemStore.Commit(key, b, time.Now().Add(time.Hour))
			}
			_, r := request(l.b, token)
			_, _, _ = l.b.Get(t.Context(), r) // one touch
			synctest.Wait()
			wantUser(t, l.b, token, "")
		})
	}
}

// A handler that panics behind LoadAndSave after a sign-in leaves no session.
func TestASignInWhoseHandlerPanicsIsUndone(t *testing.T) {
	l := newListed(t)
	l.bubble(t, func(t *testing.T) {
		w, r := request(l.a, "")
		var told []bool
		func() {
			defer func() { _ = recover() }()
			l.a.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				err := l.a.SignIn(w, r, user("ann"), func(saved bool) error { told = append(told, saved); return nil })
				if err != nil {
					t.Error(err)
				}
				panic("the handler fails")
			})).ServeHTTP(w, r)
		}()
		if len(told) != 1 || told[0] {
			t.Errorf("told %v, want false once", told)
		}
		if list := listOf(t, l.a, "ann"); len(list) != 0 {
			t.Errorf("%d sessions are listed", len(list))
		}
	})
}
