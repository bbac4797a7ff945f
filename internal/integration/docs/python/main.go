// Command followers signs users in with X in three steps, by OAuth 1.0a. Later, at any time,
// it reads their timelines, posts for them and lists their followers.
package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/dghubble/gologin/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xapi"
)

func main() {
	a, err := site(xsignin.Config{
		PublicURL: "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		OAuth1:    xsignin.OAuth1Config{ConsumerKey: os.Getenv("X_CONSUMER_KEY"), ConsumerSecret: os.Getenv("X_CONSUMER_SECRET")},
	})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: a, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// app is the site. The kit's store has the tokens, and a profile has the key of its token.
type app struct {
	*http.ServeMux
	kit *xsignin.Kit

	mu       sync.Mutex // guards profiles
	profiles map[string]profile
}

// profile is a user of the application.
type profile struct {
	id, screenName string
	token          xsignin.Key
}

func site(cfg xsignin.Config) (*app, error) {
	a := &app{ServeMux: http.NewServeMux(), profiles: map[string]profile{}}
	cfg.OnSignIn = a.signIn
	cfg.Failure = http.HandlerFunc(failed)
	cfg.Advanced.KeepTokensOnLogout = true // the site acts for users who are away
	var err error
	if a.kit, err = xsignin.New(cfg); err != nil {
		return nil, err
	}
	// Step 1 is GET /auth/login: the kit fetches a request token, seals it into a cookie and
	// sends the browser to X. Step 2 is at X. Step 3 is GET /auth/callback.
	a.Handle("/auth/", a.kit)
	a.Handle("GET /{$}", a.kit.LoadUser(http.HandlerFunc(a.front)))
	return a, nil
}

// signIn is the end of step 3: it finds or creates the user of the account.
func (a *app) signIn(_ context.Context, s *xsignin.SignIn) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, ok := a.profiles[s.User.AccountID]
	if !ok {
		p.id = fmt.Sprintf("user-%d", len(a.profiles)+1)
	}
	s.User.ID = p.id
	p.screenName, p.token = s.User.Username, s.User.Key()
	a.profiles[s.User.AccountID] = p
	return nil
}

// messages are shown on the front page, where a failed sign-in ends.
var messages = map[string]string{
	"request_token": "Request token not found.", "verifier": "OAuth verifier not found.", "other": "X is unavailable at the moment.",
}

func failed(w http.ResponseWriter, r *http.Request) {
	message := "other"
	switch err := gologin.ErrorFromContext(r.Context()); {
	case errors.Is(err, provider.ErrOtherBrowser):
		message = "request_token"
	case errors.Is(err, provider.ErrDenied):
		message = "verifier"
	}
	http.Redirect(w, r, "/?message="+message, http.StatusSeeOther)
}

func (a *app) front(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, messages[r.URL.Query().Get("message")])
	if user, ok := xsignin.User(r.Context()); ok {
		fmt.Fprintf(w, "Hello %s, you are @%s\n", user.ID, html.EscapeString(user.Username))
	}
}

// later reads, posts and lists with the stored token of an account, while the user is away.
func (a *app) later(accountID, status string) (timeline, followers []string, err error) {
	a.mu.Lock()
	token := a.profiles[accountID].token
	a.mu.Unlock()
	client := a.kit.ClientFor(token)
	type post struct {
		Text string `json:"text"`
	}
	type user struct{ Username string }
	posts, err := xapi.Decode[struct{ Data []post }](client.Get("/2/users/" + accountID + "/tweets"))
	if err != nil {
		return nil, nil, err
	}
	for _, p := range posts.Data {
		timeline = append(timeline, p.Text)
	}
	if _, err = xapi.Decode[struct{ Data post }](client.Post("/2/tweets", "application/json", xapi.JSON(post{status}))); err != nil {
		return nil, nil, err
	}
	users, err := xapi.Decode[struct{ Data []user }](client.Get("/2/users/" + accountID + "/followers"))
	for _, u := range users.Data {
		followers = append(followers, u.Username)
	}
	return timeline, followers, err
}
