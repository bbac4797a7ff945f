// Command photos signs people in with goth, by OAuth 1.0a.
package main

import (
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/sessions"
	"github.com/markbates/goth"
	"github.com/markbates/goth/gothic"
	"github.com/markbates/goth/providers/twitterv2"
	"github.com/mrjones/oauth"
)

func main() {
	key, secret := os.Getenv("X_CONSUMER_KEY"), os.Getenv("X_CONSUMER_SECRET")
	goth.UseProviders(twitterv2.New(key, secret, "http://127.0.0.1:8080/callback"))
	store := sessions.NewCookieStore([]byte(os.Getenv("SESSION_SECRET")))
	gothic.Store = store
	consumer := oauth.NewConsumer(key, secret, oauth.ServiceProvider{})
	// tokens has the access tokens and secrets by user.
	tokens := map[string]*oauth.AccessToken{}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		gothic.BeginAuthHandler(w, gothic.GetContextWithProvider(r, "twitterv2"))
	})
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		user, err := gothic.CompleteUserAuth(w, gothic.GetContextWithProvider(r, "twitterv2"))
		if err != nil {
			log.Print(err)
			http.Error(w, "You are not signed in.", http.StatusForbidden)
			return
		}
		tokens[user.UserID] = &oauth.AccessToken{Token: user.AccessToken, Secret: user.AccessTokenSecret}
		session, _ := store.Get(r, "photos")
		session.Values["id"], session.Values["name"] = user.UserID, user.NickName
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, "/photos", http.StatusFound)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "photos")
		session.Options.MaxAge = -1
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, "/", http.StatusFound)
	})
	mux.HandleFunc("GET /photos", func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "photos")
		id, _ := session.Values["id"].(string)
		name, _ := session.Values["name"].(string)
		if id == "" || tokens[id] == nil {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		client, err := consumer.MakeHttpClient(tokens[id])
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		resp, err := client.Get("https://api.twitter.com/2/users/" + id + "/tweets")
		if err != nil {
			http.Error(w, "X is unavailable at the moment", http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		fmt.Fprintf(w, "Hello @%s, X answers %s\n", html.EscapeString(name), resp.Status)
	})
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}
