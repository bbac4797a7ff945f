package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/testservers"
)

// The server of the sessions and tokens stops and starts. Meanwhile users cannot be identified,
// but no user is signed out.
func TestTheDatabaseIsAwayForAWhile(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (*testservers.Server, string){
		"PostgreSQL": func(t *testing.T) (*testservers.Server, string) {
			s := testservers.NewPostgres(t)
			return s, "DATABASE_URL=" + s.URL
		},
		"Redis": func(t *testing.T) (*testservers.Server, string) {
			s := testservers.NewRedis(t)
			return s, "REDIS_URL=redis://" + s.Addr + "/0"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, at := open(t)
			front := newBalancer(t)
			x, env := outsideX(t, front.URL)
			front.put(0, launch(t, t.TempDir(), append(env, at, "SECRETS="+replicaKey("a"))...).at)
			one, two := newBrowser(t, front.URL), newBrowser(t, front.URL)
			one.signIn("OAuth 2.0")
			two.signIn("OAuth 1.0a")
			given := x.Count(http.MethodPost, "/2/oauth2/token")

			server.Stop()
			for _, b := range []*browser{one, two} {
				id := b.session()
				for _, path := range []string{"/me", "/timeline"} {
					var p problem
					resp := b.json(path, &p)
					if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || len(resp.Cookies()) > 0 {
						t.Errorf("%s: status %d, Retry-After %q, cookies %v", path, resp.StatusCode, resp.Header.Get("Retry-After"), resp.Cookies())
					}
				}
				b.get("/me").want(http.StatusServiceUnavailable)
				if b.session() != id {
					t.Error("the session's cookie was changed")
				}
			}

			server.Start()
			began := time.Now()
			for _, b := range []*browser{one, two} {
				for _, path := range []string{"/me", "/timeline"} {
					for b.json(path, new(any)).StatusCode != http.StatusOK {
						if time.Since(began) > 2*time.Minute {
							t.Fatalf("%s does not recover", path)
						}
					}
				}
			}
			one.signedIn("OAuth 2.0")
			two.signedIn("OAuth 1.0a")
			if n := x.Count(http.MethodPost, "/2/oauth2/token"); n != given {
				t.Errorf("%d more tokens from X", n-given)
			}
		})
	}
}
