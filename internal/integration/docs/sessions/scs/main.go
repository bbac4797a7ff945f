// Command shop keeps a cart in a session of scs, which the kit uses too.
package main

import (
	"cmp"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
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
	sessions := scs.New() // the application's own, with any of scs's stores
	sessions.HashTokenInStore = true
	cfg.Session.Manager = sessions
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /cart", kit.LoadUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := xsignin.User(r.Context())
		things := sessions.GetString(r.Context(), "things")
		w.Header().Set("Cache-Control", "no-store")
		fmt.Fprintf(w, "%s: %s\n", cmp.Or(html.EscapeString(user.Username), "nobody"), html.EscapeString(things))
	})))
	mux.Handle("POST /cart", http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sessions.Put(r.Context(), "things", sessions.GetString(r.Context(), "things")+" "+r.PostFormValue("thing"))
		http.Redirect(w, r, "/cart", http.StatusSeeOther)
	})))
	return sessions.LoadAndSave(mux), nil
}
