package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

const tokenPath = "/2/oauth2/token"

// localX is the X of a test, on 127.0.0.1. It counts the requests to that address, which come
// from the workers. The test itself signs users in without that address.
type localX struct {
	*xtest.X
	URL string

	mu     sync.Mutex // guards all below
	asked  int        // token requests
	calls  outcomes   // API calls, by status
	issued []string   // tokens in responses
}

func newX(t testing.TB, users int) *localX {
	t.Helper()
	cfg := xtest.Config{}
	for i := range users {
		cfg.Users = append(cfg.Users, xtest.User{ID: userID(i), Username: fmt.Sprintf("user%d", i)})
	}
	x := &localX{X: xtest.New(cfg), calls: outcomes{}}
	x.SetRateLimit("GET /2/users/me", 1<<30)
	srv := httptest.NewServer(http.HandlerFunc(x.serve))
	t.Cleanup(srv.Close)
	x.URL = srv.URL
	return x
}

func userID(i int) string { return fmt.Sprint(1001 + i) }

func (x *localX) serve(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Path == tokenPath
	if token {
		x.mu.Lock()
		x.asked++
		x.mu.Unlock()
	}
	seen := &seenWriter{ResponseWriter: w, keep: token}
	x.ServeHTTP(seen, r)
	x.mu.Lock()
	defer x.mu.Unlock()
	if !token {
		x.calls[http.StatusText(seen.status)]++
		return
	}
	var t struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(seen.body.Bytes(), &t) == nil && t.Access != "" {
		x.issued = append(x.issued, t.Access, t.Refresh)
	}
}

// refreshes is the number of requests to the token endpoint.
func (x *localX) refreshes() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.asked
}

// answered returns the API calls since the last call, by status.
func (x *localX) answered() outcomes {
	x.mu.Lock()
	defer x.mu.Unlock()
	o := x.calls
	x.calls = outcomes{}
	return o
}

// seenWriter records X's responses.
type seenWriter struct {
	http.ResponseWriter
	keep   bool
	status int
	body   bytes.Buffer
}

func (w *seenWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *seenWriter) Write(b []byte) (int, error) {
	if w.keep {
		w.body.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

func (w *seenWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// provider returns a provider that reaches this X without its address.
func (x *localX) provider(t testing.TB, now func() time.Time) provider.Provider {
	t.Helper()
	p, err := provider.NewX(provider.OAuth2Config{
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, CallbackURL: xtest.DefaultCallback,
		Transport: x.Transport(), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// signIn signs a user in at X with a provider and returns the token.
func (x *localX) signIn(t testing.TB, p provider.Provider, user string) tokenstore.Token {
	t.Helper()
	to, pending, err := p.Begin(t.Context(), provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	back, err := x.Approve(to, user)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := p.Finish(t.Context(), pending, u.Query())
	if err != nil {
		t.Fatal(err)
	}
	return token
}
