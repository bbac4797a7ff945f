// Package handlers has the http.Handlers of a sign-in: [Handlers.Login], [Handlers.Callback],
// [Handlers.Logout] and [Handlers.Session], and [Handlers.Native] for programs that are not
// browsers.
//
// They follow gologin's convention: success and failure are [http.Handler]s, and
// [gologin.ErrorFromContext] returns the error in a failure handler. Nil means the default: a
// redirect to the return path, and a page or a problem document about the failure. In a
// failure handler, [page.ProblemFor] returns the status and the texts of the default page. In
// a success handler, [ReturnPath] returns the return path.
//
// In a success handler of [Handlers.Callback], gologin's token readers work too:
// AccessTokenFromContext of its package oauth1 after a sign-in by OAuth 1.0a, and
// TokenFromContext of its package oauth2 after a sign-in by OAuth 2.0. The latter token has no
// refresh token, since a refresh by the application would invalidate the kit's token. Only
// the context of that one request has these tokens, and it prints without them.
// docs/from-gologin.md describes how to move from gologin.
//
// A login can request more scopes than the configuration, as middleware.RequireScopes does:
// see [Handlers.Login] and [Handlers.AllowScopes].
//
// Most programs mount the root package's Kit, which makes these handlers.
package handlers

import (
	"cmp"
	"context"
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
	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// Config configures the handlers. New copies it.
type Config struct {
	// Providers are the providers, with different names. At least one is required. All may
	// share one callback: the pending sign-in names its provider.
	Providers []provider.Provider
	// Sessions has the sessions. Required.
	Sessions *session.Manager
	// Pending has the pending sign-ins. Required.
	Pending *session.PendingStore
	// Clients has the tokens. Required.
	Clients *client.Manager

	// OnSignIn is called when the provider has confirmed a user, and before anything is
	// saved. It refuses the user by an error: [provider.ErrNotAllowed] leads to a page that
	// says so, and any other error to the page of an internal error. It may set User.ID to
	// the application's id of the user. Nil accepts all users. The token of a refused user is
	// not saved, and not revoked at X: with OAuth 1.0a it may be the token of an earlier
	// sign-in.
	OnSignIn func(ctx context.Context, s *SignIn) error
	// Scopes are the scopes that a login's parameter scope may name, in addition to those of
	// [Handlers.AllowScopes]. Any site can link to such an address, so it must not request
	// scopes that the application does not use. The scopes that a provider requests by
	// default need not be here.
	Scopes []string
	// LoginOptions returns the options of a sign-in that begins with r, such as ForceLogin.
	// It may be nil.
	LoginOptions func(r *http.Request) provider.Options

	// Interstitial selects the visitors who are sent to the provider through a page, for
	// phones whose X app opens links. The default is InterstitialNever.
	Interstitial Interstitial
	// Native selects the application's own programs, on phones and desktops, that may sign
	// in by [Handlers.Native]. The zero value selects none.
	Native NativeClients

	// Path is where the handlers are mounted, as visitors see it. The login of the first
	// provider is at Path + "/login", and those of the others at Path + "/login/<name>". The
	// default is "/auth".
	Path string
	// DefaultReturnTo is used when a login had no return_to. The default is "/".
	DefaultReturnTo string
	// Origin is the site's origin, such as https://example.com. It protects Logout behind a
	// proxy that changes the Host header, and a sign-in that begins at another host is logged
	// once. It may be empty.
	Origin string
	// AllowAccountTransfer lets a user connect an account that another user of the
	// application has connected, if OnSignIn is set. The former user's tokens for
	// the account are revoked and deleted, and that user's sessions with the account end.
	// By default such a sign-in fails with [client.ErrAccountTaken].
	AllowAccountTransfer bool
	// RevokeReplaced revokes the token that a new sign-in replaces, see
	// [client.PutOptions]. By default it stays valid at the provider.
	RevokeReplaced bool
	// KeepTokensOnLogout keeps the tokens of users who sign out, for applications that act
	// for users who are away. By default a sign-out revokes and deletes them.
	KeepTokensOnLogout bool
	// Timeout limits one login, callback or logout, with its requests to the provider and to
	// the stores. The default is 10 seconds. After a failure, undoing what was saved takes up
	// to 5 seconds more for each store.
	Timeout time.Duration

	// Pages has the texts and the layout of pages. The zero value is the default.
	Pages page.Pages

	// OnEvent is called for sign-ins and sign-outs. It may be nil.
	OnEvent event.Func
	// Logger logs why a sign-in failed. The default is [slog.Default].
	Logger *slog.Logger
	// Now is the clock. The default is [time.Now].
	Now func() time.Time
}

// SignIn is the argument of an OnSignIn hook.
type SignIn struct {
	// User is the user. The hook may set User.ID, which must not be empty. Other changes are
	// ignored.
	User provider.User
	// Token is the user's token. It has secrets. Changes are ignored.
	Token tokenstore.Token
	// Request is the request of the callback, or of [Handlers.Native]. The body of the latter
	// has been read.
	Request *http.Request
	// ReturnTo is where the visitor goes next: the checked parameter return_to of the login,
	// or Config.DefaultReturnTo. It is "" in [Handlers.Native]. It was sealed into this
	// sign-in when the sign-in began, so a hook can learn from it what the sign-in is for. A
	// cookie cannot do that. Any site can link to the login with any return_to: use a
	// random value that the application knows where that matters. Changes are ignored.
	ReturnTo string
}

// Handlers makes the http.Handlers. Goroutines may share it.
type Handlers struct {
	cfg    Config
	byName map[string]provider.Provider
	cross  *http.CrossOriginProtection
	host   string // of cfg.Origin, without its port

	exchanges exchanges

	otherHost sync.Once // logs that a sign-in begins at another host

	mu      sync.RWMutex        // guards allowed
	allowed map[string]struct{} // scopes that the parameter scope may name
}

// New validates cfg and returns the handlers. It reports all configuration errors at once.
func New(cfg Config) (*Handlers, error) {
	faults := configerr.For("handlers")
	h := &Handlers{byName: make(map[string]provider.Provider), cross: http.NewCrossOriginProtection()}
	cfg.Providers = slices.Clone(cfg.Providers)
	h.addProviders(faults, cfg.Providers)
	cfg.require(faults)
	cfg.setDefaults()
	cfg.validate(faults)
	if cfg.Origin != "" {
		if err := h.cross.AddTrustedOrigin(cfg.Origin); err != nil {
			faults.Add("Config.Origin", "must be a scheme and a host, such as https://example.com: %v", err)
		} else if u, err := url.Parse(cfg.Origin); err == nil {
			h.host = u.Hostname()
		}
	}
	cfg.Native.RedirectURIs = slices.Clone(cfg.Native.RedirectURIs)
	cfg.Native.validate(faults, cfg)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	h.cfg = cfg
	h.AllowScopes(cfg.Scopes...)
	return h, nil
}

// addProviders adds the providers by their names.
func (h *Handlers) addProviders(faults *configerr.List, providers []provider.Provider) {
	if len(providers) == 0 {
		faults.Add("Config.Providers", "is empty: pass provider.NewX or provider.NewXOAuth1")
	}
	for i, p := range providers {
		field := fmt.Sprintf("Config.Providers[%d]", i)
		if p == nil {
			faults.Add(field, "is nil")
			continue
		}
		faults.CheckProviderName(field, p.Name())
		if h.byName[p.Name()] != nil {
			faults.Add(field, "has the name %q of another provider: set another Name", p.Name())
		}
		h.byName[p.Name()] = p
	}
}

// require reports missing fields.
func (c *Config) require(faults *configerr.List) {
	if c.Sessions == nil {
		faults.Add("Config.Sessions", "is missing: pass session.New or session.FromSCS")
	}
	if c.Pending == nil {
		faults.Add("Config.Pending", "is missing: pass session.NewPendingStore")
	}
	if c.Clients == nil {
		faults.Add("Config.Clients", "is missing: pass client.New")
	}
}

func (c *Config) setDefaults() {
	c.Path = cmp.Or(strings.TrimRight(c.Path, "/"), "/auth")
	c.DefaultReturnTo = cmp.Or(c.DefaultReturnTo, "/")
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
}

func (c *Config) validate(faults *configerr.List) {
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, "?#\\") {
		faults.Add("Config.Path", "must be a path that begins with a slash")
	}
	if localPath(c.DefaultReturnTo, "", "") == "" {
		faults.Add("Config.DefaultReturnTo", "must be a path on this site that begins with one slash, such as /start, and is %.200q", c.DefaultReturnTo)
	}
	if c.Interstitial < InterstitialNever || c.Interstitial > InterstitialAlways {
		faults.Add("Config.Interstitial", "must be InterstitialNever, InterstitialPhones or InterstitialAlways")
	}
	c.Pages.Validate(faults, "Config.Pages")
	if c.Timeout < 0 {
		faults.Add("Config.Timeout", "must not be negative")
	}
}

// AllowScopes adds scopes that the parameter scope of a login may name. Pass it to
// middleware.Config, so that each RequireScopes adds its scopes. Call it when the program
// starts, on every replica: a login may reach any of them.
func (h *Handlers) AllowScopes(scopes ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.allowed == nil {
		h.allowed = make(map[string]struct{})
	}
	for _, s := range scopes {
		h.allowed[s] = struct{}{}
	}
}

// allows reports whether scope is allowed.
func (h *Handlers) allows(scope string) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, ok := h.allowed[scope]
	return ok
}

// LoginPath returns the path where a sign-in with the named provider begins.
func (h *Handlers) LoginPath(name string) string {
	if name == h.cfg.Providers[0].Name() {
		return h.cfg.Path + "/login"
	}
	return h.cfg.Path + "/login/" + name
}

// defaultTimeout, with 5 seconds to undo what was saved, is below the timeouts that servers
// often have: 15 to 30 seconds.
const defaultTimeout = 10 * time.Second

// attempt is what is known of a sign-in when it fails.
type attempt struct {
	provider string
	returnTo string
	wanted   []string // the scopes that the login requested
	begun    time.Time
}

// fail ends a sign-in that failed: it logs the failure, and answers.
func (h *Handlers) fail(w http.ResponseWriter, r *http.Request, failure http.Handler, a attempt, err error) {
	if visitorLeft(r, err) {
		err = &page.Error{Kind: page.VisitorLeft, Err: err}
	}
	h.report(r, a, page.ProblemFor(err), err)
	if r.Context().Err() != nil {
		return // w may belong to another request already
	}
	h.answerFailure(w, r, failure, a, err)
}

// maxHost is the longest host with a port: RFC 1035, section 2.3.4, allows 255 octets for a
// name.
const maxHost = 255 + len(":65535")

// shownHost returns r's Host for the log. Clients can send a header of any length there.
func shownHost(r *http.Request) string {
	return strings.Trim(strconv.QuoteToASCII(r.Host[:min(len(r.Host), maxHost)]), `"`)
}

// lookAtHost logs once that a sign-in begins at a host whose cookies do not reach the
// callback. Cookies do not depend on the port.
func (h *Handlers) lookAtHost(r *http.Request) {
	if h.host == "" || strings.EqualFold((&url.URL{Host: r.Host}).Hostname(), h.host) {
		return
	}
	h.otherHost.Do(func() {
		h.cfg.Logger.WarnContext(r.Context(), "xsignin: a sign-in begins at another host than the site's own: its cookie will not reach the callback",
			"host", shownHost(r), "expected_origin", h.cfg.Origin,
			"fix", "open the site at expected_origin, or set PublicURL to what visitors type; localhost and 127.0.0.1 are two hosts. "+
				"If a proxy changes the Host header, ignore this")
	})
}

// report logs a failed sign-in, and sends the event.
func (h *Handlers) report(r *http.Request, a attempt, p page.Problem, err error) {
	now := h.cfg.Now()
	cause := p.Code
	attrs := []slog.Attr{slog.String("provider", a.provider), slog.String("cause", cause), slog.Any("err", err)}
	if p.Kind == page.OtherBrowser && h.cfg.Origin != "" && !strings.HasSuffix(h.cfg.Origin, "//"+r.Host) {
		// A common mistake in development: cookies of localhost do not reach 127.0.0.1.
		attrs = append(attrs, slog.String("host", shownHost(r)), slog.String("expected_origin", h.cfg.Origin))
	}
	if fix := h.fixFor(a, p, err); fix != "" {
		attrs = append(attrs, slog.String("fix", fix))
	}
	h.cfg.Logger.LogAttrs(r.Context(), p.Level, "xsignin: sign-in failed", attrs...)
	h.cfg.OnEvent.Tell(r.Context(), event.Event{
		Kind: event.SignInFailed, Time: now, Duration: now.Sub(a.begun), Provider: a.provider, Cause: cause, Err: err,
	})
}

// answerFailure answers by failure or by the default page.
func (h *Handlers) answerFailure(w http.ResponseWriter, r *http.Request, failure http.Handler, a attempt, err error) {
	if failure != nil {
		failure.ServeHTTP(w, r.WithContext(gologin.WithError(r.Context(), err)))
		return
	}
	p := page.ProblemFor(err)
	if p.Kind == page.Denied {
		if _, ok, err := h.cfg.Sessions.Get(r.Context(), r); err == nil && ok {
			p = page.ProblemOf(page.DeniedSignedIn)
		}
	}
	retry := h.LoginPath(cmp.Or(a.provider, h.cfg.Providers[0].Name()))
	h.problem(w, r, p, h.withReturn(retry, a.returnTo, a.wanted))
}

// private sets the headers of responses to one visitor whose address may have a code: they
// are not cached, and the address is not sent as a Referer.
func private(w http.ResponseWriter) {
	h, values := w.Header(), []string{"no-store", "no-referrer"}
	h["Cache-Control"], h["Referrer-Policy"] = values[0:1:1], values[1:2:2]
}

// seeOther redirects the browser. [http.Redirect] would clean the path, which has been
// checked as it is.
func seeOther(w http.ResponseWriter, location string) {
	w.Header().Set("Location", encodeLocation(location))
	w.WriteHeader(http.StatusSeeOther)
}

// encodeLocation encodes the characters that a header cannot have. It keeps the "#" in front
// of a fragment.
func encodeLocation(location string) string {
	head, fragment, ok := strings.Cut(location, "#")
	if head = encodeQuery(head); ok {
		head += "#" + encodeQuery(fragment)
	}
	return head
}

// only reports whether r's method is one of methods. If not, it answers with status 405.
func (h *Handlers) only(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	h.problem(w, r, page.ProblemOf(page.MethodNotAllowed), "")
	return false
}
