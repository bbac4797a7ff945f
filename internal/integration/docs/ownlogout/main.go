// Command visits counts each user's visits in its own session. Its logout ends that session and the
// kit's.
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
)

func main() {
	handler, err := site(xsignin.Config{
		PublicURL:    "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		ClientID:     os.Getenv("X_CLIENT_ID"),
		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
	})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func site(cfg xsignin.Config) (http.Handler, error) {
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	sessions := scs.New() // the application's own, in a cookie of its own
	sessions.Cookie.SameSite = http.SameSiteStrictMode
	sessions.Cookie.Secure = strings.HasPrefix(cfg.PublicURL, "https:")
	fail := func(w http.ResponseWriter, err error) {
		log.Print(err)
		http.Error(w, "This did not work. Try again in a moment.", http.StatusServiceUnavailable)
	}
	visits := func(w http.ResponseWriter, r *http.Request) {
		user, _ := xsignin.User(r.Context())
		if sessions.GetString(r.Context(), "owner") != user.ID { // the values belong to another user
			if err := sessions.Destroy(r.Context()); err != nil {
				fail(w, err)
				return
			}
			sessions.Put(r.Context(), "owner", user.ID)
		}
		n := sessions.GetInt(r.Context(), "visits") + 1
		sessions.Put(r.Context(), "visits", n)
		fmt.Fprintf(w, "<p>Visit %d of @%s</p>\n<form method=post action=/logout><button>Sign out</button></form>\n", n, html.EscapeString(user.Username))
	}
	logout := func(w http.ResponseWriter, r *http.Request) {
		if err := kit.SignOut(w, r); err != nil { // the kit's session, and the tokens at X
			fail(w, err)
			return
		}
		if err := sessions.Destroy(r.Context()); err != nil {
			fail(w, err)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /visits", sessions.LoadAndSave(kit.RequireUser(http.HandlerFunc(visits))))
	mux.Handle("POST /logout", http.NewCrossOriginProtection().Handler(sessions.LoadAndSave(http.HandlerFunc(logout))))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `<a href="/visits">My visits</a>`) })
	return mux, nil
}
