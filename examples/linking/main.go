// Command linking is an application with its own users, who sign in with X. See README.md.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/frame"
	"github.com/xsignin/xsignin/examples/internal/localx"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, env func(string) string, stdout io.Writer) error {
	at := storage.Place{Kind: storage.InSQLite, At: cmp.Or(env("DATABASE"), "linking.db"), Variable: "DATABASE"}
	allow := strings.FieldsFunc(strings.ToLower(env("ALLOW")), func(r rune) bool { return r == ',' || r == ' ' || r == '@' })
	end := func() error { return nil }
	err := localx.Run(ctx, env, stdout, func(cfg xsignin.Config) (http.Handler, *xsignin.Kit, error) {
		if base, ok := strings.CutSuffix(cfg.X.AuthorizeURL, "/i/oauth2/authorize"); ok && cfg.X.Transport != nil {
			// Use the local X by its address, where it also serves the page of OAuth 1.0a.
			cfg.X.APIURL, cfg.X.Transport = base, nil
			cfg.OAuth1.ConsumerKey, cfg.OAuth1.ConsumerSecret = xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret
		}
		store, err := storage.Open(ctx, at, cfg.Secrets, slog.Default())
		if err != nil {
			return nil, nil, err
		}
		a, err := newApp(ctx, cfg, store, allow, time.Now)
		if err != nil {
			return nil, nil, errors.Join(err, store.Close())
		}
		end = store.Close
		return a, a.kit, nil
	})
	return errors.Join(err, end())
}

//go:embed pages.html
var pageText string

type app struct {
	http.Handler
	kit   *xsignin.Kit
	users *users
	pages frame.Pages
	ways  []way
}

// way is one way to sign in.
type way struct{ Provider, Label, Path string }

func newApp(ctx context.Context, cfg xsignin.Config, store *storage.Storage, allow []string, now func() time.Time) (*app, error) {
	table, err := openUsers(ctx, store.DB, allow, now)
	if err != nil {
		return nil, err
	}
	counted := newMetrics()
	a := &app{users: table, pages: frame.New("linking", cfg, pageText)}
	cfg.Secrets, cfg.Session.Store, cfg.TokenStore = store.Keys, store.Sessions, store.Tokens
	cfg.OnSignIn, cfg.Pages.Render, cfg.LoginOptions = a.onSignIn, a.page, loginOptions
	cfg.OnEvent = counted.count
	if a.kit, err = xsignin.New(cfg); err != nil {
		return nil, err
	}
	if cfg.ClientID != "" {
		a.ways = append(a.ways, way{"x", "OAuth 2.0", a.kit.LoginURL("x", "")})
	}
	if cfg.OAuth1.ConsumerKey != "" {
		a.ways = append(a.ways, way{"x-oauth1", "OAuth 1.0a", a.kit.LoginURL("x-oauth1", "")})
	}

	mux := http.NewServeMux()
	mux.Handle("/auth/", a.kit)
	mux.Handle("GET /{$}", a.kit.LoadUser(http.HandlerFunc(a.home)))
	cross := http.NewCrossOriginProtection()
	mux.Handle("POST /link", cross.Handler(a.kit.RequireUser(http.HandlerFunc(a.link))))
	mux.Handle("POST /unlink", cross.Handler(a.kit.RequireUser(http.HandlerFunc(a.unlink))))
	// On a public site, serve this on a listener that visitors cannot reach.
	mux.Handle("GET /metrics", counted.handler())
	a.Handler = frame.Guard(mux)
	return a, nil
}

// onSignIn sets the application's id for the user, or refuses. Nothing is saved yet.
func (a *app) onSignIn(ctx context.Context, s *xsignin.SignIn) (err error) {
	s.User.ID, err = a.users.signIn(ctx, s.User, s.Current.ID, s.ReturnTo == linking)
	return err
}

// linking is the return path of a sign-in that is to link an account. It is sealed into that
// sign-in. It says that an account is to be linked. The session says to which user.
const linking = "/?linking"

// isLinking reports whether raw is the address of a login that is to link an account.
func isLinking(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Query().Get("return_to") == linking
}

// loginOptions lets users who link choose an account at X. Only OAuth 1.0a supports that.
func loginOptions(r *http.Request) provider.Options {
	return provider.Options{ForceLogin: isLinking(r.URL.String())}
}

// page shows the kit's pages, with another text if no account was linked.
func (a *app) page(w http.ResponseWriter, r *http.Request, p page.Page) {
	if p.Kind == page.NotAllowed && isLinking(p.Link) { // the link to try again
		p.Title = "The account was not linked"
		p.Text = "It already belongs to another user here, or you signed out or in again meanwhile. Nothing was changed. If the other user is you, sign in with the account, unlink it there, and link it here again."
		p.Label, p.Link, p.Post = "Back to your accounts", "/", false
	}
	p.Render(w, r)
}

// link leads to a sign-in that adds an account to the current user. Any other sign-in never
// links, because another person may use the browser of a signed-in user.
func (a *app) link(w http.ResponseWriter, r *http.Request) {
	for _, way := range a.ways {
		if way.Provider != r.PostFormValue("provider") {
			continue
		}
		// Use a link and not a redirect. The page's policy allows forms to this site only, and
		// browsers apply the policy to redirects after a form.
		w.Header().Set("Cache-Control", "no-store")
		a.pages.Show(w, http.StatusOK, "link", a.kit.LoginURL(way.Provider, linking))
		return
	}
	http.NotFound(w, r)
}

// unlink removes an account, and the tokens that X issued for it.
func (a *app) unlink(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	account := r.PostFormValue("account")
	if account == "" {
		http.Error(w, "no account", http.StatusBadRequest)
		return
	}
	err := a.users.unlink(r.Context(), user.ID, account)
	if errors.Is(err, errLast) {
		a.show(w, r, http.StatusConflict, "This is the only account with which you can sign in here. Link another one first.")
		return
	}
	if err != nil {
		fail(w, err)
		return
	}
	// The account may have no token, because a sign-out deletes the tokens.
	if err := a.kit.ReleaseAccount(r.Context(), xsignin.Key{Provider: "x", UserID: user.ID, AccountID: account}); err != nil {
		fail(w, err)
		return
	}
	http.Redirect(w, r, "/?unlinked", http.StatusSeeOther)
}

func (a *app) home(w http.ResponseWriter, r *http.Request) {
	tell := ""
	if r.URL.Query().Has("unlinked") {
		tell = "The account is unlinked, and its token was revoked at X."
	}
	a.show(w, r, http.StatusOK, tell)
}

func (a *app) show(w http.ResponseWriter, r *http.Request, status int, tell string) {
	v := struct {
		ID, Name, Way, Tell string
		User                provider.User
		Accounts            []linked
		Ways                []way
	}{Ways: a.ways, Tell: tell}
	var signedIn bool
	if v.User, signedIn = xsignin.User(r.Context()); signedIn {
		v.ID = v.User.ID
		var err error
		if v.Name, err = a.users.name(r.Context(), v.ID); err == nil {
			v.Accounts, err = a.users.accounts(r.Context(), v.ID)
		}
		if err != nil {
			fail(w, err)
			return
		}
		for _, way := range a.ways {
			if way.Provider == v.User.Provider {
				v.Way = way.Label
			}
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	a.pages.Show(w, status, "home", v)
}

func fail(w http.ResponseWriter, err error) {
	log.Print(err)
	http.Error(w, "The database does not answer. Try again in a moment.", http.StatusServiceUnavailable)
}
