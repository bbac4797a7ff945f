package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/examples/internal/demo"
	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
)

// tap is an X that records the tokens that it issues.
type tap struct {
	*httptest.Server
	mu     sync.Mutex // guards tokens
	tokens []string
}

func newTap(t *testing.T, public string) *tap {
	x := xtest.New(xtest.Config{Callbacks: []string{public + callbackPath}, Users: demo.Users()})
	demo.Mount(x)
	s := &tap{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/2/oauth2/token" && r.URL.Path != "/oauth/access_token" {
			x.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		x.ServeHTTP(rec, r)
		var tokens struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &tokens); err == nil {
			s.note(tokens.Access, tokens.Refresh)
		} else if q, err := url.ParseQuery(rec.Body.String()); err == nil {
			s.note(q.Get("oauth_token"), q.Get("oauth_token_secret"))
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tap) note(tokens ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, token := range tokens {
		if token != "" {
			s.tokens = append(s.tokens, token)
		}
	}
}

func (s *tap) noted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tokens)
}

// A reader of the database, or of a copy, cannot use any session or token.
func TestNothingIsStoredInClear(t *testing.T) {
	keys := "SECRETS=" + replicaKey("s")
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		nothingInClear(t, []string{sqliteIn(dir)}, func() []string { return []string{dir} })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		at := testservers.Postgres(t)
		nothingInClear(t, []string{"DATABASE_URL=" + at, keys}, func() []string {
			ctx := context.Background()
			db, err := pgx.Connect(ctx, at)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close(ctx)
			var dir string
			if err := db.QueryRow(ctx, "SHOW data_directory").Scan(&dir); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(ctx, "CHECKPOINT"); err != nil {
				t.Fatal(err)
			}
			return []string{dir}
		})
	})
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		addr := testservers.Redis(t)
		nothingInClear(t, []string{"REDIS_URL=redis://" + addr, keys}, func() []string {
			ctx := context.Background()
			client := redis.NewClient(&redis.Options{Addr: addr})
			defer client.Close()
			// A compressed dump would hide the values.
			if err := client.ConfigSet(ctx, "rdbcompression", "no").Err(); err != nil {
				t.Fatal(err)
			}
			if err := client.Save(ctx).Err(); err != nil {
				t.Fatal(err)
			}
			dir, err := client.ConfigGet(ctx, "dir").Result()
			if err != nil {
				t.Fatal(err)
			}
			return []string{dir["dir"]}
		})
	})
}

func nothingInClear(t *testing.T, env []string, files func() []string) {
	t.Helper()
	front := newBalancer(t)
	x := newTap(t, front.URL)
	app := launch(t, t.TempDir(), append(append(env, credentials(x.URL)...), "PUBLIC_URL="+front.URL)...)
	front.put(0, app.at)
	b, leaver := newBrowser(t, front.URL), newBrowser(t, front.URL)
	leaver.signIn("OAuth 2.0")
	leaver.get("/tokens").press("Refresh now", nil).want(http.StatusOK)
	gone := leaver.session()
	leaver.get("/").press("Sign out", nil).want(http.StatusOK)
	// This user stays, with tokens of both protocols.
	b.signIn("OAuth 1.0a")
	b.get("/tokens").click("Connect by OAuth 2.0").press("Authorize app", nil)
	b.get("/tokens").press("Refresh now", nil).want(http.StatusOK, "The token is new")
	id := b.session()
	tokens := x.noted()
	if len(tokens) < 9 {
		t.Fatalf("X gave out %d tokens only", len(tokens))
	}

	sum := sha256.Sum256([]byte(id))
	// These values must be found, or the search reads the wrong files.
	there := base64.RawURLEncoding.EncodeToString(sum[:])
	look := func(when string) {
		t.Helper()
		found := false
		for _, dir := range files() {
			err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				content, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				found = found || bytes.Contains(content, []byte(there))
				for what, secret := range secretsOf(id, gone, tokens) {
					if bytes.Contains(content, []byte(secret)) {
						t.Errorf("%s: %s holds %s", when, filepath.Base(path), what)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if !found {
			t.Errorf("%s: the session is not in the files at all", when)
		}
	}
	look("while it runs")
	terminate(t, app.cmd)
	look("after its end")
	log := app.logged()
	for what, secret := range secretsOf(id, gone, tokens) {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %s", what)
		}
	}
}

// secretsOf returns the secrets with their kind, in plain form and in the encodings that a
// database or a codec may use.
func secretsOf(id, gone string, tokens []string) map[string]string {
	plain := map[string]string{"a session's id": id, "the id of a session that has ended": gone}
	for i, token := range tokens {
		plain[fmt.Sprintf("token %d", i)] = token
	}
	all := map[string]string{}
	for what, secret := range plain {
		all[what] = secret
		all[what+" in hexadecimal"] = hex.EncodeToString([]byte(secret))
		all[what+" in base64"] = base64.RawStdEncoding.EncodeToString([]byte(secret))
	}
	return all
}

// session is the value of the session's cookie.
func (b *browser) session() string {
	b.Helper()
	u, err := url.Parse(b.base)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == "xsignin" {
			return c.Value
		}
	}
	b.Fatal("there is no session cookie")
	return ""
}
