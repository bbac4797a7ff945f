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
)

func main() {
	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", front)
	mux.HandleFunc("GET /hello", hello)
	log.Print("Open http://" + addr)
	server := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// front is for all visitors.
func front(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, `<a href="/hello">Say hello</a>`)
}

func hello(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	fmt.Fprintf(w, "<h1>Hello, %s</h1>\n", html.EscapeString(name))
}
