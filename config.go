package xsignin

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Config configures a [Kit]. PublicURL and one pair of credentials are required. Secrets are
// required too, unless PublicURL is a loopback address. [New] copies what it keeps.
type Config struct {
	// PublicURL is the address of the site as visitors see it, such as https://example.com,
	// with or without a path. The callback to register at X is PublicURL + Paths.Base +
	// "/callback". Cookies are Secure if PublicURL is https. No part of it is ever taken
	// from a request.
	PublicURL string
	// ClientID and ClientSecret are the application's OAuth 2.0 credentials at X. The
	// provider's name is "x". Public clients (Native App, Single Page App) have no secret.
	ClientID, ClientSecret string
	// OAuth1 has the application's OAuth 1.0a credentials at X. The provider's name is
	// "x-oauth1".
	OAuth1 OAuth1Config
	// Scopes are requested at an OAuth 2.0 sign-in. The default is tweet.read, users.read
	// and offline.access. Without offline.access X issues no refresh token, and the client
	// stops working after two hours. Use [Kit.RequireScopes] for scopes that only some
	// pages need.
	Scopes []string
	// Providers are additional providers. The first of all providers (x, x-oauth1, then
	// these) is used at Paths.Base + "/login". Each is used at Paths.Base + "/login/<name>".
	Providers []provider.Provider

	// Secrets are strings of at least 32 random bytes, newest first. They seal the cookies
	// of pending sign-ins and the stored tokens: the newest seals, all of them open. Without
	// Secrets, New makes a random one if PublicURL is a loopback address and TokenStore is
	// not set. Otherwise New fails, because stored tokens could not be read after a restart.
	// `openssl rand -base64 32` makes a secret. [Kit.ReencryptTokens] describes how to
	// replace one.
	Secrets []string
	// TokenStore stores the sealed tokens, and the list of users who were signed out
	// everywhere. The default is memory, for one process. Replicas that share Session.Store
	// must share TokenStore too. Kits of different applications at X must not share one:
	// tokens are stored by provider name and user.
	TokenStore tokenstore.Store
	// Session configures the sessions.
	Session SessionConfig
	// Paths has the kit's paths.
	Paths Paths
	// X has the addresses of X, for tests and proxies.
	X XEndpoints

	// OnSignIn decides who may sign in, and sets the application's id of the user. See
	// [handlers.Config]. By default everyone may sign in.
	OnSignIn func(ctx context.Context, s *SignIn) error
	// OnEvent is called for each event, for metrics and traces. It may be nil.
	OnEvent event.Func
	// Pages configures the pages that the kit shows.
	Pages PagesConfig
	// LoginOptions returns the options of a sign-in, such as ForceLogin, for its request.
	LoginOptions func(r *http.Request) provider.Options
	// Success answers the callback of a successful sign-in, in place of the redirect to the
	// return path ([handlers.ReturnPath]). [User], [Client] and gologin's token readers work
	// in it; see package handlers. Failure answers a failed login or callback, in place of
	// the page: gologin.ErrorFromContext returns the error, and [handlers.ProblemOf] its
	// texts. To change how failures look, use Pages instead.
	Success, Failure http.Handler
	// Logger is the kit's log. The default is [slog.Default]. No secret is logged.
	Logger *slog.Logger
	// Advanced has settings that few applications need.
	Advanced Advanced
}

// OAuth1Config has the OAuth 1.0a credentials of the application at X.
type OAuth1Config struct {
	// ConsumerKey and ConsumerSecret are called API key and secret in X's console.
	ConsumerKey, ConsumerSecret string
}

// SessionConfig configures the sessions: set Manager, or the other fields, or none.
type SessionConfig struct {
	// Store is any session store of scs. The default is memory, for one process. Two
	// kits must not share a store, unless each may take the other's users as its own.
	Store scs.Store
	// CookieName is the name of the session cookie. The default is __Host-xsignin if
	// PublicURL is https, and xsignin otherwise. Two kits on one host need two names.
	CookieName string
	// Lifetime is the longest time that a session lasts. The default is 14 days.
	// Shortening Lifetime does not affect existing sessions.
	Lifetime time.Duration
	// IdleTimeout ends a session that has not been used for so long. The default 0 means
	// never.
	IdleTimeout time.Duration
	// Manager is the application's own scs manager, with its cookie, store and lifetimes.
	// New wraps its Store, so that a session that was signed out cannot come back. Its
	// cookie must be Secure if PublicURL is https, and must be one that browsers keep and send
	// back. It must have HashTokenInStore, so that a stolen store opens no session.
	Manager *scs.SessionManager
	// SecurePerRequest says that the application sets the Secure attribute of Manager's cookie
	// for each request, for example to serve plain http in a local network, too.
	SecurePerRequest bool
}

// Paths has the kit's paths on the site.
type Paths struct {
	// Base is where the kit is mounted. It consists of letters, digits, hyphens,
	// underscores, dots and slashes. The default is "/auth".
	Base string
	// DefaultReturnTo is used when a login had no return_to. The default is the path of
	// PublicURL, or "/".
	DefaultReturnTo string
}

// XEndpoints has the addresses of X.
type XEndpoints struct {
	// APIURL is the address of X's API, for both protocols. The default is
	// https://api.x.com. It does not include X's version paths, such as /2. Plain http is
	// allowed for loopback addresses.
	APIURL string
	// AuthorizeURL is OAuth 2.0's consent page. The default is
	// https://x.com/i/oauth2/authorize.
	AuthorizeURL string
	// Transport carries every request to X. By default the kit makes a transport.
	Transport http.RoundTripper
}

// PagesConfig configures the pages that the kit shows.
type PagesConfig struct {
	// Render shows the kit's pages (the question before a sign-out, and a page for each
	// failure) with the application's texts and layout; see package page. Nil means the
	// default pages.
	Render func(w http.ResponseWriter, r *http.Request, p Page)
	// Interstitial sends visitors to X through a small page. It is for phones whose X app
	// would open the link and end the sign-in in another browser. The default is
	// InterstitialNever; InterstitialPhones suits sites with many visitors on phones.
	Interstitial Interstitial
}

// Advanced has settings that few applications need.
type Advanced struct {
	// Native lets the application's own programs on phones and desktops sign in at
	// Paths.Base + "/native"; see [handlers.Handlers.Native]. By default that path answers
	// 404.
	Native NativeClients
	// KeepTokensOnLogout keeps the tokens of users who sign out, for applications that act
	// for users who are away. By default a sign-out revokes and deletes them.
	KeepTokensOnLogout bool
	// RefreshBefore is how long before its expiry a token is refreshed. The default is 5
	// minutes.
	RefreshBefore time.Duration
}

// Names that an application would otherwise look for in the rooms.
type (
	// SignIn is what an OnSignIn hook decides about.
	SignIn = handlers.SignIn
	// Interstitial says who is sent to X by way of a page.
	Interstitial = handlers.Interstitial
	// Event is what an Events hook is told.
	Event = event.Event
	// NativeClients says which programs may sign in at Path + "/native".
	NativeClients = handlers.NativeClients
	// Page is what a Pages hook shows.
	Page = page.Page
	// Key names a user's token with a provider.
	Key = tokenstore.Key
)

// The values of Config.Pages.Interstitial.
const (
	InterstitialNever  = handlers.InterstitialNever
	InterstitialPhones = handlers.InterstitialPhones
	InterstitialAlways = handlers.InterstitialAlways
)

// Format implements [fmt.Formatter]: a Config prints without its secrets.
func (c Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c Config) LogValue() slog.Value {
	return redact.Value("xsignin.Config(PublicURL %s, ClientID %s, ConsumerKey %s, %d keys)",
		c.PublicURL, c.ClientID, c.OAuth1.ConsumerKey, len(c.Secrets))
}

// checked is a Config whose own fields hold up; the rooms check theirs.
type checked struct {
	Config
	public  *url.URL
	secrets [][]byte
}

func (c Config) check() (checked, error) {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf("xsignin: "+format, args...)) }

	k := checked{Config: c}
	public, err := url.Parse(c.PublicURL)
	switch {
	case c.PublicURL == "":
		fault("Config.PublicURL is missing: set it to how visitors reach the site, such as https://example.com")
	case err != nil || public.Host == "" || (public.Scheme != "https" && public.Scheme != "http"):
		hint := ", such as https://example.com"
		if hostShape.MatchString(c.PublicURL) { // what does not look like a host may be a secret in the wrong field
			scheme, host := "https", c.PublicURL
			if host, _, _ := strings.Cut(host, "/"); loopback.Is(hostname(host)) {
				scheme = "http"
			}
			hint = fmt.Sprintf(", and %s has no scheme: write %s://%s", host, scheme, host)
		}
		fault("Config.PublicURL must be an absolute http or https URL%s", hint)
	case nowhere(public.Hostname()):
		fault("Config.PublicURL names no host that a browser can open: %q is where a server listens. Write http://localhost:%s while you try things out, and elsewhere the site's own name, such as https://example.com", public.Host, port(public))
	case public.User != nil || public.RawQuery != "" || public.Fragment != "":
		fault("Config.PublicURL must be a scheme, a host and perhaps a path, and nothing else")
	default:
		public.Path, public.RawPath = strings.TrimRight(public.Path, "/"), ""
		k.public = public
	}
	k.Paths.Base = strings.TrimRight(cmp.Or(c.Paths.Base, "/auth"), "/")
	if k.public != nil {
		if site, _, ok := strings.Cut(k.public.Path+"/", k.Paths.Base+"/callback/"); ok {
			fault("Config.PublicURL is the site and not its callback, which the kit puts together: write %s", (&url.URL{Scheme: k.public.Scheme, Host: k.public.Host, Path: site}).String())
		}
	}
	if !pathShape.MatchString(k.Paths.Base) || path.Clean(k.Paths.Base) != k.Paths.Base {
		fault("Config.Paths.Base must begin with a slash, name at least one segment, and have only letters, digits, hyphens, underscores and dots in it")
	}
	if c.ClientID == "" && c.OAuth1.ConsumerKey == "" && len(c.Providers) == 0 {
		fault("no way to sign in: set ClientID (OAuth 2.0) or ConsumerKey and ConsumerSecret (OAuth 1.0a). Is its environment variable set?")
	}
	if c.ClientID == "" && c.ClientSecret != "" {
		fault("Config.ClientSecret is set without ClientID")
	}
	if (c.OAuth1.ConsumerKey == "") != (c.OAuth1.ConsumerSecret == "") {
		fault("Config.OAuth1.ConsumerKey and ConsumerSecret belong together: one of them is missing")
	}
	if c.Session.Manager != nil {
		if c.Session.Store != nil || c.Session.CookieName != "" || c.Session.Lifetime != 0 || c.Session.IdleTimeout != 0 {
			fault("Config.Session.Manager brings its own store, cookie and lifetimes: leave the other fields of Config.Session unset")
		}
		if k.public != nil && k.public.Scheme == "https" && !c.Session.Manager.Cookie.Secure {
			fault("Config.Session.Manager.Cookie.Secure is false, and PublicURL is https: set it, or the session goes over http in clear")
		}
	}
	k.Logger = cmp.Or(c.Logger, slog.Default())
	for i, key := range c.Secrets {
		if len(key) < 32 {
			hint := ""
			if key == "" {
				hint = " Is its environment variable set?"
			}
			fault("Config.Secrets[%d] has %d bytes and needs at least 32: `openssl rand -base64 32` makes one.%s", i, len(key), hint)
		}
		k.secrets = append(k.secrets, []byte(key))
	}
	if len(c.Secrets) == 0 && k.public != nil {
		switch {
		case c.TokenStore != nil:
			fault("Config.Secrets is empty, and Tokens is set: after a restart nobody could read what is stored. `openssl rand -base64 32` makes a key")
		case !loopback.Is(k.public.Hostname()):
			fault("Config.Secrets is empty: give a secret of at least 32 bytes (`openssl rand -base64 32`); only a loopback PublicURL goes without")
		default:
			k.secrets = [][]byte{[]byte(rand.Text() + rand.Text())}
		}
	}
	return k, errors.Join(errs...)
}

// halves says what is configured by half: it works, and not for long.
func (c checked) configWarnings() []string {
	var found []string
	sessions := c.Session.Store
	if c.Session.Manager != nil {
		sessions = c.Session.Manager.Store
	}
	_, forgets := sessions.(*memstore.MemStore)
	stored := sessions != nil && !forgets
	switch away := !loopback.Is(c.public.Hostname()); {
	case away && stored && c.TokenStore == nil:
		found = append(found, "sessions are stored and tokens are not: after a restart, and on another replica, who is signed in cannot call X and has to sign in again. Set Tokens too")
	case away && !stored && c.TokenStore != nil:
		found = append(found, "tokens are stored and sessions are not: after a restart, and on another replica, nobody is signed in. Set Session.Store too")
	}
	if c.ClientID != "" && len(c.Scopes) > 0 && !slices.Contains(c.Scopes, "offline.access") && (c.Advanced.KeepTokensOnLogout || c.TokenStore != nil) {
		found = append(found, "tokens are kept and Scopes lacks offline.access: X gives no refresh token, and after two hours the user has to sign in again")
	}
	return found
}

// hostShape is a host without a scheme, perhaps with a port and a path.
var hostShape = regexp.MustCompile(`^(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)(:[0-9]{1,5})?(/[A-Za-z0-9/._-]*)?$`)

// pathShape is what may be mounted in a ServeMux without a meaning of its own.
var pathShape = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)

// origin is u's origin as browsers write it: the host in lower case, and without the
// scheme's own port.
func origin(u *url.URL) string {
	own := ":80"
	if u.Scheme == "https" {
		own = ":443"
	}
	return u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Host), own)
}

// nowhere reports whether host is none, or all of a machine's addresses.
func nowhere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || (err == nil && ip.Unmap().IsUnspecified())
}
