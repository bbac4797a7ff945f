// Command notes protects every form, its own and the kit's, by http.CrossOriginProtection.
package main

import (
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"time"

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
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /notes", kit.RequireUser(http.HandlerFunc(form)))
	mux.Handle("POST /notes", kit.RequireUser(http.HandlerFunc(add)))
	return http.NewCrossOriginProtection().Handler(mux), nil
}

func form(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, `<form method="post"><input name="note"><button>Add</button></form>
<form method="post" action="/auth/logout"><button>Sign out</button></form>`)
}

func add(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	fmt.Fprintf(w, "<p>@%s notes: %s</p>\n", html.EscapeString(user.Username), html.EscapeString(r.PostFormValue("note")))
}
