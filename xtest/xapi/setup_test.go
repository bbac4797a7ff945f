package xapi_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

const (
	one = xtest.DefaultUserID
	two = xtest.SecondUserID
)

var (
	apiNoon   = time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC)
	allScopes = "tweet.read tweet.write users.read users.email follows.read follows.write media.write offline.access"
)

// samples are what the accounts of a zero Config have posted, the oldest first.
var samples = []struct {
	by   string
	ago  time.Duration
	text string
}{
	{one, 149 * time.Hour, "This is a sample post in the local simulator."},
	{two, 122 * time.Hour, "A sample post of the second demo account. Nothing here comes from X."},
	{one, 79 * time.Hour, "Another sample post in the local simulator, with a line break:\nthis is the second line."},
	{two, 49 * time.Hour, "Sample text with a mention, for the mentions timeline: @demo"},
	{one, 26 * time.Hour, "A third sample post in the local simulator. It was written for no reader. #sample"},
	{two, 3 * time.Hour, "The newest sample post in the local simulator."},
}

// apiLab is a simulator with its clock stopped and clients that have signed in to it by X's own flows.
type apiLab struct {
	t *testing.T
	*xtest.Server
	*xapi.API
	nonces int
}

func newAPILab(t *testing.T, cfg xtest.Config) *apiLab {
	t.Helper()
	l := &apiLab{t: t, Server: xtest.NewServer(cfg)}
	l.API = xapi.Mount(l.X)
	t.Cleanup(func() {
		l.Close()
		for _, r := range l.Requests() {
			if r.Said != "" && r.Reason == "" {
				t.Errorf("the log has no reason for %s %s: %d %s", r.Method, r.Path, r.Status, r.Said)
			}
		}
	})
	if cfg.Users == nil {
		l.Follow(one, two)
		l.Follow(two, one)
		for _, p := range samples {
			l.SetNow(apiNoon.Add(-p.ago))
			l.AddPost(p.by, p.text)
		}
	}
	l.SetNow(apiNoon)
	return l
}

// credentials put themselves on a request.
type credentials func(*http.Request)

func nobody(*http.Request) {}

func bearerToken(token string) credentials {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// oauth2 signs userID in with the given scopes, separated by spaces.
func (l *apiLab) oauth2(userID, scopes string) credentials {
	l.t.Helper()
	const verifier = "a-verifier-of-at-least-43-characters-0123456789"
	back, err := l.Approve(l.URL+"/i/oauth2/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {xtest.DefaultClientID}, "redirect_uri": {xtest.DefaultCallback},
		"scope": {scopes}, "state": {"s"}, "code_challenge": {verifier}, "code_challenge_method": {"plain"},
	}.Encode(), userID)
	if err != nil {
		l.t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		l.t.Fatal(err)
	}
	res := l.send("POST", "/2/oauth2/token", func(r *http.Request) {
		r.SetBasicAuth(xtest.DefaultClientID, xtest.DefaultClientSecret)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}, url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")},
		"redirect_uri": {xtest.DefaultCallback}, "code_verifier": {verifier}}.Encode())
	token, _ := res.at("access_token").(string)
	if res.status != 200 || token == "" {
		l.t.Fatalf("no token for %s from %s: %s", userID, back, res.body)
	}
	return bearerToken(token)
}

func (l *apiLab) full(userID string) credentials { return l.oauth2(userID, allScopes) }

func (l *apiLab) appOnly() credentials {
	l.t.Helper()
	res := l.send("POST", "/oauth2/token", func(r *http.Request) {
		r.SetBasicAuth(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}, "grant_type=client_credentials")
	token, _ := res.at("access_token").(string)
	if token == "" {
		l.t.Fatalf("no app-only token: %d %s", res.status, res.body)
	}
	return bearerToken(token)
}

// oauth1 signs userID in by OAuth 1.0a and gives a signer.
func (l *apiLab) oauth1(userID string) credentials {
	l.t.Helper()
	first := l.form("/oauth/request_token", l.signer("", "", "oauth_callback", xtest.DefaultCallback))
	token, secret := first.Get("oauth_token"), first.Get("oauth_token_secret")
	back, err := l.Approve(l.URL+"/oauth/authorize?oauth_token="+token, userID)
	if err != nil {
		l.t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		l.t.Fatal(err)
	}
	last := l.form("/oauth/access_token", l.signer(token, secret, "oauth_verifier", u.Query().Get("oauth_verifier")))
	return l.signer(last.Get("oauth_token"), last.Get("oauth_token_secret"))
}

func (l *apiLab) form(path string, as credentials) url.Values {
	l.t.Helper()
	res := l.send("POST", path, as, "")
	v, err := url.ParseQuery(string(res.body))
	if err != nil || v.Get("oauth_token") == "" {
		l.t.Fatalf("%s: %d %s", path, res.status, res.body)
	}
	return v
}

// signer signs as RFC 5849 says, over the query and the oauth parameters; the bodies here are no forms.
func (l *apiLab) signer(token, secret string, extra ...string) credentials {
	return func(r *http.Request) {
		l.nonces++
		p := map[string]string{
			"oauth_consumer_key": xtest.DefaultConsumerKey, "oauth_nonce": fmt.Sprintf("nonce%d", l.nonces),
			"oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": fmt.Sprint(l.now().Unix()), "oauth_version": "1.0",
		}
		if token != "" {
			p["oauth_token"] = token
		}
		for i := 0; i+1 < len(extra); i += 2 {
			p[extra[i]] = extra[i+1]
		}
		var pairs, header []string
		for k, v := range p {
			pairs = append(pairs, percent(k)+"="+percent(v))
		}
		for k, vs := range r.URL.Query() {
			pairs = append(pairs, percent(k)+"="+percent(vs[0]))
		}
		sort.Strings(pairs)
		base := r.Method + "&" + percent(l.URL+r.URL.Path) + "&" + percent(strings.Join(pairs, "&"))
		mac := hmac.New(sha1.New, []byte(percent(xtest.DefaultConsumerSecret)+"&"+percent(secret)))
		mac.Write([]byte(base))
		p["oauth_signature"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for k, v := range p {
			header = append(header, percent(k)+`="`+percent(v)+`"`)
		}
		r.Header.Set("Authorization", "OAuth "+strings.Join(header, ", "))
	}
}

// now is the simulator's clock, as any client can read it.
func (l *apiLab) now() time.Time {
	l.t.Helper()
	res, err := http.Head(l.URL + "/2/none")
	if err != nil {
		l.t.Fatal(err)
	}
	res.Body.Close()
	date, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		l.t.Fatal(err)
	}
	return date
}

func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

type result struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// send makes a request. A body that is no string or []byte is sent as JSON.
func (l *apiLab) send(method, path string, as credentials, body any) *result {
	l.t.Helper()
	contentType, data := "", []byte(nil)
	switch b := body.(type) {
	case nil:
	case string:
		data = []byte(b)
	case []byte:
		data = b
	default:
		contentType = "application/json"
		var err error
		if data, err = json.Marshal(b); err != nil {
			l.t.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, l.URL+path, bytes.NewReader(data))
	if err != nil {
		l.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	as(req)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return &result{l.t, res.StatusCode, res.Header, got}
}

func (l *apiLab) get(path string, as credentials) *result {
	l.t.Helper()
	return l.send("GET", path, as, nil)
}

// at walks into the JSON body: at("data", 0, "id").
func (r *result) at(path ...any) any {
	r.t.Helper()
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		r.t.Fatalf("%d, not JSON: %s", r.status, r.body)
	}
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			a, _ := v.([]any)
			if s >= len(a) {
				return nil
			}
			v = a[s]
		}
	}
	if n, ok := v.(json.Number); ok {
		return n.String()
	}
	return v
}

func (r *result) text(path ...any) string {
	r.t.Helper()
	s, _ := r.at(path...).(string)
	return s
}

// column collects one value of each element of data.
func (r *result) column(name string) []string {
	r.t.Helper()
	list, _ := r.at("data").([]any)
	var out []string
	for i := range list {
		out = append(out, r.text("data", i, name))
	}
	return out
}

func (r *result) want(status int) *result {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// wantBody compares the answer as a whole, byte for byte.
func (r *result) wantBody(status int, contentType, body string) {
	r.t.Helper()
	if got := r.header.Get("Content-Type"); r.status != status || got != contentType || string(r.body) != body {
		r.t.Errorf("%d %s %s\nwant %d %s %s", r.status, got, r.body, status, contentType, body)
	}
}

// wantInvalid wants X's 400 with one message.
func (r *result) wantInvalid(message string) {
	r.t.Helper()
	if r.want(400).text("title") != "Invalid Request" || r.text("errors", 0, "message") != message || r.at("errors", 1) != nil {
		r.t.Errorf("got  %s\nwant %s", r.body, message)
	}
}

func wantEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
