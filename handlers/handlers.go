// Package handlers has the http.Handlers of a sign-in: [Handlers.Login], [Handlers.Callback],
// [Handlers.Logout] and [Handlers.Session], and [Handlers.Native] for programs that are not
// browsers. Most programs mount the root package's Kit, which makes these handlers.
//
// They follow gologin's convention: success and failure are [http.Handler]s, and nil means the
// default. In a failure handler, [gologin.ErrorFromContext] returns the error, and
// [page.ProblemFor] the status and the texts of the default page.
//
// In a success handler of [Handlers.Callback], [ReturnPath] and gologin's readers of tokens
// work. The tokens have no refresh token: a refresh by the application would invalidate the
// kit's token.
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
	"github.com/xsignin/xsignin/internal/answer"
	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// Config configures the handlers. New copies it. The comments of xsignin.Config say more.
type Config struct {
	Providers []provider.Provider   // at least one, with different names
	Pending   *session.PendingStore // required
	Clients   *client.Manager       // required
	// Sessions has the sessions. Nil is for applications with their own: then the success
	// handler of [Handlers.Callback] is required and starts one, and [Handlers.Logout],
	// [Handlers.Session], [Handlers.Native] and [Handlers.GologinSuccess] cannot be used.
	Sessions *session.Manager
	// DiscardTokens deletes each token when the success handler has returned, without revoking
	// it. It needs Sessions to be nil.
	DiscardTokens bool

	// OnSignIn is called when the provider has confirmed a user, and before anything is saved.
	// It may set User.ID to the application's id of the user. An error refuses the user:
	// [provider.ErrNotAllowed] has its own page, and any other error is an internal error.
	//
	// A hook that links the account to a signed-in user must take the user from
	// [SignIn].Current, and from nowhere else. Any site can make a visitor sign in with any
	// ReturnTo.
	//
	// The token of a refused user is not revoked: it may be that of an earlier sign-in.
	OnSignIn func(ctx context.Context, s *SignIn) error
	// Scopes are passed to [Handlers.AllowScopes].
	Scopes []string
	// LoginOptions returns the options of a sign-in. It may be nil.
	LoginOptions func(r *http.Request) provider.Options
	// Interstitial selects page loads for the page before X: see [OnPhones]. Nil selects none.
	Interstitial func(r *http.Request) bool
	// Native selects the programs that may sign in by [Handlers.Native].
	Native NativeClients

	// Path is where the handlers are mounted, as visitors see it. The default is "/auth". The
	// first provider's login is at Path + "/login", the others' at Path + "/login/<name>".
	Path string
	// DefaultReturnTo is used when a login had no return_to. The default is the page of this
	// site that led to the login, see [Handlers.Login], or else PublicPath + "/".
	DefaultReturnTo string
	// Origin is the site's origin, such as https://example.com, or empty. It protects Logout
	// behind a proxy that changes the Host header. Without it a login does not use Referer.
	Origin string
	// PublicPath is the path of the site's address, escaped, such as /app. The default is "".
	// Paths to return to must be below it, except DefaultReturnTo.
	PublicPath string
	// The next three fields are described at xsignin.Advanced.
	AllowAccountTransfer, RevokeReplaced, KeepTokensOnLogout bool
	// Timeout is described at xsignin.Advanced. The default is 10 seconds.
	Timeout time.Duration

	Pages   page.Pages       // the texts and the layout of pages
	OnEvent event.Func       // or nil
	Logger  *slog.Logger     // the default is [slog.Default]
	Now     func() time.Time // the default is [time.Now]
}

// SignIn is the argument of an OnSignIn hook, which may set User.ID. Other changes are ignored.
type SignIn struct {
	// User is the user. The hook must not make User.ID empty.
	User provider.User
	// Token is the user's token. It has secrets.
	Token tokenstore.Token
	// Current is the user whose session began this sign-in, if the same session comes with the
	// callback. Otherwise it is the zero User: in another browser, after a sign-out or another
	// sign-in, if another site started the login (as far as the browser tells), in
	// [Handlers.Native] and [Handlers.GologinSuccess], and without Config.Sessions.
	//
	// Link accounts only if ReturnTo is also the path of the application's linking page: another
	// person may use the browser of a signed-in user.
	Current provider.User
	// Request is the request of the callback, or of [Handlers.Native] without its body.
	Request *http.Request
	// ReturnTo is where the visitor goes next, as the login has sealed it into this sign-in, or
	// "" in [Handlers.Native]. Any site can link to the login with any return_to.
	ReturnTo string
}

// Format implements [fmt.Formatter]. The token and the request have secrets.
func (s SignIn) Format(f fmt.State, _ rune) { redact.Format(f, s) }

// LogValue implements [slog.LogValuer].
func (s SignIn) LogValue() slog.Value {
	return redact.Value("SignIn(%s account %s, user %q)", s.User.Provider, s.User.AccountID, s.User.ID)
}

// Handlers makes the http.Handlers. Goroutines may share it.
type Handlers struct {
	cfg       Config
	byName    map[string]provider.Provider
	cross     *http.CrossOriginProtection
	comesBack bool      // without return_to, a login returns to the Referer
	allowed   sync.Map  // the scopes that the parameter scope may name
	otherHost sync.Once // logs that a sign-in begins at another host

	mu        sync.Mutex           // guards exchanges, and the users of each
	exchanges map[string]*exchange // those that run, by state

	holding  sync.Mutex             // guards discards, also while a token is deleted
	discards map[tokenstore.Key]int // sign-ins that need a token that is not kept
}

// New validates cfg and returns the handlers. It reports all configuration errors at once.
func New(cfg Config) (*Handlers, error) {
	cfg.Providers = slices.Clone(cfg.Providers)
	cfg.Native.RedirectURIs = slices.Clone(cfg.Native.RedirectURIs)
	cfg.Path = cmp.Or(strings.TrimRight(cfg.Path, "/"), "/auth")
	cfg.PublicPath = strings.TrimRight(cfg.PublicPath, "/")
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	h := &Handlers{
		cfg: cfg, cross: http.NewCrossOriginProtection(),
		exchanges: make(map[string]*exchange), discards: make(map[tokenstore.Key]int),
		comesBack: cfg.DefaultReturnTo == "",
	}
	h.cfg.DefaultReturnTo = cmp.Or(cfg.DefaultReturnTo, cfg.PublicPath+"/")
	if err := h.validate(); err != nil {
		return nil, err
	}
	h.AllowScopes(cfg.Scopes...)
	return h, nil
}

// validate reports invalid settings, and adds the providers by their names.
func (h *Handlers) validate() error {
	c, faults := h.cfg, configerr.For("handlers")
	h.byName = configerr.Providers(faults, c.Providers)
	refuse := func(broken bool, field, format string, args ...any) {
		faults.AddIf(broken, "Config."+field, format, args...)
	}
	refuse(len(c.Providers) == 0, "Providers", "is empty: pass provider.NewX or provider.NewXOAuth1")
	refuse(c.DiscardTokens && c.Sessions != nil, "DiscardTokens", "is set with Sessions: the clients of signed-in users need the tokens")
	refuse(c.Pending == nil, "Pending", "is missing: pass session.NewPendingStore")
	refuse(c.Clients == nil, "Clients", "is missing: pass client.New")
	refuse(!strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, "?#\\"), "Path", "must be a path that begins with a slash")
	refuse(localPath(c.DefaultReturnTo, "", c.Path, "") == "", "DefaultReturnTo",
		"must be a path on this site that begins with one slash, such as /start, and not one of the sign-in itself: it is %.200q", c.DefaultReturnTo)
	public, err := url.PathUnescape(c.PublicPath)
	refuse(err != nil || public != "" && !strings.HasPrefix(public, "/"), "PublicPath", "must be an escaped path that begins with a slash")
	refuse(c.Timeout < 0, "Timeout", "must not be negative")
	c.validateNative(refuse)
	c.Pages.Validate(faults, "Config.Pages")
	if c.Origin != "" {
		err := h.cross.AddTrustedOrigin(c.Origin)
		refuse(err != nil, "Origin", "must be a scheme and a host, such as https://example.com: %v", err)
	}
	return faults.Err()
}

// AllowScopes adds scopes that the parameter scope of a login may name. middleware.Config takes
// it, so that each RequireScopes adds its scopes. Call it when the program starts.
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
	held    tokenstore.Key // of a token that is not kept, if Config.DiscardTokens
}

// handler returns a handler that answers by f. If there are methods, others get status 405.
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

// private keeps an answer out of caches, and its address, which may have a code, out of Referer.
func private(w http.ResponseWriter) {
	h, values := w.Header(), []string{"no-store", "no-referrer"}
	answer.SetCacheControl(h, values[0:1:1]...)
	h["Referrer-Policy"] = values[1:2:2]
}

// detached returns a context that ends after the time for one step, and not with ctx.
func (h *Handlers) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), h.stepTime(ctx))
}

// stepTime returns Config.Timeout, or less if the server has a short WriteTimeout or ctx ends
// soon: a sign-in that cannot be answered is not saved. A callback has two steps, the provider
// and the stores.
func (h *Handlers) stepTime(ctx context.Context) time.Duration {
	limit := h.cfg.Timeout
	if s, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok && s.WriteTimeout > 0 {
		limit = min(limit, s.WriteTimeout*2/5)
	}
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)*2/5)
	}
	return limit
}

// tell sends the event e, which began at begun.
func (h *Handlers) tell(ctx context.Context, begun time.Time, e event.Event) {
	e.Time = h.cfg.Now()
	e.Duration = e.Time.Sub(begun)
	h.cfg.OnEvent.Tell(ctx, e)
}
