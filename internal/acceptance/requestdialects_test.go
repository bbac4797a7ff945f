package acceptance_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

// TestWhoMaySignOut: browsers, proxies and the headers of pages change what a form says about
// its origin.
func TestWhoMaySignOut(t *testing.T) {
	for _, tt := range []struct {
		name, public, host string
		headers            []string
		want               int
	}{
		{"a program", "https://site.example", "site.example", nil, 303},
		{"the site", "https://site.example", "site.example", []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://site.example"}, 303},
		{"the address bar", "https://site.example", "site.example", []string{"Sec-Fetch-Site", "none"}, 303},
		{"an old browser", "https://site.example", "site.example", []string{"Origin", "https://site.example"}, 303},
		{"an old browser that hides the origin from nobody", "https://site.example", "site.example", []string{"Referer", "https://site.example/me"}, 303},
		{"behind a proxy that changes the host", "https://site.example", "10.0.0.7:8080", []string{"Origin", "https://site.example"}, 303},
		{"behind a proxy that adds the port", "https://site.example", "site.example:443", []string{"Origin", "https://site.example"}, 303},
		{"a host in capitals", "https://Site.Example:443", "site.example", []string{"Origin", "https://site.example"}, 303},
		{"plain http", "http://site.example:8080", "site.example:8080", []string{"Origin", "http://site.example:8080"}, 303},
		{"an address of IPv6", "http://[2001:db8::1]:8080", "[2001:db8::1]:8080", []string{"Origin", "http://[2001:db8::1]:8080"}, 303},
		{"a page that hides its origin, by Fetch Metadata", "https://site.example", "site.example", []string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, 303},
		{"a page that hides its origin", "https://site.example", "site.example", []string{"Origin", "null"}, 403},
		{"a sandbox", "https://site.example", "site.example", []string{"Sec-Fetch-Site", "cross-site", "Origin", "null"}, 403},
		{"another site", "https://site.example", "site.example", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"another site in an old browser", "https://site.example", "site.example", []string{"Origin", "https://evil.example"}, 403},
		{"a sub-domain", "https://site.example", "site.example", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://sub.site.example"}, 403},
		{"another port", "https://site.example", "site.example", []string{"Origin", "https://site.example:8443"}, 403},
		{"a host that begins alike", "https://site.example", "site.example", []string{"Origin", "https://site.example.evil.example"}, 403},
	} {
		s := newSite(t, func(c *xsignin.Config) { c.PublicURL = tt.public })
		r := httptest.NewRequest(http.MethodPost, tt.public+"/auth/logout", http.NoBody)
		r.Host = tt.host
		for i := 0; i < len(tt.headers); i += 2 {
			r.Header.Set(tt.headers[i], tt.headers[i+1])
		}
		w := httptest.NewRecorder()
		s.Mux.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: status %d, want %d", tt.name, w.Code, tt.want)
		}
	}
}

// TestTheHeadersOfAPageLetItsFormPass: with no-referrer a form is sent with "Origin: null".
// Chromium applies form-action to redirects after the form.
func TestTheHeadersOfAPageLetItsFormPass(t *testing.T) {
	for _, way := range everyPage {
		s := pageSite(t, nil)
		b := s.browser()
		if way.in {
			b.SignIn("/auth/login", xtest.DefaultUserID)
		}
		a := way.see(s, b)
		form, policy := strings.Contains(a.Text, `<form method="post"`), a.Header.Get("Content-Security-Policy")
		if !strings.Contains(a.Text, `<div class="row" data-turbo="false" data-hx-boost="false">`) {
			t.Errorf("%s: Turbo and htmx may send the form, or follow the link, to another site: %s", way.kind, a.Text)
		}
		if want := map[bool]string{true: "same-origin", false: "no-referrer"}[form]; a.Header.Get("Referrer-Policy") != want {
			t.Errorf("%s: Referrer-Policy %q, want %s", way.kind, a.Header.Get("Referrer-Policy"), want)
		}
		if !strings.Contains(policy, "form-action 'self'") || strings.Contains(policy, "form-action 'self' https:") != form {
			t.Errorf("%s: %s", way.kind, policy)
		}
	}
}

// TestAFrameIsShownEveryRefusal: a page that refuses frames leaves an empty one.
func TestAFrameIsShownEveryRefusal(t *testing.T) {
	for name, see := range map[string]func(s *site, b *browser, frame ...string) answer{
		"nobody is signed in": func(_ *site, b *browser, frame ...string) answer { return b.Get("/me", frame...) },
		"a scope is missing": func(s *site, b *browser, frame ...string) answer {
			b.SignIn("/auth/login", xtest.DefaultUserID)
			s.scoped("/post", "tweet.write")
			return b.Get("/post", frame...)
		},
		"X refused the token": func(s *site, b *browser, frame ...string) answer {
			b.SignIn("/auth/login", xtest.DefaultUserID)
			s.X.RevokeApp(xtest.DefaultUserID)
			if err := s.Kit.RefreshToken(t.Context(), s.Tokens.Keys()[0]); err == nil {
				t.Error("X took a revoked token")
			}
			return b.Get("/me", frame...)
		},
		"the session store is away": func(s *site, b *browser, frame ...string) answer {
			b.SignIn("/auth/login", xtest.DefaultUserID)
			s.Sessions.SetFail(errors.New("away"))
			return b.Get("/me", frame...)
		},
		"the login is protected": func(s *site, b *browser, frame ...string) answer {
			s.Mux.Handle("/auth/login/protected", s.Kit.RequireUser(s.Kit))
			return b.Get("/auth/login/protected", frame...)
		},
		"a link to the login":      func(_ *site, b *browser, frame ...string) answer { return b.Get("/auth/login", frame...) },
		"a path that is not there": func(_ *site, b *browser, frame ...string) answer { return b.Get("/auth/nowhere", frame...) },
		"a form that is sent": func(_ *site, b *browser, frame ...string) answer {
			return b.Send(http.MethodPost, "/me", url.Values{"text": {"hello"}}, frame...)
		},
		"a form, and the session store is away": func(s *site, b *browser, frame ...string) answer {
			b.SignIn("/auth/login", xtest.DefaultUserID)
			s.Sessions.SetFail(errors.New("away"))
			return b.Send(http.MethodPost, "/me", url.Values{"text": {"hello"}}, frame...)
		},
		"a sign-out that fails": func(s *site, b *browser, frame ...string) answer {
			b.SignIn("/auth/login", xtest.DefaultUserID)
			s.Sessions.SetFail(errors.New("away"))
			return b.Send(http.MethodPost, "/auth/logout", nil, frame...)
		},
	} {
		for _, dest := range []string{"iframe", "frame", "embed", "object", "fencedframe"} {
			s := newSite(t)
			a := see(s, s.browser(), "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", dest, "Referer", s.Public+"/frames")
			if a.StatusCode < 400 || a.Header.Get("X-Frame-Options") != "SAMEORIGIN" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'self'") {
				t.Errorf("%s in %s: status %d, %v", name, dest, a.StatusCode, a.Header)
			}
			if strings.Contains(a.Text, `class="key"`) && !strings.Contains(a.Text, `target="_top"`) && !strings.Contains(a.Text, `target="_blank"`) {
				t.Errorf("%s in %s: the link stays in the frame: %s", name, dest, a.Text)
			}
		}
	}
}

// TestFormsAfterTheSession: a form of any browser gets a page with a way back.
func TestFormsAfterTheSession(t *testing.T) {
	for _, tt := range []struct {
		name, referer, back string
		headers             []string
	}{
		{"a form", "http://127.0.0.1:8080/write?draft=1", "/write?draft=1", []string{"Sec-Fetch-Mode", "navigate"}},
		{"over plain http, without Fetch Metadata", "http://127.0.0.1:8080/write", "/write", nil},
		{"of a text browser", "http://127.0.0.1:8080/write", "/write", []string{"Accept", "text/html, text/*;q=0.5, image/*"}},
		{"with a file", "http://127.0.0.1:8080/write", "/write", []string{"Content-Type", "multipart/form-data; boundary=x"}},
		{"of a page with an anchor", "http://127.0.0.1:8080/write#end", "/write", nil},
		{"of a page that sends its origin only", "http://127.0.0.1:8080/", "/", nil},
		{"of a host in capitals", "http://127.0.0.1:8080/Write%20it", "/Write%20it", nil},
		{"of a page without a referrer", "", "", nil},
		{"of a page with a path that is a host", "http://127.0.0.1:8080//evil.example/", "", nil},
		{"of a page with a long address", "http://127.0.0.1:8080/" + strings.Repeat("a", 1500), "", nil},
		{"of the login", "http://127.0.0.1:8080/auth/login?return_to=/x", "", nil},
		{"of another site", "https://evil.example/write", "", nil},
		{"of another port", "http://127.0.0.1:9090/write", "", nil},
		{"of another user at this host", "http://127.0.0.1:8080@evil.example/", "", nil},
		{"of no site", "about:blank", "", nil},
		{"of a broken address", "http://127.0.0.1:8080/%zz", "", nil},
	} {
		s := newSite(t)
		b := s.browser()
		a := b.Send(http.MethodPost, "/me", url.Values{"text": {"hello"}}, append(tt.headers, "Referer", tt.referer)...)
		if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Text, "was not saved") || !strings.Contains(a.Text, `target="_blank"`) {
			t.Errorf("%s: status %d, %s", tt.name, a.StatusCode, a.Text)
			continue
		}
		_, link, _ := strings.Cut(a.Text, `class="key" href="`)
		link, _, _ = strings.Cut(link, `"`)
		if a = b.Get(b.Approve(b.Begin(link), xtest.DefaultUserID)); a.Redirect() != tt.back && !(tt.back == "" && a.Redirect() == "/") {
			t.Errorf("%s: back to %q, want %q", tt.name, a.Redirect(), tt.back)
		}
	}
}

// TestNoReturnPathIsLostInSilence: what cannot be kept is in the log.
func TestNoReturnPathIsLostInSilence(t *testing.T) {
	long := strings.Repeat("a", 1499)
	for _, tt := range []struct{ name, page, login, want string }{
		{"short", "/p", "", "/p"},
		{"at the limit", "/" + long, "", "/" + long},
		{"a byte more", "/a" + long, "", "/"},
		{"a long query", "/?q=" + long, "", "/"},
		{"many values", "/?" + strings.Repeat("filter=x&", 200), "", "/"},
		{"another script, encoded", "/" + strings.Repeat("%D1%8F", 249), "", "/" + strings.Repeat("%D1%8F", 249)},
		{"another script, too long when it is encoded", "/" + strings.Repeat("%D1%8F", 250), "", "/"},
		{"a login with another script", "", "/auth/login?return_to=/" + strings.Repeat("\u044f", 249), "/" + strings.Repeat("%D1%8F", 249)},
		{"a login with another script that is too long when it is encoded", "", "/auth/login?return_to=/" + strings.Repeat("\u044f", 400), "/"},
		{"a login with blanks that are too long when they are encoded", "", "/auth/login?return_to=/" + strings.Repeat("+", 700), "/"},
		{"a semicolon", "", "/auth/login?return_to=/a;b=c", "/a;b=c"},
		{"a semicolon in a query", "", "/auth/login?return_to=/a%3Fb;c&d;e", "/a?b;c"},
		{"a bare percent sign", "", "/auth/login?return_to=/50%", "/"},
		{"a bare percent sign elsewhere", "", "/auth/login?utm=50%&return_to=/p", "/p"},
		{"another site", "", "/auth/login?return_to=https://evil.example/", "/"},
		{"the site's whole address", "", "/auth/login?return_to=http://127.0.0.1:8080/p", "/p"},
		{"the login itself", "", "/auth/login?return_to=/auth/logout", "/"},
		{"a login without one", "", "/auth/login", "/"},
		{"the default", "", "/auth/login?return_to=/", "/"},
	} {
		s := newSite(t)
		s.Mux.Handle("/p/", http.NotFoundHandler())
		b := s.browser()
		login := tt.login
		if login == "" {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080"+tt.page, http.NoBody)
			s.Kit.RequireUser(http.NotFoundHandler()).ServeHTTP(w, r)
			login = w.Header().Get("Location")
		}
		a := b.Get(b.Approve(b.Begin(login), xtest.DefaultUserID))
		if a.Redirect() != tt.want {
			t.Errorf("%s: to %.60q, want %.60q", tt.name, a.Redirect(), tt.want)
		}
		logged := strings.Contains(s.Log.String(), "dropped")
		if lost := tt.want == "/" && !strings.HasSuffix(tt.name, "without one") && tt.name != "the default"; logged != lost {
			t.Errorf("%s: logged %t: %.300s", tt.name, logged, s.Log)
		}
	}
}

// TestAReturnPathThatAnotherSignInDisplacesIsLogged: a long path needs a cookie that serves one
// sign-in.
func TestAReturnPathThatAnotherSignInDisplacesIsLogged(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	long := "/" + strings.Repeat("a", 1400)
	first, second := b.Begin("/auth/login?return_to="+long+"1"), b.Begin("/auth/login?return_to="+long+"2")
	for _, tt := range []struct {
		consent, want string
		lost          int
	}{{second, long + "2", 0}, {first, "/", 1}} {
		callback := b.Approve(tt.consent, xtest.DefaultUserID)
		for range 2 { // a reload is not logged again
			to := b.Get(callback).Redirect()
			if logged := strings.Count(s.Log.String(), "a return path was dropped"); to != tt.want || logged != tt.lost {
				t.Errorf("to %.20q, want %.20q; logged %d times, want %d", to, tt.want, logged, tt.lost)
			}
		}
	}
}

// TestCallbacksWithFaultsThatDoNotMatter: parameters that the kit does not need are not judged.
func TestCallbacksWithFaultsThatDoNotMatter(t *testing.T) {
	const denied, in, refused = "denied", "", "other_browser"
	for _, tt := range []struct {
		query string // %s is the state
		want  string
	}{
		{"error=access_denied&state=%s", denied},
		{"state=%s&error=access_denied&error_description=50%+off", denied},
		{"state=%s&error=access_denied&error_description=a;b", denied},
		{"state=%s&error=access_denied&error_description=%FF%FE", denied},
		{"state=%s&error=access_denied&error_description=a&error_description=b", denied},
		{"state=%s&error=access_denied&error_uri=%zz", denied},
		{"state=%s&error=access_denied&;", denied},
		{"&&state=%s&&error=access_denied&", denied},
		{"state=%s&error=access_denied&=&=x", denied},
		{"state=%s&error=access_denied&fbclid=%", denied},
		{"state=%s&error=access_denied&utm_source=a&utm_source=b", denied},
		{"state=%s&error=access_denied&code=", denied},
		{"state=%s&code=CODE", in},
		{"state=%s&code=CODE&iss=https%3A%2F%2Fx.com&session_state=%", in},
		{"state=%s&code=CODE&scope=a;b", in},
		{"state=%s&code=CODE&%73cope=x&a[]=1&a[]=2", in},
		{"state=%s&code=CODE&denied=", in},
		{"state=%s&code=CODE&error=&error_description=", in},
		{"error=&state=%s&code=CODE", in},
		{"state=%s&code=CODE&error", in},
		{"state=%s&code=CODE&error=&error=x", refused},
		{"%73tate=%s&code=CODE", in},
		{"state=%s&state=%s&code=CODE", refused},
		{"state=%s&code=CODE&code=CODE", refused},
		{"state=%s&error=access_denied&error=access_denied", refused},
		{"state=%s;code=CODE", refused},
		{"state=%s%&code=CODE", refused},
		{"STATE=%s&code=CODE", refused},
		{"amp;state=%s&code=CODE", refused},
		{"state=%s&code=CODE&x=" + strings.Repeat("a", 9000), refused},
	} {
		s := newSite(t)
		b := s.browser()
		address := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
		query := strings.NewReplacer("%s", testkit.Param(t, address, "state"), "CODE", testkit.Param(t, address, "code")).Replace(tt.query)
		for _, try := range []string{"first", "reload"} {
			r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/auth/callback", http.NoBody)
			r.URL.RawQuery = query
			r.Header.Set("Accept", "text/html")
			for _, c := range b.Client.Jar.Cookies(r.URL) {
				r.AddCookie(c)
			}
			w := httptest.NewRecorder()
			s.Mux.ServeHTTP(w, r)
			b.Client.Jar.SetCookies(r.URL, w.Result().Cookies())
			_, code, _ := strings.Cut(w.Body.String(), "<code>")
			if code, _, _ = strings.Cut(code, "</code>"); code != tt.want {
				t.Errorf("%.60s, %s: status %d, code %q, want %q", tt.query, try, w.Code, code, tt.want)
			}
		}
		if signedIn := b.Who() != ""; signedIn != (tt.want == in) {
			t.Errorf("%.60s: signed in %t", tt.query, signedIn)
		}
	}
}

// TestALinkOfAnotherSiteKeepsALongReturnPath: most links to a page are on other sites. They
// replace no path of a sign-in that the visitor began on this site.
func TestALinkOfAnotherSiteKeepsALongReturnPath(t *testing.T) {
	page := func(name string, n int) string { return "/" + name + "?" + strings.Repeat("q", n-2-len(name)) }
	for _, n := range []int{100, 520, 900, 1500} {
		for _, site := range []string{"none", "same-origin", "same-site", "cross-site"} {
			for _, p := range flows {
				s := newSite(t)
				b := s.browser()
				s.Mux.Handle("/page", s.Kit.RequireUser(http.NotFoundHandler()))
				want := page("page", n)
				a := b.Get(want, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", site)
				login := strings.Replace(a.Redirect(), "/auth/login", p.login, 1)
				a = b.Get(login, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", site)
				if a = b.Get(b.Approve(a.Redirect(), xtest.DefaultUserID)); a.Redirect() != want {
					t.Errorf("%s, %s: %d bytes: back to %.40q", p.name, site, n, a.Redirect())
				}
			}
		}
	}
	s := newSite(t)
	b := s.browser()
	begin := func(path, site string) string {
		a := b.Get("/auth/login?"+url.Values{"return_to": {path}}.Encode(), "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", site)
		return b.Approve(a.Redirect(), xtest.DefaultUserID)
	}
	own := begin(page("own", 900), "same-origin")
	foreign := begin(page("foreign", 900), "cross-site")
	if a := b.Get(own); a.Redirect() != page("own", 900) {
		t.Errorf("the visitor's own: back to %.40q", a.Redirect())
	}
	if a := b.Get(foreign); a.Redirect() != "/" {
		t.Errorf("another site's: back to %.40q", a.Redirect())
	}
}

// TestASignOutWithFaultsThatDoNotMatter: only what may mean "everywhere" is judged.
func TestASignOutWithFaultsThatDoNotMatter(t *testing.T) {
	for _, tt := range []struct {
		query, contentType, body string
		want                     int
	}{
		{"", "", "", 303},
		{"utm=50%", "", "", 303},
		{"a;b", "", "", 303},
		{"%zz=x&b", "application/x-www-form-urlencoded", "", 303},
		{"utm=50%", "application/x-www-form-urlencoded", "everywhere=0", 303},
		{"", "application/x-www-form-urlencoded", "csrf=token&a=b", 303},
		{"", "text/plain", "everywhere", 303},
		{"", "application/x-www-form-urlencoded; charset=utf-8", "", 303},
		{"everywhere=0", "", "", 303},
		{"everywhere=50%", "", "", 400},
		{"everywhere=1;a", "", "", 400},
		{"everywhere=perhaps", "", "", 400},
		{"", "application/x-www-form-urlencoded", "everywhere=50%", 400},
		{"", "application/x-www-form-urlencoded", "a=50%", 400},
		{"utm=50%", "application/x-www-form-urlencoded", "a=%zz", 400},
		{"", "multipart/form-data; boundary=x", "--x\r\nbroken", 400},
		{"", "application/json", `{"everywhere":`, 400},
	} {
		for _, parsed := range []bool{false, true} {
			if parsed && tt.want != http.StatusSeeOther {
				continue
			}
			s := newSite(t)
			b := s.browser()
			b.SignIn("/auth/login", xtest.DefaultUserID)
			r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080/auth/logout", strings.NewReader(tt.body))
			r.URL.RawQuery = tt.query
			r.Header.Set("Content-Type", tt.contentType)
			r.Header.Set("Accept", "text/html")
			r.AddCookie(&http.Cookie{Name: "xsignin", Value: b.cookieValue("xsignin")})
			if parsed {
				_ = r.ParseForm() // as a middleware may have done
			}
			w := httptest.NewRecorder()
			s.Mux.ServeHTTP(w, r)
			if w.Code != tt.want || (b.Who() == "") != (tt.want == http.StatusSeeOther) {
				t.Errorf("?%s, %s, parsed %t: status %d, signed in as %q", tt.query, tt.body, parsed, w.Code, b.Who())
			}
		}
	}
}
