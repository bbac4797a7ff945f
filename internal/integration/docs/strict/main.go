// Command strict keeps its users in an scs session of its own, whose cookie is SameSite=Strict.
package main

import (
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
)

func main() {
	handler, err := site(xsignin.Config{
		PublicURL:    "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		ClientID:     os.Getenv("X_CLIENT_ID"),
		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
		Scopes:       []string{"tweet.read", "users.read"}, // enough to know who the user is
	})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func site(cfg xsignin.Config) (http.Handler, error) {
	sessions := scs.New() // with any of scs's stores
	sessions.HashTokenInStore = true
	sessions.Cookie.SameSite = http.SameSiteStrictMode
	sessions.Cookie.Secure = strings.HasPrefix(cfg.PublicURL, "https:")
	fail := func(w http.ResponseWriter, err error) {
		log.Print(err)
		http.Error(w, "This did not work. Try again in a moment.", http.StatusServiceUnavailable)
	}
	cfg.Session.Disabled = true
	cfg.Success = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Browsers send no Strict cookie with the callback. If there is a session anyway, end it.
		if err := sessions.Destroy(r.Context()); err != nil {
			fail(w, err)
			return
		}
		user, _ := xsignin.User(r.Context())
		sessions.Put(r.Context(), "id", user.ID)
		sessions.Put(r.Context(), "name", user.Username)
		path, _ := handlers.ReturnPath(r.Context())
		handlers.RedirectAfterSignIn(w, r, path) // a page of this site opens path, so the cookie is sent
	})
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.HandleFunc("GET /photos", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if sessions.GetString(r.Context(), "id") == "" {
			http.Redirect(w, r, kit.LoginURL("", r.URL.RequestURI()), http.StatusSeeOther)
			return
		}
		name := html.EscapeString(sessions.GetString(r.Context(), "name"))
		fmt.Fprintf(w, "<p>The photos of @%s</p>\n<form method=post action=/logout><button>Sign out</button></form>\n", name)
	})
	mux.Handle("POST /logout", http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(r.Context()); err != nil {
			fail(w, err)
			return
		}
		fmt.Fprintln(w, "You are signed out.")
	})))
	return sessions.LoadAndSave(mux), nil
}
