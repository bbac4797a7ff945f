package main

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

var secret = []byte(strings.Repeat("s", 32))

// TestTheApplicationsOwnCookie signs in by both protocols, and out.
func TestTheApplicationsOwnCookie(t *testing.T) {
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) { return site(cfg, secret) })
	for _, login := range []string{"/auth/login", "/auth/login/x-oauth1"} {
		b := s.Browser()
		if to := b.Redirect("/photos?page=2"); to != "/auth/login?return_to=%2Fphotos%3Fpage%3D2" {
			t.Errorf("a stranger is sent to %s", to)
		}
		b.SignIn(login+"?return_to=/photos", xtest.DefaultUserID, "/photos")
		b.Get("/photos", http.StatusOK, "The photos of @demo")
		b.Post("/logout", nil, http.StatusOK)
		b.Redirect("/photos")
		b.Get("/auth/session", http.StatusNotFound, "")
	}
}

// TestMoreScopesAreThoseOfOneSignIn: a login does not add the scopes that the user already has.
func TestMoreScopesAreThoseOfOneSignIn(t *testing.T) {
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		cfg.LoginOptions = func(r *http.Request) (opt provider.Options) {
			if r.FormValue("more") != "" {
				opt.MoreScopes = []string{"tweet.write"}
			}
			return opt
		}
		return site(cfg, secret)
	})
	b := s.Browser()
	b.SignIn("/auth/login?more=1&return_to=/photos", xtest.DefaultUserID, "/photos")
	for login, want := range map[string]bool{"/auth/login?more=1": true, "/auth/login": false} {
		if to := b.Redirect(login); strings.Contains(to, "tweet.write") != want {
			t.Errorf("%s leads to %s", login, to)
		}
	}
}

// TestACookieThatIsNotOurs: a visitor can neither write a cookie nor prolong one.
func TestACookieThatIsNotOurs(t *testing.T) {
	a := &app{secret: secret, cookie: http.Cookie{Name: "own"}}
	value := func(key []byte, text string) string {
		return base64.RawURLEncoding.EncodeToString(append((&app{secret: key}).sign([]byte(text)), text...))
	}
	later, before := `{"Name":"demo","Until":"`+time.Now().Add(time.Hour).Format(time.RFC3339)+`"}`, `{"Name":"demo","Until":"2026-01-02T15:04:05Z"}`
	good := value(secret, later)
	for name, c := range map[string]struct {
		values []string
		ok     bool
	}{
		"good":                 {[]string{good}, true},
		"behind a planted one": {[]string{"planted", value([]byte("another"), later), good}, true},
		"none":                 {nil, false},
		"empty":                {[]string{""}, false},
		"short":                {[]string{good[:20]}, false},
		"changed":              {[]string{good[:len(good)-4] + "AAAA"}, false},
		"another secret":       {[]string{value([]byte(strings.Repeat("t", 32)), later)}, false},
		"too old":              {[]string{value(secret, before)}, false},
		"not JSON":             {[]string{value(secret, "{")}, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		for _, v := range c.values {
			r.AddCookie(&http.Cookie{Name: "own", Value: v})
		}
		if s, ok := a.current(r); ok != c.ok || ok && s.Name != "demo" {
			t.Errorf("%s: %+v, %t", name, s, ok)
		}
	}
}

// TestTheCookieOverHTTPS: no other host can plant it, and it is never sent in clear.
func TestTheCookieOverHTTPS(t *testing.T) {
	h, err := site(xsignin.Config{
		PublicURL: "https://site.example", ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, Secrets: []string{string(secret)},
	}, secret)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "https://site.example/logout", http.NoBody))
	c := w.Result().Cookies()
	if len(c) != 1 || c[0].Name != "__Host-own" || !c[0].Secure || !c[0].HttpOnly || c[0].SameSite != http.SameSiteLaxMode || c[0].Path != "/" {
		t.Errorf("%s", w.Header()["Set-Cookie"])
	}
}
