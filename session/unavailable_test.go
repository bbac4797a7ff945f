package session_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/session"
)

func TestAStoreThatIsAwayGives503(t *testing.T) {
	t.Parallel()
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	token := signIn(t, m, "ann")
	for name, c := range map[string]struct {
		handler http.Handler
		failing func(int, call) error
	}{
		"reading": {m.LoadAndSave(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			t.Error("the handler ran")
		})), failing},
		"saving": {put(m, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Location", "/welcome")
			w.Header().Set("Cache-Control", "public")
			w.Header().Set("Surrogate-Control", "max-age=600")
			w.WriteHeader(http.StatusSeeOther)
		}), func(_ int, c call) error {
			if c.op == "commit" {
				return errStore
			}
			return nil
		}},
	} {
		spy.reset(c.failing)
		w, r := request(m, token)
		c.handler.ServeHTTP(w, r)
		res := w.Result()
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" ||
			res.Header.Get("Location") != "" || res.Header.Get("Content-Encoding") != "" ||
			res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Surrogate-Control") != "" || len(res.Cookies()) != 0 {
			t.Errorf("%s: %s %v", name, res.Status, res.Header)
		}
		if body := w.Body.String(); strings.Contains(body, "welcome") || strings.Contains(body, errStore.Error()) {
			t.Errorf("%s: %q", name, body)
		}
		spy.reset(nil)
	}
}

func TestErrorsAreLoggedUnderTheKeyOfAllRooms(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	spy := newSpy()
	m := newManager(t, session.Config{
		Store: spy, IdleTimeout: time.Hour, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	token := signIn(t, m, "ann")
	spy.age(time.Now().Add(-30 * time.Minute))
	spy.reset(func(_ int, c call) error {
		if c.op == "commit" {
			return errStore
		}
		return nil
	})
	w, r := request(m, token)
	m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/put/value"))
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 {
		t.Errorf("%q, want the use that was not recorded and the value that was not saved", lines)
	}
	for _, line := range lines {
		if !strings.Contains(line, `"err":"`+errStore.Error()+`"`) {
			t.Error(line)
		}
	}
}

// age makes all records, of our codec, say that they were last used at t.
func (s *spyStore) age(t time.Time) {
	all, _ := s.MemStore.All()
	for key, b := range all {
		_ = s.MemStore.Commit(key, session.Aged(b, t), time.Now().Add(time.Hour))
	}
}

func TestAnApplicationsErrorFunctionIsUsed(t *testing.T) {
	t.Parallel()
	spy := newSpy()
	m := newOver(t, spy)
	m.SCS().ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		if !errors.Is(err, errStore) {
			t.Error(err)
		}
		w.WriteHeader(http.StatusTeapot)
	}
	spy.reset(failing)
	w, r := request(m, strings.Repeat("A", 43))
	m.LoadAndSave(site(t, m)).ServeHTTP(w, r)
	if w.Code != http.StatusTeapot {
		t.Error(w.Code)
	}
}

func TestARecordThatDoesNotDecodeIsANewVisitor(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		spy := newSpy()
		m, wrap := mode.make(t, spy)
		if strings.Contains(mode.name, "scs's") {
			wrap = bare // scs fails there, which its users know
		}
		for _, b := range [][]byte{{}, {0xb1}, {0xb2, 1, 2, 3}, []byte("{}"), []byte("garbage")} {
			token := signIn(t, m, "ann")
			all, _ := spy.MemStore.All()
			for key := range all {
				spy.MemStore.Commit(key, b, time.Now().Add(time.Hour))
			}
			wantUser(t, m, token, "")
			h := wrap(site(t, m))
			w, r := request(m, token)
			h.ServeHTTP(w, withPath(r, "/me"))
			if w.Code != http.StatusOK || w.Body.String() != " false" {
				t.Fatalf("%s: %d %q", mode.name, w.Code, w.Body)
			}
			w, r = request(m, token)
			h.ServeHTTP(w, withPath(r, "/login/bob"))
			if w.Code != http.StatusOK {
				t.Fatalf("%s: %d %q", mode.name, w.Code, w.Body)
			}
			wantUser(t, m, sent(t, w).Value, "bob")
		}
	}
}

func TestASignInOverAnUnreadableRecordEndsIt(t *testing.T) {
	t.Parallel()
	// Another replica, of a newer version, can read it.
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	for _, away := range []bool{false, true} {
		token := signIn(t, m, "ann")
		key := spy.calls[len(spy.calls)-2].key // look, write, look
		newer := []byte{0xb4, 1, 2, 3}
		if err := spy.MemStore.Commit(key, newer, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		spy.reset(func(_ int, c call) error {
			if away && c.op == "delete" {
				return errStore
			}
			return nil
		})
		w, r := request(m, token)
		if err := m.SignIn(w, r, user("bob")); err != nil {
			t.Error(err)
		}
		spy.reset(nil)
		// The old session ends last, and the sign-in stands if that fails.
		if _, found, _ := spy.MemStore.Find(key); found != away {
			t.Errorf("away %t: the old record is there: %t", away, found)
		}
	}
}
