// Package gologin tests gologin's own handlers for GitHub together with the kit.
package gologin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/dghubble/gologin/v2"
	"github.com/dghubble/gologin/v2/github"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/endpoints"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/provider"
)

const (
	clientID, clientSecret = "client", "SECRET-client"
	accessToken            = "SECRET-access"
	theCode                = "SECRET-code"
)

// fakeGitHub replaces GitHub's and Google's servers in this process.
type fakeGitHub struct{ *http.ServeMux }

func newFakeGitHub() fakeGitHub {
	f := fakeGitHub{http.NewServeMux()}
	f.HandleFunc("POST github.com/login/oauth/access_token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		id, secret, basic := r.BasicAuth()
		if !basic {
			id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
		}
		answer := url.Values{"access_token": {accessToken}, "scope": {"read:user,user:email"}, "token_type": {"bearer"}}
		if id != clientID || secret != clientSecret || r.PostFormValue("code") != theCode {
			answer = url.Values{"error": {"bad_verification_code"}}
		}
		_, _ = io.WriteString(w, answer.Encode())
	})
	f.HandleFunc("GET api.github.com/user", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer "+accessToken {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"message":"Bad credentials"}`)
			return
		}
		_, _ = io.WriteString(w, `{"id":583231,"login":"octocat","name":"The\nOctocat","avatar_url":"https://avatars.example/1"}`)
	})
	f.HandleFunc("POST oauth2.googleapis.com/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.PostFormValue("code") != theCode || r.PostFormValue("code_verifier") == "" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"`+accessToken+`","expires_in":3599,"token_type":"Bearer","scope":"openid profile"}`)
	})
	f.HandleFunc("GET openidconnect.googleapis.com/v1/userinfo", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"sub":"110169484474386276334","name":"Ada"}`)
	})
	return f
}

// RoundTrip implements [http.RoundTripper].
func (f fakeGitHub) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.Host = r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, in)
	return w.Result(), nil
}

// site is an application with gologin's handlers for GitHub and the kit's sessions.
type site struct {
	*httptest.Server
	t       *testing.T
	log     strings.Builder
	browser *http.Client
}

func newSite(t *testing.T, onSignIn func(context.Context, *xsignin.SignIn) error) *site {
	t.Helper()
	s := &site{t: t}
	mux := http.NewServeMux()
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	fake := newFakeGitHub()
	preset := provider.GitHub(clientID, clientSecret, s.URL+"/github/callback")
	preset.Transport = fake
	p, err := provider.NewOAuth2(preset)
	if err != nil {
		t.Fatal(err)
	}
	other := provider.Google(clientID, clientSecret, s.URL+"/auth/callback")
	other.Transport = fake
	google, err := provider.NewOAuth2(other)
	if err != nil {
		t.Fatal(err)
	}
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: s.URL, Providers: []provider.Provider{p, google}, OnSignIn: onSignIn,
		X: xsignin.XEndpoints{Transport: fake}, Logger: slog.New(slog.NewTextHandler(&s.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kit.Close(context.Background()) })

	config := &oauth2.Config{ClientID: clientID, ClientSecret: clientSecret, RedirectURL: s.URL + "/github/callback", Endpoint: endpoints.GitHub}
	user := func(ctx context.Context) (provider.User, error) {
		u, err := github.UserFromContext(ctx)
		if err != nil {
			return provider.User{}, err
		}
		return provider.User{AccountID: strconv.FormatInt(u.GetID(), 10), Username: u.GetLogin(), Name: u.GetName(), AvatarURL: u.GetAvatarURL()}, nil
	}
	toFake := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), oauth2.HTTPClient, &http.Client{Transport: fake})))
		})
	}
	cookie := gologin.DebugOnlyCookieConfig // Without Secure, for http.
	success := kit.Handlers().GologinSuccess("github", user)
	mux.Handle("/github/login", github.StateHandler(cookie, github.LoginHandler(config, nil)))
	mux.Handle("/github/callback", toFake(github.StateHandler(cookie, github.CallbackHandler(config, success, nil))))
	mux.Handle("/unused", success)
	mux.Handle("/auth/", kit)
	mux.Handle("/me", kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := xsignin.User(r.Context())
		resp, err := xsignin.Client(r.Context()).Get("https://api.github.com/user")
		if err != nil {
			_, _ = io.WriteString(w, err.Error())
			return
		}
		_ = resp.Body.Close()
		_, _ = io.WriteString(w, strings.Join([]string{u.Provider, u.ID, u.AccountID, u.Username, u.Name, resp.Status}, "|"))
	})))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

func (s *site) get(path string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.URL+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.browser.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

// signIn begins with gologin's handler and returns the response to its callback.
func (s *site) signIn() *http.Response {
	s.t.Helper()
	resp, _ := s.get("/github/login")
	consent, err := resp.Location()
	if err != nil {
		s.t.Fatal(err)
	}
	resp, _ = s.get("/github/callback?" + url.Values{"state": {consent.Query().Get("state")}, "code": {theCode}}.Encode())
	return resp
}

func TestGologinSuccess_SignsIn(t *testing.T) {
	s := newSite(t, nil)
	if resp := s.signIn(); resp.Header.Get("Location") != "/" || resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	if _, body := s.get("/me"); body != "github|github:583231|583231|octocat|The Octocat|200 OK" {
		t.Errorf("signed in as %q", body)
	}
	if strings.Contains(s.log.String(), "SECRET") || !strings.Contains(s.log.String(), "signed in") {
		t.Errorf("the log is %s", s.log.String())
	}
}

func TestGologinSuccess_AsksOnSignIn(t *testing.T) {
	s := newSite(t, func(_ context.Context, in *xsignin.SignIn) error {
		if in.User.AccountID != "583231" || !in.Token.HasScopes("user:email") {
			return errors.New("another user")
		}
		in.User.ID = "7"
		return nil
	})
	s.signIn()
	if _, body := s.get("/me"); !strings.HasPrefix(body, "github|7|583231|") {
		t.Errorf("signed in as %q", body)
	}
	refusing := newSite(t, func(context.Context, *xsignin.SignIn) error { return provider.ErrNotAllowed })
	if resp := refusing.signIn(); resp.StatusCode != http.StatusForbidden {
		t.Errorf("status %d, want 403", resp.StatusCode)
	}
	if resp, _ := refusing.get("/me"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("a refused user is signed in: status %d", resp.StatusCode)
	}
}

func TestGologinSuccess_NeedsGologinsHandlers(t *testing.T) {
	s := newSite(t, nil)
	if resp, _ := s.get("/unused"); resp.StatusCode < 500 {
		t.Errorf("status %d, want an error of the server", resp.StatusCode)
	}
	// gologin checks its own state.
	if resp, _ := s.get("/github/callback?state=other&code=" + theCode); resp.StatusCode == http.StatusSeeOther {
		t.Error("another browser's callback signed in")
	}
	if resp, _ := s.get("/me"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("signed in: status %d", resp.StatusCode)
	}
}

// TestBothInOneKit: gologin's GitHub and the kit's Google share a kit and its sessions. Each
// user's client sends credentials to its own provider only.
func TestBothInOneKit(t *testing.T) {
	s := newSite(t, nil)
	s.signIn()
	if _, body := s.get("/me"); !strings.HasPrefix(body, "github|github:583231|583231|") || !strings.HasSuffix(body, "|200 OK") {
		t.Errorf("by GitHub: %q", body)
	}
	resp, _ := s.get("/auth/login/google")
	consent, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	resp, _ = s.get("/auth/callback?" + url.Values{"state": {consent.Query().Get("state")}, "code": {theCode}}.Encode())
	if resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("Google's callback: status %d", resp.StatusCode)
	}
	if _, body := s.get("/me"); !strings.Contains(body, "is not on the provider's API") {
		t.Errorf("a Google user's call of GitHub: %q", body)
	}
	if _, body := s.get("/auth/session"); !strings.Contains(body, "google:110169484474386276334") {
		t.Errorf("by Google: %q", body)
	}
}
