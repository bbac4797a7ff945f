// Command tokens signs users in with xsignin, and identifies them by its own JWT.
package main

import (
	"context"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
)

func main() {
	secret := os.Getenv("JWT_SECRET")
	if len(secret) < 32 {
		log.Fatal("JWT_SECRET: need at least 32 bytes (create it with openssl rand -base64 32)")
	}
	handler, err := site(xsignin.Config{
		PublicURL:    "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		ClientID:     os.Getenv("X_CLIENT_ID"),
		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
		Scopes:       []string{"tweet.read", "users.read"}, // enough to know who the user is
	}, []byte(secret))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func site(cfg xsignin.Config, secret []byte) (http.Handler, error) {
	cookie := http.Cookie{Name: "token", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if strings.HasPrefix(cfg.PublicURL, "https:") {
		cookie.Name, cookie.Secure = "__Host-token", true
	}
	cfg.Session.Disabled = true
	cfg.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
		s.User.ID = "user-" + s.User.AccountID // find or create your own user here
		return nil
	}
	cfg.Success = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := xsignin.User(r.Context())
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"sub": user.ID, "name": user.Username, "exp": time.Now().Add(time.Hour).Unix(),
		}).SignedString(secret)
		if err != nil {
			log.Print(err)
			http.Error(w, "You cannot be signed in at the moment", http.StatusInternalServerError)
			return
		}
		c := cookie
		c.Value = token
		http.SetCookie(w, &c)
		path, _ := handlers.ReturnPath(r.Context())
		handlers.RedirectAfterSignIn(w, r, path)
	})
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	key := func(*jwt.Token) (any, error) { return secret, nil }
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.HandleFunc("GET /photos", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		for _, c := range r.CookiesNamed(cookie.Name) {
			if token, err := parser.Parse(c.Value, key); err == nil {
				name, _ := token.Claims.(jwt.MapClaims)["name"].(string)
				fmt.Fprintf(w, "<p>The photos of @%s</p>\n<form method=post action=/logout><button>Sign out</button></form>\n", html.EscapeString(name))
				return
			}
		}
		http.Redirect(w, r, kit.LoginURL("", r.URL.RequestURI()), http.StatusSeeOther)
	})
	mux.Handle("POST /logout", http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c := cookie
		c.MaxAge = -1
		http.SetCookie(w, &c)
		fmt.Fprintln(w, "You are signed out.")
	})))
	return mux, nil
}
