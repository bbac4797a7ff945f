// Package handlers holds the http.Handlers of a sign-in: [Handlers.Login],
// [Handlers.Callback], [Handlers.Logout] and [Handlers.Session], and [Handlers.Native] for
// programs that are no browsers.
//
// They keep gologin's convention: success and failure are [http.Handler]s, and
// [gologin.ErrorFromContext] reads the error in a failure handler. Nil means the
// default: a redirect to where the visitor came from, and a page that says what went
// wrong, in JSON for who asks for it. [ProblemOf] gives a failure handler of one's own
// the status and the words of the default page, and [ReturnPath] a success handler the way
// back.
//
// In a success handler of [Handlers.Callback] gologin's readers of tokens work too:
// AccessTokenFromContext of its package oauth1 after a sign-in by OAuth 1.0a, TokenFromContext
// of its package oauth2 after one by OAuth 2.0. The token of the latter has no refresh token:
// whoever spent it would take it from the kit, which keeps it. The context of that one request
// holds them and no other, and prints without them. docs/from-gologin.md has the rest of the
// way here.
//
// A login may be asked for more scopes than usual, as middleware.RequireScopes does: see
// [Handlers.Login] and [Handlers.AllowScopes].
//
// Most programs mount the root package's Kit, which puts these together.
package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dghubble/gologin/v2"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// Config is what the handlers work with. New copies it.
type Config struct {
	// Providers are the ways to sign in, with different names. At least one. All may
	// share one callback: the sign-in under way says which one it belongs to.
	Providers []provider.Provider
	// Sessions keeps who is signed in. Required.
	Sessions *session.Manager
	// Pending keeps the sign-ins under way. Required.
	Pending *session.PendingStore
	// Clients keeps the tokens. Required.
	Clients *client.Manager

	// OnSignIn is asked after the provider has vouched for a user and before anything
	// is saved. It may refuse by an error - [provider.ErrNotAllowed] gives a page that
	// says so, any other the page of an internal fault - and may set User.ID to
	// the application's own name for the user. Nil lets everybody in. The token of a user
	// who is refused is forgotten here and not revoked at X: with OAuth 1.0a it may be the
	// very one that an earlier sign-in left.
	OnSignIn func(ctx context.Context, s *SignIn) error
	// Scopes are those that the parameter scope of a login may name, besides the ones
	// declared by [Handlers.AllowScopes]: an address that anybody can make up must not
	// ask a visitor for what the application does not use. What a provider asks for by its
	// own configuration need not be here.
	Scopes []string
	// LoginOptions gives the options of a sign-in that begins with r, such as
	// ForceLogin. Nil means none.
	LoginOptions func(r *http.Request) provider.Options

	// Interstitial says who is sent to the provider by way of a page, for phones whose X
	// app takes links over. The default is InterstitialNever.
	Interstitial Interstitial
	// Native says which programs of the application's own, on phones and desktops, may sign
	// in by [Handlers.Native]. The zero value is none.
	Native NativeClients

	// Path is where the handlers are mounted, for the links between them: LoginPath
	// under it leads to the first provider, login/<name> to the others. The default is
	// "/auth".
	Path string
	// Home is where a visitor goes who came from nowhere in particular. The default is
	// "/".
	DefaultReturnTo string
	// Origin is the site's own origin, such as https://example.com, for the protection
	// of Logout behind a proxy that changes the Host header, and to say in the log, once, that
	// visitors come to another host, where the cookie of a sign-in stays. It may be empty.
	Origin string
	// KeepTokens keeps tokens at sign-out, for applications that act for users who are
	// away. By default a sign-out revokes and deletes them.
	KeepTokensOnLogout bool
	// Timeout bounds one callback, with all that is asked of the provider and the
	// stores. The default is 25 seconds. Undoing what a callback had saved when it failed
	// comes on top, each call to a store for 5 seconds at most; the default leaves room for
	// that while one of the two stores, or the provider, hangs.
	Timeout time.Duration

	// Pages shows pages in the application's own words and looks. Nil means the default
	// ones.
	Pages page.Func

	// Events is told of sign-ins and sign-outs. It may be nil.
	OnEvent event.Func
	// Logger tells the operator why a sign-in failed. The default is [slog.Default].
	Logger *slog.Logger
	// Now is the clock. The default is [time.Now].
	Now func() time.Time
}

// SignIn is what an OnSignIn hook decides about.
type SignIn struct {
	// User is who signs in. The hook may set User.ID, which must not be empty; other
	// changes are ignored.
	User provider.User
	// Token is the permission that comes with it. It holds secrets. Changes are ignored.
	Token tokenstore.Token
	// Request is the callback's request, or that of [Handlers.Native], whose body is spent.
	Request *http.Request
	// ReturnTo is where the visitor goes afterwards: the checked parameter return_to of the
	// login, or Config.DefaultReturnTo; "" from [Handlers.Native]. It was sealed into this very sign-in
	// when it was begun, so it can tell a hook what the sign-in is for, as a cookie cannot.
	// Whoever gets a visitor to follow a link can have chosen it: what must not be made up
	// belongs there as a random word that the application knows. Changes are ignored.
	ReturnTo string
}

// Handlers makes the http.Handlers. Goroutines may share it.
type Handlers struct {
	cfg    Config
	byName map[string]provider.Provider
	apart  map[string]bool // providers whose callback is CallbackOf's
	cross  *http.CrossOriginProtection
	host   string // of cfg.Origin, without its port

	exchanges exchanges

	otherHost sync.Once // says that visitors come to another one

	mu       sync.RWMutex        // guards declared
	declared map[string]struct{} // scopes that a URL may name
}

// New checks cfg and returns the handlers. The error tells every fault.
func New(cfg Config) (*Handlers, error) {
	h := &Handlers{byName: make(map[string]provider.Provider), apart: make(map[string]bool), cross: http.NewCrossOriginProtection()}
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf("handlers: "+format, args...)) }

	cfg.Providers = slices.Clone(cfg.Providers)
	if len(cfg.Providers) == 0 {
		fault("Config.Providers is empty: pass provider.NewX or provider.NewXOAuth1")
	}
	for i, p := range cfg.Providers {
		if p == nil {
			fault("Config.Providers[%d] is nil", i)
			continue
		}
		if strings.HasPrefix(p.Name(), ".") {
			fault("a provider is called %q: names that begin with a dot are for entries of the kit that are no tokens", p.Name())
		}
		if h.byName[p.Name()] != nil {
			fault("two providers are called %q: give one another Name", p.Name())
		}
		h.byName[p.Name()] = p
		if r, ok := p.(provider.Returner); ok {
			u, err := url.Parse(r.CallbackURL())
			h.apart[p.Name()] = err == nil && strings.HasSuffix(u.Path, "/callback/"+p.Name())
		}
	}
	if cfg.Sessions == nil {
		fault("Config.Sessions is missing: pass session.New or session.FromSCS")
	}
	if cfg.Pending == nil {
		fault("Config.Pending is missing: pass session.NewPendingStore")
	}
	if cfg.Clients == nil {
		fault("Config.Clients is missing: pass client.New")
	}
	cfg.Path = cmp.Or(strings.TrimRight(cfg.Path, "/"), "/auth")
	if !strings.HasPrefix(cfg.Path, "/") || strings.ContainsAny(cfg.Path, "?#\\") {
		fault("Config.Path must be a path that begins with a slash")
	}
	cfg.DefaultReturnTo = cmp.Or(cfg.DefaultReturnTo, "/")
	if localPath(cfg.DefaultReturnTo, "", "") == "" {
		fault("Config.DefaultReturnTo must be a path on this site that begins with one slash, such as /start, and is %.200q", cfg.DefaultReturnTo)
	}
	if cfg.Origin != "" {
		if err := h.cross.AddTrustedOrigin(cfg.Origin); err != nil {
			fault("Config.Origin must be a scheme and a host, such as https://example.com: %w", err)
		} else if u, err := url.Parse(cfg.Origin); err == nil {
			h.host = u.Hostname()
		}
	}
	cfg.Native.RedirectURIs = slices.Clone(cfg.Native.RedirectURIs)
	errs = append(errs, cfg.Native.check(cfg.Providers, cfg.Origin, cfg.Path)...)
	if cfg.Interstitial < InterstitialNever || cfg.Interstitial > InterstitialAlways {
		fault("Config.Interstitial must be InterstitialNever, InterstitialPhones or InterstitialAlways")
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 25*time.Second)
	if cfg.Timeout < 0 {
		fault("Config.Timeout must not be negative")
	}
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	h.cfg = cfg
	h.AllowScopes(cfg.Scopes...)
	return h, nil
}

// AllowScopes adds to the scopes that the parameter scope of a login may name.
// middleware.Config has a field for it, so that each RequireScopes declares what it needs.
// Call it when the program starts, on every replica: a visitor may come to any of them.
func (h *Handlers) AllowScopes(scopes ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.declared == nil {
		h.declared = make(map[string]struct{})
	}
	for _, s := range scopes {
		h.declared[s] = struct{}{}
	}
}

// declares reports whether scope is declared.
func (h *Handlers) declares(scope string) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, ok := h.declared[scope]
	return ok
}

// LoginPath is where a sign-in with the named provider begins.
func (h *Handlers) LoginPath(name string) string {
	if name == h.cfg.Providers[0].Name() {
		return h.cfg.Path + "/login"
	}
	return h.cfg.Path + "/login/" + name
}

// attempt is a sign-in as far as it is known when it fails.
type attempt struct {
	provider string
	returnTo string
	wanted   []string // the scopes that the visitor was sent for
	begun    time.Time
}

// fail ends a sign-in that did not work out: it tells the operator, and answers.
func (h *Handlers) fail(w http.ResponseWriter, r *http.Request, failure http.Handler, a attempt, err error) {
	p := ProblemOf(err)
	h.report(r, a, p, level(p), err)
	h.answerFailure(w, r, failure, a, err)
}

// maxHost is the longest host with a port: RFC 1035, 2.3.4 has 255 octets for a name.
const maxHost = 255 + len(":65535")

// shownHost is r's Host for the log. The header may have a megabyte of whatever a stranger
// likes, and no host has more than maxHost bytes.
func shownHost(r *http.Request) string {
	return strings.Trim(strconv.QuoteToASCII(r.Host[:min(len(r.Host), maxHost)]), `"`)
}

// lookAtHost tells once that a sign-in begins at a host whose cookies do not reach the
// callback. Ports do not matter to cookies.
func (h *Handlers) lookAtHost(r *http.Request) {
	if h.host == "" || strings.EqualFold((&url.URL{Host: r.Host}).Hostname(), h.host) {
		return
	}
	h.otherHost.Do(func() {
		h.cfg.Logger.WarnContext(r.Context(), "xsignin: a sign-in begins at another host than the site's own: its cookie will not reach the callback",
			"host", shownHost(r), "expected_origin", h.cfg.Origin,
			"fix", "open the site at expected_origin, or set PublicURL to what visitors type; localhost and 127.0.0.1 are two hosts. "+
				"If a proxy changes the Host header on the way, nothing is amiss")
	})
}

// report tells the operator of a sign-in that did not work out.
func (h *Handlers) report(r *http.Request, a attempt, p Problem, loud slog.Level, err error) {
	now := h.cfg.Now()
	attrs := []slog.Attr{slog.String("provider", a.provider), slog.String("cause", p.Code), slog.Any("err", err)}
	if p.Code == "other_browser" && h.cfg.Origin != "" && !strings.HasSuffix(h.cfg.Origin, "//"+r.Host) {
		// The commonest mistake in development: cookies of localhost do not reach 127.0.0.1.
		attrs = append(attrs, slog.String("host", shownHost(r)), slog.String("expected_origin", h.cfg.Origin))
	}
	if fix := h.fixOf(a, err); fix != "" {
		attrs = append(attrs, slog.String("fix", fix))
	}
	h.cfg.Logger.LogAttrs(r.Context(), loud, "xsignin: sign-in failed", attrs...)
	h.cfg.OnEvent.Tell(r.Context(), event.Event{
		Kind: event.SignInFailed, Time: now, Duration: now.Sub(a.begun), Provider: a.provider, Cause: p.Code, Err: err,
	})
}

// answerFailure answers by failure or by the default page.
func (h *Handlers) answerFailure(w http.ResponseWriter, r *http.Request, failure http.Handler, a attempt, err error) {
	if failure != nil {
		failure.ServeHTTP(w, r.WithContext(gologin.WithError(r.Context(), err)))
		return
	}
	p := ProblemOf(err)
	if p.Code == "denied" {
		// Whoever was asked for more, or for another sign-in, still is who they were.
		if _, ok, err := h.cfg.Sessions.Get(r.Context(), r); err == nil && ok {
			p.Title = "Nothing has changed"
			p.Detail = "You said no at X. You are signed in as before, and what worked before still works. " +
				"You can try again whenever you like."
		}
	}
	retry := h.LoginPath(cmp.Or(a.provider, h.cfg.Providers[0].Name()))
	h.problem(w, r, p, h.withReturn(retry, a.returnTo, a.wanted))
}

// private sets the headers of every answer that belongs to one visitor and whose
// address may hold a code: nothing keeps it, and nothing learns where it came from.
func private(w http.ResponseWriter) {
	h, values := w.Header(), []string{"no-store", "no-referrer"}
	h["Cache-Control"], h["Referrer-Policy"] = values[0:1:1], values[1:2:2]
}

// seeOther sends the browser on. [http.Redirect] would clean the path, and a path that was
// checked is sent as it was checked.
func seeOther(w http.ResponseWriter, location string) {
	// What may not stand in a header may not stand in a query either. Between an address and
	// its fragment the "#" stays as it is.
	head, fragment, ok := strings.Cut(location, "#")
	if head = encodeQuery(head); ok {
		head += "#" + encodeQuery(fragment)
	}
	w.Header().Set("Location", head)
	w.WriteHeader(http.StatusSeeOther)
}

// only reports whether r's method is one of methods, and answers 405 if not.
func (h *Handlers) only(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	h.problem(w, r, methodNotAllowed(), "")
	return false
}
