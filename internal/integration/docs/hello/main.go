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
	kit, err := xsignin.New(xsignin.Config{
		PublicURL:    "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		ClientID:     os.Getenv("X_CLIENT_ID"),
		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("/", kit.RequireUser(http.HandlerFunc(hello)))
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func hello(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	resp, err := xsignin.Client(r.Context()).Get("/2/users/me") // at X's API
	if err != nil {
		log.Print(err)
		http.Error(w, "X is unavailable at the moment", http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	fmt.Fprintf(w, "<p>Hello @%s, X answers %s</p>\n", html.EscapeString(user.Username), resp.Status)
	fmt.Fprintln(w, `<form method="post" action="/auth/logout"><button>Sign out</button></form>`)
}
