package xsignin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Config configures a [Kit]. PublicURL, one pair of credentials and, unless PublicURL is a
// loopback address, Secrets are required. [New] copies what it keeps.
type Config struct {
	// PublicURL is the address of the site as visitors see it, perhaps with a path. The
	// callback to register at X is PublicURL + Paths.Base + "/callback". Cookies are Secure
	// if PublicURL is https.
	PublicURL string
	// ClientID and ClientSecret are the OAuth 2.0 credentials at X. Public clients (Native
	// App, Single Page App) have no secret. The provider's name is "x".
	ClientID, ClientSecret string
	// OAuth1 configures OAuth 1.0a. The provider's name is "x-oauth1".
	OAuth1 OAuth1Config
	// Scopes are requested at an OAuth 2.0 sign-in, see also [Kit.RequireScopes]. The default
	// is tweet.read, users.read and offline.access, without which tokens end after two hours.
	Scopes []string
	// Providers are additional providers. The first of all providers (x, x-oauth1, then
	// these) is used at Paths.Base + "/login", and each at Paths.Base + "/login/<name>".
	Providers []provider.Provider

	// Secrets are strings of at least 32 random bytes, newest first. They seal the cookies
	// of pending sign-ins and the stored tokens. The newest secret seals, and all of them open. The
	// default, for a loopback PublicURL without TokenStore, is a random one. [ParseSecrets]
	// reads them from one variable, and [tokenstore.Vault] describes how to replace one.
	Secrets []string
	// TokenStore stores the sealed tokens, the lists of users' sessions and the owners of
	// accounts. Replicas share it with Session.Store. Kits of different applications at X
	// must not share one. The default is memory, for one process.
	TokenStore tokenstore.Store
	Session    SessionConfig
	Paths      Paths
	// X has the addresses of X, for tests and proxies.
	X XEndpoints

	// OnSignIn decides who may sign in, and sets the application's id of the user, see
	// [handlers.Config]. If the kit has sessions, OnSignIn must link accounts only to the
	// user SignIn.Current. By default everyone may sign in.
	OnSignIn func(ctx context.Context, s *SignIn) error
	// OnEvent is called for each event, for metrics and traces. It may be nil.
	OnEvent event.Func
	Pages   PagesConfig
	// LoginOptions returns the options of a sign-in, such as ForceLogin, for its request.
	LoginOptions func(r *http.Request) provider.Options
	// Success answers a successful sign-in, in place of the redirect to [handlers.ReturnPath].
	// [User], [Client] and gologin's token readers work in it. It is required with
	// Session.Disabled, and otherwise may be nil. Failure answers a failed login
	// or callback, in place of the page: see gologin.ErrorFromContext and [page.ProblemFor].
	Success, Failure http.Handler
	// Logger is the kit's log. The default is [slog.Default]. No secret is logged.
	Logger   *slog.Logger
	Advanced Advanced
}

// OAuth1Config configures OAuth 1.0a.
type OAuth1Config struct {
	// ConsumerKey and ConsumerSecret are called API key and secret in X's console.
	ConsumerKey    string
	ConsumerSecret string `json:"-"`
	// AccessType requests less access than the application has: "read" or "write".
	AccessType string
	// AlwaysAsk shows X's consent page at every sign-in (/oauth/authorize). By default X sends
	// users who have allowed the application straight back (/oauth/authenticate).
	// [provider.Options].ForceLogin also asks for the password, and is set by LoginOptions.
	AlwaysAsk bool
	// FetchProfile makes one users/me call at each sign-in, for the name and the avatar. X
	// bills and limits that call, and the sign-in fails if the call fails.
	FetchProfile bool
}

// SessionConfig configures the sessions. Set Disabled, Manager, the other fields, or nothing.
// CookieName may be set with Disabled.
type SessionConfig struct {
	// Disabled is for applications that have their own sessions. The kit signs the user in at X
	// and keeps no session. Success is required, and starts the application's session. The kit
	// then serves login and callback only. [Kit.SignOut] and [Kit.SignOutEverywhere] return an
	// error, and [Kit.Sessions], [Kit.Middleware] and the middleware panic. For the
	// user's client, use [Kit.ClientFor]. To end the tokens, use [Kit.RevokeToken] or
	// [Kit.DeleteUser].
	//
	// The tokens are kept in Config.TokenStore, also if Success fails. If that is not set, a
	// token is deleted when Success has returned, and is not revoked. At the user's next
	// sign-in, a token of [Kit.PutToken] is deleted too.
	Disabled bool
	// Store is any session store of scs, not shared by kits with different users. The default
	// is memory, for one process.
	Store scs.Store
	// CookieName is the name of the session cookie. The default is __Host-xsignin if
	// PublicURL is https, and xsignin otherwise. Two kits on one host need two names. The
	// cookies of pending sign-ins begin with it, also with Disabled.
	CookieName string
	// Lifetime is the longest time that a new session lasts. The default is 14 days.
	Lifetime time.Duration
	// IdleTimeout ends a session that has not been used for so long. The default is never.
	IdleTimeout time.Duration
	// Manager is the application's own scs manager. New wraps its Store, so that a session
	// that was signed out cannot come back. It must have HashTokenInStore, so that a stolen
	// store opens no session, and a Secure cookie if PublicURL is https.
	Manager *scs.SessionManager
	// SecurePerRequest says that the application sets the Secure attribute of Manager's cookie
	// for each request.
	SecurePerRequest bool
}

// Paths has the kit's paths on the site.
type Paths struct {
	// Base is where the kit is mounted. The default is "/auth".
	Base string
	// DefaultReturnTo is used when a login had no return_to. The default is the page of this
	// site that led to the login, by Referer. Without such a page it is the path of PublicURL.
	DefaultReturnTo string
}

// XEndpoints has the addresses of X.
type XEndpoints struct {
	// APIURL is the address of X's API, without a version path such as /2. Only loopback
	// addresses may be plain http. The default is https://api.x.com.
	APIURL string
	// AuthorizeURL is OAuth 2.0's consent page, by default https://x.com/i/oauth2/authorize.
	AuthorizeURL string
	// Transport carries every request to X. By default the kit makes a transport.
	Transport http.RoundTripper
}

// PagesConfig configures the pages that the kit shows: before a sign-out, and for failures.
type PagesConfig struct {
	// Render shows a page in the application's layout, see [page.Pages].
	Render func(w http.ResponseWriter, r *http.Request, p Page)
	// Translate replaces the English texts of a page or a problem document, see [page.Pages].
	Translate func(r *http.Request, p *Page)
	// SiteName is shown on each page. It may be empty.
	SiteName string
	// Accent is the main button's colour, such as "#1d9bf0". The default is black or white.
	Accent string
	// Interstitial reports whether a page load is sent to X through a small page, by default
	// never. [handlers.OnPhones] is for phones whose X app would open the link.
	Interstitial func(r *http.Request) bool
	// LoggedOut answers every successful sign-out, such as with "You are signed out". The default
	// is a redirect to return_to, HX-Redirect for htmx, and status 204 for scripts. See
	// [handlers.Handlers.Logout].
	LoggedOut http.Handler
}

// Advanced has settings that few applications need.
type Advanced struct {
	// Native lets the application's programs on phones and desktops sign in, see
	// [handlers.Handlers.Native]. By default none may.
	Native handlers.NativeClients
	// KeepTokensOnLogout keeps the tokens at a sign-out. By default a sign-out ends them.
	KeepTokensOnLogout bool
	// AllowAccountTransfer lets a user connect an account that another user of the
	// application has connected. The former user's tokens and sessions for it end. It needs
	// OnSignIn. By default such a sign-in fails with [ErrAccountTaken]. With Session.Disabled
	// the former user's sessions do not end.
	AllowAccountTransfer bool
	// RevokeReplaced revokes the token that a sign-in or consent replaces. Try it first: X may
	// end the new token too. By default the token stays valid until it expires.
	RevokeReplaced bool
	// RefreshBefore is how long before its expiry a token is refreshed, by default 5 minutes.
	RefreshBefore time.Duration
	// Timeout limits the calls to X of a login or callback, and then OnSignIn with the stores,
	// by default to 10 seconds each. Undoing a failed sign-in takes up to 5 seconds
	// more. A logout waits for X for at most 2 seconds, and for a store for at most 10. The
	// timeouts of proxies must be longer than the sum. If the http.Server has a WriteTimeout, or
	// a middleware gives the request a deadline, X gets at most two fifths of that time.
	Timeout time.Duration
}

// Types of other packages that most applications need.
type (
	// SignIn is the argument of Config.OnSignIn.
	SignIn = handlers.SignIn
	// Page is a page for Config.Pages.Render.
	Page = page.Page
	// Key names a user's token with a provider.
	Key = tokenstore.Key
)

// Format implements [fmt.Formatter]: a configuration prints without its secrets.
func (c OAuth1Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c OAuth1Config) LogValue() slog.Value {
	return redact.Value("xsignin.OAuth1Config(ConsumerKey %s)", c.ConsumerKey)
}

// Format implements [fmt.Formatter], as that of OAuth1Config.
func (c Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c Config) LogValue() slog.Value {
	return redact.Value("xsignin.Config(PublicURL %s, ClientID %s, ConsumerKey %s, %d secrets)",
		c.PublicURL, c.ClientID, c.OAuth1.ConsumerKey, len(c.Secrets))
}
