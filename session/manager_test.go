package session_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/gob"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

func TestNewReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := session.New(session.Config{Lifetime: -1, IdleTimeout: -1, CookieName: "__Host-a-pending-b"})
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 4 {
		t.Errorf("%q", lines)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "session: ") {
			t.Errorf("%q", line)
		}
	}
}

func TestTheSettingsReachScs(t *testing.T) {
	t.Parallel()
	sm := newManager(t, session.Config{Lifetime: time.Hour, IdleTimeout: time.Minute, CookieName: "s", Secure: true}).SCS()
	if sm.Lifetime != time.Hour || sm.IdleTimeout != time.Minute || sm.Cookie.Name != "__Host-s" || !sm.Cookie.Secure || !sm.HashTokenInStore {
		t.Errorf("%+v", sm)
	}
	if sm, err := session.New(session.Config{}); err != nil || sm.SCS().Lifetime != 14*24*time.Hour {
		t.Errorf("%v, %v", sm, err)
	}
}

func TestOverNeedsAWholeManager(t *testing.T) {
	t.Parallel()
	for _, sm := range []*scs.SessionManager{nil, {}, {Store: newSpy()}, {Store: newSpy(), Codec: scs.GobCodec{}}} {
		if _, err := session.FromSCS(sm, session.FromSCSConfig{Logger: quiet()}); err == nil {
			t.Errorf("%+v was taken", sm)
		}
	}
}

func TestOverRefusesACookieThatDoesNotComeBackFromX(t *testing.T) {
	t.Parallel()
	for mode, taken := range map[http.SameSite]bool{
		http.SameSiteStrictMode: false, http.SameSiteLaxMode: true, http.SameSiteDefaultMode: true, 0: true,
	} {
		sm := scs.New()
		sm.Cookie.SameSite, sm.HashTokenInStore = mode, true
		store := sm.Store
		_, err := session.FromSCS(sm, session.FromSCSConfig{Secrets: secrets})
		if (err == nil) != taken {
			t.Errorf("SameSite %d: %v", mode, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "SameSiteLaxMode") || sm.Store != store) {
			t.Errorf("%v, and the store is %T", err, sm.Store)
		}
	}
}

func TestOverLogsWhereItIsTold(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	spy := newSpy()
	sm := scs.New()
	sm.Store, sm.ErrorFunc, sm.HashTokenInStore = spy, nil, true
	m, err := session.FromSCS(sm, session.FromSCSConfig{Logger: slog.New(slog.NewTextHandler(&log, nil)), Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	spy.reset(failing)
	w, r := request(m, strings.Repeat("A", 43))
	m.LoadAndSave(site(t, m)).ServeHTTP(w, r)
	if !strings.Contains(log.String(), errStore.Error()) {
		t.Errorf("the log has %q", log.String())
	}
}

func TestTheStoreHoldsNoUsableID(t *testing.T) {
	t.Parallel()
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	token := signIn(t, m, "ann")
	all, _ := spy.MemStore.All()
	for key, b := range all {
		if key == token || strings.Contains(string(b), token) {
			t.Error("the id is in the store")
		}
	}
	if s := fmt.Sprintf("%+v %#v", m, m); strings.Contains(s, token) {
		t.Error("the manager prints the id")
	}
}

func TestACookieThatScsNeverMadeCostsNoRead(t *testing.T) {
	t.Parallel()
	valid := strings.Repeat("A", 43)
	for _, c := range []struct {
		cookie    string
		own, over int // reads
	}{
		{"", 0, 0},
		{"xsignin=", 0, 0},
		{"xsignin", 0, 0},
		{"xsignin=" + valid[1:], 0, 1},
		{"xsignin=" + valid + "A", 0, 1},
		{"xsignin=" + valid + "=", 0, 1},
		{"xsignin=" + valid[1:] + "é", 0, 1},
		{`xsignin=a\b`, 0, 1},
		{"xsignin=" + strings.Repeat("A", 4000), 0, 0},
		{"yxsignin=" + valid, 0, 0},
		{"xsignin=" + valid, 1, 1},
		{"xsignin=" + strings.Repeat("xsignin="+valid+"; ", 1)[8:] + strings.Repeat("xsignin="+valid[1:]+"B; ", 20), 8, 8},
		{`a=b; xsignin="` + valid + `"; c=d`, 1, 1},
		{";;=; a;xsignin=;xsignin=" + valid, 1, 1},
	} {
		for _, over := range []bool{false, true} {
			spy := newSpy()
			m, want := newManager(t, session.Config{Store: spy}), c.own
			if over {
				m, want = newOver(t, spy), c.over
				m.SCS().Cookie.Name = "xsignin"
			}
			w, r := request(m, "")
			if c.cookie != "" {
				r.Header.Set("Cookie", c.cookie)
			}
			if _, ok, err := m.Load(w, r); ok || err != nil {
				t.Errorf("%q: %t, %v", c.cookie, ok, err)
			}
			if n := len(spy.calls); n != want {
				t.Errorf("%q, over %t: %d reads, want %d", c.cookie, over, n, want)
			}
		}
	}
}

func TestAStoreThatIsAwayIsAnErrorOfReading(t *testing.T) {
	t.Parallel()
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	token := signIn(t, m, "ann")
	spy.reset(failing)
	w, r := request(m, token)
	if _, ok, err := m.Get(r.Context(), r); ok || err == nil {
		t.Errorf("%t, %v", ok, err)
	}
	if _, ok, err := m.Load(w, r); ok || err == nil {
		t.Errorf("%t, %v", ok, err)
	}
}

func TestVaryIsSaidOnce(t *testing.T) {
	t.Parallel()
	m := newManager(t, session.Config{})
	for before, want := range map[string]string{"": "Cookie", "Cookie": "Cookie", "*": "*", "Accept": "Accept,Cookie"} {
		w, r := request(m, "")
		if before != "" {
			w.Header().Set("Vary", before)
		}
		for range 2 {
			m.Load(w, r)
		}
		if got := strings.Join(w.Header().Values("Vary"), ","); got != want {
			t.Errorf("%q became %q", before, got)
		}
	}
}

func TestOneCookieIsSentThoughTheSessionChangesTwice(t *testing.T) {
	t.Parallel()
	m := newManager(t, session.Config{})
	w, r := request(m, "")
	http.SetCookie(w, &http.Cookie{Name: "other", Value: "stays"})
	for _, s := range []string{"ann", "bob"} {
		if err := m.SignIn(w, r, user(s)); err != nil {
			t.Fatal(err)
		}
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 2 || cookies[0].Name != "other" {
		t.Fatalf("%v", cookies)
	}
	wantUser(t, m, cookies[1].Value, "bob")
}

func TestFromSCSRefusesWhatNoBrowserKeeps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit  func(sm *scs.SessionManager, cfg *session.FromSCSConfig)
		taken bool
	}{
		"Secure over https": {func(*scs.SessionManager, *session.FromSCSConfig) {}, true},
		"as scs makes it":   {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Secure = false }, false},
		"ids in clear":      {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.HashTokenInStore = false }, false},
		"without secrets":   {func(_ *scs.SessionManager, cfg *session.FromSCSConfig) { cfg.Secrets = nil }, false},
		"a bad name":        {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Name = "a b" }, false},
		"__Host- without Secure": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Secure, cfg.PublicURL = "__Host-a", false, ""
		}, false},
		"__Host- with a domain": {func(sm *scs.SessionManager, _ *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Secure, sm.Cookie.Domain = "__Host-a", true, "site.example"
		}, false},
		"__Host-": {func(sm *scs.SessionManager, _ *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Secure = "__Host-a", true
		}, true},
		"Secure per request": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Secure, cfg.SecurePerRequest = "__Host-a", false, true
		}, true},
		"None without Secure": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.SameSite, sm.Cookie.Secure, cfg.PublicURL = http.SameSiteNoneMode, false, ""
		}, false},
		"__Host- in lower case": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Secure, cfg.PublicURL = "__host-a", false, ""
		}, false},
		"__Host- in lower case with a domain": {func(sm *scs.SessionManager, _ *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Domain = "__host-a", "site.example"
		}, false},
		"__Secure- in capitals": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Secure, cfg.PublicURL = "__SECURE-a", false, ""
		}, false},
		"__Secure- with a domain": {func(sm *scs.SessionManager, _ *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Domain = "__Secure-a", "site.example"
		}, true},
		"__Http- without Secure": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Secure, cfg.PublicURL = "__Http-a", false, ""
		}, false},
		"__Http- without HttpOnly": {func(sm *scs.SessionManager, _ *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.HttpOnly = "__http-a", false
		}, false},
		"__Host-Http- without HttpOnly": {func(sm *scs.SessionManager, _ *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.HttpOnly = "__Host-Http-a", false
		}, false},
		"__Host-Http- with a domain": {func(sm *scs.SessionManager, _ *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Domain = "__Host-Http-a", "site.example"
		}, false},
		"__Host-Http-": {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Name = "__Host-Http-a" }, true},
		"__Host- for scripts": {func(sm *scs.SessionManager, _ *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.HttpOnly = "__Host-a", false
		}, true},
		"a name that only begins alike": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Secure, cfg.PublicURL = "__Hostess", false, ""
		}, true},
		"__Host- and Secure per request over http": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Name, sm.Cookie.Secure, cfg.SecurePerRequest, cfg.PublicURL = "__Host-a", false, true, "http://site.example"
		}, false},
		"Partitioned without Secure": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Partitioned, sm.Cookie.Secure, cfg.PublicURL = true, false, ""
		}, false},
		"Partitioned":               {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Partitioned = true }, true},
		"no name":                   {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Name = "" }, false},
		"a name with a semicolon":   {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Name = "a;b" }, false},
		"a name that is not ASCII":  {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Name = "s\u00e9ance" }, false},
		"a domain with a dot":       {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Domain = ".site.example" }, true},
		"a domain in capitals":      {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Domain = "SITE.Example" }, true},
		"a domain with a port":      {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Domain = "site.example:8443" }, false},
		"an address as the domain":  {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Domain = "https://site.example" }, false},
		"a domain with a dot after": {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Domain = "site.example." }, false},
		"a neighbour's domain":      {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Domain = "app.site.example" }, false},
		"a domain that ends alike":  {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Domain = "te.example" }, false},
		"a part of an address": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Domain, cfg.PublicURL = "0.2.1", "https://192.0.2.1"
		}, false},
		"no path":            {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Path = "" }, false},
		"a relative path":    {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Path = "app" }, false},
		"Strict":             {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.SameSite = http.SameSiteStrictMode }, false},
		"None":               {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.SameSite = http.SameSiteNoneMode }, true},
		"no SameSite":        {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.SameSite = 0 }, true},
		"a session cookie":   {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Persist = false }, true},
		"another path":       {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Path = "/app" }, false},
		"a parent domain":    {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Domain = "site.example" }, true},
		"a foreign domain":   {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Domain = "other.example" }, false},
		"a top-level domain": {func(sm *scs.SessionManager, _ *session.FromSCSConfig) { sm.Cookie.Domain = "example" }, false},
		"Secure over plain http": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Secure, cfg.PublicURL = true, "http://site.example"
		}, false},
		"Secure over a loopback": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Secure, cfg.PublicURL = true, "http://127.0.0.1"
		}, true},
		"plain http, as declared": {func(sm *scs.SessionManager, cfg *session.FromSCSConfig) {
			sm.Cookie.Secure, cfg.PublicURL = false, "http://10.0.0.1"
		}, true},
	} {
		sm := scs.New()
		sm.HashTokenInStore, sm.Cookie.Secure = true, true
		cfg := session.FromSCSConfig{Logger: quiet(), Secrets: secrets, PublicURL: "https://www.site.example"}
		c.edit(sm, &cfg)
		if _, err := session.FromSCS(sm, cfg); (err == nil) != c.taken {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNamesOfCookiesThatBrowsersRefuse: prefixes count in any case.
func TestNamesOfCookiesThatBrowsersRefuse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		plain, secure bool // taken over http, and over https
	}{
		{"", true, true},
		{"app", true, true},
		{"__Host-app", false, true},
		{"__host-app", false, true},
		{"__Secure-app", false, true},
		{"__SECURE-app", false, true},
		{"__Http-app", false, true},
		{"__Host-Http-app", false, true},
		{"__Hostess", true, true},
		{"a b", false, false},
		{"a=b", false, false},
		{"a;b", false, false},
		{"s\u00e9ance", false, false},
	} {
		for secure, taken := range map[bool]bool{false: tt.plain, true: tt.secure} {
			if _, err := session.New(session.Config{CookieName: tt.name, Secure: secure, Logger: quiet()}); (err == nil) != taken {
				t.Errorf("a session %q, Secure %t: %v", tt.name, secure, err)
			}
			_, err := session.NewPendingStore(session.PendingStoreConfig{Name: tt.name, Secure: secure, Secrets: secrets})
			if (err == nil) != tt.secure { // without Secure, a pending sign-in's name has no prefix
				t.Errorf("a pending sign-in %q, Secure %t: %v", tt.name, secure, err)
			}
		}
	}
}

// TestAValueOfTheApplicationIsNoIdentity: only what a sign-in wrote is, under the same secret.
func TestAValueOfTheApplicationIsNoIdentity(t *testing.T) {
	gob.Register(provider.User{})
	gob.Register(map[string]string{})
	// values are those that a handler can get hold of.
	values := func(t *testing.T) map[string]any {
		other, err := session.NewPendingStore(session.PendingStoreConfig{Secrets: secrets})
		if err != nil {
			t.Fatal(err)
		}
		pending := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		if err := other.Put(pending, r, session.PendingSignIn{Pending: provider.Pending{Provider: "x", State: "s", Secret: "v"}}); err != nil {
			t.Fatal(err)
		}
		sealed := sealedIdentity(t, secrets)
		return map[string]any{
			"nothing": nil, "an empty string": "", "a name": "ann", "a number": 7, "a user": user("ann"),
			"a user's fields": map[string]string{"ID": "ann", "Provider": "x"}, "JSON": `{"ID":"ann","Provider":"x"}`,
			"an identity that is not sealed": "AgAAAAAAAAAAAAF4AWEBYQAAAAAAAAAAAAAA",
			"a pending sign-in":              strings.SplitN(pending.Result().Cookies()[0].Value, ".", 2)[0],
			"bytes":                          []byte(sealed), "a piece": sealed[:len(sealed)-4], "one byte more": sealed + "AAAA",
			"of another secret": sealedIdentity(t, [][]byte{[]byte(strings.Repeat("o", 32))}),
		}
	}
	eachMode(t, func(t *testing.T, mode mode) {
		for name, value := range values(t) {
			m, _ := mode.make(t, newSpy())
			w, r := request(m, "")
			m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				m.SCS().Put(r.Context(), "xsignin", value)
				if u, ok, err := m.Get(r.Context(), r); ok || err != nil {
					t.Errorf("%s: at once %v, %v", name, u, err)
				}
			})).ServeHTTP(w, r)
			wantUser(t, m, sent(t, w).Value, "")
		}
	})
}

// sealedIdentity is the value of a session of FromSCS in which ann is signed in.
func sealedIdentity(t *testing.T, secrets [][]byte) (sealed string) {
	t.Helper()
	sm := scs.New()
	sm.HashTokenInStore = true
	m, err := session.FromSCS(sm, session.FromSCSConfig{Logger: quiet(), Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	w, r := request(m, "")
	m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.SignIn(w, r, user("ann")); err != nil {
			t.Fatal(err)
		}
		sealed = sm.GetString(r.Context(), "xsignin")
	})).ServeHTTP(w, r)
	return sealed
}

// TestACookieDeletesNoOtherRecord signs out with cookies that name other keys of the store.
func TestACookieDeletesNoOtherRecord(t *testing.T) {
	t.Parallel()
	other := strings.Repeat("o", 43)
	sum := sha256.Sum256([]byte(other))
	hashed := base64.RawURLEncoding.EncodeToString(sum[:])
	for _, key := range []string{"stock", "scs:session:1", other, hashed, strings.Repeat("k", 256)} {
		for name, codec := range map[string]scs.Codec{"scs's": scs.GobCodec{}, "JSON": jsonCodec{}, "ours": nil} {
			for _, idleTimeout := range []time.Duration{0, time.Hour} {
				store := memstore.NewWithCleanupInterval(0)
				sm := scs.New()
				sm.Store, sm.HashTokenInStore, sm.IdleTimeout = store, true, idleTimeout
				m := newManager(t, session.Config{Store: store, IdleTimeout: idleTimeout})
				if codec != nil {
					sm.Codec = codec
					var err error
					if m, err = session.FromSCS(sm, session.FromSCSConfig{Logger: quiet(), Secrets: secrets}); err != nil {
						t.Fatal(err)
					}
				}
				if err := store.Commit(key, []byte("of the application"), time.Now().Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
				for _, use := range []func(http.ResponseWriter, *http.Request){
					func(w http.ResponseWriter, r *http.Request) { _ = m.SignOut(w, r) },
					func(w http.ResponseWriter, r *http.Request) { _, _, _ = m.Load(w, r) },
					func(w http.ResponseWriter, r *http.Request) { _ = m.SignIn(w, r, user("ann")) },
					m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = m.SCS().Destroy(r.Context()) })).ServeHTTP,
				} {
					use(request(m, key))
				}
				if b, found, _ := store.Find(key); !found || string(b) != "of the application" {
					t.Errorf("%s, %s codec, idle timeout %v: %t %q", key, name, idleTimeout, found, b)
				}
			}
		}
	}
}
