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
)

func main() {
	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080")
	r := chi.NewRouter()
	r.Get("/", front)
	r.Get("/hello", hello)
	server := &http.Server{Addr: addr, Handler: r, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func front(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, `<a href="/hello">Say hello</a>`)
}

func hello(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	fmt.Fprintf(w, "<h1>Hello, %s</h1>\n", html.EscapeString(name))
}
