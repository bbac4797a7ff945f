// Command byhandprovider signs users in by a provider and the cookies of pending sign-ins
// alone. Sessions and pages are the application's.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

func main() {
	publicURL := "http://127.0.0.1:8080" // register http://127.0.0.1:8080/auth/callback at X
	handler, err := site(publicURL, os.Getenv("SECRET"), provider.OAuth2Config{
		ClientID: os.Getenv("X_CLIENT_ID"), ClientSecret: os.Getenv("X_CLIENT_SECRET"),
		Scopes: []string{"tweet.read", "users.read"}, // enough to know who the user is
	})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

type app struct {
	x       provider.Provider
	pending *session.PendingStore
	cookie  http.Cookie // of the application's session, without a value
	users   sync.Map    // by the value of the cookie; a real application lets them end
}

func site(publicURL, secret string, cfg provider.OAuth2Config) (http.Handler, error) {
	https := strings.HasPrefix(publicURL, "https:")
	a := &app{cookie: http.Cookie{Name: "own", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}}
	if https {
		a.cookie.Name, a.cookie.Secure = "__Host-own", true // no other host can plant it
	}
	cfg.CallbackURL = publicURL + "/auth/callback"
	var err error
	if a.x, err = provider.NewX(cfg); err != nil {
		return nil, err
	}
	a.pending, err = session.NewPendingStore(session.PendingStoreConfig{Secrets: [][]byte{[]byte(secret)}, Secure: https})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth/login", a.login)
	mux.HandleFunc("GET /auth/callback", a.callback)
	mux.HandleFunc("GET /photos", a.photos)
	return mux, nil
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	consent, pending, err := a.x.Begin(r.Context(), provider.Options{})
	if err == nil {
		// A return path from the request must be checked. This one is the application's.
		err = a.pending.Put(w, r, session.PendingSignIn{Pending: pending, ReturnTo: "/photos"})
	}
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, consent, http.StatusSeeOther)
}

func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer") // the address has the code
	query := r.URL.Query()
	found, err := a.pending.Find(r, query.Get("state")) // only in the browser that began
	switch {
	case err != nil:
		fail(w, err)
		return
	case found.Ended && found.Code == "": // loaded again
		handlers.RedirectAfterSignIn(w, r, found.ReturnTo)
		return
	case found.Ended || !a.pending.Spend(found.Pending.State): // each sign-in is used once
		fail(w, provider.ErrExpired)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	user, _, err := a.x.Finish(ctx, found.Pending, query) // and the token, which is not needed here
	if r.Context().Err() != nil {
		return // the visitor has gone, and w may belong to another request
	}
	if err != nil {
		a.pending.Finish(w, found, "failed")
		fail(w, err)
		return
	}
	a.pending.Finish(w, found, "")
	c := a.cookie
	c.Value = rand.Text() // a new id, so that an id from before is useless
	a.users.Store(c.Value, user)
	http.SetCookie(w, &c)
	handlers.RedirectAfterSignIn(w, r, found.ReturnTo)
}

// fail shows the visitor what went wrong, and logs the error.
func fail(w http.ResponseWriter, err error) {
	p := page.ProblemFor(err)
	log.Printf("sign-in: %v", err)
	http.Error(w, p.Title+". "+p.Detail, p.Status)
}

func (a *app) photos(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if c, err := r.Cookie(a.cookie.Name); err == nil {
		if user, ok := a.users.Load(c.Value); ok {
			fmt.Fprintf(w, "The photos of @%s\n", html.EscapeString(user.(provider.User).Username))
			return
		}
	}
	http.Redirect(w, r, "/auth/login", http.StatusSeeOther)
}
