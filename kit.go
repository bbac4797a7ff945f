package xsignin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// Kit is "Sign in with X", put together. It is the http.Handler of the paths under
// Config.Paths.Base, and makes the middleware. Goroutines may share it.
type Kit struct {
	cfg       checked
	mux       *http.ServeMux
	providers []provider.Provider
	sessions  *session.Manager
	handlers  *handlers.Handlers
	clients   *client.Manager
	gate      *middleware.Middleware
	misplaced *sync.Once // says that the kit is mounted elsewhere than at Config.Paths.Base
}

// New puts a kit together from the rooms. The error tells every fault of cfg that it can
// find at once, each with the name of the field; what works and is hardly meant, such as
// stored sessions without stored tokens, is a warning in the log.
func New(cfg Config) (*Kit, error) {
	c, err := cfg.check()
	if err != nil {
		return nil, err
	}
	halves := c.configWarnings() // before session.FromSCS wraps the store
	k := &Kit{cfg: c, misplaced: new(sync.Once)}
	if k.providers, err = c.makeProviders(); err != nil {
		return nil, err
	}
	store := c.TokenStore
	if store == nil {
		store = tokenstore.NewMemory()
	}
	vault, err := tokenstore.NewVault(store, c.secrets...)
	if err != nil {
		return nil, err
	}
	if c.Session.Manager != nil {
		k.sessions, err = session.FromSCS(c.Session.Manager, session.FromSCSConfig{
			Secrets: c.secrets, PublicURL: c.PublicURL, SecurePerRequest: c.Session.SecurePerRequest, Vault: vault, Logger: c.Logger,
		})
	} else {
		k.sessions, err = session.New(session.Config{
			Store: c.Session.Store, CookieName: c.Session.CookieName, Lifetime: c.Session.Lifetime, IdleTimeout: c.Session.IdleTimeout,
			Secure: c.public.Scheme == "https", Logger: c.Logger, Vault: vault,
		})
	}
	if err != nil {
		return nil, inOurNames(err)
	}
	k.clients, err = client.New(client.Config{
		Vault: vault, Providers: k.providers, Transport: c.X.Transport, RefreshBefore: c.Advanced.RefreshBefore,
		OnEvent: c.OnEvent, Logger: c.Logger,
	})
	if err != nil {
		return nil, err
	}
	if err := k.mount(); err != nil {
		return nil, errors.Join(err, k.clients.Close(context.Background()))
	}
	if len(c.Secrets) == 0 {
		c.Logger.Warn("xsignin: no keys are configured: random ones serve until this process ends, then everybody signs in again")
	}
	if c.public.Scheme == "http" && !loopback.Is(c.public.Hostname()) {
		c.Logger.Warn("xsignin: PublicURL is plain http: sessions and sign-ins go over the network in clear. Use https", "public_url", c.PublicURL)
	}
	for _, half := range halves {
		c.Logger.Warn("xsignin: " + half)
	}
	return k, nil
}

// makeProviders makes the providers that cfg names. They share the callback.
func (c checked) makeProviders() ([]provider.Provider, error) {
	var all []provider.Provider
	var errs []error
	if c.ClientID != "" {
		x, err := provider.NewX(provider.XConfig{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, CallbackURL: c.callback(), Scopes: c.Scopes,
			APIURL: c.X.APIURL, AuthorizeURL: c.X.AuthorizeURL, Transport: c.X.Transport,
		})
		all, errs = append(all, x), append(errs, err)
	}
	if c.OAuth1.ConsumerKey != "" {
		x, err := provider.NewXOAuth1(provider.XOAuth1Config{
			ConsumerKey: c.OAuth1.ConsumerKey, ConsumerSecret: c.OAuth1.ConsumerSecret, CallbackURL: c.callback(),
			APIURL: c.X.APIURL, Transport: c.X.Transport,
		})
		all, errs = append(all, x), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, inOurNames(err)
	}
	return append(all, c.Providers...), nil
}

// inOurNames tells the faults of the configurations of rooms, one in a line, by the names of
// [Config]. A fault of two is told once.
func inOurNames(err error) error {
	var faults []error
	seen := map[string]bool{}
	names := strings.NewReplacer("provider: XConfig.APIURL", "xsignin: Config.X.APIURL", "provider: XOAuth1Config.APIURL", "xsignin: Config.X.APIURL",
		"provider: XConfig.AuthorizeURL", "xsignin: Config.X.AuthorizeURL",
		"provider: XConfig.", "xsignin: Config.", "provider: XOAuth1Config.", "xsignin: Config.OAuth1.",
		"session: Config.", "xsignin: Config.Session.", "handlers: Config.DefaultReturnTo", "xsignin: Config.Paths.DefaultReturnTo",
		"handlers: Config.Interstitial", "xsignin: Config.Pages.Interstitial", "handlers: Config.Native", "xsignin: Config.Advanced.Native",
		"handlers: Config.", "xsignin: Config.")
	for line := range strings.Lines(err.Error()) {
		fault := strings.TrimSuffix(names.Replace(line), "\n")
		if !seen[fault] {
			seen[fault] = true
			faults = append(faults, errors.New(fault))
		}
	}
	return errors.Join(faults...)
}

// callback is the URL to register at X.
func (c checked) callback() string { return c.public.String() + c.Paths.Base + "/callback" }

// mount makes the handlers and their paths.
func (k *Kit) mount() error {
	c := k.cfg
	name := strings.TrimPrefix(c.Session.CookieName, "__Host-")
	if c.Session.Manager != nil {
		name = c.Session.Manager.Cookie.Name
	}
	jar, err := session.NewPendingStore(session.PendingStoreConfig{Secrets: c.secrets, Secure: c.public.Scheme == "https", Name: name, Scopes: c.Scopes})
	if err != nil {
		return err
	}
	path := c.public.EscapedPath() + c.Paths.Base
	h, err := handlers.New(handlers.Config{
		Providers: k.providers, Sessions: k.sessions, Pending: jar, Clients: k.clients,
		OnSignIn: c.OnSignIn, Scopes: c.Scopes, LoginOptions: c.LoginOptions, Interstitial: c.Pages.Interstitial, Native: c.Advanced.Native, KeepTokensOnLogout: c.Advanced.KeepTokensOnLogout,
		Path: path, DefaultReturnTo: cmp.Or(c.Paths.DefaultReturnTo, c.public.EscapedPath()+"/"), Origin: origin(c.public),
		Pages: c.Pages.Render, OnEvent: c.OnEvent, Logger: c.Logger,
	})
	if err != nil {
		return inOurNames(err)
	}
	k.handlers = h
	k.gate, err = middleware.New(middleware.Config{
		Sessions: k.sessions, Clients: k.clients, Pages: c.Pages.Render, Logger: c.Logger,
		LoginPath: path + "/login", SignInPath: c.signIn, LoginPathOf: h.LoginPath, AllowScopes: h.AllowScopes,
	})
	if err != nil {
		return err
	}
	k.mux = http.NewServeMux()
	k.mux.Handle(c.Paths.Base+"/login", h.Login(k.providers[0].Name(), c.Failure))
	for _, p := range k.providers {
		k.mux.Handle(c.Paths.Base+"/login/"+p.Name(), h.Login(p.Name(), c.Failure))
		if h.HasCallback(p.Name()) {
			k.mux.Handle(c.Paths.Base+"/callback/"+p.Name(), h.CallbackOf(p.Name(), c.Success, c.Failure))
		}
	}
	k.mux.Handle(c.Paths.Base+"/callback", h.Callback(c.Success, c.Failure))
	k.mux.Handle(c.Paths.Base+"/logout", h.Logout(nil, nil))
	k.mux.Handle(c.Paths.Base+"/session", h.Session())
	if len(c.Advanced.Native.RedirectURIs) > 0 || c.Advanced.Native.TokenPairs {
		k.mux.Handle(c.Paths.Base+"/native", h.Native())
	}
	k.mux.Handle("/", h.NotFound())
	return nil
}

// signIn reports whether path is of the login or the callback, with or without PublicURL's.
func (c checked) signIn(path string) bool {
	way, own := strings.CutPrefix(strings.TrimPrefix(path, c.public.Path), c.Paths.Base+"/")
	way, _, _ = strings.Cut(way, "/")
	return own && (way == "login" || way == "callback")
}

// ServeHTTP serves login, login/<provider>, callback, callback/<provider>, logout and session under
// Config.Paths.Base, and native where Config.Advanced.Native allows any. It works with and without an [http.StripPrefix] of PublicURL's path,
// and not with one of Config.Paths.Base: it answers 404 to other paths, and the log tells of the first.
func (k *Kit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	prefix := k.cfg.public.Path
	switch {
	case prefix != "" && strings.HasPrefix(r.URL.Path, prefix+k.cfg.Paths.Base+"/"):
		http.StripPrefix(prefix, k.mux).ServeHTTP(w, r)
	case r.URL.Path == k.cfg.Paths.Base || strings.HasPrefix(r.URL.Path, k.cfg.Paths.Base+"/"):
		k.mux.ServeHTTP(w, r)
	default:
		k.misplaced.Do(func() {
			k.cfg.Logger.WarnContext(r.Context(), "xsignin: the kit gets requests for paths that are not its own",
				"path", strings.Trim(strconv.QuoteToASCII(r.URL.Path[:min(len(r.URL.Path), 200)]), `"`), "config_path", k.cfg.Paths.Base,
				"fix", "mount the kit at Config.Paths.Base and a slash, and without http.StripPrefix: it needs the whole path")
		})
		// The mux would redirect a path without a slash in front.
		k.handlers.NotFound().ServeHTTP(w, r)
	}
}

// LoadUser puts the signed-in user, if there is one, into the request's context, for pages
// that anybody may see. See [middleware.Middleware.LoadUser].
func (k *Kit) LoadUser(next http.Handler) http.Handler { return k.gate.LoadUser(next) }

// RequireUser lets only signed-in users through to next. A page load of anybody else goes
// to the login and comes back; scripts get status 401. It must not stand around the kit
// itself: nobody could sign in, and the log says so. See
// [middleware.Middleware.RequireUser].
func (k *Kit) RequireUser(next http.Handler) http.Handler { return k.gate.RequireUser(next) }

// RequireScopes lets only users through whose token has all of scopes. A page load of
// anybody else goes through the consent at X, which asks for these besides what is granted
// already, and comes back; scripts get status 403 with what is missing. A user who says no
// keeps what they have. It includes [Kit.RequireUser].
//
// Make it when the program starts, and not in a handler: the login asks for no scopes by
// its URL but those of Config.Scopes and of every RequireScopes, on every replica. See
// [middleware.Middleware.RequireScopes], also for OAuth 1.0a, which has no scopes.
func (k *Kit) RequireScopes(scopes ...string) func(http.Handler) http.Handler {
	return k.gate.RequireScopes(scopes...)
}

// LoginURL is where a sign-in with the named provider begins, for a link; "" is the first
// of the kit's providers. returnTo is the path to come back to, or "" for home. The address
// is on this site, without scheme and host. The name is not looked up: the page behind a
// link for a provider that the kit does not have answers 404.
func (k *Kit) LoginURL(name, returnTo string) string {
	login := k.cfg.public.EscapedPath() + k.cfg.Paths.Base + "/login"
	if name != "" && name != k.providers[0].Name() {
		login += "/" + name
	}
	if returnTo == "" {
		return login
	}
	return login + "?" + url.Values{"return_to": {returnTo}}.Encode()
}

// Middleware is what adapters for frameworks call.
func (k *Kit) Middleware() *middleware.Middleware { return k.gate }

// Sessions is the session manager, for an application that keeps values of its own beside
// the user.
func (k *Kit) Sessions() *session.Manager { return k.sessions }

// ClientFor returns the client of a user who need not be present: a background job's. The
// token is read and refreshed when a request is made; [client.ErrReauthRequired] says that
// only the user can help.
func (k *Kit) ClientFor(key Key) *http.Client { return k.clients.Client(key) }

// Account is one way in which a user is connected.
type Account struct {
	// Key names the token, for [Kit.ClientFor], [Kit.RefreshToken] and [Kit.RevokeToken].
	Key Key
	// Token has the scopes, the expiry and the state, and no secrets.
	Token tokenstore.Token
}

// Accounts lists what a user holds: at most one token for each of the kit's providers, in
// their order. userID is the application's id of the user, [provider.User].ID,
// which differs from User.AccountID where OnSignIn chose it.
func (k *Kit) Accounts(ctx context.Context, userID string) ([]Account, error) {
	var accounts []Account
	for _, p := range k.providers {
		key := Key{Provider: p.Name(), UserID: userID}
		t, err := k.clients.Token(ctx, key)
		switch {
		case err == nil:
			accounts = append(accounts, Account{Key: key, Token: t})
		case !errors.Is(err, tokenstore.ErrNotFound):
			return nil, err
		}
	}
	return accounts, nil
}

// RefreshToken renews a token now, whatever its expiry. A refresh that is under way already is
// waited for instead. [client.ErrNotRefreshable] says that the token needs none, or has
// nothing to be renewed with.
func (k *Kit) RefreshToken(ctx context.Context, key Key) error { return k.clients.Refresh(ctx, key) }

// RevokeToken takes a token back: at the provider, best effort, within two seconds, and here
// whatever the provider says. Sessions go on: who is signed in by that very token comes to
// the login when the client is next used, where X may let them through unasked.
func (k *Kit) RevokeToken(ctx context.Context, key Key) error { return k.clients.Revoke(ctx, key) }

// ReencryptTokens seals every stored token anew with the first of Config.Secrets, while requests and
// refreshes go on. It is the third of four steps by which a key is replaced without
// anybody noticing, the others being restarts of one replica after the other:
//
//	Keys: []string{old}        // so far
//	Keys: []string{old, fresh} // 1. everywhere: all can read what fresh seals
//	Keys: []string{fresh, old} // 2. everywhere: fresh seals
//	kit.ReencryptTokens(ctx)            // 3. on one replica, until it returns nil
//	Keys: []string{fresh}      // 4. everywhere, ten minutes after 2 at the earliest
//
// The ten minutes are for sign-ins under way. The token store has to be a
// [tokenstore.Walker], as the kit's own are. See [tokenstore.Vault.Reencrypt] for what is
// counted and what the error tells.
func (k *Kit) ReencryptTokens(ctx context.Context) (tokenstore.Reencrypted, error) {
	return k.clients.Reencrypt(ctx)
}

// SignOutEverywhere ends every session of a user, on all replicas that share sessions. userID
// is the application's id of the user, [provider.User].ID, which differs from User.AccountID
// where OnSignIn chose it. Then, unless Config.Advanced.KeepTokensOnLogout, the user's tokens are
// revoked at X, best effort, within two seconds, and deleted. It is for the application: a
// changed password, a banned user, a lost phone. Visitors have a button at Path + "/logout".
//
// A user who signs in again is signed in, so a ban needs Config.OnSignIn, too. That includes
// a sign-in that the user began before and finishes later.
//
// An error means that not all sessions may have ended. The tokens are as they were.
func (k *Kit) SignOutEverywhere(ctx context.Context, userID string) error {
	return k.handlers.SignOutEverywhere(ctx, userID)
}

// Close ends background work, waiting for refreshes under way until ctx ends. Call it after
// the server has shut down.
func (k *Kit) Close(ctx context.Context) error {
	return errors.Join(k.clients.Close(ctx), k.sessions.Close(ctx))
}

// Format implements [fmt.Formatter]: a Kit prints without its secrets.
func (k Kit) Format(f fmt.State, _ rune) { redact.Format(f, k) }

// LogValue implements [slog.LogValuer].
func (k Kit) LogValue() slog.Value { return redact.Value("xsignin.Kit(%v)", k.cfg.Config) }
