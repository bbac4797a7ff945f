package bench

import (
	"context"
	"net/http"
	"testing"

	"github.com/dghubble/gologin/v2/twitter"
	"github.com/dghubble/oauth1"
)

// BenchmarkOAuth1 is a user's first sign-in by OAuth 1.0a, of another account each time. X is a
// server on the loopback interface, since the kit makes two requests to X and gologin three.
func BenchmarkOAuth1(b *testing.B) {
	run(b, kitSignIn1(b, overLoopback(b, new(fakeX))), gologinSignIn1(b, overLoopback(b, new(fakeX))))
}

// BenchmarkOAuth1WithoutRequests is the same with an X whose answers take no time.
func BenchmarkOAuth1WithoutRequests(b *testing.B) {
	run(b, kitSignIn1(b, new(fakeX)), gologinSignIn1(b, new(fakeX)))
}

func replyOAuth1(location string) string {
	return "oauth_verifier=uw7NjWHT6OJ1MpJOXsHfNxoAhPKpgI8BlYDhxEjI&oauth_token=" + param(location, "oauth_token")
}

// gologinSignIn1 is gologin's package for X. It stores nothing.
func gologinSignIn1(tb testing.TB, x http.RoundTripper) rival {
	cfg := &oauth1.Config{
		ConsumerKey: "consumer", ConsumerSecret: "consumer-secret", CallbackURL: appURL + "/auth/callback",
		Endpoint: oauth1.Endpoint{
			RequestTokenURL: "https://api.twitter.com/oauth/request_token",
			AuthorizeURL:    "https://api.twitter.com/oauth/authorize",
			AccessTokenURL:  "https://api.twitter.com/oauth/access_token",
		},
		HTTPClient: &http.Client{Transport: x},
	}
	success := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, err := twitter.UserFromContext(r.Context()); err != nil || len(got.IDStr) != len(user.AccountID) {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	callback := twitter.CallbackHandler(cfg, success, nil)
	mux := http.NewServeMux()
	mux.Handle("/auth/login", twitter.LoginHandler(cfg, nil))
	// The library finds the client for verify_credentials in the context only.
	mux.HandleFunc("/auth/callback", func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), oauth1.HTTPClient, cfg.HTTPClient)
		callback.ServeHTTP(w, r.WithContext(ctx))
	})
	return signInRival(tb, "gologin", mux, "/auth/login", replyOAuth1)
}
