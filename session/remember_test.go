package session_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/session"
)

// jsonCodec is a codec that an application might have.
type jsonCodec struct{}

type jsonRecord struct {
	Deadline time.Time
	Values   map[string]any
}

func (jsonCodec) Encode(d time.Time, v map[string]any) ([]byte, error) {
	return json.Marshal(jsonRecord{d, v})
}

func (jsonCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	var r jsonRecord
	err := json.Unmarshal(b, &r)
	return r.Deadline, r.Values, err
}

func TestOverKeepsTheIdentityInAnyCodec(t *testing.T) {
	sm := scs.New()
	spy := newSpy()
	sm.Store, sm.Codec, sm.IdleTimeout, sm.HashTokenInStore = spy, jsonCodec{}, idle, true
	m, err := session.FromSCS(sm, session.FromSCSConfig{Logger: quiet(), Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		token := signIn(t, m, "ann")
		for range 3 {
			time.Sleep(idle / 2)
			visit(t, m, bare, token, "ann true")
		}
		// A record without values decodes to a nil map.
		all, _ := spy.MemStore.All()
		for key := range all {
			spy.MemStore.Commit(key, []byte(`{"Deadline":"2100-01-01T00:00:00Z"}`), time.Now().Add(time.Hour))
		}
		w, r := request(m, token)
		m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/put/x"))
		if w.Code != http.StatusOK {
			t.Error(w.Code)
		}
	})
}

func TestRememberMeDecidesWhetherTheCookieStays(t *testing.T) {
	for _, over := range []bool{false, true} {
		m := newManager(t, session.Config{Store: newSpy(), IdleTimeout: idle})
		if over {
			m = newOver(t, newSpy())
			m.SCS().IdleTimeout = idle
		}
		m.SCS().Cookie.Persist = false
		synctest.Test(t, func(t *testing.T) {
			for _, remember := range []bool{false, true} {
				w, r := request(m, "")
				m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					m.SCS().RememberMe(r.Context(), remember)
					if err := m.SignIn(w, r, user("ann")); err != nil {
						t.Error(err)
					}
				})).ServeHTTP(w, r)
				token := sent(t, w)
				if (token.MaxAge > 0) != remember {
					t.Errorf("over %t, remember %t: %v", over, remember, token)
				}
				for _, wrap := range []func(http.Handler) http.Handler{bare, m.LoadAndSave} {
					time.Sleep(idle / 2)
					visit(t, m, wrap, token.Value, "ann true")
				}
				w, r = request(m, token.Value)
				if err := m.SignIn(w, r, user("ann")); err != nil {
					t.Error(err)
				}
				if c := sent(t, w); (c.MaxAge > 0) != remember {
					t.Errorf("over %t, remember %t: signed in again %v", over, remember, c)
				}
			}
		})
	}
}

func TestSessionIDsDoNotReachTheLog(t *testing.T) {
	var b syncBuilder
	logger := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy, IdleTimeout: idle, Logger: logger})
	synctest.Test(t, func(t *testing.T) {
		token := signIn(t, m, "ann")
		time.Sleep(idle / 2)
		spy.reset(func(_ int, c call) error {
			if c.op == "commit" {
				return errStore
			}
			return nil
		})
		visit(t, m, bare, token, "ann true")
		w, r := request(m, token)
		m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/put/x"))
		spy.reset(failing)
		w, r = request(m, token)
		if _, _, err := m.Load(w, r); err == nil || strings.Contains(err.Error(), token) {
			t.Error(err)
		}
		spy.reset(nil)
		all, _ := spy.MemStore.All()
		for key := range all {
			spy.MemStore.Commit(key, []byte("?"), time.Now().Add(time.Hour))
			for range 3 {
				visit(t, m, bare, token, " false")
			}
			if strings.Contains(b.String(), key) {
				t.Errorf("the log has the record's key:\n%s", &b)
			}
		}
		if s := b.String(); strings.Contains(s, token) || !strings.Contains(s, "does not decode") {
			t.Errorf("the log is\n%s", s)
		}
	})
}

type syncBuilder struct {
	mu sync.Mutex
	strings.Builder
}

func (b *syncBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}
