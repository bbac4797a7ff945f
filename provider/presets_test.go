package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// fake is a provider's servers in this process. Its handlers know hosts and paths.
type fake struct {
	*http.ServeMux
	mu        sync.Mutex
	asked     []string
	challenge string // of the sign-in
	consents  int
	offline   bool // the consent page had access_type=offline
	prompted  bool // the consent page had prompt=consent
}

func newFake() *fake { return &fake{ServeMux: http.NewServeMux()} }

// RoundTrip implements [http.RoundTripper].
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.Host = r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	f.mu.Lock()
	f.asked = append(f.asked, r.Method+" "+r.URL.Host+r.URL.Path)
	f.mu.Unlock()
	w := httptest.NewRecorder()
	f.ServeHTTP(w, in)
	return w.Result(), nil
}

// api answers path with body if the request has the access token, and else with status
// 401 and denied.
func (f *fake) api(path, body, denied string) {
	f.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if r.Header.Get("Authorization") != "Bearer "+accessToken {
			w.WriteHeader(http.StatusUnauthorized)
			body = denied
		}
		_, _ = io.WriteString(w, body)
	})
}

// knowsClient reports whether r has the client's credentials in its body.
func knowsClient(r *http.Request) bool {
	return r.PostFormValue("client_id") == clientID && r.PostFormValue("client_secret") == clientSecret
}

// goodCode reports whether r exchanges the code of the sign-in with its verifier.
func (f *fake) goodCode(r *http.Request) bool {
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	return r.PostFormValue("grant_type") == "authorization_code" && r.PostFormValue("code") == theCode &&
		r.PostFormValue("redirect_uri") == callbackURL && base64.RawURLEncoding.EncodeToString(sum[:]) == f.challenge
}

// signIn signs in with a code, and returns the query of the consent page.
func (f *fake) signIn(t *testing.T, p provider.Provider, code string) (url.Values, provider.User, tokenstore.Token, error) {
	t.Helper()
	redirect, pending, err := p.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	page, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	q := page.Query()
	f.challenge, f.offline, f.prompted = q.Get("code_challenge"), q.Get("access_type") == "offline", q.Get("prompt") == "consent"
	f.consents++
	user, token, err := p.Finish(ctx, pending, url.Values{"state": {pending.State}, "code": {code}})
	if err != nil {
		noSecrets(t, err)
	}
	return q, user, token, err
}

func preset(t *testing.T, cfg provider.OAuth2Config, f *fake) oauth2Client {
	t.Helper()
	cfg.Transport, cfg.Now = f, fixed
	p, err := newOAuth2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fakeGitHub answers the token endpoint with forms, or with JSON if the request accepts
// that, and errors with status 200.
func fakeGitHub() *fake {
	f := newFake()
	f.HandleFunc("POST github.com/login/oauth/access_token", func(w http.ResponseWriter, r *http.Request) {
		answer := url.Values{"access_token": {accessToken}, "scope": {"read:user,user:email"}, "token_type": {"bearer"}}
		switch {
		case !knowsClient(r):
			answer = url.Values{"error": {"incorrect_client_credentials"}, "error_description": {"The client_id and/or client_secret passed are incorrect."}}
		case !f.goodCode(r):
			answer = url.Values{"error": {"bad_verification_code"}, "error_description": {"The code passed is incorrect or expired."}}
		}
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		_, _ = io.WriteString(w, answer.Encode())
	})
	f.api("GET api.github.com/user", `{"id":583231,"login":"octocat","name":"The Octocat","avatar_url":"https://avatars.example/1","email":"shown@example.com"}`,
		`{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest"}`)
	f.api("GET api.github.com/user/emails", `[{"email":"old@example.com","verified":true,"primary":false},{"email":"octo@example.com","verified":true,"primary":true}]`, `{}`)
	return f
}

func TestGitHub(t *testing.T) {
	f := fakeGitHub()
	p := preset(t, provider.GitHub(clientID, clientSecret, callbackURL), f)
	q, user, token, err := f.signIn(t, p, theCode)
	if err != nil {
		t.Fatal(err)
	}
	want := provider.User{
		Provider: "github", AccountID: "583231", Username: "octocat", Name: "The Octocat", AvatarURL: "https://avatars.example/1", SignedInAt: fixed(),
	}
	if user != want || token.AccountID != "583231" || !token.Expiry.IsZero() || !token.HasScopes("user:email") {
		t.Errorf("user %+v, token %v", user, token)
	}
	if q.Has("scope") || q.Get("code_challenge_method") != "S256" {
		t.Errorf("the consent page has %v", q)
	}
	if want := []string{"POST github.com/login/oauth/access_token", "GET api.github.com/user"}; !slices.Equal(f.asked, want) {
		t.Errorf("asked %v", f.asked)
	}
	withEmail := preset(t, provider.GitHub(clientID, clientSecret, callbackURL, "user:email"), f)
	if _, user, _, err := f.signIn(t, withEmail, theCode); err != nil || user.Email != "octo@example.com" {
		t.Errorf("with user:email: %+v, %v", user, err)
	}
	_, _, _, err = f.signIn(t, p, "spent")
	failed(t, err, provider.ErrExpired)
	_, _, _, err = f.signIn(t, preset(t, provider.GitHub(clientID, "SECRET-wrong", callbackURL), f), theCode)
	if e := failed(t, err, provider.ErrRefused); e.Reason != provider.ReasonCredentials {
		t.Errorf("a wrong secret: %v", err)
	}
	dead := tokenstore.Token{AccessToken: "dead"}
	if !p.RejectsToken(&http.Response{StatusCode: 401}, []byte(`{"message":"Bad credentials"}`)) {
		t.Error("a revoked token is not rejected")
	}
	if err := p.Revoke(ctx, dead); err != nil {
		t.Errorf("Revoke: %v", err)
	}
}

func TestGitHubLimitsWithStatus403(t *testing.T) {
	f := newFake()
	f.HandleFunc("api.github.com/user", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", "1787400300")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"API rate limit exceeded for user ID 583231."}`)
	})
	_, err := preset(t, provider.GitHub(clientID, clientSecret, callbackURL), f).Profile(ctx, tokenstore.Token{AccessToken: accessToken})
	if e := failed(t, err, provider.ErrRateLimited); e.RetryAt.Unix() != 1787400300 {
		t.Errorf("limited until %v", e.RetryAt)
	}
}

func TestGitHubWithoutAddressesSignsIn(t *testing.T) {
	f := newFake()
	f.api("api.github.com/user", `{"id":7,"login":"ada","email":"unconfirmed@example.com"}`, `{}`)
	f.HandleFunc("api.github.com/user/emails", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	p := preset(t, provider.GitHub(clientID, clientSecret, callbackURL, "user"), f)
	if u, err := p.Profile(ctx, tokenstore.Token{AccessToken: accessToken}); err != nil || u.AccountID != "7" || u.Email != "" {
		t.Errorf("user %+v, %v", u, err)
	}
}

// fakeGoogle gives a refresh token at the first consent, and at others if the consent page
// was forced.
func fakeGoogle() *fake {
	f := newFake()
	f.HandleFunc("POST oauth2.googleapis.com/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		refresh := ""
		switch {
		case !knowsClient(r):
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"The provided client secret is invalid."}`)
			return
		case r.PostFormValue("grant_type") == "refresh_token" && r.PostFormValue("refresh_token") == refreshToken:
		case !f.goodCode(r):
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"Bad Request"}`)
			return
		case f.offline && (f.consents == 1 || f.prompted):
			refresh = `"refresh_token":"` + refreshToken + `",`
		}
		_, _ = io.WriteString(w, `{"access_token":"`+accessToken+`",`+refresh+`"expires_in":3599,"token_type":"Bearer",
			"scope":"openid https://www.googleapis.com/auth/userinfo.email","id_token":"SECRET-id-token"}`)
	})
	f.HandleFunc("POST oauth2.googleapis.com/revoke", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("token") != refreshToken {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_token","error_description":"Token expired or revoked"}`)
		}
	})
	f.api("GET openidconnect.googleapis.com/v1/userinfo",
		`{"sub":"110169484474386276334","email":"ada@example.com","email_verified":true,"name":"Ada Lovelace","picture":"https://img.example/a"}`,
		`{"error":"invalid_request","error_description":"Invalid Credentials"}`)
	return f
}

func TestGoogle(t *testing.T) {
	f := fakeGoogle()
	cfg := provider.Google(clientID, clientSecret, callbackURL, "https://www.googleapis.com/auth/calendar.readonly")
	cfg.AuthorizeURL += "?access_type=offline"
	p := preset(t, cfg, f)
	q, user, token, err := f.signIn(t, p, theCode)
	if err != nil {
		t.Fatal(err)
	}
	if q.Get("scope") != "openid profile email https://www.googleapis.com/auth/calendar.readonly" || q.Get("code_challenge_method") != "S256" {
		t.Errorf("the consent page has %v", q)
	}
	want := provider.User{
		Provider: "google", AccountID: "110169484474386276334", Name: "Ada Lovelace", Email: "ada@example.com",
		AvatarURL: "https://img.example/a", SignedInAt: fixed(),
	}
	if user != want || token.RefreshToken != refreshToken || token.Expiry.IsZero() {
		t.Errorf("user %+v, token %v", user, token)
	}
	if fresh, err := p.Refresh(ctx, token); err != nil || fresh.RefreshToken != refreshToken {
		t.Errorf("Refresh: %v, %v", fresh, err)
	}
	// Google revokes the access token with the refresh token.
	if err := p.Revoke(ctx, token); err != nil {
		t.Errorf("Revoke: %v", err)
	}
	_, err = p.Refresh(ctx, tokenstore.Token{RefreshToken: "spent"})
	failed(t, err, provider.ErrTokenRefused)
	_, _, _, err = f.signIn(t, p, "spent")
	failed(t, err, provider.ErrExpired)
	if _, _, token, err = f.signIn(t, p, theCode); err != nil || token.RefreshToken != "" {
		t.Errorf("at a later sign-in: refresh token %t, %v", token.RefreshToken != "", err)
	}
	cfg.AuthorizeURL += "&prompt=consent"
	if _, _, token, err = f.signIn(t, preset(t, cfg, f), theCode); err != nil || token.RefreshToken == "" {
		t.Errorf("with prompt=consent: refresh token %t, %v", token.RefreshToken != "", err)
	}
}

func TestGoogleLeavesOutAnUnconfirmedAddress(t *testing.T) {
	f := newFake()
	f.api("openidconnect.googleapis.com/v1/userinfo", `{"sub":"7","email":"ada@example.com","email_verified":false}`, `{}`)
	p := preset(t, provider.Google(clientID, clientSecret, callbackURL), f)
	if u, err := p.Profile(ctx, tokenstore.Token{AccessToken: accessToken}); err != nil || u.AccountID != "7" || u.Email != "" {
		t.Errorf("user %+v, %v", u, err)
	}
}

// fakeDiscord has ids beyond 2^53, and replaces the refresh token at each refresh.
func fakeDiscord() *fake {
	f := newFake()
	valid := refreshToken
	f.HandleFunc("POST discord.com/api/oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		id, secret, _ := r.BasicAuth()
		switch {
		case id != clientID || secret != clientSecret:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
			return
		case r.PostFormValue("grant_type") == "refresh_token" && r.PostFormValue("refresh_token") == valid:
			valid += "-next"
		case !f.goodCode(r):
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"Invalid \"code\" in request."}`)
			return
		}
		_, _ = io.WriteString(w, `{"token_type":"Bearer","access_token":"`+accessToken+`","expires_in":604800,"refresh_token":"`+valid+`","scope":"identify email"}`)
	})
	f.HandleFunc("POST discord.com/api/oauth2/token/revoke", func(http.ResponseWriter, *http.Request) {})
	f.api("GET discord.com/api/v10/users/@me",
		`{"id":"1157012345678901234","username":"nelly","global_name":"Nelly","avatar":"8342729096ea3675442027381ff50dfe","verified":true,"email":"nelly@example.com"}`,
		`{"message":"401: Unauthorized","code":0}`)
	return f
}

func TestDiscord(t *testing.T) {
	f := fakeDiscord()
	p := preset(t, provider.Discord(clientID, clientSecret, callbackURL, "email"), f)
	q, user, token, err := f.signIn(t, p, theCode)
	if err != nil {
		t.Fatal(err)
	}
	if q.Get("scope") != "identify email" || q.Get("code_challenge_method") != "S256" {
		t.Errorf("the consent page has %v", q)
	}
	want := provider.User{
		Provider: "discord", AccountID: "1157012345678901234", Username: "nelly", Name: "Nelly", Email: "nelly@example.com",
		AvatarURL: "https://cdn.discordapp.com/avatars/1157012345678901234/8342729096ea3675442027381ff50dfe.png", SignedInAt: fixed(),
	}
	if user != want || token.RefreshToken != refreshToken || token.Expiry.IsZero() {
		t.Errorf("user %+v, token %v", user, token)
	}
	fresh, err := p.Refresh(ctx, token)
	if err != nil || fresh.RefreshToken == token.RefreshToken || fresh.AccountID != token.AccountID {
		t.Errorf("Refresh: %v, %v", fresh, err)
	}
	_, err = p.Refresh(ctx, token)
	failed(t, err, provider.ErrTokenRefused)
	if err := p.Revoke(ctx, fresh); err != nil {
		t.Errorf("Revoke: %v", err)
	}
	_, err = p.Profile(ctx, tokenstore.Token{AccessToken: "dead"})
	failed(t, err, provider.ErrUnavailable)
}
