package attack

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

// thief is a host that does not belong to X. It records the requests to it.
type thief struct {
	*httptest.Server
	mu   sync.Mutex
	came []string
}

func newThief(t *testing.T) *thief {
	t.Helper()
	h := &thief{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.came = append(h.came, r.Method+" "+r.URL.Path)
		_, _ = w.Write([]byte(`{"access_token":"stolen","token_type":"bearer","data":{"id":"1","name":"a","username":"a"}}`))
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *thief) got() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.came
}

func tokensStayAtX(t *testing.T, s *Site) {
	evil := newThief(t)
	calls := []string{"/2/oauth2/token", "/2/users/me", "/oauth/access_token", "/oauth/request_token"}
	for _, status := range []int{301, 302, 303, 307, 308, 305, 401, 407, 511} {
		// A proxy answers in X's place.
		header := http.Header{
			"Location": {evil.URL + "/x"}, "Refresh": {"0; url=" + evil.URL}, "Link": {"<" + evil.URL + ">; rel=preload"},
			"Www-Authenticate": {`Bearer realm="` + evil.URL + `"`}, "Proxy-Authenticate": {`Basic realm="proxy"`}, "Alt-Svc": {`h2="` + strings.TrimPrefix(evil.URL, "http://") + `"`},
		}
		for _, p := range logins {
			b := s.browser(t)
			for _, path := range calls {
				if path == "/oauth/request_token" {
					continue
				}
				s.X.Fail(xtest.Fault{Path: path, Status: status, Header: header, Body: "<html>proxy</html>"})
			}
			b.refused(b.get(b.Approve(b.begin(p.path), victim)), p.path+": a redirect in X's place")
			b.is("", "a redirect in X's place")
			s.X.ClearFaults()
		}
		b := s.browser(t)
		s.X.Fail(xtest.Fault{Path: "/oauth/request_token", Status: status, Header: header})
		b.refused(b.get("/auth/login/x-oauth1"), "a redirect for the request token")
		s.X.ClearFaults()

		// X is hostile during the application's own call, with the user's token.
		b.signIn(logins[0].path, victim)
		s.X.Fail(xtest.Fault{Path: "/2/users/*", Status: status, Header: header, Times: 4})
		if a := b.get(s.Private); a.StatusCode == http.StatusOK && strings.Contains(a.Text, "stolen") {
			t.Errorf("status %d: the page shows what another host said", status)
		}
		s.X.ClearFaults()

		// X is hostile during a sign-out, which sends the token to be revoked.
		b = s.browser(t)
		b.signIn(logins[0].path, victim)
		s.X.Fail(xtest.Fault{Path: "/2/oauth2/revoke", Status: status, Header: header})
		b.send(http.MethodPost, "/auth/logout", nil, "Sec-Fetch-Site", "same-origin")
		s.X.ClearFaults()
		b.is("", "a sign-out")
	}
	if came := evil.got(); len(came) != 0 {
		t.Errorf("another host was asked: %v", came)
	}
}

// hostileX: whatever X or a machine in its place answers, the visitor gets a page and is not
// signed in. The next honest sign-in works.
func hostileX(t *testing.T, s *Site) {
	json := http.Header{"Content-Type": {"application/json"}}
	endless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		chunk := bytes.Repeat([]byte(" "), 64<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write([]byte(`{"access_token":"`))
	for range 8 {
		_, _ = z.Write(bytes.Repeat([]byte("a"), 1<<20))
	}
	_ = z.Close()
	answers := map[string]xtest.Fault{
		"endless":               {Handler: endless},
		"a compressed bomb":     {Header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, Body: bomb.String()},
		"gigantic":              {Header: json, Body: `{"access_token":"` + strings.Repeat("a", 2<<20) + `"}`},
		"deeply nested":         {Header: json, Body: strings.Repeat("[", 20000)},
		"gigantic headers":      {Header: http.Header{"X": {strings.Repeat("a", 2<<20)}}, Body: "{}"},
		"an array":              {Header: json, Body: `[]`},
		"null":                  {Header: json, Body: `null`},
		"a number":              {Header: json, Body: `7`},
		"tokens that are lists": {Header: json, Body: `{"access_token":["a"],"token_type":"bearer"}`},
		"a token that is true":  {Header: json, Body: `{"access_token":true}`},
		"an empty token":        {Header: json, Body: `{"access_token":"","token_type":"bearer"}`},
		"a token with CRLF":     {Header: json, Body: `{"access_token":"a\r\nX-Injected: yes","token_type":"bearer"}`},
		"another token type":    {Header: json, Body: `{"access_token":"a","token_type":"mac"}`},
		"form of nothing":       {Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: "oauth_token=&oauth_token_secret="},
		"a user id of markup":   {Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: "oauth_token=a&oauth_token_secret=b&user_id=" + "%3Cscript%3E" + "&screen_name=a"},
		"a page":                {Header: http.Header{"Content-Type": {"text/html"}}, Body: "<!doctype html><title>x</title>"},
		"switching protocols":   {Status: 426, Body: "upgrade"},
		"no content":            {Status: 204},
		"cut off":               {CutAfter: 10, After: true},
		"nothing":               {CutAfter: -1},
	}
	for _, p := range logins {
		for what, fault := range answers {
			b := s.browser(t)
			callback := b.Approve(b.begin(p.path), victim)
			fault.Path = p.last
			s.X.Fail(fault)
			a := b.get(callback)
			s.X.ClearFaults()
			b.refused(a, p.path+": X answers: "+what)
			b.is("", "X's answer: "+what)
			if strings.Contains(a.Text, "X-Injected") || a.Header.Get("X-Injected") != "" {
				t.Errorf("%s: the answer carries what X sent", what)
			}
		}
	}
	// The call that identifies the user.
	for what, fault := range map[string]xtest.Fault{
		"endless": {Handler: endless}, "another type": {Header: json, Body: `{"data":[{"id":"1"}]}`}, "an id that is a number": {Header: json, Body: `{"data":{"id":1e400}}`},
		"an id of another shape": {Header: json, Body: `{"data":{"id":"../1","username":"a","name":"a"}}`}, "no id": {Header: json, Body: `{"data":{}}`},
		"an empty id": {Header: json, Body: `{"data":{"id":"","username":"a","name":"a"}}`}, "errors alone": {Header: json, Body: `{"errors":[{"title":"Not Found"}]}`},
	} {
		b := s.browser(t)
		callback := b.Approve(b.begin("/auth/login"), victim)
		fault.Path = "/2/users/me"
		s.X.Fail(fault)
		b.refused(b.get(callback), "users/me: "+what)
		s.X.ClearFaults()
		b.is("", "users/me: "+what)
	}
	// These answers are strange but harmless: the sign-in succeeds, and the next page works.
	for what, rest := range map[string]string{
		"no scope": `"expires_in":7200`, "an unknown scope": `"expires_in":7200,"scope":"a b \u0000 <script>"`, "a scope that is a list": `"expires_in":7200,"scope":["tweet.read"]`,
		"expires_in of another type": `"expires_in":{},"scope":"tweet.read users.read"`,
		"a huge expires_in":          `"expires_in":1e300,"scope":"tweet.read users.read"`,
		"a negative expires_in":      `"expires_in":-7200,"scope":"tweet.read users.read"`,
		"more than was asked for":    `"expires_in":7200,"id_token":"a.b.c","token":"b","access_token":"c"`,
	} {
		b := s.browser(t)
		callback := b.Approve(b.begin("/auth/login"), victim)
		s.X.Fail(xtest.Fault{Path: "/2/oauth2/token", Times: 1, Header: json, Body: `{"token_type":"bearer","access_token":"made-up-` + strings.ReplaceAll(what, " ", "-") + `",` + rest + `}`})
		s.X.Fail(xtest.Fault{Path: "/2/users/me", Times: 1, Header: json, Body: `{"data":{"id":"` + victim + `","username":"demo","name":"Demo"}}`})
		a := b.get(callback)
		s.X.ClearFaults()
		if a.StatusCode >= 500 && a.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: status %d", what, a.StatusCode)
		}
		// X refuses the invented token, and the visitor is not at fault.
		if a := b.get(s.Private); a.StatusCode >= 500 && a.StatusCode != http.StatusBadGateway && a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %s: status %d", what, s.Private, a.StatusCode)
		}
		if got := b.Who(); got != "" && got != victim {
			t.Errorf("%s: signed in as %q", what, got)
		}
	}
	for _, p := range logins {
		b := s.browser(t)
		b.signIn(p.path, victim)
		b.is(victim, "all that X did")
		if a := b.get(s.Private); a.StatusCode != http.StatusOK {
			t.Errorf("%s afterwards: status %d", s.Private, a.StatusCode)
		}
	}
}

// wrongUser: X, or a machine in its place, names another account than in the sign-in before,
// with the first one's token. The answer counts for this sign-in only. No session changes to
// another user.
func wrongUser(t *testing.T, s *Site) {
	const other, name = "7000000002", "followed_by_nobody"
	for i, p := range logins {
		there := s.browser(t)
		there.signIn(p.path, victim)
		here := s.browser(t)
		here.signIn(p.path, victim)
		callback := here.Approve(here.begin(p.path), victim)
		s.X.Fail(xtest.Fault{
			Path: "/2/users/me", Times: 1, Header: http.Header{"Content-Type": {"application/json"}},
			Body: `{"data":{"id":"` + other + `","username":"` + name + `","name":"Another"}}`,
		})
		if i == 1 {
			s.X.ClearFaults()
			s.X.Fail(xtest.Fault{
				Path: p.last, Times: 1, Header: http.Header{"Content-Type": {"text/html"}},
				Body: "oauth_token=made-up&oauth_token_secret=made-up&user_id=" + other + "&screen_name=" + name,
			})
		}
		a := here.get(callback)
		s.X.ClearFaults()
		if a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: status %d", p.path, a.StatusCode)
		}
		here.is(other, p.path+": X names another account")
		there.is(victim, p.path+": X names another account in another browser")
		if a := there.get(s.Private); a.StatusCode != http.StatusOK || strings.Contains(a.Text, name) {
			t.Errorf("%s: status %d, or another user's page:\n%s", s.Private, a.StatusCode, a.Text)
		}
		here.send(http.MethodPost, "/auth/logout", nil, "Sec-Fetch-Site", "same-origin")
		there.is(victim, "the other's sign-out")
	}
}
