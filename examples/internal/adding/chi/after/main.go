// Command hello greets its visitors.
package main

import (
	"cmp"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/xsignin/xsignin"
)

func main() {
	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080")
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: "http://" + addr, ClientID: os.Getenv("X_CLIENT_ID"), ClientSecret: os.Getenv("X_CLIENT_SECRET"),
	})
	if err != nil {
		log.Fatal(err)
	}
	r := chi.NewRouter()
	r.Mount("/auth", kit)
	r.Get("/", front)
	r.With(kit.RequireUser).Get("/hello", hello)
	server := &http.Server{Addr: addr, Handler: r, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func front(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, `<a href="/hello">Say hello</a>`)
}

func hello(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	fmt.Fprintf(w, "<h1>Hello, %s</h1>\n", html.EscapeString(user.Name))
}
