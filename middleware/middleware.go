// Package middleware tells a handler who is signed in ([Middleware.LoadUser]), keeps
// out who is not ([Middleware.RequireUser]), and asks for the permission that a page
// needs when it is needed ([Middleware.RequireScopes]).
//
// Each is a decision and a reply. The standard middleware joins the two; an adapter
// for a framework calls the decision ([Middleware.Load], [Middleware.Require],
// [Middleware.RequireWith]) and replies in the framework's way.
//
// Nothing here wraps the [http.ResponseWriter]: flushing, hijacking, sendfile and
// [http.ResponseController] work as they do without it.
package middleware

import (
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

// Config is what the middleware works with. New copies it.
type Config struct {
	// Sessions says who is signed in. Required.
	Sessions *session.Manager
	// Clients makes the signed-in user's client. Required.
	Clients *client.Manager
	// LoginPath is where a page load is sent when nobody is signed in. It gets the
	// parameter return_to. The default is /auth/login.
	LoginPath string
	// SignInPath reports whether a path, decoded, belongs to the login or the callback. Who is
	// not signed in has to get there: where a RequireUser keeps them out, they get status
	// 500 and no redirect, which would lead there again. Nil means LoginPath and all below it.
	SignInPath func(path string) bool
	// LoginPathOf says where a user signs in again whose token with the named provider was
	// refused. Nil means LoginPath.
	LoginPathOf func(provider string) string
	// AllowScopes is told of the scopes of each RequireScopes when that is made, so
	// that the login lets them be asked for by its parameter scope: pass the method of that
	// name of handlers.Handlers. Nil tells nobody; the login then refuses scopes that it
	// does not know from its own configuration.
	AllowScopes func(scopes ...string)
	// Pages shows pages in the application's own words and looks. Nil means the default
	// ones.
	Pages page.Func
	// Logger tells of stores that fail. The default is [slog.Default].
	Logger *slog.Logger
}

// Middleware holds what the decisions need. Goroutines may share it.
type Middleware struct {
	sessions  *session.Manager
	clients   *client.Manager
	loginPath string
	signIn    func(path string) bool
	pathOf    func(provider string) string
	declare   func(scopes ...string)
	log       *slog.Logger
	pages     page.Func
	misplaced sync.Once // says so
}

// New validates cfg and returns the middleware. It reports all configuration errors at once.
func New(cfg Config) (*Middleware, error) {
	faults := configerr.For("middleware")
	if cfg.Sessions == nil {
		faults.Add("Config.Sessions", "is missing: pass session.New or session.FromSCS")
	}
	if cfg.Clients == nil {
		faults.Add("Config.Clients", "is missing: pass client.New")
	}
	if cfg.LoginPath == "" {
		cfg.LoginPath = "/auth/login"
	}
	if !strings.HasPrefix(cfg.LoginPath, "/") || strings.ContainsAny(cfg.LoginPath, "?#") {
		faults.Add("Config.LoginPath", "must be a path that begins with a slash")
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if cfg.SignInPath == nil {
		cfg.SignInPath = func(path string) bool { return path == cfg.LoginPath || strings.HasPrefix(path, cfg.LoginPath+"/") }
	}
	if cfg.LoginPathOf == nil {
		cfg.LoginPathOf = func(string) string { return cfg.LoginPath }
	}
	if cfg.AllowScopes == nil {
		cfg.AllowScopes = func(...string) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Middleware{
		sessions: cfg.Sessions, clients: cfg.Clients, loginPath: cfg.LoginPath, signIn: cfg.SignInPath, pathOf: cfg.LoginPathOf,
		declare: cfg.AllowScopes, log: cfg.Logger, pages: cfg.Pages,
	}, nil
}

// loginURL is login with the way back to path, or none where it is "", and the scopes to
// ask for. The login handler checks path, and drops one that is too long.
func loginURL(login, path string, scopes []string) string {
	q := url.Values{}
	if path != "" && len(path) <= session.MaxReturnTo {
		q.Set("return_to", path)
	}
	if len(scopes) > 0 {
		q.Set("scope", strings.Join(scopes, " "))
	}
	if len(q) == 0 {
		return login
	}
	return login + "?" + q.Encode()
}

// requestURI is what the browser asked for, before any [http.StripPrefix].
func requestURI(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// requestPath is the path of requestURI, decoded.
func requestPath(r *http.Request) string {
	if u, err := url.ParseRequestURI(requestURI(r)); err == nil {
		return u.Path
	}
	return r.URL.Path
}
