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

// Config says what [New] puts together. Only PublicURL and one pair of credentials are
// required, and Keys where PublicURL is not a loopback address. New copies what it keeps.
type Config struct {
	// PublicURL is how visitors reach the site, such as https://example.com, perhaps
	// with a path. The callback at X is PublicURL + Path + "/callback", cookies are
	// Secure where it is https, and nothing of it is ever taken from a request.
	PublicURL string
	// Path is where the kit is mounted: letters, digits, hyphens, underscores, dots and
	// slashes. The default is "/auth".
	Path string
	// Home is where visitors go who came from nowhere in particular. The default is the
	// path of PublicURL, or "/".
	Home string

	// ClientID and ClientSecret are the OAuth 2.0 credentials of the application at X;
	// the provider is called "x". An empty secret means a public client (Native App,
	// Single Page App).
	ClientID, ClientSecret string
	// Scopes are asked for at an OAuth 2.0 sign-in. The default is tweet.read, users.read
	// and offline.access: without the last one X gives no refresh token, and the client
	// stops working after two hours. What only some pages need is better asked for there,
	// by [Kit.RequireScopes].
	Scopes []string
	// ConsumerKey and ConsumerSecret are the OAuth 1.0a credentials of the application at
	// X; the provider is called "x-oauth1".
	ConsumerKey, ConsumerSecret string
	// Providers are further ways to sign in. The first of all providers - x, x-oauth1,
	// then these - answers at Path + "/login", each at Path + "/login/<name>".
	Providers []provider.Provider

	// Keys are secrets of at least 32 bytes, newest first. They seal the cookies of
	// sign-ins under way and the stored tokens; the newest seals, all open. Without keys
	// New makes random ones on a loopback PublicURL, and fails elsewhere, and where Tokens
	// is set: what is stored could not be read again.
	// `openssl rand -base64 32` makes one; [Kit.ReencryptTokens] tells how to replace one.
	Keys []string
	// Tokens stores tokens, sealed, and the list of users who were signed out everywhere.
	// The default is memory, for one process, which forgets both when it ends. Replicas
	// that share SessionStore share Tokens too: one that does not learns nothing of the
	// others' sign-outs. Kits of different applications at X do not: a token is kept under
	// its provider's name and its user, and each would take the other's for its own.
	Tokens tokenstore.Store
	// SessionStore stores sessions: any store of scs. The default is memory, for one
	// process. A store is one kit's: another kit over the same store would take its
	// visitors for its own.
	SessionStore scs.Store
	// CookieName is the name of the session's cookie. The default is __Host-xsignin where
	// PublicURL is https, and xsignin elsewhere. Two kits on one host need two names.
	CookieName string
	// SessionLifetime is how long a session lasts at most; the default is 14 days.
	// SessionIdle ends a session that is not used for so long; the default 0 means never.
	// Sessions that are open when SessionLifetime is shortened keep the end that they have.
	// Where that was more than 14 days, shorten it no further than to that until they have
	// ended: a user is on the list of those who were signed out everywhere for
	// SessionLifetime, or 14 days if that is more, and a day.
	SessionLifetime, SessionIdle time.Duration
	// Sessions joins the application's own scs manager, with its cookie, store and
	// lifetimes, instead of CookieName, SessionStore, SessionLifetime and SessionIdle. New
	// wraps its Store, so that a session that was signed out cannot come back. Its cookie
	// must be Secure where PublicURL is https, and not SameSite=Strict; set its
	// HashTokenInStore, so that a stolen store opens no session.
	Sessions *scs.SessionManager

	// OnSignIn decides who may sign in and what the application calls them; see
	// [handlers.Config]. Nil lets everybody in.
	OnSignIn func(ctx context.Context, s *SignIn) error
	// Success answers the callback of a sign-in that has worked, in place of the redirect to
	// where the visitor came from, which [handlers.ReturnPath] tells it. [User] and [Client]
	// work in it, and gologin's readers of tokens; see package handlers. Failure answers a
	// login or a callback that has failed, in place of the page: gologin.ErrorFromContext has
	// the error, and [handlers.ProblemOf] the words. Both are for programs that have such
	// handlers; Pages changes how failures look.
	Success, Failure http.Handler
	// LoginOptions gives the options of a sign-in, such as ForceLogin, from its request.
	LoginOptions func(r *http.Request) provider.Options
	// Interstitial sends visitors to X by way of a small page, for phones whose X app would
	// take the link over and end the sign-in in another browser. The default is
	// InterstitialNever; InterstitialPhones is for sites that many open on a phone.
	Interstitial Interstitial
	// Native lets programs of the application's own, on phones and desktops, sign in at
	// Path + "/native"; see [handlers.Handlers.Native]. By default nothing is there.
	Native NativeClients
	// KeepTokens keeps tokens at sign-out, for applications that act for users who are
	// away. By default a sign-out revokes and deletes them.
	KeepTokens bool

	// APIURL is where X's API is, with OAuth 1.0a; the default is https://api.x.com. The paths
	// of X's versions, such as /2, are the calls' own and no part of it.
	// AuthorizeURL is OAuth 2.0's consent page; the default is
	// https://x.com/i/oauth2/authorize. Plain http is allowed on loopback addresses.
	APIURL, AuthorizeURL string
	// Transport carries every request to X. The default is one of the kit's own.
	Transport http.RoundTripper
	// RefreshAhead is how long before its expiry a token is refreshed. The default is 5
	// minutes.
	RefreshAhead time.Duration

	// Pages shows what visitors get to see of the kit - the question before a sign-out, a
	// page for each failure - in the application's own words and looks; see package page.
	// Nil means the default pages.
	Pages func(w http.ResponseWriter, r *http.Request, p Page)

	// Events is told what happens, for metrics and traces. It may be nil.
	Events event.Func
	// Logger is the kit's log. The default is [slog.Default]. It gets no secrets.
	Logger *slog.Logger
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

// The values of Config.Interstitial.
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
		c.PublicURL, c.ClientID, c.ConsumerKey, len(c.Keys))
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
	k.Path = strings.TrimRight(cmp.Or(c.Path, "/auth"), "/")
	if k.public != nil {
		if site, _, ok := strings.Cut(k.public.Path+"/", k.Path+"/callback/"); ok {
			fault("Config.PublicURL is the site and not its callback, which the kit puts together: write %s", (&url.URL{Scheme: k.public.Scheme, Host: k.public.Host, Path: site}).String())
		}
	}
	if !pathShape.MatchString(k.Path) || path.Clean(k.Path) != k.Path {
		fault("Config.Path must begin with a slash, name at least one segment, and have only letters, digits, hyphens, underscores and dots in it")
	}
	if c.ClientID == "" && c.ConsumerKey == "" && len(c.Providers) == 0 {
		fault("no way to sign in: set ClientID (OAuth 2.0) or ConsumerKey and ConsumerSecret (OAuth 1.0a). Is its environment variable set?")
	}
	if c.ClientID == "" && c.ClientSecret != "" {
		fault("Config.ClientSecret is set without ClientID")
	}
	if (c.ConsumerKey == "") != (c.ConsumerSecret == "") {
		fault("Config.ConsumerKey and ConsumerSecret belong together: one of them is missing")
	}
	if c.Sessions != nil {
		if c.SessionStore != nil || c.CookieName != "" || c.SessionLifetime != 0 || c.SessionIdle != 0 {
			fault("Config.Sessions brings its own store, cookie and lifetimes: leave SessionStore, CookieName, SessionLifetime and SessionIdle unset")
		}
		if k.public != nil && k.public.Scheme == "https" && !c.Sessions.Cookie.Secure {
			fault("Config.Sessions.Cookie.Secure is false, and PublicURL is https: set it, or the session goes over http in clear")
		}
	}
	k.Logger = cmp.Or(c.Logger, slog.Default())
	for i, key := range c.Keys {
		if len(key) < 32 {
			hint := ""
			if key == "" {
				hint = " Is its environment variable set?"
			}
			fault("Config.Keys[%d] has %d bytes and needs at least 32: `openssl rand -base64 32` makes one.%s", i, len(key), hint)
		}
		k.secrets = append(k.secrets, []byte(key))
	}
	if len(c.Keys) == 0 && k.public != nil {
		switch {
		case c.Tokens != nil:
			fault("Config.Keys is empty, and Tokens is set: after a restart nobody could read what is stored. `openssl rand -base64 32` makes a key")
		case !loopback.Is(k.public.Hostname()):
			fault("Config.Keys is empty: give a secret of at least 32 bytes (`openssl rand -base64 32`); only a loopback PublicURL goes without")
		default:
			k.secrets = [][]byte{[]byte(rand.Text() + rand.Text())}
		}
	}
	return k, errors.Join(errs...)
}

// halves says what is configured by half: it works, and not for long.
func (c checked) configWarnings() []string {
	var found []string
	sessions := c.SessionStore
	if c.Sessions != nil {
		sessions = c.Sessions.Store
	}
	_, forgets := sessions.(*memstore.MemStore)
	stored := sessions != nil && !forgets
	switch away := !loopback.Is(c.public.Hostname()); {
	case away && stored && c.Tokens == nil:
		found = append(found, "sessions are stored and tokens are not: after a restart, and on another replica, who is signed in cannot call X and has to sign in again. Set Tokens too")
	case away && !stored && c.Tokens != nil:
		found = append(found, "tokens are stored and sessions are not: after a restart, and on another replica, nobody is signed in. Set SessionStore too")
	}
	if c.ClientID != "" && len(c.Scopes) > 0 && !slices.Contains(c.Scopes, "offline.access") && (c.KeepTokens || c.Tokens != nil) {
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
