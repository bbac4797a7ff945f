package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/dghubble/gologin/v2"

	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// site is the parts of the kit behind a real server.
type site struct {
	t       *testing.T
	x       *xtest.X
	cfg     handlers.Config
	mw      *middleware.Middleware
	mux     *http.ServeMux
	browser *testkit.Browser
}

func newSite(t *testing.T, edit ...func(*handlers.Config)) *site {
	t.Helper()
	h := &site{t: t, mux: http.NewServeMux()}
	srv := httptest.NewServer(h.mux)
	t.Cleanup(srv.Close)
	p := testkit.NewParts(t, srv.URL)
	h.x, h.browser = p.X, testkit.NewBrowser(t, p.X, srv.URL, srv.Client().Transport)
	h.cfg = handlers.Config{
		Providers: p.Providers, Sessions: p.Sessions, Pending: p.Pending, Clients: p.Clients,
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range edit {
		f(&h.cfg)
	}
	var err error
	h.mw, err = middleware.New(middleware.Config{Sessions: p.Sessions, Clients: p.Clients})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// mount mounts the handlers with success and failure.
func (h *site) mount(success, failure http.Handler) {
	h.t.Helper()
	hs, err := handlers.New(h.cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	h.mux.Handle("/auth/login", hs.Login("x", failure))
	h.mux.Handle("/auth/login/x-oauth1", hs.Login("x-oauth1", failure))
	h.mux.Handle("/auth/callback", hs.Callback(success, failure))
	h.mux.Handle("/auth/logout", hs.Logout(success, failure))
	h.mux.Handle("/auth/session", hs.Session())
}

func (h *site) do(method, target string) (*http.Response, string) {
	h.t.Helper()
	a := h.browser.Send(method, target, nil)
	return a.Response, a.Text
}

// consent begins at login and returns the callback that X sends the browser to.
func (h *site) consent(login string) string {
	h.t.Helper()
	return h.browser.Approve(h.browser.Begin(login), xtest.DefaultUserID)
}

func TestSuccessHandlersKnowWhoSignedIn(t *testing.T) {
	h := newSite(t)
	h.mount(h.mw.LoadUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "success %s", r.URL.Path)
	})), nil)
	if _, text := h.do(http.MethodGet, h.consent("/auth/login")); text != "success /auth/callback" {
		t.Errorf("callback: %s", text)
	}
	if _, text := h.do(http.MethodPost, "/auth/logout"); text != "success /auth/logout" {
		t.Errorf("logout: %s", text)
	}
}

// TestFailureHandlersReadTheErrorAsGologinDoes: what gologin's users wrote goes on working.
func TestFailureHandlersReadTheErrorAsGologinDoes(t *testing.T) {
	var got error
	h := newSite(t)
	h.mount(nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = gologin.ErrorFromContext(r.Context())
		p := page.ProblemFor(got)
		http.Error(w, p.Title, p.Status)
	}))
	resp, text := h.do(http.MethodGet, "/auth/callback?denied=x")
	if !errors.Is(got, provider.ErrOtherBrowser) || resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, "not started in this browser") {
		t.Errorf("callback: %v, status %d, %s", got, resp.StatusCode, text)
	}
	h.x.Fail(xtest.Fault{Path: "/oauth/request_token", Status: 500})
	resp, _ = h.do(http.MethodGet, "/auth/login/x-oauth1")
	var pe *provider.Error
	if !errors.As(got, &pe) || pe.Status != 500 || pe.Op != "request_token" || resp.StatusCode != http.StatusBadGateway {
		t.Errorf("login: %v, status %d", got, resp.StatusCode)
	}
}

func TestGologinsOwnFailureHandlerServes(t *testing.T) {
	h := newSite(t)
	h.mount(nil, gologin.DefaultFailureHandler)
	if resp, text := h.do(http.MethodGet, "/auth/callback?state=x"); resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, "not begun in this browser") {
		t.Errorf("status %d: %s", resp.StatusCode, text)
	}
}

func TestLoginOptionsReachX(t *testing.T) {
	h := newSite(t, func(c *handlers.Config) {
		c.LoginOptions = func(r *http.Request) provider.Options {
			return provider.Options{ForceLogin: r.URL.Query().Has("switch"), ScreenName: "demo", Scopes: []string{"tweet.read", "users.read"}}
		}
	})
	h.mount(nil, nil)
	for login, want := range map[string]url.Values{
		"/auth/login/x-oauth1?switch": {"force_login": {"true"}, "screen_name": {"demo"}},
		"/auth/login":                 {"scope": {"tweet.read users.read"}},
	} {
		resp, _ := h.do(http.MethodGet, login)
		u, err := url.Parse(resp.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range want {
			if got := u.Query().Get(name); got != values[0] {
				t.Errorf("%s: %s is %q, want %q", login, name, got, values[0])
			}
		}
	}
}

func TestNewTellsEveryFault(t *testing.T) {
	_, err := handlers.New(handlers.Config{Path: "auth", DefaultReturnTo: "https://evil.example", Origin: "no origin", Timeout: -time.Second, Native: handlers.NativeClients{TokenPairs: true}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"Config.Providers is empty", "Config.Native is set, and there are no sessions", "Config.Pending", "Config.Clients", "Config.Path", "Config.DefaultReturnTo", "Config.Origin", "Config.Timeout",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
	h := newSite(t, func(c *handlers.Config) { c.Providers = append(c.Providers, c.Providers[0]) })
	if _, err := handlers.New(h.cfg); err == nil || !strings.Contains(err.Error(), `has the name "x" of another provider`) {
		t.Errorf("two of one name: %v", err)
	}
	h = newSite(t, func(c *handlers.Config) { c.DiscardTokens = true })
	if _, err := handlers.New(h.cfg); err == nil || !strings.Contains(err.Error(), "Config.DiscardTokens") {
		t.Errorf("sessions whose tokens are deleted: %v", err)
	}
	if _, err := handlers.New(handlers.Config{Providers: []provider.Provider{nil}}); err == nil || !strings.Contains(err.Error(), "Config.Providers[0] is nil") {
		t.Errorf("none: %v", err)
	}
	for _, name := range []string{"", ".x", "a:b"} {
		_, err := handlers.New(handlers.Config{Providers: []provider.Provider{named{name: name}}})
		if err == nil || !strings.Contains(err.Error(), "Config.Providers[0] has") {
			t.Errorf("the name %q: %v", name, err)
		}
	}
}

// named is a provider of which only the name is used.
type named struct {
	provider.Provider
	name string
}

func (n named) Name() string { return n.name }

func TestLoginPanicsForAProviderThatIsNot(t *testing.T) {
	h := newSite(t)
	hs, err := handlers.New(h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	hs.Login("y", nil)
}

// TestASignInThatBeganBeforeAProviderWasDropped: a deployment in between.
func TestASignInThatBeganBeforeAProviderWasDropped(t *testing.T) {
	h := newSite(t)
	h.mount(nil, nil)
	callback := h.consent("/auth/login/x-oauth1")
	cfg := h.cfg
	cfg.Providers = cfg.Providers[:1]
	fewer, err := handlers.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, callback, http.NoBody)
	for _, c := range h.browser.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	fewer.Callback(nil, nil).ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "<code>expired</code>") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// startCallback requests the callback and returns what ends the request, and what tells of its
// answer.
func (h *site) startCallback(callback string) (leave func(), answered chan *http.Response) {
	ctx, leave := context.WithCancel(h.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, callback, http.NoBody)
	if err != nil {
		h.t.Fatal(err)
	}
	answered = make(chan *http.Response, 1)
	go func() {
		resp, err := h.browser.Client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		answered <- resp
	}()
	return leave, answered
}

func (h *site) hasToken() bool {
	_, err := h.cfg.Clients.Token(h.t.Context(), tokenstore.Key{Provider: "x", UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID})
	return err == nil
}

// TestTheVisitorWhoLeavesIsNotSignedIn: nobody can get the answer, so nothing is saved.
func TestTheVisitorWhoLeavesIsNotSignedIn(t *testing.T) {
	h := newSite(t)
	h.mount(nil, nil)
	callback := h.consent("/auth/login")
	reached, hold := make(chan struct{}), make(chan struct{})
	h.x.Fail(xtest.Fault{Path: "/2/oauth2/token", Reached: reached, Hold: hold, Times: 1})
	leave, answered := h.startCallback(callback)
	<-reached
	leave()
	<-answered
	close(hold)
	// The code is used, so the reload is told to begin again.
	_, again := h.startCallback(callback)
	if resp := <-again; resp == nil || resp.StatusCode == http.StatusSeeOther && !h.hasToken() {
		t.Errorf("%v", resp)
	}
}

func TestProblemsSayWhenToTryAgain(t *testing.T) {
	h := newSite(t)
	h.mount(nil, nil)
	now := time.Now()
	until := now.Add(90 * time.Second).Truncate(time.Second).UTC()
	h.x.Fail(xtest.Fault{Path: "/oauth/request_token", Status: 429, Header: http.Header{"X-Rate-Limit-Reset": {fmt.Sprint(until.Unix())}}})
	resp, text := h.do(http.MethodGet, "/auth/login/x-oauth1")
	want := `<time datetime="` + until.Format(time.RFC3339) + `">You can try again from ` + until.Format("15:04 UTC on 2 January 2006") + `.</time>`
	wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	// The answer was made between now and here: Retry-After counts from then.
	if again := now.Add(time.Duration(wait) * time.Second); err != nil || again.Before(until) || !again.Before(until.Add(time.Since(now)+time.Second)) {
		t.Errorf("Retry-After %d, %v", wait, err)
	}
	if !strings.Contains(text, want) {
		t.Error(text)
	}
}

func TestProblemOfSomethingElse(t *testing.T) {
	if p := page.ProblemFor(errors.New("?")); p.Status != http.StatusInternalServerError || p.Code != "internal" {
		t.Errorf("%+v", p)
	}
	if p := page.ProblemFor(fmt.Errorf("a: %w", &provider.Error{Kind: provider.ErrTokenRefused})); p.Status != http.StatusInternalServerError {
		t.Errorf("%+v", p)
	}
}

func TestASignOutThatFailsReachesTheFailureHandler(t *testing.T) {
	store := &brokenStore{Store: memstore.NewWithCleanupInterval(0)}
	h := newSite(t, func(c *handlers.Config) {
		sessions, err := session.New(session.Config{Store: store})
		if err != nil {
			t.Fatal(err)
		}
		c.Sessions = sessions
	})
	h.mount(nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "mine: "+page.ProblemFor(gologin.ErrorFromContext(r.Context())).Code, http.StatusTeapot)
	}))
	h.do(http.MethodGet, h.consent("/auth/login"))
	store.broken = true
	if resp, text := h.do(http.MethodPost, "/auth/logout"); resp.StatusCode != http.StatusTeapot || text != "mine: internal\n" {
		t.Errorf("status %d: %s", resp.StatusCode, text)
	}
}

// brokenStore is a session store whose deletions fail when it is broken.
type brokenStore struct {
	scs.Store
	broken bool
}

func (s *brokenStore) Delete(token string) error {
	if s.broken {
		return errors.New("away")
	}
	return s.Store.Delete(token)
}

// talkative is a provider with a handle that no cookie can hold.
type talkative struct{ provider.Provider }

func (p talkative) Begin(ctx context.Context, opt provider.Options) (string, provider.Pending, error) {
	redirect, pending, err := p.Provider.Begin(ctx, opt)
	pending.Secret = strings.Repeat("s", 5000)
	return redirect, pending, err
}

func TestASignInThatNoCookieCanHoldFailsBeforeX(t *testing.T) {
	h := newSite(t, func(c *handlers.Config) { c.Providers[0] = talkative{c.Providers[0]} })
	h.mount(nil, nil)
	resp, text := h.do(http.MethodGet, "/auth/login?return_to=/photos%3Fa=b")
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Location") != "" || len(resp.Cookies()) != 0 {
		t.Errorf("status %d: %s", resp.StatusCode, text)
	}
	// The way back is kept for the next try.
	if !strings.Contains(text, `href="/auth/login?return_to=%2Fphotos%3Fa%3Db"`) {
		t.Errorf("%s", text)
	}
}
