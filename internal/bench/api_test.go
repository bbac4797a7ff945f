package bench

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/tokenstore"
)

const apiURL = "https://api.x.com/2/users/1529384756102938475/tweets"

// BenchmarkAPI is a request to X's API by the signed-in user's client.
func BenchmarkAPI(b *testing.B) {
	x := new(fakeX)
	run(b, append(kitAPIRequests(b, x), oauth2APIRequest(x))...)
}

// apiRequest returns a rival that sends one request to X's API.
func apiRequest(name string, client func() *http.Client) rival {
	return rival{name, func() error {
		r, err := http.NewRequest(http.MethodGet, apiURL, nil)
		if err != nil {
			return err
		}
		resp, err := client().Do(r)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return err
	}}
}

// kitAPIRequests returns a rival that takes the client from the request's context each time,
// as handlers do, and a rival that keeps one client.
func kitAPIRequests(tb testing.TB, x http.RoundTripper) []rival {
	store := tokenstore.NewMemory()
	kit := newKit(tb, func(c *xsignin.Config) { c.X.Transport, c.TokenStore = x, store })
	vault, err := tokenstore.NewVault(store, secret('a'))
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now()
	if _, err := vault.Put(context.Background(), user.Key(), tokenstore.Token{
		AccessToken: "access", RefreshToken: "refresh", Expiry: now.Add(2 * time.Hour), ObtainedAt: now,
		Scopes: []string{"tweet.read", "users.read", "offline.access"}, AccountID: user.AccountID,
	}); err != nil {
		tb.Fatal(err)
	}
	var ctx context.Context
	kit.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx = r.Context()
	})).ServeHTTP(newResponse(), signIn(tb, kit))
	kept := xsignin.Client(ctx)
	return []rival{
		apiRequest("xsignin", func() *http.Client { return xsignin.Client(ctx) }),
		apiRequest("xsignin-kept-client", func() *http.Client { return kept }),
	}
}

// oauth2APIRequest uses one client of x/oauth2 for the user.
func oauth2APIRequest(x http.RoundTripper) rival {
	cfg := &oauth2.Config{ClientID: "client"}
	source := oauth2.ReuseTokenSource(
		&oauth2.Token{AccessToken: "access", RefreshToken: "refresh", Expiry: time.Now().Add(2 * time.Hour)},
		cfg.TokenSource(context.Background(), &oauth2.Token{RefreshToken: "refresh"}))
	client := &http.Client{Transport: &oauth2.Transport{Source: source, Base: x}}
	return apiRequest("x-oauth2", func() *http.Client { return client })
}
