// Command ownsession keeps its users in its own signed cookie, and signs them in with xsignin.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
)

func main() {
	secret := os.Getenv("SESSION_SECRET")
	if len(secret) < 32 {
		log.Fatal("SESSION_SECRET: need at least 32 bytes (create it with openssl rand -base64 32)")
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

type app struct {
	kit    *xsignin.Kit
	secret []byte
	cookie http.Cookie // without a value
}

func site(cfg xsignin.Config, secret []byte) (http.Handler, error) {
	a := &app{secret: secret, cookie: http.Cookie{Name: "own", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}}
	if strings.HasPrefix(cfg.PublicURL, "https:") {
		a.cookie.Name, a.cookie.Secure = "__Host-own", true // no other host can plant it
	}
	cfg.Session.Disabled = true
	cfg.Success = http.HandlerFunc(a.start)
	var err error
	if a.kit, err = xsignin.New(cfg); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", a.kit)
	mux.HandleFunc("GET /photos", a.photos)
	mux.Handle("POST /logout", http.NewCrossOriginProtection().Handler(http.HandlerFunc(a.logout)))
	return mux, nil
}

// session is the content of the cookie. Key names the user's tokens: with Config.TokenStore,
// kit.ClientFor(Key) acts for the user.
type session struct {
	Key   xsignin.Key
	Name  string
	Until time.Time
}

const lifetime = 14 * 24 * time.Hour

// start starts the session of a user who has signed in at X.
func (a *app) start(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	text, err := json.Marshal(session{user.Key(), user.Username, time.Now().Add(lifetime)})
	if err != nil {
		log.Print(err)
		http.Error(w, "You cannot be signed in at the moment", http.StatusInternalServerError)
		return
	}
	c := a.cookie
	c.Value = base64.RawURLEncoding.EncodeToString(append(a.sign(text), text...))
	c.MaxAge = int(lifetime.Seconds())
	http.SetCookie(w, &c)
	path, _ := handlers.ReturnPath(r.Context())
	handlers.RedirectAfterSignIn(w, r, path)
}

// current returns the session of r, if its cookie is signed and not too old.
func (a *app) current(r *http.Request) (s session, ok bool) {
	for _, c := range r.CookiesNamed(a.cookie.Name) {
		b, err := base64.RawURLEncoding.DecodeString(c.Value)
		if err != nil || len(b) < sha256.Size || !hmac.Equal(b[:sha256.Size], a.sign(b[sha256.Size:])) {
			continue
		}
		if err := json.Unmarshal(b[sha256.Size:], &s); err == nil && time.Now().Before(s.Until) {
			return s, true
		}
	}
	return session{}, false
}

func (a *app) sign(text []byte) []byte {
	mac := hmac.New(sha256.New, a.secret)
	mac.Write(text)
	return mac.Sum(nil)
}

func (a *app) photos(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	s, ok := a.current(r)
	if !ok {
		http.Redirect(w, r, a.kit.LoginURL("", r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	fmt.Fprintf(w, "<p>The photos of @%s</p>\n<form method=post action=/logout><button>Sign out</button></form>\n", html.EscapeString(s.Name))
}

// logout clears the cookie. A copy of the cookie is valid until its end: an application that
// must prevent that keeps its sessions in a database. With Config.TokenStore, logout also calls
// kit.RevokeToken.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	c := a.cookie
	c.MaxAge = -1
	http.SetCookie(w, &c)
	fmt.Fprintln(w, "You are signed out.")
}
