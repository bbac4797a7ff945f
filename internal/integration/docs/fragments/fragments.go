// Package fragments has the parts of programs that README.md and the pages in docs show, so
// that the compiler checks them. A test looks for each part here.
package fragments

import (
	"context"
	"crypto/sha1" //nolint:gosec // go-pkgz/auth has it in its ids
	"encoding/hex"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/dghubble/gologin/v2"
	"github.com/dghubble/gologin/v2/github"
	"github.com/redis/go-redis/v9"
	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore/redisstore"
	"github.com/xsignin/xsignin/xtest"
)

// Users is an application's own table.
type Users interface {
	FindOrCreate(ctx context.Context, accountID, username string) (Row, error)
}

// Row is a user of the application.
type Row struct {
	ID     string
	Banned bool
}

// LocalXInReadme is in README.md. The field ClientSecret makes gofmt align X as in that program.
func LocalXInReadme() xsignin.Config {
	return xsignin.Config{
		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
		X:            xsignin.XEndpoints{APIURL: os.Getenv("X_API_URL"), AuthorizeURL: os.Getenv("X_AUTHORIZE_URL")},
	}
}

// LocalX is in adding-sign-in.md.
func LocalX() xsignin.Config {
	return xsignin.Config{
		X: xsignin.XEndpoints{APIURL: os.Getenv("X_API_URL"), AuthorizeURL: os.Getenv("X_AUTHORIZE_URL")},
	}
}

// OwnUsers is in README.md.
func OwnUsers(users Users) xsignin.Config {
	return xsignin.Config{
		OnSignIn: func(ctx context.Context, s *xsignin.SignIn) error {
			row, err := users.FindOrCreate(ctx, s.User.AccountID, s.User.Username)
			if err != nil {
				return err // a page says that something went wrong on this site
			}
			s.User.ID = row.ID // tokens and sessions belong to this id
			return nil
		},
	}
}

// BannedUsers is in guide.md.
func BannedUsers(users Users) xsignin.Config {
	return xsignin.Config{
		OnSignIn: func(ctx context.Context, s *xsignin.SignIn) error {
			row, err := users.FindOrCreate(ctx, s.User.AccountID, s.User.Username)
			if err != nil {
				return err // a page says that something went wrong on this site
			}
			if row.Banned {
				return provider.ErrNotAllowed // a page says that this account may not sign in
			}
			s.User.ID = row.ID
			return nil
		},
	}
}

// HashedUsers is in from-services.md.
func HashedUsers() xsignin.Config {
	return xsignin.Config{
		OnSignIn: func(_ context.Context, s *xsignin.SignIn) error {
			hash := sha1.Sum([]byte(s.User.AccountID))
			s.User.ID = "twitter_" + hex.EncodeToString(hash[:])
			return nil
		},
	}
}

// Tests is in README.md.
func Tests(w http.ResponseWriter, r *http.Request, handler http.Handler, user provider.User, client *http.Client, cfg *xsignin.Config, site *httptest.Server) (*http.Client, error) {
	ctx := xsignin.NewContext(r.Context(), user, client) // one handler, for a user who never signed in
	handler.ServeHTTP(w, r.WithContext(ctx))

	x := xtest.New(xtest.Config{})
	cfg.X.Transport = x.Transport() // the whole application: the local X answers the kit in process
	x.SetCallbacks(site.URL + "/auth/callback")
	browser, err := x.SignedIn(site.Client(), site.URL+"/auth/login", xtest.DefaultUserID)
	return browser, err
}

// Compose is in guide.md.
func Compose(mux *http.ServeMux, kit *xsignin.Kit, compose http.Handler) {
	mux.Handle("/compose", kit.RequireScopes("tweet.write")(compose))
}

// Later is in guide.md.
func Later(kit *xsignin.Kit, user provider.User, body io.Reader) (*http.Response, error) {
	// cfg.Scopes = []string{"tweet.read", "users.read", "tweet.write", "offline.access"}
	// cfg.Advanced.KeepTokensOnLogout = true
	key := user.Key() // user is from xsignin.User(ctx). Store all three fields: provider, user id and account id
	resp, err := kit.ClientFor(key).Post("https://api.x.com/2/tweets", "application/json", body)
	return resp, err
}

// Moved is in moving-tokens.md.
func Moved(kit *xsignin.Kit, id string) (*http.Response, error) {
	client := kit.ClientFor(xsignin.Key{Provider: "x-oauth1", UserID: id, AccountID: id})
	resp, err := client.Get("https://api.x.com/2/users/me")
	return resp, err
}

// Check is in troubleshooting.md.
func Check(ctx context.Context, kit *xsignin.Kit) {
	for _, f := range kit.Check(ctx, nil) {
		log.Printf("%s %s: %s %s", f.Severity, f.Code, f.Problem, f.Fix)
	}
}

// Sentinel is in deployment.md.
func Sentinel(cfg *xsignin.Config) (err error) {
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName:            "main",
		SentinelAddrs:         []string{"10.0.0.1:26379", "10.0.0.2:26379", "10.0.0.3:26379"},
		Username:              "xsignin",
		Password:              os.Getenv("REDIS_PASSWORD"),
		ContextTimeoutEnabled: true,
	})
	cfg.Session.Store = goredisstore.NewWithPrefix(client, "xsignin:session:")
	cfg.TokenStore, err = redisstore.New(redisstore.Config{Client: client})
	return err
}

// GitHub is in providers.md.
func GitHub(id, secret, public string) (provider.Provider, error) {
	github, err := provider.NewOAuth2(provider.GitHub(id, secret, public+"/auth/callback/github", "user:email"))
	return github, err
}

// Brand is in providers.md.
func Brand(id, secret, public string) (provider.Provider, error) {
	brand, err := provider.NewX(provider.OAuth2Config{
		Name: "x-brand", ClientID: id, ClientSecret: secret, CallbackURL: public + "/auth/callback",
	})
	return brand, err
}

// Gologin is in providers.md.
func Gologin(mux *http.ServeMux, public string, p provider.Provider, cookie gologin.CookieConfig, config *oauth2.Config) error {
	kit, err := xsignin.New(xsignin.Config{PublicURL: public, Providers: []provider.Provider{p}})
	user := func(ctx context.Context) (provider.User, error) {
		u, err := github.UserFromContext(ctx)
		return provider.User{AccountID: strconv.FormatInt(u.GetID(), 10), Username: u.GetLogin()}, err
	}
	success := kit.Handlers().GologinSuccess("github", user)
	mux.Handle("/github/login", github.StateHandler(cookie, github.LoginHandler(config, nil)))
	mux.Handle("/github/callback", github.StateHandler(cookie, github.CallbackHandler(config, success, nil)))
	return err
}
