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
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.HandleFunc("GET /{$}", front)
	mux.Handle("GET /hello", kit.RequireUser(http.HandlerFunc(hello)))
	log.Print("Open http://" + addr)
	server := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// front is for all visitors.
func front(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, `<a href="/hello">Say hello</a>`)
}

func hello(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	fmt.Fprintf(w, "<h1>Hello, %s</h1>\n", html.EscapeString(user.Name))
}
