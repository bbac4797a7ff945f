package acceptance_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// TestNoSecretComesOut uses every path and searches all output for secrets. All other tests of
// sites search their output too.
func TestNoSecretComesOut(t *testing.T) {
	for _, p := range flows {
		for _, f := range failures {
			if f.only != "" && f.only != p.name {
				continue
			}
			t.Run(p.name+"/"+f.name, func(t *testing.T) {
				s := newSite(t)
				s.Bubble(func() { f.run(t, s, s.browser(), p) })
			})
		}
	}
	t.Run("what X repeats of a request", func(t *testing.T) {
		// A server that repeats the request in its response.
		echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{
				"error": "invalid_request " + r.Form.Encode(), "error_description": r.Form.Encode() + r.Header.Get("Authorization"),
			})
		})
		for _, p := range flows {
			s := newSite(t)
			b := s.browser()
			c := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
			s.X.Fail(xtest.Fault{Path: p.last, Handler: echo})
			if a := b.Get(c); a.StatusCode < 400 {
				t.Errorf("status %d", a.StatusCode)
			}
		}
	})
	t.Run("refreshing, failing to, and signing out", func(t *testing.T) {
		s := newSite(t)
		s.Bubble(func() {
			b := s.browser()
			b.SignIn("/auth/login", xtest.DefaultUserID)
			time.Sleep(3 * time.Hour)
			b.Get("/api")
			time.Sleep(3 * time.Hour)
			s.X.Fail(xtest.Fault{Path: "/2/oauth2/token", Status: 500, Times: 1})
			b.Get("/api")
			b.Get("/api")
			s.X.RevokeApp(xtest.DefaultUserID)
			time.Sleep(3 * time.Hour)
			b.Get("/api")
			b.Get("/api")
			b.SignIn("/auth/login", xtest.DefaultUserID)
			b.SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
			s.X.Fail(xtest.Fault{Path: "/2/oauth2/revoke", Status: 500})
			b.Send(http.MethodPost, "/auth/logout", nil)
		})
	})
	t.Run("a watch that sees nothing proves nothing", func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		b.SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
		b.Get("/api")
		if err := s.Kit.RefreshToken(t.Context(), xsignin.Key{Provider: "x", UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID}); err != nil {
			t.Fatal(err)
		}
		seen := s.Watch.Seen()
		for _, want := range []string{
			"a cookie", "the state", "an oauth_token", "an oauth_verifier", "an oauth_signature",
			"an Authorization header", "a code", "a code_verifier", "a refresh_token", "a oauth_token_secret", "an access_token", "an refresh_token",
		} {
			if !seen[want] && !seen[strings.Replace(want, "an ", "a ", 1)] {
				t.Errorf("no secret seen that is %s; seen: %v", want, seen)
			}
		}
	})
}

// TestTypesWithSecretsPrintNone prints every type with secrets in every way, alone and in other
// values. For a value in an unexported field, see SECURITY.md.
func TestTypesWithSecretsPrintNone(t *testing.T) {
	const word = "SECRET-SECRET-SECRET-SECRET-SECRET"
	words := [][]byte{[]byte(word)}
	cfg := xsignin.Config{
		PublicURL: "http://localhost:8080", ClientID: "id", ClientSecret: word, Secrets: []string{word},
		OAuth1: xsignin.OAuth1Config{ConsumerKey: "k", ConsumerSecret: word}, Logger: slog.New(slog.DiscardHandler),
	}
	kit, err := xsignin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := tokenstore.NewVault(tokenstore.NewMemory(), words...)
	if err != nil {
		t.Fatal(err)
	}
	store, err := session.NewPendingStore(session.PendingStoreConfig{Secrets: words})
	if err != nil {
		t.Fatal(err)
	}
	x, err := provider.NewX(provider.OAuth2Config{ClientID: "c", ClientSecret: word, CallbackURL: "https://a/b"})
	if err != nil {
		t.Fatal(err)
	}
	token := tokenstore.Token{AccessToken: word, RefreshToken: word, TokenSecret: word}
	pending := provider.Pending{Provider: "x", State: word, Secret: word}
	begun := session.PendingSignIn{Pending: pending}
	signIn := xsignin.SignIn{Token: token, Request: httptest.NewRequest(http.MethodGet, "/?code="+word, http.NoBody)}
	withoutJSON := map[string]bool{"pending": true, "*pending": true}
	// A value of these has no secrets in an unexported field either.
	handles := map[string]any{"kit": *kit, "*kit": kit, "vault": *vault, "*vault": vault, "provider": x, "pending store": store}
	values := map[string]any{
		"config": cfg, "*config": &cfg, "OAuth 1.0a": cfg.OAuth1, "*OAuth 1.0a": &cfg.OAuth1, "token": token, "*token": &token,
		"pending": pending, "*pending": &pending, "pending sign-in": begun, "*pending sign-in": &begun, "sign-in": signIn, "*sign-in": &signIn,
		"OAuth2Config": provider.OAuth2Config{ClientSecret: word}, "OAuth1Config": provider.OAuth1Config{ConsumerSecret: word},
		"PendingStoreConfig": session.PendingStoreConfig{Secrets: words}, "FromSCSConfig": session.FromSCSConfig{Secrets: words},
		"handlers": handlers.Config{Pending: store, Providers: []provider.Provider{x}},
	}
	maps.Copy(values, handles)
	type exported struct{ V any }
	type unexported struct{ v any }
	for name, v := range values {
		forms := []any{v, []any{v}, map[string]any{"v": v}, exported{v}, &exported{v}}
		if handles[name] != nil {
			forms = append(forms, unexported{v}, &unexported{v})
		}
		for _, form := range forms {
			var out bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c"} {
				fmt.Fprintf(&out, verb+"\n", form)
			}
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", form, slog.Group("g", "v", form))
			if err := template.Must(template.New("").Parse("{{.}} {{printf `%+v` .}} {{js .}}")).Execute(&out, form); err != nil {
				t.Error(err)
			}
			if !withoutJSON[name] {
				slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", form)
				_ = json.NewEncoder(&out).Encode(form) // a type with functions does not encode
			}
			for _, secret := range []string{word, hex.EncodeToString(words[0]), base64.StdEncoding.EncodeToString(words[0])[:40], fmt.Sprint(words[0])[1:20], "0x53, 0x45, 0x43"} {
				if strings.Contains(strings.ToLower(out.String()), strings.ToLower(secret)) {
					t.Errorf("%s in a %T: %q shows in\n%s", name, form, secret, out.String())
					break
				}
			}
		}
	}
}
