package gologins_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/provider/gologins"
	"github.com/xsignin/xsignin/tokenstore"
)

const (
	clientID, clientSecret = "client", "SECRET-client"
	accessToken            = "SECRET-access"
	refreshToken           = "SECRET-refresh"
	theCode                = "SECRET-code"
	callbackURL            = "http://127.0.0.1:8080/auth/callback"
)

// hosts answers what GitHub and Google are asked, in process.
type hosts struct {
	*http.ServeMux
	mu   sync.Mutex
	seen []*http.Request
	// challenge is the PKCE challenge of the sign-in under way.
	challenge string
}

// RoundTrip implements [http.RoundTripper].
func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.Host = r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	_ = in.ParseForm()
	h.mu.Lock()
	h.seen = append(h.seen, in)
	h.mu.Unlock()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, in)
	return w.Result(), nil
}

func (h *hosts) asked() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, r := range h.seen {
		all = append(all, r.Host+r.URL.Path)
	}
	return all
}

// says makes path answer body to those who bring the right token, and 401 to others.
func (h *hosts) says(path, body string) {
	h.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+accessToken {
			w.WriteHeader(http.StatusUnauthorized)
			body = `{"message":"Bad credentials"}`
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
}

// newHosts is a GitHub and a Google that know one user each.
func newHosts() *hosts {
	h := &hosts{ServeMux: http.NewServeMux()}
	exchange := func(spent, good string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
			switch f := r.PostForm; {
			case f.Get("client_id") != clientID || f.Get("client_secret") != clientSecret:
				_, _ = io.WriteString(w, `{"error":"incorrect_client_credentials"}`)
			case f.Get("grant_type") == "refresh_token" && f.Get("refresh_token") == refreshToken:
				_, _ = io.WriteString(w, good)
			case f.Get("code") != theCode || base64.RawURLEncoding.EncodeToString(sum[:]) != h.challenge:
				_, _ = io.WriteString(w, `{"error":"`+spent+`"}`)
			default:
				_, _ = io.WriteString(w, good)
			}
		}
	}
	h.HandleFunc("POST github.com/login/oauth/access_token", exchange("bad_verification_code",
		`{"access_token":"`+accessToken+`","scope":"read:user,user:email","token_type":"bearer"}`))
	h.says("GET api.github.com/user", `{"id":583231,"login":"octocat","name":"The Octocat","avatar_url":"https://avatars.example/1","email":"shown@example.com"}`)
	h.says("GET api.github.com/user/emails", `[{"email":"old@example.com","verified":true,"primary":false},{"email":"octo@example.com","verified":true,"primary":true}]`)
	h.HandleFunc("POST oauth2.googleapis.com/token", exchange("invalid_grant",
		`{"access_token":"`+accessToken+`","refresh_token":"`+refreshToken+`","expires_in":3599,"token_type":"Bearer","scope":"openid https://www.googleapis.com/auth/userinfo.email"}`))
	h.HandleFunc("POST oauth2.googleapis.com/revoke", func(w http.ResponseWriter, r *http.Request) {
		if t := r.PostForm.Get("token"); t != refreshToken {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_token"}`)
		}
	})
	h.says("GET www.googleapis.com/oauth2/v2/userinfo", `{"id":"110169484474386276334","email":"ada@example.com","verified_email":true,"name":"Ada Lovelace","picture":"https://img.example/a"}`)
	return h
}

func (h *hosts) config() gologins.Config {
	return gologins.Config{ClientID: clientID, ClientSecret: clientSecret, CallbackURL: callbackURL, Transport: h}
}

func made(t *testing.T, make func(gologins.Config) (*provider.OAuth2, error), cfg gologins.Config) *provider.OAuth2 {
	t.Helper()
	p, err := make(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *hosts) signIn(t *testing.T, p provider.Provider, code string) (url.Values, provider.User, tokenstore.Token, error) {
	t.Helper()
	redirect, pending, err := p.Begin(t.Context(), provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	h.challenge = u.Query().Get("code_challenge")
	user, token, err := p.Finish(t.Context(), pending, url.Values{"state": {pending.State}, "code": {code}})
	if err != nil && strings.Contains(err.Error(), "SECRET") {
		t.Errorf("a secret shows in %v", err)
	}
	return u.Query(), user, token, err
}

func TestGitHub(t *testing.T) {
	h := newHosts()
	p := made(t, gologins.GitHub, h.config())
	_, user, token, err := h.signIn(t, p, theCode)
	if err != nil {
		t.Fatal(err)
	}
	want := provider.User{
		Provider: "github", AccountID: "583231", Username: "octocat", Name: "The Octocat", AvatarURL: "https://avatars.example/1", SignedInAt: user.SignedInAt,
	}
	if user != want || token.AccountID != user.AccountID || !token.Expiry.IsZero() || !token.HasScopes("user:email") {
		t.Errorf("user %+v, token %v", user, token)
	}
	if got := h.asked(); !slices.Equal(got, []string{"github.com/login/oauth/access_token", "api.github.com/user"}) {
		t.Errorf("asked %v", got)
	}
	cfg := h.config()
	cfg.Scopes = []string{"user:email"}
	if _, user, _, err := h.signIn(t, made(t, gologins.GitHub, cfg), theCode); err != nil || user.Email != "octo@example.com" {
		t.Errorf("with user:email: %+v, %v", user, err)
	}
	if _, _, _, err := h.signIn(t, p, "spent"); !errors.Is(err, provider.ErrExpired) {
		t.Errorf("a spent code: %v", err)
	}
	cfg.ClientSecret = "SECRET-wrong"
	var e *provider.Error
	if _, _, _, err := h.signIn(t, made(t, gologins.GitHub, cfg), theCode); !errors.As(err, &e) || e.Reason != provider.ReasonCredentials {
		t.Errorf("a wrong secret: %v", err)
	}
	if _, err := p.Profile(t.Context(), tokenstore.Token{AccessToken: "dead"}); !errors.Is(err, provider.ErrTokenRefused) {
		t.Errorf("a dead token: %v", err)
	}
}

func TestGitHubKeepsItsAddressesAndLimits(t *testing.T) {
	h := newHosts()
	h.ServeMux = http.NewServeMux()
	h.HandleFunc("github.com/", newHosts().ServeHTTP)
	h.says("api.github.com/user", `{"id":7,"login":"ada","email":"unconfirmed@example.com"}`)
	cfg := h.config()
	cfg.Scopes = []string{"user"}
	p := made(t, gologins.GitHub, cfg)
	// There is no /user/emails: status 404.
	if u, err := p.Profile(t.Context(), tokenstore.Token{AccessToken: accessToken}); err != nil || u.AccountID != "7" || u.Email != "" {
		t.Errorf("without the addresses: %+v, %v", u, err)
	}
	h.ServeMux = http.NewServeMux()
	h.HandleFunc("api.github.com/user", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.WriteHeader(http.StatusForbidden)
	})
	if _, err := p.Profile(t.Context(), tokenstore.Token{AccessToken: accessToken}); !errors.Is(err, provider.ErrRateLimited) {
		t.Errorf("limited: %v", err)
	}
	h.ServeMux = http.NewServeMux()
	h.says("api.github.com/user", `{"login":"ada"}`)
	if _, err := p.Profile(t.Context(), tokenstore.Token{AccessToken: accessToken}); !errors.Is(err, provider.ErrUnavailable) {
		t.Errorf("an answer without an id: %v", err)
	}
}

func TestGoogle(t *testing.T) {
	h := newHosts()
	cfg := h.config()
	cfg.Offline, cfg.Scopes = true, []string{"https://www.googleapis.com/auth/calendar.readonly"}
	p := made(t, gologins.Google, cfg)
	q, user, token, err := h.signIn(t, p, theCode)
	if err != nil {
		t.Fatal(err)
	}
	if q.Get("access_type") != "offline" || q.Get("scope") != "openid profile email "+cfg.Scopes[0] {
		t.Errorf("the consent page has %v", q)
	}
	want := provider.User{
		Provider: "google", AccountID: "110169484474386276334", Name: "Ada Lovelace", Email: "ada@example.com",
		AvatarURL: "https://img.example/a", SignedInAt: user.SignedInAt,
	}
	if user != want || token.RefreshToken != refreshToken || token.Expiry.IsZero() {
		t.Errorf("user %+v, token %v", user, token)
	}
	if _, err := p.Refresh(t.Context(), token); err != nil {
		t.Errorf("Refresh: %v", err)
	}
	// The refresh token takes the access token along; that it is gone is no error.
	if err := p.Revoke(t.Context(), token); err != nil {
		t.Errorf("Revoke: %v", err)
	}
	if _, err := p.Refresh(t.Context(), tokenstore.Token{RefreshToken: "spent"}); !errors.Is(err, provider.ErrTokenRefused) {
		t.Errorf("a spent refresh token: %v", err)
	}
	if _, _, _, err := h.signIn(t, p, "spent"); !errors.Is(err, provider.ErrExpired) {
		t.Errorf("a spent code: %v", err)
	}
	for _, r := range h.seen {
		if strings.Contains(r.Header.Get("Authorization"), "placeholder") || strings.HasSuffix(r.Host, ".invalid") {
			t.Errorf("%s%s was asked with what is gologin's alone", r.Host, r.URL.Path)
		}
	}
}

func TestAnUnconfirmedAddressIsNone(t *testing.T) {
	h := newHosts()
	h.ServeMux = http.NewServeMux()
	h.says("www.googleapis.com/oauth2/v2/userinfo", `{"id":"7","email":"ada@example.com","verified_email":false}`)
	p := made(t, gologins.Google, h.config())
	if u, err := p.Profile(t.Context(), tokenstore.Token{AccessToken: accessToken}); err != nil || u.Email != "" {
		t.Errorf("user %+v, %v", u, err)
	}
}

// TestAContextThatEndsEndsTheQuestion: Google's client is given no context by gologin.
func TestAContextThatEndsEndsTheQuestion(t *testing.T) {
	h := newHosts()
	h.ServeMux = http.NewServeMux()
	ctx, cancel := context.WithCancel(t.Context())
	cfg := h.config()
	cfg.Timeout = time.Hour
	cfg.Transport = roundTripFunc(func(r *http.Request) (*http.Response, error) {
		cancel()
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	for _, p := range []*provider.OAuth2{made(t, gologins.GitHub, cfg), made(t, gologins.Google, cfg)} {
		if _, err := p.Profile(ctx, tokenstore.Token{AccessToken: accessToken}); !errors.Is(err, provider.ErrUnavailable) {
			t.Errorf("%s: %v", p.Name(), err)
		}
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestBothInOneKit(t *testing.T) {
	h := newHosts()
	site := httptest.NewUnstartedServer(nil)
	public := "http://" + site.Listener.Addr().String()
	cfg := h.config()
	cfg.CallbackURL = public + "/auth/callback"
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: public, X: xsignin.XEndpoints{Transport: h},
		Providers: []provider.Provider{made(t, gologins.GitHub, cfg), made(t, gologins.Google, cfg)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kit.Close(context.Background()) })
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("/", kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := xsignin.User(r.Context())
		resp, err := xsignin.Client(r.Context()).Get("https://api.github.com/user")
		if err == nil {
			_ = resp.Body.Close()
			_, _ = io.WriteString(w, resp.Status+" ")
		}
		_, _ = io.WriteString(w, u.ID)
	})))
	site.Config.Handler = mux
	site.Start()
	t.Cleanup(site.Close)
	for login, want := range map[string]string{
		"/auth/login": "200 OK github:583231",
		// A Google user's credentials do not go to GitHub.
		"/auth/login/google": "google:110169484474386276334",
	} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if r.URL.Host != site.Listener.Addr().String() {
				return http.ErrUseLastResponse
			}
			return nil
		}}
		get := func(address string) (*http.Response, string) {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := browser.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp, string(body)
		}
		resp, _ := get(public + login)
		consent, err := resp.Location()
		if err != nil {
			t.Fatal(err)
		}
		h.challenge = consent.Query().Get("code_challenge")
		_, body := get(cfg.CallbackURL + "?" + url.Values{"state": {consent.Query().Get("state")}, "code": {theCode}}.Encode())
		if body != want {
			t.Errorf("%s: %s, want %s", login, body, want)
		}
	}
}
