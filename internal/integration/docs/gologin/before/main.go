// Command photos signs people in with gologin, by OAuth 1.0a.
package main

import (
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/dghubble/gologin/v2"
	oauth1login "github.com/dghubble/gologin/v2/oauth1"
	"github.com/dghubble/gologin/v2/twitter"
	"github.com/dghubble/oauth1"
	endpoint "github.com/dghubble/oauth1/twitter"
)

// tokens has the access tokens and secrets by user.
var tokens = map[string][2]string{}

func main() {
	config := &oauth1.Config{
		ConsumerKey:    os.Getenv("X_CONSUMER_KEY"),
		ConsumerSecret: os.Getenv("X_CONSUMER_SECRET"),
		CallbackURL:    "http://127.0.0.1:8080/callback",
		Endpoint:       endpoint.AuthenticateEndpoint,
	}
	sessions := scs.New()
	success := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := twitter.UserFromContext(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		token, secret, err := oauth1login.AccessTokenFromContext(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		tokens[user.IDStr] = [2]string{token, secret}
		if err := sessions.RenewToken(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		sessions.Put(r.Context(), "id", user.IDStr)
		sessions.Put(r.Context(), "name", user.ScreenName)
		http.Redirect(w, r, "/photos", http.StatusFound)
	})
	failure := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Print(gologin.ErrorFromContext(r.Context()))
		http.Error(w, "You are not signed in.", http.StatusForbidden)
	})

	mux := http.NewServeMux()
	mux.Handle("GET /login", twitter.LoginHandler(config, failure))
	mux.Handle("GET /callback", twitter.CallbackHandler(config, success, failure))
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, "/", http.StatusFound)
	})
	mux.HandleFunc("GET /photos", func(w http.ResponseWriter, r *http.Request) {
		id := sessions.GetString(r.Context(), "id")
		if id == "" {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		token := oauth1.NewToken(tokens[id][0], tokens[id][1])
		resp, err := config.Client(r.Context(), token).Get("https://api.twitter.com/2/users/" + id + "/tweets")
		if err != nil {
			http.Error(w, "X is unavailable at the moment", http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		fmt.Fprintf(w, "Hello @%s, X answers %s\n", html.EscapeString(sessions.GetString(r.Context(), "name")), resp.Status)
	})
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: sessions.LoadAndSave(mux), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}
