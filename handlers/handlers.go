// Package handlers has the http.Handlers of a sign-in: [Handlers.Login], [Handlers.Callback],
// [Handlers.Logout] and [Handlers.Session], and [Handlers.Native] for programs that are not
// browsers. Most programs mount the root package's Kit, which makes these handlers.
//
// They follow gologin's convention: success and failure are [http.Handler]s, and
// [gologin.ErrorFromContext] returns the error in a failure handler. Nil means the default: a
// redirect to the return path, and a page or a problem document about the failure. In a
// failure handler, [page.ProblemFor] returns the status and the texts of the default page,
// and the scopes that X did not grant. In a success handler, [ReturnPath] returns the return
// path.
//
// In a success handler of [Handlers.Callback], gologin's token readers work too:
// AccessTokenFromContext of its package oauth1 after a sign-in by OAuth 1.0a, and
// TokenFromContext of its package oauth2 after a sign-in by OAuth 2.0. The latter token has no
// refresh token, since a refresh by the application would invalidate the kit's token. Only
// the context of that one request has these tokens, and it prints without them.
package handlers

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

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
	// share one callback.
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
	// neither saved nor revoked: with OAuth 1.0a it may be the token of an earlier sign-in.
	OnSignIn func(ctx context.Context, s *SignIn) error
	// Scopes are passed to [Handlers.AllowScopes].
	Scopes []string
	// LoginOptions returns the options of a sign-in that begins with r, such as ForceLogin.
	// It may be nil.
	LoginOptions func(r *http.Request) provider.Options
	// Interstitial reports whether a page load is sent to the provider through a small page
	// with a script, instead of by a redirect: see [OnPhones]. The default is never.
	Interstitial func(r *http.Request) bool
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
	cfg       Config
	byName    map[string]provider.Provider
	cross     *http.CrossOriginProtection
	allowed   sync.Map  // the scopes that the parameter scope may name
	otherHost sync.Once // logs that a sign-in begins at another host

	mu        sync.Mutex           // guards exchanges, and the users of each
	exchanges map[string]*exchange // those that run, by state
}

// defaultTimeout, with 5 seconds to undo what was saved, is below the timeouts that servers
// often have: 15 to 30 seconds.
const defaultTimeout = 10 * time.Second

// New validates cfg and returns the handlers. It reports all configuration errors at once.
func New(cfg Config) (*Handlers, error) {
	faults := configerr.For("handlers")
	cfg.Providers = slices.Clone(cfg.Providers)
	cfg.Native.RedirectURIs = slices.Clone(cfg.Native.RedirectURIs)
	cfg.Path = cmp.Or(strings.TrimRight(cfg.Path, "/"), "/auth")
	cfg.DefaultReturnTo = cmp.Or(cfg.DefaultReturnTo, "/")
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	h := &Handlers{
		cfg: cfg, byName: make(map[string]provider.Provider), cross: http.NewCrossOriginProtection(),
		exchanges: make(map[string]*exchange),
	}
	h.addProviders(faults)
	cfg.validate(faults)
	cfg.Native.validate(faults, cfg)
	cfg.Pages.Validate(faults, "Config.Pages")
	if cfg.Origin != "" {
		if err := h.cross.AddTrustedOrigin(cfg.Origin); err != nil {
			faults.Add("Config.Origin", "must be a scheme and a host, such as https://example.com: %v", err)
		}
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	h.AllowScopes(cfg.Scopes...)
	return h, nil
}

// addProviders adds the providers by their names.
func (h *Handlers) addProviders(faults *configerr.List) {
	if len(h.cfg.Providers) == 0 {
		faults.Add("Config.Providers", "is empty: pass provider.NewX or provider.NewXOAuth1")
	}
	for i, p := range h.cfg.Providers {
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

func (c Config) validate(faults *configerr.List) {
	if c.Sessions == nil {
		faults.Add("Config.Sessions", "is missing: pass session.New or session.FromSCS")
	}
	if c.Pending == nil {
		faults.Add("Config.Pending", "is missing: pass session.NewPendingStore")
	}
	if c.Clients == nil {
		faults.Add("Config.Clients", "is missing: pass client.New")
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, "?#\\") {
		faults.Add("Config.Path", "must be a path that begins with a slash")
	}
	if localPath(c.DefaultReturnTo, "", "") == "" {
		faults.Add("Config.DefaultReturnTo", "must be a path on this site that begins with one slash, such as /start, and is %.200q", c.DefaultReturnTo)
	}
	if c.Timeout < 0 {
		faults.Add("Config.Timeout", "must not be negative")
	}
}

// AllowScopes adds scopes that the parameter scope of a login may name. Any site can link to
// such an address, so it must not request scopes that the application does not use. Pass
// AllowScopes to middleware.Config, so that each RequireScopes adds its scopes. Call it when
// the program starts, on every replica: a login may reach any of them.
func (h *Handlers) AllowScopes(scopes ...string) {
	for _, s := range scopes {
		h.allowed.Store(s, true)
	}
}

// LoginPath returns the path where a sign-in with the named provider begins.
func (h *Handlers) LoginPath(name string) string {
	if name == h.cfg.Providers[0].Name() {
		return h.cfg.Path + "/login"
	}
	return h.cfg.Path + "/login/" + name
}

// call is one request to a handler, and what is known of its sign-in.
type call struct {
	h        *Handlers
	w        http.ResponseWriter
	r        *http.Request
	begun    time.Time
	failure  http.Handler // or nil
	provider string
	returnTo string
	wanted   []string // the scopes that the login requested
	admitted bool     // the user is signed in, unless a middleware cannot save the session

	// Of a callback only.
	success http.Handler // or nil
	query   url.Values
	state   string
	found   session.PendingSignIn
}

// handler returns a handler that answers by f. Other methods get status 405. Without methods,
// all are allowed.
func (h *Handlers) handler(f func(c *call), methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private(w)
		c := &call{h: h, w: w, r: r, begun: h.cfg.Now()}
		if len(methods) > 0 && !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			c.problem("method_not_allowed", "")
			return
		}
		f(c)
	})
}

// private sets the headers of responses to one visitor whose address may have a code: they
// are not cached, and the address is not sent as a Referer.
func private(w http.ResponseWriter) {
	h, values := w.Header(), []string{"no-store", "no-referrer"}
	h["Cache-Control"], h["Referrer-Policy"] = values[0:1:1], values[1:2:2]
}

// uncached keeps an answer with a new session's cookie out of caches, whatever its handler
// sets.
type uncached struct{ http.ResponseWriter }

func (w *uncached) noStore() { w.Header().Set("Cache-Control", "no-store") }

// Unwrap is for [http.ResponseController].
func (w *uncached) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (w *uncached) WriteHeader(status int) {
	w.noStore()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *uncached) Write(b []byte) (int, error) {
	w.noStore()
	return w.ResponseWriter.Write(b)
}

// FlushError is for [http.ResponseController].
func (w *uncached) FlushError() error {
	w.noStore()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// detached returns a context that does not end with ctx, for what must be finished. It ends
// after Config.Timeout.
func (h *Handlers) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Timeout)
}

// tell sends an event about what has begun at begun.
func (h *Handlers) tell(ctx context.Context, begun time.Time, e event.Event) {
	e.Time = h.cfg.Now()
	e.Duration = e.Time.Sub(begun)
	h.cfg.OnEvent.Tell(ctx, e)
}
