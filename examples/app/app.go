package main

import (
	"cmp"
	"embed"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/provider"
)

//go:embed static
var staticFiles embed.FS

// app is the application: the kit, and the pages that use it.
type app struct {
	cfg    config
	public *url.URL // the address for browsers
	kit    *xsignin.Kit
	log    *slog.Logger
	ways   []way
	counters
	pages  pages
	images images
	// stopping is set when the process is about to end.
	stopping atomic.Bool
	http.Handler
}

// way is one way to sign in.
type way struct {
	Provider, Label, Path string
}

func newApp(cfg config, store *storage.Storage, log *slog.Logger) (*app, error) {
	public, err := url.Parse(cfg.publicURL)
	if err != nil {
		return nil, err
	}
	apiURL, err := url.Parse(cfg.apiURL)
	if err != nil {
		return nil, err
	}
	a := &app{
		cfg: cfg, public: public, log: log, counters: newCounters(),
		pages: newPages(public.EscapedPath()), images: newImages(cfg, apiURL),
	}
	a.kit, err = xsignin.New(xsignin.Config{
		PublicURL:    cfg.publicURL,
		ClientID:     cfg.clientID,
		ClientSecret: cfg.clientSecret,
		Scopes:       cfg.scopes,
		OAuth1: xsignin.OAuth1Config{
			ConsumerKey: cfg.consumerKey, ConsumerSecret: cfg.consumerSecret,
			FetchProfile: cfg.simulator != "", // X itself bills and limits this call
		},
		X:        xsignin.XEndpoints{APIURL: cfg.apiURL, AuthorizeURL: cfg.authorizeURL},
		Advanced: xsignin.Advanced{RefreshBefore: cfg.refreshBefore},
		Pages: xsignin.PagesConfig{
			Render: a.kitPage, LoggedOut: http.HandlerFunc(a.signedOut), Interstitial: cfg.interstitial,
		},
		Secrets:    store.Keys,
		Session:    xsignin.SessionConfig{Store: store.Sessions},
		TokenStore: store.Tokens,
		Logger:     log,
		OnEvent:    a.tell,
	})
	if err != nil {
		return nil, inVariables(err)
	}
	if cfg.clientID != "" {
		a.ways = append(a.ways, way{"x", "OAuth 2.0", a.kit.LoginURL("x", "")})
	}
	if cfg.consumerKey != "" {
		a.ways = append(a.ways, way{"x-oauth1", "OAuth 1.0a", a.kit.LoginURL("x-oauth1", "")})
	}
	if a.Handler, err = a.routes(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *app) routes() (http.Handler, error) {
	// Requests that change something must come from this site, or not from a browser. The
	// trusted origin is for a proxy that changes the Host header.
	cross := http.NewCrossOriginProtection()
	if err := cross.AddTrustedOrigin(a.public.Scheme + "://" + a.public.Host); err != nil {
		return nil, err
	}
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.problem(w, r, problem{
			Type: "about:blank", Status: http.StatusForbidden, Code: "cross_origin", Title: "Nothing was changed",
			Detail: "Another site sent this request in your name. If you sent it yourself, use the form on this site.",
		})
	}))

	mux := http.NewServeMux()
	mux.Handle("/auth/", a.kit)
	everybody := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, a.kit.LoadUser(h)) }
	signedIn := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, a.kit.RequireUser(h)) }
	// If the session has ended, RequireUser answers a form in JSON, as for a script. ended
	// answers with a page.
	changes := func(h, ended http.HandlerFunc) http.Handler {
		return cross.Handler(a.kit.LoadUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, ok := xsignin.User(r.Context()); !ok {
				ended(w, r)
				return
			}
			h(w, r)
		})))
	}

	everybody("GET /{$}", a.front)
	everybody("/", a.notFound)
	signedIn("GET /me", a.me)
	signedIn("GET /timeline", a.timeline)
	signedIn("GET /posts", a.posts)
	signedIn("GET /followers", a.followers)
	// Users who signed in with fewer scopes are asked for these here, not at the sign-in. A
	// draft is in the session. LoadAndSave prepares the session for the application's own
	// values.
	drafts := a.kit.Sessions().LoadAndSave
	mux.Handle("GET /compose", drafts(a.kit.RequireScopes("tweet.write", "media.write")(http.HandlerFunc(a.composeForm))))
	mux.Handle("POST /compose", drafts(changes(a.compose, a.composeAgain)))
	mux.Handle("POST /compose/draft", drafts(changes(a.keepDraft, a.composeAgain)))
	signedIn("GET /tokens", a.tokens)
	mux.Handle("POST /tokens/refresh", changes(a.refreshToken, a.signInAgain))
	mux.Handle("POST /tokens/disconnect", changes(a.disconnectToken, a.signInAgain))

	mux.Handle("GET /static/", immutable(http.FileServerFS(staticFiles)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if a.stopping.Load() {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	return withoutPath(a.public, a.guarded(mux)), nil
}

// withoutPath removes the path of the public URL from requests. A proxy may have done so
// already.
func withoutPath(public *url.URL, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, found := strings.CutPrefix(r.URL.Path, public.Path)
		if public.Path != "" && found && (rest == "" || rest[0] == '/') {
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = cmp.Or(rest, "/"), strings.TrimPrefix(r.URL.RawPath, public.EscapedPath())
		}
		next.ServeHTTP(w, r)
	})
}

// link is the address of a path of this application, for browsers.
func (a *app) link(path string) string { return a.public.EscapedPath() + path }

// guarded sets headers that keep pages private.
func (a *app) guarded(next http.Handler) http.Handler {
	policy := policy(a.images.policy())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// policy allows the application's own style, its forms, and images.
func policy(images string) string {
	return strings.Join([]string{
		"default-src 'none'", "style-src 'self'", "img-src " + images,
		"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
	}, "; ")
}

// immutable lets browsers cache files whose address changes with their content.
func immutable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		next.ServeHTTP(w, r)
	})
}

// kitPage shows a page of the kit, such as "sign out?", in the layout of this application. The
// page that a script leaves at once, and that for frames, keep the kit's layout.
func (a *app) kitPage(w http.ResponseWriter, r *http.Request, p xsignin.Page) {
	if p.Follow || p.Target == "_top" {
		p.Render(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", policy("'self'"))
	a.page(w, r, p.Status, "kit", view{Title: p.Title, Kit: &p})
}

// signedOut answers a successful sign-out.
func (a *app) signedOut(w http.ResponseWriter, r *http.Request) {
	if wantsJSON(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, a.link("/?done="+signedOut), http.StatusSeeOther)
}

func (a *app) front(w http.ResponseWriter, r *http.Request) {
	a.page(w, r, http.StatusOK, "front", view{Title: "Sign in with X", Current: "/"})
}

func (a *app) notFound(w http.ResponseWriter, r *http.Request) {
	a.problem(w, r, problem{
		Type: "about:blank", Status: http.StatusNotFound, Code: "not_found", Title: "There is no such page",
		Detail: "The address may be misspelt, or the page has moved.",
	})
}

// me shows the signed-in user, from the session alone. It does not call X.
func (a *app) me(w http.ResponseWriter, r *http.Request) {
	if wantsJSON(r) {
		writeJSON(w, user(r))
		return
	}
	a.page(w, r, http.StatusOK, "me", view{Title: "Profile", Current: "/me"})
}

// user returns the signed-in user, on paths behind RequireUser.
func user(r *http.Request) provider.User {
	u, _ := xsignin.User(r.Context())
	return u
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
