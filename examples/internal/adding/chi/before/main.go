// Command hello greets whoever comes.
package main

import (
	"cmp"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
)

func main() {
	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080")
	r := chi.NewRouter()
	r.Get("/", front)
	r.Get("/hello", hello)
	log.Fatal(http.ListenAndServe(addr, r))
}

func front(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, `<a href="/hello">Say hello</a>`)
}

func hello(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	fmt.Fprintf(w, "<h1>Hello, %s</h1>\n", html.EscapeString(name))
}
