package acceptance_test

import (
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/xtest"
)

// TestALoginComesBackToThePageOfItsLink: a plain link to the login is enough.
func TestALoginComesBackToThePageOfItsLink(t *testing.T) {
	const site = "http://127.0.0.1:8080"
	long := "/?q=" + strings.Repeat("a", 520)
	for name, tt := range map[string]struct {
		base, home string // the path of PublicURL, and Paths.DefaultReturnTo
		login      string
		headers    []string
		want       string
	}{
		"no Referer":                      {login: "/auth/login", want: "/"},
		"a link on a page":                {login: "/auth/login", headers: []string{"Referer", site + "/photos?page=2", "Sec-Fetch-Site", "same-origin"}, want: "/photos?page=2"},
		"a link at the second provider":   {login: "/auth/login/x-oauth1", headers: []string{"Referer", site + "/photos"}, want: "/photos"},
		"a browser without Sec-Fetch":     {login: "/auth/login", headers: []string{"Referer", site + "/photos"}, want: "/photos"},
		"a page with a long address":      {login: "/auth/login", headers: []string{"Referer", site + long}, want: long},
		"an address that is too long":     {login: "/auth/login", headers: []string{"Referer", site + "/" + strings.Repeat("a", 1600)}, want: "/"},
		"the origin alone":                {login: "/auth/login", headers: []string{"Referer", site}, want: "/"},
		"return_to and Referer":           {login: "/auth/login?return_to=/albums", headers: []string{"Referer", site + "/photos"}, want: "/albums"},
		"an empty return_to":              {login: "/auth/login?return_to=", headers: []string{"Referer", site + "/photos"}, want: "/"},
		"a hostile return_to":             {login: "/auth/login?return_to=//evil.example", headers: []string{"Referer", site + "/photos"}, want: "/"},
		"another site":                    {login: "/auth/login", headers: []string{"Referer", "https://evil.example/photos", "Sec-Fetch-Site", "cross-site"}, want: "/"},
		"another site, without Sec-Fetch": {login: "/auth/login", headers: []string{"Referer", "https://evil.example/photos"}, want: "/"},
		"a host that begins alike":        {login: "/auth/login", headers: []string{"Referer", site + ".evil.example/photos"}, want: "/"},
		"a port that begins alike":        {login: "/auth/login", headers: []string{"Referer", site + "0/photos"}, want: "/"},
		"a user name alike":               {login: "/auth/login", headers: []string{"Referer", site + "@evil.example/photos"}, want: "/"},
		"another scheme":                  {login: "/auth/login", headers: []string{"Referer", "https://127.0.0.1:8080/photos"}, want: "/"},
		"a redirect by another site":      {login: "/auth/login", headers: []string{"Referer", site + "/photos", "Sec-Fetch-Site", "cross-site"}, want: "/"},
		"a sibling host":                  {login: "/auth/login", headers: []string{"Referer", site + "/photos", "Sec-Fetch-Site", "same-site"}, want: "/"},
		"the kit's own page":              {login: "/auth/login", headers: []string{"Referer", site + "/auth/logout"}, want: "/"},
		"the kit's own page, encoded":     {login: "/auth/login", headers: []string{"Referer", site + "/%61uth/logout"}, want: "/"},
		"a path of two slashes":           {login: "/auth/login", headers: []string{"Referer", site + "//evil.example"}, want: "/"},
		"dot segments":                    {login: "/auth/login", headers: []string{"Referer", site + "/a/..//evil.example"}, want: "/"},
		"DefaultReturnTo is set":          {home: "/start", login: "/auth/login", headers: []string{"Referer", site + "/photos"}, want: "/start"},
		"below a path":                    {base: "/app", login: "/auth/login", headers: []string{"Referer", site + "/app/photos"}, want: "/app/photos"},
		"beside the path":                 {base: "/app", login: "/auth/login", headers: []string{"Referer", site + "/photos"}, want: "/app/"},
		"a path that begins alike":        {base: "/app", login: "/auth/login", headers: []string{"Referer", site + "/apple"}, want: "/app/"},
		"the kit below the path":          {base: "/app", login: "/auth/login", headers: []string{"Referer", site + "/app/auth/logout"}, want: "/app/"},
		"return_to beside the path":       {base: "/app", login: "/auth/login?return_to=/photos", want: "/app/"},
		"return_to to the kit, stripped":  {base: "/app", login: "/auth/login?return_to=/auth/logout", want: "/app/"},
		"return_to below the path":        {base: "/app", login: "/auth/login?return_to=/app/photos", want: "/app/photos"},
		"return_to of the path itself":    {base: "/app", login: "/auth/login?return_to=/app", want: "/app"},
		"DefaultReturnTo beside the path": {base: "/app", home: "/start", login: "/auth/login", want: "/start"},
		"an address of the site":          {login: "/auth/login?return_to=" + url.QueryEscape(site+"/photos?page=2#top"), want: "/photos?page=2#top"},
		"an address in capitals":          {login: "/auth/login?return_to=" + url.QueryEscape("HTTP://127.0.0.1:8080/photos"), want: "/photos"},
		"the site's origin":               {login: "/auth/login?return_to=" + url.QueryEscape(site), want: "/"},
		"the site's origin with a query":  {login: "/auth/login?return_to=" + url.QueryEscape(site+"?a=b"), want: "/?a=b"},
		"an address of another site":      {login: "/auth/login?return_to=" + url.QueryEscape("https://evil.example/photos"), want: "/"},
		"another port":                    {login: "/auth/login?return_to=" + url.QueryEscape("http://127.0.0.1:8081/photos"), want: "/"},
		"an address with two slashes":     {login: "/auth/login?return_to=" + url.QueryEscape(site+"//evil.example"), want: "/"},
		"an address with a backslash":     {login: "/auth/login?return_to=" + url.QueryEscape(site+`\evil.example`), want: "/"},
		"an address with a user name":     {login: "/auth/login?return_to=" + url.QueryEscape(site+"@evil.example"), want: "/"},
		"an address of the kit":           {login: "/auth/login?return_to=" + url.QueryEscape(site+"/auth/logout"), want: "/"},
		"an address beside the path":      {base: "/app", login: "/auth/login?return_to=" + url.QueryEscape(site+"/photos"), want: "/app/"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c *xsignin.Config) { c.PublicURL, c.Paths.DefaultReturnTo = site+tt.base, tt.home })
			if tt.base != "" {
				s.Mux.Handle(tt.base+"/auth/", s.Kit)
			}
			b := s.browser()
			begun := b.Get(tt.login, tt.headers...)
			if got := b.Get(b.Approve(begun.Redirect(), xtest.DefaultUserID)).Redirect(); got != tt.want {
				t.Errorf("the sign-in leads to %s, want %s", got, tt.want)
			}
		})
	}
}

// TestHTMXComesBackToItsPage: the login sends htmx to itself, with the page as return_to.
func TestHTMXComesBackToItsPage(t *testing.T) {
	s := newSite(t)
	headers := []string{"HX-Request", "true", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin", "Referer", s.Public + "/photos"}
	if got := s.browser().Get("/auth/login", headers...).Header.Get("HX-Redirect"); got != "/auth/login?return_to=%2Fphotos" {
		t.Errorf("HX-Redirect is %s", got)
	}
}

// TestASubmittedFormLeadsBackToItsPage: a form is sent after the session has ended.
func TestASubmittedFormLeadsBackToItsPage(t *testing.T) {
	s := newSite(t)
	a := s.browser().Send(http.MethodPost, "/me", url.Values{"text": {"a draft"}}, "Referer", s.Public+"/compose?draft=1", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin")
	for _, want := range []string{`href="/auth/login?return_to=%2Fcompose%3Fdraft%3D1"`, `target="_blank"`} {
		if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Text, want) {
			t.Errorf("status %d, no %s in %s", a.StatusCode, want, a.Text)
		}
	}
}

// TestThePageOfTheSignOutKeepsTheWayBack: a link to the sign-out page can name the return path.
func TestThePageOfTheSignOutKeepsTheWayBack(t *testing.T) {
	field := regexp.MustCompile(`<input type="hidden" name="return_to" value="([^"]*)">`)
	for query, want := range map[string]string{
		"": "/", "?return_to=": "/", "?return_to=/bye%3Fa%3D%22": "/bye?a=%22", "?return_to=//evil.example": "/", "?return_to=/auth/login": "/",
	} {
		s := newSite(t)
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		form := url.Values{"confirm": {"1"}}
		if m := field.FindStringSubmatch(b.Get("/auth/logout" + query).Text); m != nil {
			form.Set("return_to", html.UnescapeString(m[1]))
		}
		if a := b.Send(http.MethodPost, "/auth/logout", form); a.Redirect() != want || b.Who() != "" {
			t.Errorf("%s: status %d to %q, want %q", query, a.StatusCode, a.Redirect(), want)
		}
	}
}

// TestLoggedOutAnswersEverySignOut: an application can say "You are signed out".
func TestLoggedOutAnswersEverySignOut(t *testing.T) {
	script := []string{"Accept", "application/json", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin"}
	for name, tt := range map[string]struct {
		method  string // "" is POST
		out     bool   // no user is signed in before
		form    url.Values
		headers []string
		fail    bool
		back    string // the return path; "" if LoggedOut must not answer
	}{
		"the form":                        {form: url.Values{"confirm": {"1"}}, back: "/"},
		"an empty form":                   {back: "/"},
		"a script":                        {headers: script, back: "/"},
		"everywhere":                      {form: url.Values{"everywhere": {"1"}}, back: "/"},
		"everywhere, by a script":         {form: url.Values{"everywhere": {"true"}}, headers: script, back: "/"},
		"no session":                      {out: true, back: "/"},
		"no session, everywhere":          {out: true, form: url.Values{"everywhere": {"1"}}, back: "/"},
		"return_to":                       {form: url.Values{"return_to": {"/photos"}}, back: "/photos"},
		"return_to as an address":         {form: url.Values{"return_to": {"http://127.0.0.1:8080/photos"}}, back: "/photos"},
		"return_to at another site":       {form: url.Values{"return_to": {"//evil.example"}}, back: "/"},
		"return_to of the kit":            {form: url.Values{"return_to": {"/auth/login"}}, back: "/"},
		"return_to that is too long":      {form: url.Values{"return_to": {"/" + strings.Repeat("a", 1500)}}, back: "/"},
		"return_to, too long if encoded":  {form: url.Values{"return_to": {"/" + strings.Repeat("\u044f", 400)}}, back: "/"},
		"the page that asks":              {method: http.MethodGet},
		"another site":                    {headers: []string{"Sec-Fetch-Site", "cross-site"}},
		"a value that is not understood":  {form: url.Values{"everywhere": {"perhaps"}}},
		"a session store that is failing": {fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			s := newSite(t, func(c *xsignin.Config) {
				c.Pages.LoggedOut = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					calls++
					back, ok := handlers.ReturnPath(r.Context())
					if _, in := xsignin.User(r.Context()); in || !ok || back != tt.back || r.Method != http.MethodPost {
						t.Errorf("LoggedOut gets %s, a user: %t, the return path %q", r.Method, in, back)
					}
					_, _ = w.Write([]byte("You are signed out"))
				})
			})
			b := s.browser()
			if !tt.out {
				b.SignIn("/auth/login", xtest.DefaultUserID)
			}
			if tt.fail {
				s.Sessions.SetFail(errors.New("away"))
			}
			method := tt.method
			if method == "" {
				method = http.MethodPost
			}
			a := b.Send(method, "/auth/logout", tt.form, tt.headers...)
			s.Sessions.SetFail(nil)
			if said := a.Text == "You are signed out"; said != (tt.back != "") || said != (calls == 1) {
				t.Errorf("%d calls, status %d: %s", calls, a.StatusCode, a.Text)
			}
			if in := b.Who() != ""; in != (tt.back == "") {
				t.Errorf("a user is signed in: %t", in)
			}
			if logged := strings.Contains(s.Log.String(), "a return path was dropped"); logged != (tt.form.Has("return_to") && tt.back == "/") {
				t.Errorf("logged %t: %s", logged, s.Log)
			}
		})
	}
}
