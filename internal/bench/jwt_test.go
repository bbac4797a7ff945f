package bench

import (
	"io"
	"net/http"
	"testing"
	"time"

	pkgz "github.com/go-pkgz/auth/v2"
	"github.com/go-pkgz/auth/v2/avatar"
	"github.com/go-pkgz/auth/v2/provider"
	"github.com/go-pkgz/auth/v2/token"
	"github.com/golang-jwt/jwt/v5"
)

// claims describe the user in a JWT.
type claims struct {
	jwt.RegisteredClaims
	Username string `json:"username"`
	Name     string `json:"name"`
	Avatar   string `json:"avatar"`
}

// jwtRequest has the user in a JWT in a cookie, signed with HMAC-SHA256.
func jwtRequest(tb testing.TB, name string) rival {
	key, now := secret('j'), time.Now()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:  user.AccountID,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)),
		},
		Username: user.Username, Name: user.Name, Avatar: user.AvatarURL,
	}).SignedString(key)
	if err != nil {
		tb.Fatal(err)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	keyFunc := func(*jwt.Token) (any, error) { return key, nil }
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("jwt")
		if err != nil {
			return
		}
		var got claims
		if _, err := parser.ParseWithClaims(c.Value, &got, keyFunc); err == nil && got.Subject != "" {
			_, _ = io.WriteString(w, got.Username)
		}
	})
	return request(name, h, get(tb, "/", "jwt="+signed))
}

// pkgzRequest is the middleware of go-pkgz/auth. Its session is a JWT and an XSRF header.
func pkgzRequest(tb testing.TB, name string) rival {
	service := pkgz.NewService(pkgz.Opts{
		SecretReader:  token.SecretFunc(func(string) (string, error) { return string(secret('p')), nil }),
		TokenDuration: time.Hour, CookieDuration: time.Hour, Issuer: "bench", URL: appURL,
		AvatarStore: avatar.NewNoOp(),
	})
	// The middleware rejects users of providers that the service does not have.
	service.AddDirectProvider("x", provider.CredCheckerFunc(
		func(string, string) (bool, error) { return false, nil }))
	w := newResponse()
	if _, err := service.TokenService().Set(w, token.Claims{
		User: &token.User{ID: "x_" + user.AccountID, Name: user.Username, Picture: user.AvatarURL},
		RegisteredClaims: jwt.RegisteredClaims{
			ID: "1", Issuer: "bench", Audience: jwt.ClaimStrings{"bench"},
		},
	}); err != nil {
		tb.Fatal(err)
	}
	r := get(tb, "/", w.cookies())
	xsrf, err := r.Cookie("XSRF-TOKEN")
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("X-XSRF-TOKEN", xsrf.Value)
	middleware := service.Middleware()
	h := middleware.Auth(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, err := token.GetUserInfo(r); err == nil && user.ID != "" {
			_, _ = io.WriteString(w, user.Name)
		}
	}))
	return request(name, h, r)
}
