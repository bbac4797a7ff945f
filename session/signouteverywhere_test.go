package session_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/session"
)

// everywhere gives m a list of sign-outs, and returns it.
func everywhere(t testing.TB, m *session.Manager) (*session.SignOuts, *noteStore) {
	t.Helper()
	store := newNotes()
	s := newSignOuts(t, store)
	if _, err := session.FromSCS(m.SCS(), session.FromSCSConfig{Logger: quiet(), SignOuts: s}); err != nil {
		t.Fatal(err)
	}
	return s, store
}

func signOutEverywhere(t testing.TB, m *session.Manager, userID string) {
	t.Helper()
	if err := m.SignOutEverywhere(t.Context(), userID); err != nil {
		t.Fatal(err)
	}
}

// TestEveryWayOfAskingRespectsASignOutEverywhere goes through the kinds of manager and
// middleware.
func TestEveryWayOfAskingRespectsASignOutEverywhere(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode mode) {
		spy := newSpy()
		m, mount := mode.make(t, spy)
		everywhere(t, m)
		mux := site(t, m)
		srv := httptest.NewServer(mount(mux))
		t.Cleanup(srv.Close)
		ann, phone, bob := newBrowser(t, srv), newBrowser(t, srv), newBrowser(t, srv)
		ann.want("/login/ann", "")
		phone.want("/login/ann", "")
		bob.want("/login/bob", "")
		withValues := mode.name != "New, no middleware" && mode.name != "Over, no middleware"
		if withValues {
			ann.want("/put/mine", "")
			ann.want("/value", "mine")
		}
		signOutEverywhere(t, m, "ann")
		spy.reset(nil)
		if withValues {
			// The first to meet it is a page that asks for no user.
			ann.want("/value", "")
		}
		ann.want("/me", " false")
		phone.want("/me", " false")
		bob.want("/me", "bob true")
		phone.want("/me", " false")
		if n := spy.count("commit"); n != 0 {
			t.Errorf("%d writes", n)
		}
		if n := spy.count("delete"); n != 2 {
			t.Errorf("%d deletions of two sessions", n)
		}
		// Signed in again is signed in, here and everywhere.
		ann.want("/login/ann", "")
		ann.want("/me", "ann true")
		if withValues {
			ann.want("/value", "")
		}
		phone.want("/me", " false")
		phone.want("/logout", "")
		signOutEverywhere(t, m, "ann")
		ann.want("/me", " false")
		bob.want("/me", "bob true")
	})
}

func TestARenewedSessionIsAsOldAsItsSignIn(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		if mode.name == "New, no middleware" || mode.name == "Over, no middleware" {
			continue
		}
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			m, mount := mode.make(t, newSpy())
			everywhere(t, m)
			mux := site(t, m)
			mux.HandleFunc("/renew", func(_ http.ResponseWriter, r *http.Request) {
				if err := m.SCS().RenewToken(r.Context()); err != nil {
					t.Error(err)
				}
			})
			b := serve(t, mount(mux))
			signOutEverywhere(t, m, "ann") // so that positions are not all 0
			b.want("/login/ann", "")
			before := b.cookie()
			b.want("/renew", "")
			if b.cookie() == before {
				t.Fatal("not renewed")
			}
			b.want("/me", "ann true")
			signOutEverywhere(t, m, "ann")
			b.want("/me", " false")
		})
	}
}

func TestALongRequestSeesTheSignOut(t *testing.T) {
	t.Parallel()
	m := newManager(t, session.Config{Store: newSpy()})
	everywhere(t, m)
	mux := site(t, m)
	mux.HandleFunc("/long", func(w http.ResponseWriter, r *http.Request) {
		signOutEverywhere(t, m, "ann")
		if _, ok, err := m.Get(r.Context(), r); ok || err != nil {
			t.Errorf("%t, %v", ok, err)
		}
		if _, ok, err := m.Load(w, r); ok || err != nil {
			t.Errorf("%t, %v", ok, err)
		}
		// What it writes at its end does not bring the session back.
		m.SCS().Put(r.Context(), "value", "late")
	})
	mux.HandleFunc("/again", func(w http.ResponseWriter, r *http.Request) {
		m.SCS().Put(r.Context(), "value", "old")
		signOutEverywhere(t, m, "ann")
		if err := m.SignIn(w, r, user("ann")); err != nil {
			t.Error(err)
		}
	})
	b := serve(t, m.LoadAndSave(mux))
	b.want("/login/ann", "")
	b.want("/long", "")
	b.want("/me", " false")
	b.want("/value", "")
	b.want("/login/ann", "")
	b.want("/again", "")
	b.want("/me", "ann true")
	b.want("/value", "")
}

func TestRecordsWithoutAPositionAreOld(t *testing.T) {
	t.Parallel()
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy, IdleTimeout: 0})
	token := signIn(t, m, "ann")
	gob, err := scs.GobCodec{}.Encode(time.Now().Add(time.Hour), map[string]any{"value": "kept"})
	if err != nil {
		t.Fatal(err)
	}
	all, err := spy.All()
	if err != nil {
		t.Fatal(err)
	}
	// The manager had no list when ann signed in.
	old := slices.Collect(maps.Values(all))[0]
	write := func(b []byte) {
		t.Helper()
		all, err := spy.All()
		if err != nil {
			t.Fatal(err)
		}
		for key := range all {
			if err := spy.Commit(key, b, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(old)
	wantUser(t, m, token, "ann")
	everywhere(t, m)
	wantUser(t, m, token, "ann")
	signOutEverywhere(t, m, "bob")
	wantUser(t, m, token, "ann")
	// A session of nobody is nobody's to end.
	write(gob)
	signOutEverywhere(t, m, "ann")
	w, r := request(m, token)
	m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/value"))
	if w.Body.String() != "kept" {
		t.Errorf("%q", w.Body)
	}
	write(old)
	wantUser(t, m, token, "")
}

func TestWithoutTheListNobodyIsVouchedFor(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode mode) {
		spy := newSpy()
		m, _ := mode.make(t, spy)
		token := signIn(t, m, "ann")
		_, notes := everywhere(t, m)
		notes.set(errStore, nil)
		_, r := request(m, token)
		if _, _, err := m.Get(r.Context(), r); !errors.Is(err, errStore) {
			t.Errorf("Read: %v", err)
		}
		w, r := request(m, token)
		if _, _, err := m.Load(w, r); !errors.Is(err, errStore) {
			t.Errorf("Load: %v", err)
		}
		if _, err := m.SCS().Load(r.Context(), token); !errors.Is(err, errStore) {
			t.Errorf("scs's Load: %v", err)
		}
		w, r = request(m, token)
		m.LoadAndSave(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })).ServeHTTP(w, r)
		if w.Code < 500 {
			t.Errorf("LoadAndSave: status %d", w.Code)
		}
		w, r = request(m, "")
		if err := m.SignIn(w, r, user("bob")); !errors.Is(err, errStore) || len(w.Result().Cookies()) != 0 {
			t.Errorf("SignIn: %v", err)
		}
		if err := m.SignOutEverywhere(r.Context(), "ann"); !errors.Is(err, errStore) {
			t.Errorf("SignOutEverywhere: %v", err)
		}
		// Who has no session needs no list.
		_, r = request(m, "")
		if _, ok, err := m.Get(r.Context(), r); ok || err != nil {
			t.Errorf("%t, %v", ok, err)
		}
		notes.set(nil, nil)
		wantUser(t, m, token, "ann")
	})
}

func TestIterateLeavesOutWhatWasEnded(t *testing.T) {
	t.Parallel()
	m := newManager(t, session.Config{Store: newSpy()})
	everywhere(t, m)
	signIn(t, m, "ann")
	signIn(t, m, "bob")
	signOutEverywhere(t, m, "ann")
	var found []string
	err := m.SCS().Iterate(context.Background(), func(ctx context.Context) error {
		u, _, err := m.Get(ctx, nil)
		found = append(found, u.ID)
		return err
	})
	if err != nil || len(found) != 1 || found[0] != "bob" {
		t.Errorf("%v, %v", found, err)
	}
}

func TestAManagerWithoutAListSaysSo(t *testing.T) {
	t.Parallel()
	m := newManager(t, session.Config{Store: newSpy()})
	if err := m.SignOutEverywhere(t.Context(), "ann"); err == nil || m.HasSignOuts() {
		t.Errorf("%v", err)
	}
	everywhere(t, m)
	if err := m.SignOutEverywhere(t.Context(), ""); err == nil || !m.HasSignOuts() {
		t.Errorf("%v", err)
	}
	if _, err := session.FromSCS(m.SCS(), session.FromSCSConfig{SignOuts: newSignOuts(t, newNotes())}); err == nil {
		t.Error("two lists for one store")
	}
}
