// Command photos keeps its handlers for gologin, and uses xsignin's callback.
package main

import (
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	//lint:ignore SA1019 It is deprecated, and what gologin's reader gives.
	api "github.com/dghubble/go-twitter/twitter"
	"github.com/dghubble/gologin/v2"
	oauth1login "github.com/dghubble/gologin/v2/oauth1"
	"github.com/dghubble/gologin/v2/twitter"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
)

func main() {
	handler, err := site(xsignin.Config{
		PublicURL: "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		OAuth1:    xsignin.OAuth1Config{ConsumerKey: os.Getenv("X_CONSUMER_KEY"), ConsumerSecret: os.Getenv("X_CONSUMER_SECRET")},
		Paths:     xsignin.Paths{DefaultReturnTo: "/photos"},
	}, save)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// save represents what the application does with its own copy of a token.
func save(id, token, secret string) error { return nil }

func site(cfg xsignin.Config, save func(id, token, secret string) error) (http.Handler, error) {
	cfg.Success = withTwitterUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		if err := save(user.IDStr, token, secret); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		back, _ := handlers.ReturnPath(r.Context()) // the page from which RequireUser redirected the visitor
		handlers.RedirectAfterSignIn(w, r, back)
	}))
	cfg.Failure = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Print(gologin.ErrorFromContext(r.Context()))
		http.Error(w, "You are not signed in.", http.StatusForbidden)
	})
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /photos", kit.RequireUser(http.HandlerFunc(photos)))
	return mux, nil
}

// withTwitterUser makes twitter.UserFromContext return the signed-in user. It uses data of the
// sign-in, and makes no call to X.
func withTwitterUser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := xsignin.User(r.Context())
		id, err := strconv.ParseInt(user.AccountID, 10, 64)
		if err != nil {
			http.Error(w, "This is not an X account.", http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, r.WithContext(twitter.WithUser(r.Context(), &api.User{
			ID: id, IDStr: user.AccountID, ScreenName: user.Username, Name: user.Name,
			ProfileImageURLHttps: user.AvatarURL, Email: user.Email,
		})))
	})
}

func photos(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	fmt.Fprintf(w, "Hello @%s\n", html.EscapeString(user.Username))
}
