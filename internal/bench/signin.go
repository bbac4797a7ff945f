package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/dghubble/gologin/v2/twitter"
	"github.com/dghubble/oauth1"
	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin"
)

// visitor goes through a whole sign-in: the login, X's page, where it says yes, and the
// callback. reply makes the callback's query of the address of X's page.
func visitor(name string, h http.Handler, login string, reply func(location string) string) contender {
	w := newAnswer()
	return contender{name, func() error {
		w.reset()
		h.ServeHTTP(w, get(login, ""))
		if w.status/100 != 3 {
			return fmt.Errorf("the login answers %d", w.status)
		}
		back := get("/auth/callback?"+reply(w.header.Get("Location")), w.cookies())
		w.reset()
		h.ServeHTTP(w, back)
		if w.status/100 != 3 || w.header.Get("Location") != "/" {
			return fmt.Errorf("the callback answers %d", w.status)
		}
		return nil
	}}
}

// between is what stands between a and b.
func between(s, a, b string) string {
	_, s, _ = strings.Cut(s, a)
	s, _, _ = strings.Cut(s, b)
	return s
}

func replyOAuth2(location string) string {
	return "code=Y29kZU9mVGhlTGVuZ3RoT2ZYc093bkNvZGVzOjE3NjM2OTk&state=" + between(location, "state=", "&")
}

func replyOAuth1(location string) string {
	return "oauth_verifier=uw7NjWHT6OJ1MpJOXsHfNxoAhPKpgI8BlYDhxEjI&oauth_token=" + between(location+"&", "oauth_token=", "&")
}

func kitSignIn2(name string, x http.RoundTripper) (contender, error) {
	kit, err := newKit(func(c *xsignin.Config) { c.Transport = x })
	return visitor(name, kit, "/auth/login", replyOAuth2), err
}

func kitSignIn1(name string, x http.RoundTripper) (contender, error) {
	kit, err := newKit(func(c *xsignin.Config) {
		c.Transport = x
		c.ConsumerKey, c.ConsumerSecret = "consumer", "consumer-secret"
	})
	return visitor(name, kit, "/auth/login/x-oauth1", replyOAuth1), err
}

// handSignIn2 is what the documentation of x/oauth2 leads to: state and verifier in cookies,
// the exchange, and a call for who it is. Nothing is kept.
func handSignIn2(name string, x http.RoundTripper) (contender, error) {
	cfg := &oauth2.Config{
		ClientID: "client", ClientSecret: "client-secret", RedirectURL: "http://127.0.0.1:8080/auth/callback",
		Scopes: []string{"tweet.read", "users.read", "offline.access"},
		Endpoint: oauth2.Endpoint{
			AuthURL: "https://x.com/i/oauth2/authorize", TokenURL: "https://api.x.com/2/oauth2/token", AuthStyle: oauth2.AuthStyleInHeader,
		},
	}
	upstream := &http.Client{Transport: x}
	keep := func(w http.ResponseWriter, name, value string, age int) {
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/auth/login", func(w http.ResponseWriter, r *http.Request) {
		state, verifier := rand.Text(), oauth2.GenerateVerifier()
		keep(w, "state", state, 600)
		keep(w, "verifier", verifier, 600)
		http.Redirect(w, r, cfg.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), http.StatusSeeOther)
	})
	mux.HandleFunc("/auth/callback", func(w http.ResponseWriter, r *http.Request) {
		state, err1 := r.Cookie("state")
		verifier, err2 := r.Cookie("verifier")
		if err1 != nil || err2 != nil || state.Value != r.FormValue("state") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		keep(w, "state", "", -1)
		keep(w, "verifier", "", -1)
		ctx := context.WithValue(r.Context(), oauth2.HTTPClient, upstream)
		token, err := cfg.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(verifier.Value))
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		resp, err := cfg.Client(ctx, token).Get("https://api.x.com/2/users/me?user.fields=profile_image_url")
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		var who struct {
			Data struct {
				ID, Name, Username string
				Avatar             string `json:"profile_image_url"`
			}
		}
		if err := json.NewDecoder(resp.Body).Decode(&who); err != nil || who.Data.ID != person.ID {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	return visitor(name, mux, "/auth/login", replyOAuth2), nil
}

// gologinSignIn1 is gologin's package for X, which keeps nothing either.
func gologinSignIn1(name string, x http.RoundTripper) (contender, error) {
	cfg := &oauth1.Config{
		ConsumerKey: "consumer", ConsumerSecret: "consumer-secret", CallbackURL: "http://127.0.0.1:8080/auth/callback",
		Endpoint: oauth1.Endpoint{
			RequestTokenURL: "https://api.twitter.com/oauth/request_token", AuthorizeURL: "https://api.twitter.com/oauth/authorize",
			AccessTokenURL: "https://api.twitter.com/oauth/access_token",
		},
		HTTPClient: &http.Client{Transport: x},
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/login", twitter.LoginHandler(cfg, nil))
	callback := twitter.CallbackHandler(cfg, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, err := twitter.UserFromContext(r.Context()); err != nil || user.IDStr != person.ID {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}), nil)
	// The library takes the client for the user's calls out of the context alone.
	mux.HandleFunc("/auth/callback", func(w http.ResponseWriter, r *http.Request) {
		callback.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), oauth1.HTTPClient, cfg.HTTPClient)))
	})
	return visitor(name, mux, "/auth/login", replyOAuth1), nil
}
