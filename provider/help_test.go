package provider_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Everything that must never be seen, each with a mark of its own.
const (
	clientID       = "client-id"
	clientSecret   = "SECRET-client"
	consumerKey    = "consumer-key"
	consumerSecret = "SECRET-consumer"
	theCode        = "SECRET-code"
	accessToken    = "SECRET-access"
	refreshToken   = "SECRET-refresh"
	newAccess      = "SECRET-access-2"
	newRefresh     = "SECRET-refresh-2"
	requestToken   = "SECRET-request-token"
	requestSecret  = "SECRET-request-secret"
	verifier       = "SECRET-verifier"
	tokenSecret    = "SECRET-token-secret"

	callbackURL = "https://app.example/auth/callback"
)

var ctx = context.Background()

// oauth2Client is what every provider by OAuth 2.0 can do.
type oauth2Client interface {
	provider.Provider
	provider.Refresher
	provider.CodeExchanger
	Profile(context.Context, tokenstore.Token) (provider.User, error)
}

// oauth1Client is what every provider by OAuth 1.0a can do.
type oauth1Client interface {
	provider.Provider
	provider.TokenVerifier
	Profile(context.Context, tokenstore.Token) (provider.User, error)
}

func newX(cfg provider.OAuth2Config) (oauth2Client, error) {
	return as[oauth2Client](provider.NewX(cfg))
}

func newXOAuth1(cfg provider.OAuth1Config) (oauth1Client, error) {
	return as[oauth1Client](provider.NewXOAuth1(cfg))
}

func newOAuth2(cfg provider.OAuth2Config) (oauth2Client, error) {
	return as[oauth2Client](provider.NewOAuth2(cfg))
}

func newOAuth1(cfg provider.OAuth1Config) (oauth1Client, error) {
	return as[oauth1Client](provider.NewOAuth1(cfg))
}

func as[T any](p provider.Provider, err error) (T, error) {
	all, ok := p.(T)
	if !ok && err == nil {
		panic("a provider lacks an ability")
	}
	return all, err
}

// seen is a request as a server got it.
type seen struct {
	method, path, body string
	query              url.Values
	header             http.Header
	host               string
}

func (s seen) form() url.Values { v, _ := url.ParseQuery(s.body); return v }

// reply is a hand-written answer.
type reply struct {
	status int
	header map[string]string
	body   string
}

// server answers by path and keeps what it was asked.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	replies map[string][]reply
	seen    []seen
	handle  map[string]http.HandlerFunc
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{replies: map[string][]reply{}, handle: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	s.reply("/2/oauth2/token", 200, tokenBody)
	s.reply("/2/oauth2/revoke", 200, `{"revoked":true}`)
	s.reply("/2/users/me", 200, `{"data":{"id":"2244994945","name":"X Developers","username":"XDevelopers","profile_image_url":"https://pbs.example/a_normal.jpg"}}`)
	s.reply("/oauth/request_token", 200, "oauth_token="+requestToken+"&oauth_token_secret="+requestSecret+"&oauth_callback_confirmed=true")
	s.reply("/oauth/access_token", 200, "oauth_token="+accessToken+"&oauth_token_secret="+tokenSecret+"&user_id=6253282&screen_name=xapi")
	s.reply("/1.1/oauth/invalidate_token.json", 200, `{"access_token":"`+accessToken+`"}`)
	return s
}

const tokenBody = `{"token_type":"bearer","expires_in":7200,"access_token":"` + accessToken + `","scope":"users.read tweet.read offline.access","refresh_token":"` + refreshToken + `"}`

// reply sets the answer for a path, or several: the last one stays.
func (s *server) reply(path string, status int, bodies ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies[path] = nil
	for _, b := range bodies {
		s.replies[path] = append(s.replies[path], reply{status: status, body: b})
	}
}

func (s *server) replyHeader(path string, r reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies[path] = []reply{r}
}

func (s *server) serve(path string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handle[path] = h
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.seen = append(s.seen, seen{r.Method, r.URL.Path, string(body), r.URL.Query(), r.Header, r.Host})
	h := s.handle[r.URL.Path]
	list := s.replies[r.URL.Path]
	if len(list) > 1 {
		s.replies[r.URL.Path] = list[1:]
	}
	s.mu.Unlock()
	if h != nil {
		h(w, r)
		return
	}
	if len(list) == 0 {
		http.Error(w, "no such path", http.StatusNotFound)
		return
	}
	for k, v := range list[0].header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(list[0].status)
	_, _ = io.WriteString(w, list[0].body)
}

// requests returns what was asked.
func (s *server) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func (s *server) last(t *testing.T) seen {
	t.Helper()
	all := s.requests()
	if len(all) == 0 {
		t.Fatal("nothing was asked")
	}
	return all[len(all)-1]
}

func (s *server) x(t *testing.T, change ...func(*provider.OAuth2Config)) oauth2Client {
	t.Helper()
	cfg := provider.OAuth2Config{ClientID: clientID, ClientSecret: clientSecret, CallbackURL: callbackURL, APIURL: s.URL}
	for _, c := range change {
		c(&cfg)
	}
	x, err := newX(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (s *server) xoauth1(t *testing.T, change ...func(*provider.OAuth1Config)) oauth1Client {
	t.Helper()
	cfg := provider.OAuth1Config{ConsumerKey: consumerKey, ConsumerSecret: consumerSecret, CallbackURL: callbackURL, APIURL: s.URL}
	for _, c := range change {
		c(&cfg)
	}
	x, err := newXOAuth1(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// signIn goes through a whole OAuth 2.0 sign-in.
func signIn(t *testing.T, x oauth2Client, opt provider.Options) (provider.User, tokenstore.Token, error) {
	t.Helper()
	_, p, err := x.Begin(ctx, opt)
	if err != nil {
		t.Fatal(err)
	}
	return x.Finish(ctx, p, url.Values{"state": {p.State}, "code": {theCode}})
}

// signIn1 goes through a whole OAuth 1.0a sign-in.
func signIn1(t *testing.T, x oauth1Client) (provider.User, tokenstore.Token, error) {
	t.Helper()
	_, p, err := x.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return x.Finish(ctx, p, url.Values{"oauth_token": {requestToken}, "oauth_verifier": {verifier}})
}

// failed asserts the kind of an error and returns it.
func failed(t *testing.T, err, kind error) *provider.Error {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v (%T), want a *provider.Error", err, err)
	}
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, want %v", err, kind)
	}
	if e.Provider == "" || e.Op == "" {
		t.Errorf("error %v names no provider or step", err)
	}
	if (e.Reason != "") != errors.Is(err, provider.ErrRefused) {
		t.Errorf("error %v has reason %q", err, e.Reason)
	}
	noSecrets(t, err)
	return e
}

// verifySignature computes an OAuth 1.0a signature anew, by RFC 5849, 3.4, from what
// arrived.
func verifySignature(t *testing.T, base string, s seen, tokenSecret string) {
	t.Helper()
	params := url.Values{}
	for k, v := range s.query {
		params[k] = v
	}
	if s.header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		for k, v := range s.form() {
			params[k] = append(params[k], v...)
		}
	}
	oauth := authParams(t, s)
	for k, v := range oauth {
		if k != "oauth_signature" {
			params.Set(k, v)
		}
	}
	var pairs []string
	for k, vs := range params {
		for _, v := range vs {
			pairs = append(pairs, percent(k)+"="+percent(v))
		}
	}
	slices.Sort(pairs)
	text := s.method + "&" + percent(base+s.path) + "&" + percent(strings.Join(pairs, "&"))
	mac := hmac.New(sha1.New, []byte(percent(consumerSecret)+"&"+percent(tokenSecret)))
	mac.Write([]byte(text))
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); oauth["oauth_signature"] != want {
		t.Errorf("%s %s: signature %q, want %q", s.method, s.path, oauth["oauth_signature"], want)
	}
}

// percent encodes by RFC 3986 what url.QueryEscape encodes almost so.
func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// authParams takes an OAuth 1.0a Authorization header apart.
func authParams(t *testing.T, s seen) map[string]string {
	t.Helper()
	rest, ok := strings.CutPrefix(s.header.Get("Authorization"), "OAuth ")
	if !ok {
		t.Fatalf("%s %s has no OAuth header", s.method, s.path)
	}
	out := map[string]string{}
	for _, part := range strings.Split(rest, ", ") {
		k, v, _ := strings.Cut(part, "=")
		v, err := url.PathUnescape(strings.Trim(v, `"`))
		if err != nil {
			t.Fatal(err)
		}
		out[k] = v
	}
	return out
}

// fixed is a clock that stands.
func fixed() time.Time { return time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC) }

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
