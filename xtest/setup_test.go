package xtest_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

const (
	callback = "https://app.example/auth/callback"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// sim is an X with a stopped clock and a hand-written client of it.
type sim struct {
	*xtest.X
	t    *testing.T
	base string // scheme and host that the client calls for the API
	web  string
	http *http.Client
}

func newSim(t *testing.T, cfg xtest.Config) *sim {
	t.Helper()
	if cfg.Callbacks == nil {
		cfg.Callbacks = []string{callback}
	}
	x := xtest.New(cfg)
	x.SetNow(epoch)
	t.Cleanup(func() { everyRefusalHasAReason(t, x) })
	return &sim{X: x, t: t, base: "https://api.x.com", web: "https://x.com", http: noRedirects(x, nil)}
}

// everyRefusalHasAReason: the log says what was wrong with each request that X has refused.
func everyRefusalHasAReason(t *testing.T, x *xtest.X) {
	t.Helper()
	for _, r := range x.Requests() {
		if r.Said != "" && r.Reason == "" {
			t.Errorf("%s %s was refused without a reason: %d %s", r.Method, r.Path, r.Status, r.Said)
		}
	}
}

func noRedirects(x *xtest.X, jar http.CookieJar) *http.Client {
	return &http.Client{
		Transport: x.Transport(), Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   string
}

func (s *sim) do(req *http.Request) reply {
	s.t.Helper()
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return read(s.t, resp)
}

func read(t *testing.T, resp *http.Response) reply {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func (r reply) want(t *testing.T, status int, contentType, body string) {
	t.Helper()
	if r.status != status || r.header.Get("Content-Type") != contentType || r.body != body {
		t.Errorf("got  %d %s %s\nwant %d %s %s", r.status, r.header.Get("Content-Type"), r.body, status, contentType, body)
	}
}

const typeJSON = "application/json; charset=utf-8"

func codedBody(code int, message string) string {
	return fmt.Sprintf(`{"errors":[{"code":%d,"message":"%s"}]}`, code, message)
}

func newRequest(t *testing.T, method, target string, form url.Values) *http.Request {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

var nonces atomic.Int64

// signer signs by hand, sharing nothing with the simulator.
type signer struct {
	key, secret, token, tokenSecret string
	extra                           map[string]string // more oauth_ parameters, or others in place of the usual ones
	at                              time.Time
	place                           string // "header" (the default), "query" or "form"
	signedURL                       string // what is signed instead of the URL called
}

func consumer() signer {
	return signer{key: xtest.DefaultConsumerKey, secret: xtest.DefaultConsumerSecret, at: epoch}
}

func (s signer) with(name, value string) signer {
	extra := map[string]string{name: value}
	for k, v := range s.extra {
		if k != name {
			extra[k] = v
		}
	}
	s.extra = extra
	return s
}

func (s signer) user(token, secret string) signer {
	s.token, s.tokenSecret = token, secret
	return s
}

func rfc3986(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func (s signer) request(t *testing.T, method, target string, form url.Values) *http.Request {
	t.Helper()
	oauth := map[string]string{
		"oauth_consumer_key": s.key, "oauth_nonce": fmt.Sprint("nonce", nonces.Add(1)),
		"oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": fmt.Sprint(s.at.Unix()), "oauth_version": "1.0",
	}
	if s.token != "" {
		oauth["oauth_token"] = s.token
	}
	for k, v := range s.extra {
		oauth[k] = v
	}
	signed := target
	if s.signedURL != "" {
		signed = s.signedURL
	}
	u, err := url.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	add := func(k, v string) { pairs = append(pairs, rfc3986(k)+"="+rfc3986(v)) }
	for k, v := range oauth {
		add(k, v)
	}
	for _, values := range []url.Values{u.Query(), form} {
		for k, vs := range values {
			for _, v := range vs {
				add(k, v)
			}
		}
	}
	sort.Strings(pairs)
	base := method + "&" + rfc3986(u.Scheme+"://"+u.Host+u.EscapedPath()) + "&" + rfc3986(strings.Join(pairs, "&"))
	mac := hmac.New(sha1.New, []byte(rfc3986(s.secret)+"&"+rfc3986(s.tokenSecret)))
	mac.Write([]byte(base))
	if _, given := oauth["oauth_signature"]; !given {
		oauth["oauth_signature"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}

	values := url.Values{}
	for k, v := range oauth {
		values.Set(k, v)
	}
	switch s.place {
	case "query":
		sep := "?"
		if strings.Contains(target, "?") {
			sep = "&"
		}
		return newRequest(t, method, target+sep+values.Encode(), form)
	case "form":
		for k, v := range form {
			values[k] = v
		}
		return newRequest(t, method, target, values)
	}
	req := newRequest(t, method, target, form)
	var parts []string
	for k, v := range oauth {
		parts = append(parts, fmt.Sprintf("%s=%q", rfc3986(k), rfc3986(v)))
	}
	req.Header.Set("Authorization", "OAuth "+strings.Join(parts, ", "))
	return req
}

// requestToken asks for one and must get it.
func (s *sim) requestToken(callback string) (token, secret string) {
	s.t.Helper()
	r := s.do(consumer().with("oauth_callback", callback).request(s.t, "POST", s.base+"/oauth/request_token", nil))
	v, _ := url.ParseQuery(r.body)
	if r.status != 200 || v.Get("oauth_callback_confirmed") != "true" {
		s.t.Fatalf("request_token: %d %s", r.status, r.body)
	}
	return v.Get("oauth_token"), v.Get("oauth_token_secret")
}

// approved gets a request token through to the callback.
func (s *sim) approved(userID string) (token, secret, verifier string) {
	s.t.Helper()
	token, secret = s.requestToken(callback)
	back, err := s.Approve(s.base+"/oauth/authenticate?oauth_token="+token, userID)
	if err != nil {
		s.t.Fatal(err)
	}
	return token, secret, query(s.t, back).Get("oauth_verifier")
}

func query(t *testing.T, u string) url.Values {
	t.Helper()
	p, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	return p.Query()
}

// accessToken signs a user in and gives what X answers.
func (s *sim) accessToken(userID string) url.Values {
	s.t.Helper()
	token, secret, ver := s.approved(userID)
	r := s.do(consumer().user(token, secret).with("oauth_verifier", ver).request(s.t, "POST", s.base+"/oauth/access_token", nil))
	v, _ := url.ParseQuery(r.body)
	if r.status != 200 {
		s.t.Fatalf("access_token: %d %s", r.status, r.body)
	}
	return v
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func authorizeQuery() url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {xtest.DefaultClientID}, "redirect_uri": {callback},
		"scope": {"tweet.read users.read offline.access"}, "state": {"a state"},
		"code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}
}

func (s *sim) authorizeURL(q url.Values) string { return s.web + "/i/oauth2/authorize?" + q.Encode() }

func (s *sim) code(q url.Values, userID string) string {
	s.t.Helper()
	back, err := s.Approve(s.authorizeURL(q), userID)
	if err != nil {
		s.t.Fatal(err)
	}
	c := query(s.t, back).Get("code")
	if c == "" {
		s.t.Fatalf("no code in %s", back)
	}
	return c
}

func codeForm(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
	}
}

// confidential posts a form as the confidential app does.
func (s *sim) confidential(path string, form url.Values) reply {
	s.t.Helper()
	req := newRequest(s.t, "POST", s.base+path, form)
	req.SetBasicAuth(xtest.DefaultClientID, xtest.DefaultClientSecret)
	return s.do(req)
}

// public posts a form as the public app does.
func (s *sim) public(path string, form url.Values) reply {
	s.t.Helper()
	if !form.Has("client_id") {
		form.Set("client_id", xtest.DefaultPublicClientID)
	}
	return s.do(newRequest(s.t, "POST", s.base+path, form))
}

// browser is a person's: it has cookies and follows redirects within the simulator by hand.
type browser struct {
	t    *testing.T
	http *http.Client
}

func newBrowser(s *sim) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{s.t, noRedirects(s.X, jar)}
}

func (b *browser) get(target string) reply {
	b.t.Helper()
	resp, err := b.http.Get(target)
	if err != nil {
		b.t.Fatal(err)
	}
	return read(b.t, resp)
}

var tokenField = regexp.MustCompile(`name="form_token" value="([^"]*)"`)

// press sends the form of a page that was shown at target.
func (b *browser) press(target string, shown reply, fields ...string) reply {
	b.t.Helper()
	form := url.Values{}
	if m := tokenField.FindStringSubmatch(shown.body); m != nil {
		form.Set("form_token", html.UnescapeString(m[1]))
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	resp, err := b.http.PostForm(target, form)
	if err != nil {
		b.t.Fatal(err)
	}
	return read(b.t, resp)
}
