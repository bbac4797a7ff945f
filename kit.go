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
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/internal/troubleshooting"
	"github.com/xsignin/xsignin/internal/visitorpath"
	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// Kit is the http.Handler of the paths under Config.Paths.Base, and makes the middleware.
// Goroutines may share it.
type Kit struct{ *inner }

// inner is behind one pointer, and cfg with its secrets behind two: see package redact.
type inner struct {
	cfg       *settings
	routes    map[string]http.Handler // by path, without the path of PublicURL
	providers []provider.Provider
	sessions  *session.Manager
	handlers  *handlers.Handlers
	clients   *client.Manager
	vault     *tokenstore.Vault
	gate      *middleware.Middleware
	misplaced *sync.Once // logs that the kit is not mounted at Config.Paths.Base
	watch     *watch
}

// New validates cfg and makes a Kit. Its error lists several wrong settings at once, but not
// always all of them. New logs the callback to register at X. It also logs warnings for settings
// that few applications want, such as stores in memory, and for a machine without CA
// certificates. If PublicURL is a loopback address, it also logs what [Kit.Check] finds without
// the network.
func New(cfg Config) (*Kit, error) {
	c, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	k := &Kit{&inner{cfg: &c, misplaced: new(sync.Once), watch: new(watch)}}
	if err := k.build(); err != nil {
		return nil, ownNames(err)
	}
	k.announce()
	return k, nil
}

// build makes the parts of the kit, from the providers to the paths.
func (k *Kit) build() error {
	c, own := k.cfg, k.cfg.Session
	if err := k.addProviders(); err != nil {
		return err
	}
	store := cmp.Or[tokenstore.Store](c.TokenStore, tokenstore.NewMemory())
	vault, err := tokenstore.NewVault(store, c.secrets...)
	if err != nil {
		return err
	}
	k.vault = vault
	cookie := own.CookieName
	switch {
	case own.Disabled:
	case own.Manager != nil:
		cookie = own.Manager.Cookie.Name
		k.sessions, err = session.FromSCS(own.Manager, session.FromSCSConfig{
			Secrets: c.secrets, PublicURL: c.PublicURL, SecurePerRequest: own.SecurePerRequest, Vault: vault, Logger: c.Logger,
		})
	default:
		k.sessions, err = session.New(session.Config{
			Store: own.Store, CookieName: own.CookieName, Lifetime: own.Lifetime, IdleTimeout: own.IdleTimeout,
			Secure: c.secure(), Logger: c.Logger, Vault: vault,
		})
	}
	if err != nil {
		return err
	}
	pending, err := session.NewPendingStore(session.PendingStoreConfig{
		Secrets: c.secrets, Secure: c.secure(), Name: cookie, Scopes: c.Scopes,
	})
	if err != nil {
		return err
	}
	k.clients, err = client.New(client.Config{
		Vault: vault, Providers: k.providers, Transport: c.X.Transport, RefreshBefore: c.Advanced.RefreshBefore,
		OnEvent: c.OnEvent, Logger: c.Logger,
	})
	if err != nil {
		return err
	}
	return k.addHandlers(pending)
}

// addProviders makes the providers that the Config names.
func (k *Kit) addProviders() error {
	c := k.cfg
	var errs []error
	if c.ClientID != "" {
		x, err := provider.NewX(provider.OAuth2Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, CallbackURL: c.callback(), Scopes: c.Scopes,
			APIURL: c.X.APIURL, AuthorizeURL: c.X.AuthorizeURL, Transport: c.X.Transport,
		})
		k.providers, errs = append(k.providers, x), append(errs, err)
	}
	if c.OAuth1.ConsumerKey != "" {
		x, err := provider.NewXOAuth1(provider.OAuth1Config{
			ConsumerKey: c.OAuth1.ConsumerKey, ConsumerSecret: c.OAuth1.ConsumerSecret, CallbackURL: c.callback(),
			AccessType: c.OAuth1.AccessType, AlwaysAsk: c.OAuth1.AlwaysAsk, FetchProfile: c.OAuth1.FetchProfile,
			APIURL: c.X.APIURL, Transport: c.X.Transport,
		})
		k.providers, errs = append(k.providers, x), append(errs, err)
	}
	k.providers = append(k.providers, c.Providers...)
	return errors.Join(errs...)
}

// addHandlers makes the handlers, the middleware and the paths.
func (k *Kit) addHandlers(pending *session.PendingStore) (err error) {
	c, public := k.cfg, k.cfg.public.EscapedPath()
	pages := page.Pages{Render: c.Pages.Render, Translate: c.Pages.Translate, SiteName: c.Pages.SiteName, Accent: c.Pages.Accent}
	k.handlers, err = handlers.New(handlers.Config{
		Providers: k.providers, Sessions: k.sessions, Pending: pending, Clients: k.clients,
		DiscardTokens: c.discards(), OnSignIn: c.OnSignIn, Scopes: c.Scopes, LoginOptions: c.LoginOptions,
		Interstitial: c.Pages.Interstitial, Native: c.Advanced.Native, KeepTokensOnLogout: c.Advanced.KeepTokensOnLogout,
		AllowAccountTransfer: c.Advanced.AllowAccountTransfer, RevokeReplaced: c.Advanced.RevokeReplaced,
		PublicPath: public, Path: public + c.Paths.Base, DefaultReturnTo: c.Paths.DefaultReturnTo, Origin: c.origin(),
		Timeout: c.Advanced.Timeout, Pages: pages, OnEvent: k.onEvent, Logger: c.Logger,
	})
	if err != nil {
		return err
	}
	base, callback := c.Paths.Base, k.handlers.Callback(c.Success, c.Failure)
	k.routes = map[string]http.Handler{
		base + "/login":    k.handlers.Login(k.providers[0].Name(), c.Failure),
		base + "/callback": callback,
	}
	if k.sessions == nil {
		k.routes[base+"/logout"] = k.noSessions()
		k.routes[base+"/session"] = k.routes[base+"/logout"]
	} else {
		k.gate, err = middleware.New(middleware.Config{
			Sessions: k.sessions, Clients: k.clients, Pages: pages, Logger: c.Logger, PublicPath: public, Origin: c.origin(),
			LoginPath: public + base + "/login", SignInPath: c.isSignInPath, LoginPathOf: k.handlers.LoginPath,
			AllowScopes:  k.handlers.AllowScopes,
			ProviderName: func(name string) string { return provider.DisplayName(k.providerNamed(name)) }, OnRedirect: k.onRedirect,
		})
		if err != nil {
			return err
		}
		k.routes[base+"/logout"] = k.handlers.Logout(c.Pages.LoggedOut, nil)
		k.routes[base+"/session"] = k.handlers.Session()
	}
	for _, p := range k.providers {
		k.routes[base+"/login/"+p.Name()] = k.handlers.Login(p.Name(), c.Failure)
		if u, err := url.Parse(p.CallbackURL()); err == nil && strings.HasSuffix(u.Path, "/callback/"+p.Name()) {
			k.routes[base+"/callback/"+p.Name()] = callback
		}
	}
	if len(c.Advanced.Native.RedirectURIs) > 0 || c.Advanced.Native.TokenPairs {
		k.routes[base+"/native"] = k.handlers.Native()
	}
	return nil
}

// noSessions answers, at the paths of the logout and the session, with 404. It logs the first.
func (k *Kit) noSessions() http.Handler {
	var once sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() {
			k.cfg.Logger.WarnContext(r.Context(), "xsignin: Config.Session.Disabled is set, so the kit has no logout and no session",
				"path", r.URL.Path, "fix", "use the application's own logout and session")
		})
		k.handlers.NotFound().ServeHTTP(w, r)
	})
}

// needSessions panics if a method was called that cannot work without sessions.
func (k *Kit) needSessions(method string) {
	if k.sessions == nil {
		panic("xsignin: Kit." + method + " was called, and Config.Session.Disabled is set: " +
			"the application's own session knows the user")
	}
}

// providerNamed returns the named provider, or else the first.
func (k *Kit) providerNamed(name string) provider.Provider {
	i := slices.IndexFunc(k.providers, func(p provider.Provider) bool { return p.Name() == name })
	return k.providers[max(i, 0)]
}

// origin is PublicURL's origin as browsers write it: in lower case, without default port.
func (s settings) origin() string {
	defaultPort := ":" + port(&url.URL{Scheme: s.public.Scheme})
	return s.public.Scheme + "://" + strings.TrimSuffix(strings.ToLower(s.public.Host), defaultPort)
}

// callback is the URL to register at X.
func (s settings) callback() string { return s.public.String() + s.Paths.Base + "/callback" }

// secure reports whether cookies are Secure.
func (s settings) secure() bool { return s.public.Scheme == "https" }

// isSignInPath reports whether path, perhaps below PublicURL's, is of the login or the callback.
func (s settings) isSignInPath(path string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(path, s.public.Path), s.Paths.Base+"/")
	name, _, _ := strings.Cut(rest, "/")
	return ok && (name == "login" || name == "callback")
}

// ServeHTTP serves login, login/<provider>, callback, callback/<provider>, logout and session
// under Config.Paths.Base, and native if Config.Advanced.Native allows any program. It answers
// other paths with 404, and logs the first. PublicURL's path may be stripped from requests.
func (k *Kit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	base := k.cfg.Paths.Base
	p := r.URL.Path
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	p = path.Clean(p)
	if rest, ok := strings.CutPrefix(p, k.cfg.public.Path); ok && strings.HasPrefix(rest+"/", base+"/") {
		p = rest
	}
	if !strings.HasPrefix(p+"/", base+"/") {
		k.misplaced.Do(func() {
			shown := strconv.QuoteToASCII(r.URL.Path[:min(len(r.URL.Path), 200)])
			k.cfg.Logger.WarnContext(r.Context(), "xsignin: the kit gets requests for paths that are not its own",
				"path", strings.Trim(shown, `"`), "base_path", base,
				"fix", "mount the kit at Config.Paths.Base and a slash, without http.StripPrefix: the kit needs the whole path",
				"help", troubleshooting.URL("login_not_reached"))
		})
	}
	k.see(r, p)
	handler := k.routes[p]
	if handler == nil || strings.Contains(strings.ToLower(r.URL.RawPath), "%2f") { // a slash inside a segment
		handler = k.handlers.NotFound()
	}
	if r.URL.Path != p || r.URL.RawPath != "" {
		moved, u := *r, *r.URL
		u.Path, u.RawPath = p, ""
		moved.URL = &u
		r = &moved
	}
	handler.ServeHTTP(w, r)
}

// LoadUser is for pages that all visitors may see. See [middleware.Middleware.LoadUser].
func (k *Kit) LoadUser(next http.Handler) http.Handler {
	k.needSessions("LoadUser")
	return k.gate.LoadUser(next)
}

// RequireUser passes requests of signed-in users to next. Other page loads are sent to the
// login and come back, and scripts get status 401. It must not protect the kit itself. See
// [middleware.Middleware.RequireUser].
func (k *Kit) RequireUser(next http.Handler) http.Handler {
	k.needSessions("RequireUser")
	return k.gate.RequireUser(next)
}

// RequireScopes is RequireUser for users whose token has all of scopes. Other page loads are
// sent to X's consent page and come back, and scripts get status 403. Every replica calls it
// at its start. See [middleware.Middleware.RequireScopes].
func (k *Kit) RequireScopes(scopes ...string) func(http.Handler) http.Handler {
	k.needSessions("RequireScopes")
	return k.gate.RequireScopes(scopes...)
}

// LoginURL returns the path of the login, for a link. An empty name means the first provider,
// and an empty returnTo means Config.Paths.DefaultReturnTo. The name is not checked.
func (k *Kit) LoginURL(name, returnTo string) string {
	return visitorpath.WithQuery(k.handlers.LoginPath(cmp.Or(name, k.providers[0].Name())), "return_to", returnTo)
}

// Middleware returns the middleware, for adapters of frameworks.
func (k *Kit) Middleware() *middleware.Middleware {
	k.needSessions("Middleware")
	return k.gate
}

// Sessions returns the session manager, for values of the application in the session.
func (k *Kit) Sessions() *session.Manager {
	k.needSessions("Sessions")
	return k.sessions
}

// Handlers returns the handlers, for [handlers.Handlers.GologinSuccess].
func (k *Kit) Handlers() *handlers.Handlers { return k.handlers }

// ClientFor returns the client of a user, with or without a request of the user. See [Client].
func (k *Kit) ClientFor(key Key) *http.Client { return k.clients.Client(context.Background(), key) }

// ClientForUser is [Kit.ClientFor] for a user with one account. For users with several, choose
// a key of [Kit.Accounts]. See [client.Manager.ClientForUser].
func (k *Kit) ClientForUser(ctx context.Context, userID string) (*http.Client, error) {
	return k.clients.ClientForUser(ctx, userID)
}

// Accounts lists the tokens of all accounts of a user, without secrets. userID is
// [provider.User].ID. See [client.Manager.Accounts].
func (k *Kit) Accounts(ctx context.Context, userID string) ([]client.Account, error) {
	return k.clients.Accounts(ctx, userID)
}

// RefreshToken refreshes a token now, or waits for a refresh in progress.
// [client.ErrNotRefreshable] means that the token does not expire, or has no refresh token.
func (k *Kit) RefreshToken(ctx context.Context, key Key) error { return k.clients.Refresh(ctx, key) }

// RevokeToken deletes a token and revokes it at the provider. Sessions do not end. The user's
// client then fails with [ErrReauthRequired]. See [client.Manager.Revoke].
func (k *Kit) RevokeToken(ctx context.Context, key Key) error { return k.clients.Revoke(ctx, key) }

// ReleaseAccount unlinks an account: it makes the account free for others, and ends the user's
// tokens of it. Sessions do not end. See [client.Manager.ReleaseAccount].
func (k *Kit) ReleaseAccount(ctx context.Context, key Key) error {
	return k.clients.ReleaseAccount(ctx, key)
}

// PutToken stores a token from elsewhere, such as another library or X's console, as a
// sign-in stores its token. key is what [provider.User.Key] returns for the user. A token of
// the wrong protocol for key.Provider is refused. A refresh needs Token.Expiry and
// Token.RefreshToken, and [Kit.RequireScopes] needs Token.Scopes.
//
// With Config.OnSignIn, the user becomes the owner of the account. If it is another user's,
// the error is [ErrAccountTaken], also with Config.Advanced.AllowAccountTransfer. After
// an error, the former token is restored if the store answers. No token is revoked.
//
// This process uses the token at once. Another replica uses the token when it next reads the
// store, see [client.Manager].
func (k *Kit) PutToken(ctx context.Context, key Key, token tokenstore.Token) error {
	options := client.PutOptions{Own: k.cfg.OnSignIn != nil && !k.cfg.discards(), Imported: true}
	_, err := k.clients.PutWithRollback(ctx, key, token, options)
	return err
}

// ReencryptTokens seals every stored token with the first of Config.Secrets, while requests run.
// It is step 3 of replacing a secret: [tokenstore.Vault] has the steps, and
// [tokenstore.Vault.Reencrypt] describes the results. Begin step 4 at least ten minutes after
// step 2, because pending sign-ins are sealed too.
func (k *Kit) ReencryptTokens(ctx context.Context) (tokenstore.Reencrypted, error) {
	return k.vault.Reencrypt(ctx)
}

// SignOut is for the application's own logout: it ends the session and the tokens as a POST to
// the kit's logout does, and writes no body and no status. Call it before the answer begins.
// The application's logout must refuse other sites itself. An error means that the session may
// be open. See [handlers.Handlers.SignOut].
func (k *Kit) SignOut(w http.ResponseWriter, r *http.Request) error { return k.handlers.SignOut(w, r) }

// SignOutEverywhere ends every session of a user, a [provider.User].ID, on all replicas.
// Unless Config.Advanced.KeepTokensOnLogout is set, it then revokes and deletes the user's
// tokens. An error means that not all sessions may have ended, and the tokens are unchanged.
// To lock a user out, refuse the user in Config.OnSignIn too.
func (k *Kit) SignOutEverywhere(ctx context.Context, userID string) error {
	return k.handlers.SignOutEverywhere(ctx, userID)
}

// DeleteUser deletes all that the kit has of a user, a [provider.User].ID. It ends every
// session as [Kit.SignOutEverywhere] does, if the kit has sessions. Then it does what
// [client.Manager.DeleteUser] does, also with Config.Advanced.KeepTokensOnLogout. It reads the
// owner of every account in the token store. If there are many, call it in the background.
//
// After an error, call it again: completed steps stay completed, and all sessions end before
// any token. Delete the user in the application first, so that Config.OnSignIn
// refuses a pending sign-in. A session that is not in the list, or is in the memory
// of another process, stays open until its deadline. See [session.UserSessions]. With
// Config.Session.Disabled, the application ends its own sessions first.
func (k *Kit) DeleteUser(ctx context.Context, userID string) error {
	if k.sessions != nil {
		if err := k.handlers.SignOutEverywhere(ctx, userID); err != nil {
			return err
		}
	}
	return k.clients.DeleteUser(ctx, userID)
}

// Close ends background work. It waits for refreshes in progress until ctx ends. Call it
// after the server has shut down.
func (k *Kit) Close(ctx context.Context) error {
	if k.sessions == nil {
		return k.clients.Close(ctx)
	}
	return errors.Join(k.clients.Close(ctx), k.sessions.Close(ctx))
}

// Format implements [fmt.Formatter]: a Kit prints without its secrets.
func (k Kit) Format(f fmt.State, _ rune) { redact.Format(f, k) }

// LogValue implements [slog.LogValuer].
func (k Kit) LogValue() slog.Value { return redact.Value("xsignin.Kit(%v)", k.cfg.Config) }

// User returns the signed-in user of a request that went through [Kit.RequireUser] or
// [Kit.LoadUser]. The second value is false if no user is signed in.
func User(ctx context.Context) (provider.User, bool) { return middleware.User(ctx) }

// Client returns the client of the signed-in user, see [User]. It signs requests to X's API,
// sends none to other hosts, and refreshes the token. Its requests fail with
// [ErrReauthRequired] if X no longer accepts the token, and with [client.ErrNoUser] if no user
// is signed in. Client never returns nil.
func Client(ctx context.Context) *http.Client { return middleware.Client(ctx) }

// NewContext returns a context in which [User] returns user and [Client] returns client, to
// test an application's handlers without a sign-in. With such a context a request of
// [net/http/httptest.NewRequest] passes the middleware of any kit, with any scopes.
//
// An empty user.Provider means "x", and an empty user.ID the AccountID. The requests of a nil
// client fail. In a request that an [http.Server] has received, NewContext has no effect:
// there the session decides. Use xtest's SignedIn to test with a server.
func NewContext(ctx context.Context, user provider.User, client *http.Client) context.Context {
	user.Provider, user.ID = cmp.Or(user.Provider, "x"), cmp.Or(user.ID, user.AccountID)
	return requestctx.WithTest(ctx, &requestctx.Test{Request: requestctx.Request{User: user}, Client: client})
}

// Errors of package client that most applications test for.
var (
	// ErrReauthRequired means that the user has to sign in again.
	ErrReauthRequired = client.ErrReauthRequired
	// ErrAccountTaken means that another user of the application has connected the account.
	ErrAccountTaken = client.ErrAccountTaken
)
