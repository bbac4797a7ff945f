package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

var (
	user   = tokenstore.Key{Provider: "x", UserID: "12", AccountID: "12"}
	person = provider.User{Provider: user.Provider, ID: user.UserID, AccountID: user.AccountID}
)

// service is a provider and its API in one, with X's rotation: each refresh token
// works once.
type service struct {
	mu        sync.Mutex // guards all below
	issued    int
	access    map[string]bool
	refresh   map[string]bool
	life      time.Duration
	asked     int      // calls of Refresh that reached it
	revoked   []string // access tokens
	calls     []string // "GET /path token"
	down      error    // what Refresh fails with before it does anything
	revokeErr error
	keeps     bool // Refresh returns the access token that it was given
	// during runs in Refresh before the token is spent, after after.
	during, after func(ctx context.Context) error
	// answer replaces the API's answer.
	answer func(r *http.Request) *http.Response
}

var errRefused = &provider.Error{Kind: provider.ErrTokenRefused, Provider: "x", Op: "token", Status: 400, Code: "invalid_request"}

func newService() *service {
	return &service{access: map[string]bool{}, refresh: map[string]bool{}, life: 2 * time.Hour}
}

func (s *service) issue() tokenstore.Token {
	s.issued++
	t := tokenstore.Token{
		AccessToken: fmt.Sprintf("access-%d", s.issued), RefreshToken: fmt.Sprintf("refresh-%d", s.issued),
		ObtainedAt: time.Now(), Expiry: time.Now().Add(s.life), Scopes: []string{"tweet.read"}, AccountID: "12",
	}
	s.access[t.AccessToken], s.refresh[t.RefreshToken] = true, true
	return t
}

func (s *service) signIn() tokenstore.Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issue()
}

func (s *service) Name() string { return "x" }

func (s *service) CallbackURL() string { return "https://app.test/callback" }

func (s *service) Begin(context.Context, provider.Options) (string, provider.Pending, error) {
	panic("not used")
}

func (s *service) Finish(context.Context, provider.Pending, url.Values) (provider.User, tokenstore.Token, error) {
	panic("not used")
}

func (s *service) AllowsURL(u *url.URL) bool { return u.Scheme == "https" && u.Host == "api.test" }

func (s *service) APIURL() *url.URL { return nil }

func (s *service) RejectsToken(*http.Response, []byte) bool { return false }

func (s *service) RoundTrip(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	// Add, so that a test sees whether the caller's header was taken away.
	out.Header.Add("Authorization", "Bearer "+t.AccessToken)
	return base.RoundTrip(out)
}

func (s *service) Refresh(ctx context.Context, t tokenstore.Token) (tokenstore.Token, error) {
	s.mu.Lock()
	s.asked++
	down, during, after := s.down, s.during, s.after
	s.mu.Unlock()
	if down != nil {
		return tokenstore.Token{}, down
	}
	if during != nil {
		if err := during(ctx); err != nil {
			return tokenstore.Token{}, err
		}
	}
	s.mu.Lock()
	if !s.refresh[t.RefreshToken] {
		s.mu.Unlock()
		return tokenstore.Token{}, errRefused
	}
	delete(s.refresh, t.RefreshToken)
	fresh := s.issue()
	if s.keeps {
		fresh.AccessToken = t.AccessToken
	}
	s.mu.Unlock()
	if after != nil {
		if err := after(ctx); err != nil {
			return tokenstore.Token{}, err
		}
	}
	return fresh, nil
}

func (s *service) Revoke(ctx context.Context, t tokenstore.Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revokeErr != nil {
		return s.revokeErr
	}
	s.revoked = append(s.revoked, t.AccessToken)
	delete(s.access, t.AccessToken)
	delete(s.refresh, t.RefreshToken)
	return ctx.Err()
}

// api carries requests to the API that a service plays.
type api struct{ *service }

func (s api) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	body := ""
	if r.Body != nil {
		b, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		body = " " + string(b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	auth := strings.Join(r.Header["Authorization"], "|")
	s.calls = append(s.calls, r.Method+" "+r.URL.Path+" "+auth+body)
	if s.answer != nil {
		if resp := s.answer(r); resp != nil {
			return resp, nil
		}
	}
	if !s.access[strings.TrimPrefix(auth, "Bearer ")] {
		return answer(r, 401, "Unauthorized"), nil
	}
	return answer(r, 200, auth), nil
}

func answer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

func (s *service) set(f func(s *service)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *service) count() (asked int, revoked, calls string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, strings.Join(s.revoked, " "), strings.Join(s.calls, "\n")
}

// Put stores the token of a sign-in that has no other step.
func (m *Manager) Put(ctx context.Context, key tokenstore.Key, t tokenstore.Token) error {
	_, err := m.PutWithRollback(ctx, key, t, PutOptions{})
	return err
}

// world is one replica with what is around it.
type world struct {
	*testing.T
	x      *service
	store  *hookStore
	vault  *tokenstore.Vault
	pool   *Manager
	mu     sync.Mutex
	events []event.Event
	log    bytes.Buffer
}

// bubble runs test with time that passes by itself.
func bubble(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newWorld(t, newService(), tokenstore.NewMemory())) })
}

// newWorld has the secrets named by letters, newest first.
func newWorld(t *testing.T, x *service, store tokenstore.Store, secrets ...string) *world {
	t.Helper()
	w := &world{T: t, x: x, store: &hookStore{Store: store, counts: map[string]int{}}}
	w.vault = newVault(t, w.store, secrets...)
	p, err := New(Config{
		Vault: w.vault, Providers: []provider.Provider{x}, Transport: api{x},
		Logger: slog.New(slog.NewTextHandler(lockedWriter{w}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnEvent: func(_ context.Context, e event.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.pool = p
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if log := w.logged(); strings.Contains(log, "access-") || strings.Contains(log, "refresh-") {
			t.Errorf("a secret is in the log:\n%s", log)
		}
	})
	return w
}

// newVault has the secrets named by letters, newest first; without any k, which seals
// in most tests, and n.
func newVault(t *testing.T, s tokenstore.Store, secrets ...string) *tokenstore.Vault {
	t.Helper()
	if len(secrets) == 0 {
		secrets = []string{"k", "n"}
	}
	var keys [][]byte
	for _, letter := range secrets {
		keys = append(keys, bytes.Repeat([]byte(letter), 32))
	}
	v, err := tokenstore.NewVault(s, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type lockedWriter struct{ w *world }

func (l lockedWriter) Write(b []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.log.Write(b)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// told returns the events so far, as "kind" or "kind:cause".
func (w *world) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, e := range w.events {
		s := string(e.Kind)
		if e.Cause != "" {
			s += ":" + e.Cause
		}
		if e.Time.IsZero() || e.Provider != "x" || e.UserID != "12" || (e.Err == nil) != (e.Cause == "") {
			w.Errorf("event not filled in: %+v", e)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// signIn stores a new token, as another replica's sign-in would.
func (w *world) signIn() tokenstore.Token {
	w.Helper()
	return w.signInWith(w.x.signIn())
}

func (w *world) signInWith(t tokenstore.Token) tokenstore.Token {
	w.Helper()
	if _, err := newVault(w.T, w.store.Store).Put(context.Background(), user, t); err != nil {
		w.Fatal(err)
	}
	return t
}

// stored returns the stored token, or the zero Token.
func (w *world) stored() tokenstore.Token {
	w.Helper()
	t, _, err := newVault(w.T, w.store.Store).Get(context.Background(), user)
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		w.Fatal(err)
	}
	return t
}

// delete deletes the entry, as another replica's sign-out does.
func (w *world) delete() {
	w.Helper()
	e, err := w.store.Store.Get(context.Background(), user)
	if err == nil {
		err = w.store.Store.Delete(context.Background(), user, e.Version)
	}
	if err != nil {
		w.Error(err)
	}
}

// do makes a request and returns the access token that it was made with.
func (w *world) do() (string, error) { return w.doContext(w.Context()) }

func (w *world) doContext(ctx context.Context) (string, error) { return w.doFor(ctx, user) }

func (w *world) doFor(ctx context.Context, key tokenstore.Key) (string, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", "https://api.test/2/users/me", nil)
	if err != nil {
		return "", err
	}
	resp, err := w.pool.Client(context.Background(), key).Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if resp.StatusCode != 200 {
		return fmt.Sprint(resp.StatusCode), err
	}
	return strings.TrimPrefix(string(b), "Bearer "), err
}

func (w *world) wantToken(want string) {
	w.Helper()
	if got, err := w.do(); err != nil || got != want {
		w.Errorf("request made with %q, %v, want %q", got, err, want)
	}
}

func (w *world) wantErr(target error) error {
	w.Helper()
	got, err := w.do()
	if !errors.Is(err, target) {
		w.Errorf("request gave %q, %v, want %v", got, err, target)
	}
	return err
}

func (w *world) wantAsked(want int) {
	w.Helper()
	if asked, _, _ := w.x.count(); asked != want {
		w.Errorf("X was asked to refresh %d times, want %d", asked, want)
	}
}

func (w *world) wantRevoked(want string) {
	w.Helper()
	synctest.Wait()
	if _, revoked, _ := w.x.count(); revoked != want {
		w.Errorf("revoked %q, want %q", revoked, want)
	}
}

func (w *world) wantEvents(want string) {
	w.Helper()
	if got := w.told(); got != want {
		w.Errorf("events %q, want %q", got, want)
	}
}

// needsReauth is the question for a page that needs a user and no scopes.
func (w *world) needsReauth() error {
	_, err := w.pool.MissingScopes(w.Context(), person)
	return err
}
