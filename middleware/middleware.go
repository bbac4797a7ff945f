// Package middleware loads the signed-in user ([Middleware.LoadUser]), protects pages that
// need a signed-in user ([Middleware.RequireUser]), and requests permissions for the pages
// that need them ([Middleware.RequireScopes]).
//
// [Middleware.Require] returns the decision without sending the reply.
//
// The middleware does not wrap the [http.ResponseWriter]: flushing, hijacking, sendfile and
// [http.ResponseController] still work.
package middleware

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/session"
)

// Config configures the middleware. New copies it.
type Config struct {
	// Sessions has the sessions. Required.
	Sessions *session.Manager
	// Clients makes the clients of signed-in users. Required.
	Clients *client.Manager
	// LoginPath is the path of the login, as visitors see it. Visitors who are not signed in
	// are sent there with the parameter return_to. The default is /auth/login.
	LoginPath string
	// PublicPath is the path of the site's address, escaped, such as /app. The default is "".
	// Set it behind a proxy or an [http.StripPrefix] that removes this path.
	PublicPath string
	// Origin is the site's origin, such as https://example.com. It is used where a proxy
	// changes the Host header. It may be empty.
	Origin string
	// SignInPath reports whether a decoded path belongs to the login or the callback.
	// RequireUser must not protect these paths: it answers status 500 there, since a redirect
	// would lead there again. Nil means LoginPath and all paths below it.
	SignInPath func(path string) bool
	// LoginPathOf returns the path of the login with the named provider, for a user whose
	// token that provider refused. Nil means LoginPath.
	LoginPathOf func(provider string) string
	// ProviderName returns the name for people of the named provider, or of LoginPath's if the
	// name is empty. Nil means the same name, and X's for LoginPath.
	ProviderName func(provider string) string
	// AllowScopes is called with the scopes of each RequireScopes, so that the login accepts
	// them in its parameter scope. Pass the method of that name of handlers.Handlers. If it
	// is nil, the login accepts only the scopes of its configuration.
	AllowScopes func(scopes ...string)
	// OnRedirect is called with each page load that is sent to the login. It may be nil.
	OnRedirect func(r *http.Request)
	// Pages has the texts and the layout of pages. The zero value is the default.
	Pages page.Pages
	// Logger logs errors of stores. The default is [slog.Default].
	Logger *slog.Logger
}

// Middleware holds what the decisions need. Goroutines may share it.
type Middleware struct {
	cfg       Config
	misplaced sync.Once // logs that RequireUser protects the login
}

// New validates cfg and returns the middleware. It reports all configuration errors at once.
func New(cfg Config) (*Middleware, error) {
	faults := configerr.For("middleware")
	faults.AddIf(cfg.Sessions == nil, "Config.Sessions", "is missing: pass session.New or session.FromSCS")
	faults.AddIf(cfg.Clients == nil, "Config.Clients", "is missing: pass client.New")
	cfg.LoginPath = cmp.Or(cfg.LoginPath, "/auth/login")
	faults.AddIf(!strings.HasPrefix(cfg.LoginPath, "/") || strings.ContainsAny(cfg.LoginPath, "?#"),
		"Config.LoginPath", "must be a path that begins with a slash")
	cfg.PublicPath = strings.TrimRight(cfg.PublicPath, "/")
	faults.AddIf(cfg.PublicPath != "" && !strings.HasPrefix(cfg.PublicPath, "/"),
		"Config.PublicPath", "must be a path that begins with a slash")
	cfg.Pages.Validate(faults, "Config.Pages")
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if cfg.SignInPath == nil {
		login := cfg.LoginPath
		if decoded, err := url.PathUnescape(login); err == nil {
			login = decoded
		}
		cfg.SignInPath = func(path string) bool { return path == login || strings.HasPrefix(path, login+"/") }
	}
	if cfg.LoginPathOf == nil {
		cfg.LoginPathOf = func(string) string { return cfg.LoginPath }
	}
	if cfg.ProviderName == nil {
		cfg.ProviderName = func(name string) string { return name }
	}
	if cfg.AllowScopes == nil {
		cfg.AllowScopes = func(...string) {}
	}
	if cfg.OnRedirect == nil {
		cfg.OnRedirect = func(*http.Request) {}
	}
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	return &Middleware{cfg: cfg}, nil
}

// logStoreError logs an error of a store. If the visitor has left, the level is DEBUG: the
// store may report the canceled context as an error of its own.
func (m *Middleware) logStoreError(r *http.Request, message string, err error) {
	level := slog.LevelError
	if errors.Is(r.Context().Err(), context.Canceled) {
		level = slog.LevelDebug
	}
	m.cfg.Logger.Log(r.Context(), level, "xsignin: "+message, "err", err)
}
