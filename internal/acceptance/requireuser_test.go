package acceptance_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/xtest"
)

func TestRequireUserAnswersByWhoAsks(t *testing.T) {
	const back = "?return_to=%2Fme%3Fa%3Db"
	tests := []struct {
		name     string
		method   string
		headers  []string
		status   int
		location string
		htmx     string
		loginURL string
	}{
		{"a page load", "GET", []string{"Sec-Fetch-Mode", "navigate"}, 303, "/auth/login" + back, "", ""},
		{"a HEAD of a page", "HEAD", nil, 303, "/auth/login" + back, "", ""},
		{"a page load of Android's WebView", "GET", []string{"Sec-Fetch-Mode", "navigate", "X-Requested-With", "com.twitter.android"}, 303, "/auth/login" + back, "", ""},
		{"a page load of an old WebView", "GET", []string{"X-Requested-With", "com.twitter.android"}, 303, "/auth/login" + back, "", ""},
		{"an old browser's page load", "GET", nil, 303, "/auth/login" + back, "", ""},
		{"fetch", "GET", []string{"Sec-Fetch-Mode", "cors", "Accept", "*/*"}, 401, "", "", "/auth/login"},
		{"an old browser's fetch", "GET", []string{"Accept", "*/*"}, 401, "", "", "/auth/login"},
		{"XMLHttpRequest", "GET", []string{"X-Requested-With", "XMLHttpRequest"}, 401, "", "", "/auth/login"},
		{"JSON", "GET", []string{"Accept", "application/json"}, 401, "", "", "/auth/login"},
		{"an event stream", "GET", []string{"Accept", "text/event-stream"}, 401, "", "", "/auth/login"},
		{"a websocket", "GET", []string{"Upgrade", "websocket", "Connection", "Upgrade"}, 401, "", "", "/auth/login"},
		{"a script of an old browser that posts", "POST", []string{"Accept", "application/json, text/plain, */*"}, 401, "", "", "/auth/login"},
		{"a script that posts", "POST", []string{"Sec-Fetch-Mode", "cors", "Accept", "*/*"}, 401, "", "", "/auth/login"},
		{"htmx", "GET", []string{"HX-Request", "true", "HX-Current-URL", "http://127.0.0.1:8080/list?p=2"}, 401, "", "/auth/login?return_to=%2Flist%3Fp%3D2", "/auth/login?return_to=%2Flist%3Fp%3D2"},
		{"htmx that posts", "POST", []string{"HX-Request", "true", "HX-Current-URL", "http://127.0.0.1:8080/list"}, 401, "", "/auth/login?return_to=%2Flist", "/auth/login?return_to=%2Flist"},
		{"a boosted link", "GET", []string{"HX-Request", "true", "HX-Boosted", "true", "HX-Current-URL", "http://127.0.0.1:8080/list"}, 401, "", "/auth/login" + back, "/auth/login" + back},
		{"htmx that restores a page of the history", "GET", []string{"HX-Request", "true", "HX-History-Restore-Request", "true", "HX-Current-URL", "http://127.0.0.1:8080/list"}, 401, "", "/auth/login" + back, "/auth/login" + back},
		{"a page load of curl over HTTP/2", "GET", []string{"Upgrade", "h2c", "Connection", "Upgrade, HTTP2-Settings"}, 303, "/auth/login" + back, "", ""},
		{"JSON:API", "GET", []string{"Accept", "application/vnd.api+json"}, 401, "", "", "/auth/login"},
		{"htmx that does not say where it is", "GET", []string{"HX-Request", "true"}, 401, "", "/auth/login", "/auth/login"},
	}
	s := newSite(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.browser().Send(tt.method, "/me?a=b", nil, tt.headers...)
			if a.StatusCode != tt.status || a.Redirect() != tt.location || a.Header.Get("HX-Redirect") != tt.htmx {
				t.Errorf("status %d to %q, HX-Redirect %q", a.StatusCode, a.Redirect(), a.Header.Get("HX-Redirect"))
			}
			if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Vary") != "Cookie" {
				t.Errorf("Cache-Control %q, Vary %q", a.Header.Get("Cache-Control"), a.Header.Get("Vary"))
			}
			if tt.status != http.StatusUnauthorized || tt.method == http.MethodHead {
				return
			}
			var doc struct {
				Type, Title, Code string
				Status            int
				LoginURL          string `json:"login_url"`
			}
			if err := json.Unmarshal([]byte(a.Text), &doc); err != nil {
				t.Fatal(err)
			}
			if a.Header.Get("Content-Type") != "application/problem+json" || doc.Status != 401 || doc.Code != "not_signed_in" || doc.LoginURL != tt.loginURL {
				t.Errorf("%s", a.Text)
			}
		})
	}
}

// TestAFormWhoseSessionHasEndedGetsAPage: the form was sent by a person.
func TestAFormWhoseSessionHasEndedGetsAPage(t *testing.T) {
	a := newSite(t).browser().Send(http.MethodPost, "/me", url.Values{"a": {"b"}}, "Sec-Fetch-Mode", "navigate")
	if a.StatusCode != http.StatusUnauthorized || a.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
		!strings.Contains(a.Text, "was not saved") || !strings.Contains(a.Text, `href="/auth/login"`) || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, %v, %s", a.StatusCode, a.Header, a.Text)
	}
}

// TestAFormWhoseSessionHasEndedOffersASignInInANewTab: the input in the old tab is not lost.
func TestAFormWhoseSessionHasEndedOffersASignInInANewTab(t *testing.T) {
	for referer, link := range map[string]string{
		"http://127.0.0.1:8080/write?draft=1": `href="/auth/login?return_to=%2Fwrite%3Fdraft%3D1" target="_blank"`,
		"https://evil.example/write":          `href="/auth/login" target="_blank"`,
	} {
		a := newSite(t).browser().Send(http.MethodPost, "/me", url.Values{"a": {"b"}}, "Sec-Fetch-Mode", "navigate", "Referer", referer)
		if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Text, link) {
			t.Errorf("%s: status %d, %s", referer, a.StatusCode, a.Text)
		}
	}
}

// TestAFrameGetsALinkForTheWholeWindow: X's pages refuse frames.
func TestAFrameGetsALinkForTheWholeWindow(t *testing.T) {
	a := newSite(t).browser().Get("/me", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Referer", "http://127.0.0.1:8080/frames")
	if a.StatusCode != http.StatusUnauthorized || a.Header.Get("X-Frame-Options") != "SAMEORIGIN" ||
		!strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'self'") ||
		!strings.Contains(a.Text, `href="/auth/login?return_to=%2Fframes" target="_top"`) {
		t.Errorf("status %d, %v, %s", a.StatusCode, a.Header, a.Text)
	}
}

// TestALinkInAnOfficeDocumentOpensTheBrowser: the program would follow redirects itself.
func TestALinkInAnOfficeDocumentOpensTheBrowser(t *testing.T) {
	a := newSite(t).browser().Get("/me", "User-Agent", "Mozilla/4.0 (compatible; ms-office; MSOffice 16)")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.Text, `href="/auth/login?return_to=%2Fme"`) {
		t.Errorf("status %d, %s", a.StatusCode, a.Text)
	}
}

// TestAWebSocketOfAnotherOriginIsRefused: browsers send cookies with every handshake.
func TestAWebSocketOfAnotherOriginIsRefused(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	for _, tt := range []struct {
		name, value string
		status      int
	}{
		{"Origin", "http://127.0.0.1:8080", 200},
		{"Origin", "http://sub.127.0.0.1:8080", 403},
		{"Origin", "https://evil.example", 403},
		{"Origin", "null", 403},
		{"Sec-Fetch-Site", "same-origin", 200},
		{"Sec-Fetch-Site", "same-site", 403},
		{"Sec-Fetch-Site", "cross-site", 403},
		{"X-None", "", 200},
	} {
		if a := b.Get("/me", "Upgrade", "websocket", "Connection", "Upgrade", tt.name, tt.value); a.StatusCode != tt.status {
			t.Errorf("%s %s: status %d, want %d", tt.name, tt.value, a.StatusCode, tt.status)
		}
	}
	if a := b.Get("/me", "Upgrade", "h2c, WebSocket", "Origin", "https://evil.example"); a.StatusCode != http.StatusForbidden {
		t.Errorf("a WebSocket among other protocols: status %d", a.StatusCode)
	}
	over2 := httptest.NewRequest(http.MethodConnect, "http://127.0.0.1:8080/me", http.NoBody) // RFC 8441
	over2.Header.Set("Origin", "https://evil.example")
	over2.AddCookie(&http.Cookie{Name: "xsignin", Value: b.cookieValue("xsignin")})
	w := httptest.NewRecorder()
	if s.Kit.RequireUser(http.NotFoundHandler()).ServeHTTP(w, over2); w.Code != http.StatusForbidden {
		t.Errorf("a WebSocket over HTTP/2: status %d", w.Code)
	}
	for _, upgrade := range []string{"", "h2c"} {
		if a := b.Get("/me", "Upgrade", upgrade, "Origin", "https://evil.example"); a.StatusCode != http.StatusOK {
			t.Errorf("Upgrade %q: status %d", upgrade, a.StatusCode)
		}
	}
	// Other handshakes, and other middleware.
	s.Mux.Handle("/scopes", s.Kit.RequireScopes("tweet.read")(http.HandlerFunc(serveHello)))
	s.Mux.Handle("/all", s.Kit.LoadUser(http.HandlerFunc(serveHello)))
	s.Mux.Handle("/both", s.Kit.LoadUser(s.Kit.RequireUser(http.HandlerFunc(serveHello))))
	for _, handshake := range [][]string{
		{"GET", "Upgrade", "websocket"}, {"GET", "Upgrade", "WebSocket"}, {"GET", "Upgrade", "foo, websocket"}, {"CONNECT", ":protocol", "websocket"},
	} {
		for path, refused := range map[string]int{"/scopes": 403, "/both": 403, "/all": 200} {
			for _, origin := range []string{"http://127.0.0.1:8080", "http://sub.127.0.0.1:8080", "http://127.0.0.1:9090", "null", ""} {
				r := httptest.NewRequest(handshake[0], s.Public+path, http.NoBody)
				r.URL.Path = path // of CONNECT, too
				r.Header[handshake[1]] = handshake[2:]
				if origin != "" {
					r.Header.Set("Origin", origin)
				}
				at, _ := url.Parse(s.Public)
				for _, c := range b.Jar.Cookies(at) {
					r.AddCookie(c)
				}
				w := httptest.NewRecorder()
				s.Mux.ServeHTTP(w, r)
				own := origin == "" || origin == s.Public
				if want := map[bool]int{true: 200, false: refused}[own]; w.Code != want || strings.Contains(w.Body.String(), "@") != own {
					t.Errorf("%v from %q to %s: status %d, %s", handshake, origin, path, w.Code, w.Body)
				}
			}
		}
	}
}

// serveHello greets the user, if there is one.
func serveHello(w http.ResponseWriter, r *http.Request) {
	if u, ok := xsignin.User(r.Context()); ok {
		_, _ = io.WriteString(w, "hello @"+u.Username)
	}
}

// TestAPageForAllVisitorsIsNotCachedWithAUser: some caches ignore Vary.
func TestAPageForAllVisitorsIsNotCachedWithAUser(t *testing.T) {
	s := newSite(t)
	s.Mux.Handle("/own", s.Kit.LoadUser(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
	})))
	b := s.browser()
	if got := b.Get("/").Header.Get("Cache-Control"); got != "" {
		t.Errorf("without a user: %q", got)
	}
	b.SignIn("/auth/login", xtest.DefaultUserID)
	if got := b.Get("/").Header.Get("Cache-Control"); got != "private" {
		t.Errorf("with a user: %q", got)
	}
	if got := b.Get("/own").Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("a handler's own: %q", got)
	}
}

// TestAVisitorWhoLeftIsNoError: visitors close tabs all the time.
func TestAVisitorWhoLeftIsNoError(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	s.Sessions.SetFail(context.Canceled)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, path := range []string{"/me", "/", "/auth/login/x-oauth1"} {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:8080"+path, http.NoBody)
		r.AddCookie(&http.Cookie{Name: "xsignin", Value: b.cookieValue("xsignin")})
		s.Mux.ServeHTTP(httptest.NewRecorder(), r)
	}
	if log := s.Log.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "level=WARN") {
		t.Errorf("the log: %s", log)
	}
	if e := s.LastEvent(); e.Cause != "visitor_left" {
		t.Errorf("the event's cause is %q", e.Cause)
	}
}

// TestReturnPathIsTheVisitors: a proxy or http.StripPrefix may remove PublicURL's path.
func TestReturnPathIsTheVisitors(t *testing.T) {
	for _, tt := range []struct{ public, path, returnTo, login string }{
		{"http://127.0.0.1:8080/app", "/app/me?a=b", "/app/me?a=b", "/app/auth/login"},
		{"http://127.0.0.1:8080/app", "/me?a=b", "/app/me?a=b", "/app/auth/login"},
		{"http://127.0.0.1:8080/@acme", "/%40acme/me", "/@acme/me", "/@acme/auth/login"},
		{"http://127.0.0.1:8080", "//evil.example/me", "/evil.example/me", "/auth/login"},
	} {
		s := newSite(t, func(c *xsignin.Config) { c.PublicURL = tt.public })
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/", http.NoBody)
		r.RequestURI = tt.path
		w := httptest.NewRecorder()
		s.Kit.RequireUser(http.NotFoundHandler()).ServeHTTP(w, r)
		want := tt.login + "?" + url.Values{"return_to": {tt.returnTo}}.Encode()
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%s at %s: redirected to %s, want %s", tt.path, tt.public, got, want)
		}
	}
}

// TestEverySpellingOfAPathOfTheKit expects the same response to each spelling.
func TestEverySpellingOfAPathOfTheKit(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.PublicURL = "http://127.0.0.1:8080/@acme" })
	for path, want := range map[string]int{
		"/@acme/auth/session": 200, "/%40acme/auth/session": 200, "/@acme/auth/session/": 200, "/@acme//auth//session": 200,
		"/auth/session": 200, "/auth/session/": 200, "/auth/%73ession": 200, "/auth%2fsession": 404, "/other/auth/session": 404,
		"/%61uth/session": 200, "/auth/./session": 200, "/auth/x/../session": 200, "/auth/session//": 200, "//auth/session": 200, "/auth/session?": 200,
		"/%40acme/%61uth/%73ession/": 200, "/auth/login/%78": 303, "/auth/login/x/": 303, "/auth/%6Cogin": 303,
		"/auth/Session": 404, "/AUTH/session": 404, "/auth/session;a": 404, "/auth/session%20": 404, "/auth/session%00": 404,
		"/auth/session%2F": 404, "/auth%2Fsession/": 404, "/auth%5Csession": 404, "/auth/session/x": 404, "/auth/login/x/y": 404, "/auth/login%2Fx": 404,
	} {
		w := httptest.NewRecorder()
		s.Kit.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080"+path, http.NoBody))
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
}

// TestASessionStoreThatFailsIsNoSignOut: temporary errors do not sign users out.
func TestASessionStoreThatFailsIsNoSignOut(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	s.Sessions.SetFail(errors.New("away"))
	for _, accept := range []string{"text/html", "application/json"} {
		a := b.Get("/me", "Accept", accept)
		want := `"code":"internal"`
		if accept == "text/html" {
			want = "<code>internal</code>"
		}
		if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || !strings.Contains(a.Text, want) {
			t.Errorf("%s: status %d, body %s", accept, a.StatusCode, a.Text)
		}
		if len(a.Header.Values("Set-Cookie")) != 0 {
			t.Error("a cookie was changed")
		}
	}
	form := b.Send(http.MethodPost, "/me", url.Values{}, "Sec-Fetch-Mode", "navigate")
	if form.StatusCode != http.StatusServiceUnavailable || !strings.Contains(form.Text, "<code>internal</code>") || strings.Contains(form.Text, "Try again<") {
		t.Errorf("a form: status %d, body %s", form.StatusCode, form.Text)
	}
	if a := b.Get("/"); a.StatusCode != http.StatusOK || a.Text != "hello" {
		t.Errorf("a page for everybody: status %d, body %s", a.StatusCode, a.Text)
	}
	s.Sessions.SetFail(nil)
	if a := b.Get("/"); a.Text != "hello @"+xtest.DefaultUserName {
		t.Errorf("afterwards: %s", a.Text)
	}
}

func TestATokenStoreThatFailsIsNoSignOut(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	s.X.RevokeApp(xtest.DefaultUserID)
	b.Get("/api")
	s.Tokens.SetFail(errors.New("away"))
	if a := b.Get("/api"); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, body %s", a.StatusCode, a.Text)
	}
	s.Tokens.SetFail(nil)
	if a := b.Get("/api"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("status %d, body %s", a.StatusCode, a.Text)
	}
}

func TestTheTokenIsReadOnlyWhenTheClientIsUsed(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	before := s.Tokens.Reads()
	count := func() int { return s.Tokens.Reads() - before }
	for range 3 {
		b.Get("/me")
	}
	if n := count(); n != 0 {
		t.Errorf("/me read the token store %d times", n)
	}
	for range 3 {
		b.Get("/api")
	}
	if n := count(); n != 1 {
		t.Errorf("three calls to X read the token store %d times, want once", n)
	}
}

func TestWithoutMiddlewareNobodyIsSignedIn(t *testing.T) {
	if _, ok := xsignin.User(t.Context()); ok {
		t.Error("somebody is")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.x.com/2/users/me", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := xsignin.Client(t.Context()).Do(req); !errors.Is(err, client.ErrNoUser) {
		_ = resp.Body.Close()
		t.Errorf("error %v", err)
	}
}

func TestLoadUserBeforeRequireUserReadsTheSessionOnce(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	s.Mux.Handle("/both", s.Kit.LoadUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Sessions.SetFail(errors.New("away"))
		s.Kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u, _ := xsignin.User(r.Context())
			_, _ = io.WriteString(w, u.AccountID)
		})).ServeHTTP(w, r)
	})))
	if a := b.Get("/both"); a.Text != xtest.DefaultUserID {
		t.Errorf("status %d, body %s", a.StatusCode, a.Text)
	}
}

// TestTheResponseWriterIsTheServersOwn: flushing, hijacking and sendfile work behind
// RequireUser, with a real server.
func TestTheResponseWriterIsTheServersOwn(t *testing.T) {
	s := newSite(t)
	release := make(chan struct{})
	s.Mux.Handle("/stream", s.Kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := w.(http.Flusher); !ok {
			t.Error("no http.Flusher")
		}
		if _, ok := w.(io.ReaderFrom); !ok {
			t.Error("no io.ReaderFrom")
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("Flush: %v", err)
		}
		<-release
		_, _ = io.WriteString(w, "data: 2\n\n")
	})))
	s.Mux.Handle("/hijack", s.Kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Errorf("Hijack: %v", err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello")
		_ = rw.Flush()
	})))
	srv := httptest.NewServer(s.Mux)
	t.Cleanup(srv.Close)

	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	cookie := "xsignin=" + b.cookieValue("xsignin")

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/stream", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", cookie)
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); line != "data: 1\n" {
		t.Errorf("before the end: %q, %v", line, err)
	}
	close(release)
	if rest, err := io.ReadAll(lines); !strings.HasSuffix(string(rest), "data: 2\n\n") {
		t.Errorf("the rest: %q, %v", rest, err)
	}

	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET /hijack HTTP/1.1\r\nHost: "+u.Host+"\r\nUpgrade: echo\r\nConnection: Upgrade\r\nCookie: "+cookie+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(raw), "HTTP/1.1 101") || !strings.HasSuffix(string(raw), "hello") {
		t.Errorf("hijacked: %q, %v", raw, err)
	}
}
