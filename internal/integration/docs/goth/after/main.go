// Command photos signs people in with xsignin, by OAuth 1.0a.
package main

import (
	"context"
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
		PublicURL: "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		OAuth1:    xsignin.OAuth1Config{ConsumerKey: os.Getenv("X_CONSUMER_KEY"), ConsumerSecret: os.Getenv("X_CONSUMER_SECRET")},
		Paths:     xsignin.Paths{DefaultReturnTo: "/photos"},
		OnSignIn: func(_ context.Context, s *xsignin.SignIn) error {
			log.Printf("@%s signs in", s.User.Username) // find or create the application's own user here
			return nil
		},
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
	mux.Handle("/auth/", kit) // login, callback, logout
	mux.Handle("GET /photos", kit.RequireUser(http.HandlerFunc(photos)))
	return mux, nil
}

func photos(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	resp, err := xsignin.Client(r.Context()).Get("https://api.x.com/2/users/" + user.AccountID + "/tweets")
	if err != nil {
		log.Print(err)
		http.Error(w, "X is unavailable at the moment", http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	fmt.Fprintf(w, "Hello @%s, X answers %s\n", html.EscapeString(user.Username), resp.Status)
}
