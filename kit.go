package xsignin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// Kit is "Sign in with X", ready to mount. It is the http.Handler of the paths under
// Config.Paths.Base, and makes the middleware. Goroutines may share it.
type Kit struct {
	cfg       settings
	routes    map[string]http.Handler // by path, without the path of PublicURL
	providers []provider.Provider
	sessions  *session.Manager
	handlers  *handlers.Handlers
	clients   *client.Manager
	vault     *tokenstore.Vault
	gate      *middleware.Middleware
	misplaced *sync.Once // logs that the kit is not mounted at Config.Paths.Base
}

// New validates cfg and makes a Kit. It reports all configuration errors at once, each with
// the name of its field. It logs the callback to register at X, and a warning for settings
// that work but not as most applications need, such as stored sessions without stored tokens.
func New(cfg Config) (*Kit, error) {
	c, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	warnings := c.configWarnings() // before session.FromSCS wraps the store
	k := &Kit{cfg: c, misplaced: new(sync.Once)}
	if k.providers, err = c.newProviders(); err != nil {
		return nil, ownNames(err)
	}
	store := c.TokenStore
	if store == nil {
		store = tokenstore.NewMemory()
	}
	vault, err := tokenstore.NewVault(store, c.secrets...)
	if err != nil {
		return nil, ownNames(err)
	}
	if err := k.newSessions(vault); err != nil {
		return nil, ownNames(err)
	}
	k.vault = vault
	k.clients, err = client.New(client.Config{
		Vault: vault, Providers: k.providers, Transport: c.X.Transport, RefreshBefore: c.Advanced.RefreshBefore,
		OnEvent: c.OnEvent, Logger: c.Logger,
	})
	if err != nil {
		return nil, ownNames(err)
	}
	if err := k.newHandlers(); err != nil {
		return nil, errors.Join(ownNames(err), k.clients.Close(context.Background()))
	}
	k.addRoutes()
	c.logStart(warnings)
	return k, nil
}

// newProviders makes the providers that the Config names.
func (s settings) newProviders() ([]provider.Provider, error) {
	var all []provider.Provider
	var errs []error
	if s.ClientID != "" {
		x, err := provider.NewX(provider.XConfig{
			ClientID: s.ClientID, ClientSecret: s.ClientSecret, CallbackURL: s.callback(), Scopes: s.Scopes,
			APIURL: s.X.APIURL, AuthorizeURL: s.X.AuthorizeURL, Transport: s.X.Transport,
		})
		all, errs = append(all, x), append(errs, err)
	}
	if s.OAuth1.ConsumerKey != "" {
		x, err := provider.NewXOAuth1(provider.XOAuth1Config{
			ConsumerKey: s.OAuth1.ConsumerKey, ConsumerSecret: s.OAuth1.ConsumerSecret, CallbackURL: s.callback(),
			AccessType: s.OAuth1.AccessType, FetchProfile: s.OAuth1.FetchProfile,
			APIURL: s.X.APIURL, Transport: s.X.Transport,
		})
		all, errs = append(all, x), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return append(all, s.Providers...), nil
}

// newSessions makes the session manager.
func (k *Kit) newSessions(vault *tokenstore.Vault) (err error) {
	c, own := k.cfg, k.cfg.Session
	if own.Manager != nil {
		k.sessions, err = session.FromSCS(own.Manager, session.FromSCSConfig{
			Secrets: c.secrets, PublicURL: c.PublicURL, SecurePerRequest: own.SecurePerRequest, Vault: vault, Logger: c.Logger,
		})
		return err
	}
	k.sessions, err = session.New(session.Config{
		Store: own.Store, CookieName: own.CookieName, Lifetime: own.Lifetime, IdleTimeout: own.IdleTimeout,
		Secure: c.secure(), Logger: c.Logger, Vault: vault,
	})
	return err
}

// newHandlers makes the handlers and the middleware.
func (k *Kit) newHandlers() error {
	c := k.cfg
	name := strings.TrimPrefix(c.Session.CookieName, "__Host-")
	if c.Session.Manager != nil {
		name = c.Session.Manager.Cookie.Name
	}
	pending, err := session.NewPendingStore(session.PendingStoreConfig{Secrets: c.secrets, Secure: c.secure(), Name: name, Scopes: c.Scopes})
	if err != nil {
		return err
	}
	public := c.public.EscapedPath()
	pages := page.Pages{Render: c.Pages.Render, Translate: c.Pages.Translate, SiteName: c.Pages.SiteName, Accent: c.Pages.Accent}
	base := public + c.Paths.Base
	k.handlers, err = handlers.New(handlers.Config{
		Providers: k.providers, Sessions: k.sessions, Pending: pending, Clients: k.clients,
		OnSignIn: c.OnSignIn, Scopes: c.Scopes, LoginOptions: c.LoginOptions,
		Interstitial: c.Pages.Interstitial, Native: c.Advanced.Native, KeepTokensOnLogout: c.Advanced.KeepTokensOnLogout,
		AllowAccountTransfer: c.Advanced.AllowAccountTransfer, RevokeReplaced: c.Advanced.RevokeReplaced,
		Path: base, DefaultReturnTo: cmp.Or(c.Paths.DefaultReturnTo, public+"/"), Origin: origin(c.public),
		Timeout: c.Advanced.Timeout, Pages: pages, OnEvent: c.OnEvent, Logger: c.Logger,
	})
	if err != nil {
		return err
	}
	k.gate, err = middleware.New(middleware.Config{
		Sessions: k.sessions, Clients: k.clients, Pages: pages, Logger: c.Logger,
		PublicPath: public, Origin: origin(c.public),
		LoginPath: base + "/login", SignInPath: c.isSignInPath, LoginPathOf: k.handlers.LoginPath, AllowScopes: k.handlers.AllowScopes,
	})
	return err
}

// addRoutes adds the kit's paths.
func (k *Kit) addRoutes() {
	c, h, base := k.cfg, k.handlers, k.cfg.Paths.Base
	callback := h.Callback(c.Success, c.Failure)
	k.routes = map[string]http.Handler{
		base + "/login":    h.Login(k.providers[0].Name(), c.Failure),
		base + "/callback": callback,
		base + "/logout":   h.Logout(c.Pages.LoggedOut, nil),
		base + "/session":  h.Session(),
	}
	for _, p := range k.providers {
		k.routes[base+"/login/"+p.Name()] = h.Login(p.Name(), c.Failure)
		if u, err := url.Parse(p.CallbackURL()); err == nil && strings.HasSuffix(u.Path, "/callback/"+p.Name()) {
			k.routes[base+"/callback/"+p.Name()] = callback
		}
	}
	if len(c.Advanced.Native.RedirectURIs) > 0 || c.Advanced.Native.TokenPairs {
		k.routes[base+"/native"] = h.Native()
	}
}

// logStart logs what the operator needs to know at the start.
func (s settings) logStart(warnings []string) {
	if s.ClientID != "" || s.OAuth1.ConsumerKey != "" {
		s.Logger.Info("xsignin: register this callback at X", "callback", s.callback())
	}
	if len(s.Secrets) == 0 {
		s.Logger.Warn("xsignin: Config.Secrets is empty: a random secret is used until this process ends, and then all users have to sign in again")
	}
	if s.public.Scheme == "http" && !loopback.Is(s.public.Hostname()) {
		s.Logger.Warn("xsignin: PublicURL is plain http: sessions and sign-ins are sent unencrypted. Use https", "public_url", s.PublicURL)
	}
	for _, warning := range warnings {
		s.Logger.Warn("xsignin: " + warning)
	}
}

// callback is the URL to register at X.
func (s settings) callback() string { return s.public.String() + s.Paths.Base + "/callback" }

// secure reports whether cookies are Secure.
func (s settings) secure() bool { return s.public.Scheme == "https" }

// isSignInPath reports whether path, with or without PublicURL's path, belongs to the login
// or the callback.
func (s settings) isSignInPath(path string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(path, s.public.Path), s.Paths.Base+"/")
	name, _, _ := strings.Cut(rest, "/")
	return ok && (name == "login" || name == "callback")
}

// ServeHTTP serves login, login/<provider>, callback, callback/<provider>, logout and session
// under Config.Paths.Base, and native if Config.Advanced.Native allows any program. It works
// with and without an [http.StripPrefix] of PublicURL's path, but not with one of
// Config.Paths.Base. It answers other paths with 404, and logs the first of them.
func (k *Kit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	base := k.cfg.Paths.Base
	p := r.URL.Path
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	p = path.Clean(p)
	if rest, ok := strings.CutPrefix(p, k.cfg.public.Path); ok && within(rest, base) {
		p = rest
	}
	if !within(p, base) {
		k.logMisplaced(r)
	}
	handler := k.routes[p]
	if handler == nil || hasEncodedSlash(r.URL.RawPath) {
		handler = k.handlers.NotFound()
	}
	handler.ServeHTTP(w, atPath(r, p))
}

// atPath returns r with another path, as [http.StripPrefix] does.
func atPath(r *http.Request, path string) *http.Request {
	if r.URL.Path == path && r.URL.RawPath == "" {
		return r
	}
	moved, u := *r, *r.URL
	u.Path, u.RawPath = path, ""
	moved.URL = &u
	return &moved
}

// within reports whether path is base or below it.
func within(path, base string) bool {
	rest, ok := strings.CutPrefix(path, base)
	return ok && (rest == "" || rest[0] == '/')
}

// hasEncodedSlash reports whether an escaped path has a slash inside a segment.
func hasEncodedSlash(escaped string) bool {
	return strings.Contains(escaped, "%2f") || strings.Contains(escaped, "%2F")
}

// logMisplaced logs the first request for a path that is not the kit's.
func (k *Kit) logMisplaced(r *http.Request) {
	k.misplaced.Do(func() {
		shown := strconv.QuoteToASCII(r.URL.Path[:min(len(r.URL.Path), 200)])
		k.cfg.Logger.WarnContext(r.Context(), "xsignin: the kit gets requests for paths that are not its own",
			"path", strings.Trim(shown, `"`), "base_path", k.cfg.Paths.Base,
			"fix", "mount the kit at Config.Paths.Base and a slash, without http.StripPrefix: the kit needs the whole path")
	})
}

// LoadUser puts the signed-in user into the request's context, for pages that all visitors
// may see. See [middleware.Middleware.LoadUser].
func (k *Kit) LoadUser(next http.Handler) http.Handler { return k.gate.LoadUser(next) }

// RequireUser passes requests of signed-in users to next. Other page loads are sent to the
// login and come back, and scripts get status 401. It must not protect the kit itself: no
// user could sign in, and the log says so. See [middleware.Middleware.RequireUser].
func (k *Kit) RequireUser(next http.Handler) http.Handler { return k.gate.RequireUser(next) }

// RequireScopes passes requests of users whose token has all of scopes, and includes
// [Kit.RequireUser]. Other page loads are sent to X's consent page, which requests these
// scopes and those that the user has, and come back. Scripts get status 403 with the
// missing scopes. Users who decline keep their token.
//
// Call it when the program starts, on every replica, and not in a handler: the login accepts
// only the scopes of Config.Scopes and of every RequireScopes. See
// [middleware.Middleware.RequireScopes], also for OAuth 1.0a, which has no scopes.
func (k *Kit) RequireScopes(scopes ...string) func(http.Handler) http.Handler {
	return k.gate.RequireScopes(scopes...)
}

// LoginURL returns the path of the login with the named provider, for a link. An empty name
// means the first provider. returnTo is the path to return to, or "" for
// Config.Paths.DefaultReturnTo. LoginURL does not check that the provider exists.
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

// Middleware returns the middleware, for adapters of frameworks.
func (k *Kit) Middleware() *middleware.Middleware { return k.gate }

// Sessions returns the session manager, for applications that keep their own values in the
// session.
func (k *Kit) Sessions() *session.Manager { return k.sessions }

// Handlers returns the kit's handlers, for those that the kit does not mount:
// [handlers.Handlers.GologinSuccess].
func (k *Kit) Handlers() *handlers.Handlers { return k.handlers }

// ClientFor returns the client of a user who need not be present, for background jobs. Each
// request reads the token, and refreshes it if necessary. [client.ErrReauthRequired] means
// that the user has to sign in again.
func (k *Kit) ClientFor(key Key) *http.Client { return k.clients.Client(context.Background(), key) }

// ClientForUser is [Kit.ClientFor] for a user with one account. Users with several are an
// error: choose a key of [Kit.Accounts]. See [client.Manager.ClientForUser].
func (k *Kit) ClientForUser(ctx context.Context, userID string) (*http.Client, error) {
	return k.clients.ClientForUser(ctx, userID)
}

// Account is a token that a user has stored.
type Account = client.Account

// Accounts lists the tokens of all accounts of a user, without secrets. userID is the
// application's id of the user, [provider.User].ID. See [client.Manager.Accounts].
func (k *Kit) Accounts(ctx context.Context, userID string) ([]Account, error) {
	return k.clients.Accounts(ctx, userID)
}

// RefreshToken refreshes a token now, whatever its expiry. It waits for a refresh in progress
// instead of starting another. [client.ErrNotRefreshable] means that the token does not
// expire, or has no refresh token.
func (k *Kit) RefreshToken(ctx context.Context, key Key) error { return k.clients.Refresh(ctx, key) }

// RevokeToken deletes a token and revokes it at the provider, best effort, within two
// seconds. Sessions do not end. The next request through the user's client fails with
// [client.ErrReauthRequired]. See [client.Manager.Revoke].
func (k *Kit) RevokeToken(ctx context.Context, key Key) error { return k.clients.Revoke(ctx, key) }

// ReleaseAccount is for a user who unlinks an account. It makes the account free for every
// user of the application, and deletes and revokes the user's tokens of it, by both of X's
// protocols. It works after a sign-out as well, when no token is left. Sessions do not end.
// key may be of any provider of the account. See [client.Manager.ReleaseAccount].
func (k *Kit) ReleaseAccount(ctx context.Context, key Key) error {
	return k.clients.ReleaseAccount(ctx, key)
}

// ReencryptTokens seals every stored token with the first of Config.Secrets, while requests
// and refreshes go on. It is the third of four steps to replace a secret without signing
// users out. The other steps restart one replica after the other:
//
//	Secrets: []string{old}        // so far
//	Secrets: []string{old, fresh} // 1. everywhere: all replicas can open what fresh seals
//	Secrets: []string{fresh, old} // 2. everywhere: fresh seals
//	kit.ReencryptTokens(ctx)      // 3. on one replica, until it returns nil
//	Secrets: []string{fresh}      // 4. everywhere, at least ten minutes after step 2
//
// Pending sign-ins need the ten minutes. The token store must be a [tokenstore.Walker], as
// those of the kit are. See [tokenstore.Vault.Reencrypt] for the counts and the error.
func (k *Kit) ReencryptTokens(ctx context.Context) (tokenstore.Reencrypted, error) {
	return k.vault.Reencrypt(ctx)
}

// SignOutEverywhere ends every session of a user on all replicas that share sessions. userID is
// the application's id of the user, [provider.User].ID. Then, unless
// Config.Advanced.KeepTokensOnLogout is set, the user's tokens are revoked at X (best effort,
// within two seconds) and deleted.
//
// Use it after a changed password, or to lock a user out. Visitors have a button for it at
// Paths.Base + "/logout". The user can sign in again, also by a sign-in that is pending:
// refuse the user in Config.OnSignIn too.
//
// An error means that not all sessions may have ended. The tokens are then unchanged.
func (k *Kit) SignOutEverywhere(ctx context.Context, userID string) error {
	return k.handlers.SignOutEverywhere(ctx, userID)
}

// Close ends background work. It waits for refreshes in progress until ctx ends. Call it
// after the server has shut down.
func (k *Kit) Close(ctx context.Context) error {
	return errors.Join(k.clients.Close(ctx), k.sessions.Close(ctx))
}

// Format implements [fmt.Formatter]: a Kit prints without its secrets.
func (k Kit) Format(f fmt.State, _ rune) { redact.Format(f, k) }

// LogValue implements [slog.LogValuer].
func (k Kit) LogValue() slog.Value { return redact.Value("xsignin.Kit(%v)", k.cfg.Config) }
