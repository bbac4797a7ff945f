package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

var secret = []byte(strings.Repeat("s", 32))

// TestTheTokenOfASignIn signs in by both protocols, and out.
func TestTheTokenOfASignIn(t *testing.T) {
	var token string // of the last request
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		h, err := site(cfg, secret)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token = ""
			if c, err := r.Cookie("token"); err == nil {
				token = c.Value
			}
			h.ServeHTTP(w, r)
		}), err
	})
	for _, login := range []string{"/auth/login", "/auth/login/x-oauth1"} {
		b := s.Browser()
		if to := b.Redirect("/photos?page=2"); to != "/auth/login?return_to=%2Fphotos%3Fpage%3D2" {
			t.Errorf("a stranger is sent to %s", to)
		}
		b.SignIn(login+"?return_to=/photos", xtest.DefaultUserID, "/photos")
		b.Get("/photos", http.StatusOK, "The photos of @demo")
		says, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
		if err != nil {
			t.Fatal(err)
		}
		subject, err1 := says.Claims.GetSubject()
		end, err2 := says.Claims.GetExpirationTime()
		if err1 != nil || err2 != nil || subject != "user-"+xtest.DefaultUserID || end == nil || time.Until(end.Time) > time.Hour {
			t.Errorf("the token says %v", says.Claims)
		}
		b.Post("/logout", nil, http.StatusOK)
		b.Redirect("/photos")
	}
}

// TestATokenThatIsNotOurs: a visitor can neither forge a token nor prolong one.
func TestATokenThatIsNotOurs(t *testing.T) {
	h := https(t)
	later, before := jwt.MapClaims{"name": "demo", "exp": time.Now().Add(time.Hour).Unix()}, jwt.MapClaims{"name": "demo", "exp": 1767364000}
	sign := func(method jwt.SigningMethod, key any, claims jwt.Claims) string {
		t.Helper()
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := sign(jwt.SigningMethodHS256, secret, later)
	for name, c := range map[string]struct {
		values []string
		want   int
	}{
		"good":                 {[]string{good}, http.StatusOK},
		"behind a planted one": {[]string{"planted", good}, http.StatusOK},
		"none":                 {nil, http.StatusSeeOther},
		"no token":             {[]string{"demo"}, http.StatusSeeOther},
		"another secret":       {[]string{sign(jwt.SigningMethodHS256, []byte(strings.Repeat("t", 32)), later)}, http.StatusSeeOther},
		"another algorithm":    {[]string{sign(jwt.SigningMethodHS512, secret, later)}, http.StatusSeeOther},
		"without a signature":  {[]string{sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, later)}, http.StatusSeeOther},
		"too old":              {[]string{sign(jwt.SigningMethodHS256, secret, before)}, http.StatusSeeOther},
		"without an end":       {[]string{sign(jwt.SigningMethodHS256, secret, jwt.MapClaims{"name": "demo"})}, http.StatusSeeOther},
	} {
		r := httptest.NewRequest(http.MethodGet, "https://site.example/photos", http.NoBody)
		for _, v := range c.values {
			r.AddCookie(&http.Cookie{Name: "__Host-token", Value: v})
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: status %d, want %d", name, w.Code, c.want)
		}
	}
}

// TestTheCookieOverHTTPS: no other host can plant the cookie, and browsers send it by https only.
func TestTheCookieOverHTTPS(t *testing.T) {
	w := httptest.NewRecorder()
	https(t).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "https://site.example/logout", http.NoBody))
	c := w.Result().Cookies()
	if len(c) != 1 || c[0].MaxAge >= 0 || c[0].Name != "__Host-token" || !c[0].Secure || !c[0].HttpOnly || c[0].SameSite != http.SameSiteLaxMode || c[0].Path != "/" {
		t.Errorf("%s", w.Header()["Set-Cookie"])
	}
}

// https is the program behind a proxy.
func https(t *testing.T) http.Handler {
	t.Helper()
	h, err := site(xsignin.Config{
		PublicURL: "https://site.example", ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, Secrets: []string{string(secret)},
	}, secret)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
