package xsignin

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/internal/xplatform"
	"github.com/xsignin/xsignin/provider"
)

// This file has what the log says at the start, and about mistakes that leave no other trace.

// announce logs the callback to register, and on loopback what Check finds without the network.
// On a public site it omits findings that may be intended.
func (k *Kit) announce() {
	c := k.cfg
	first := k.providers[0]
	c.Logger.Info("xsignin: register this callback at the provider", "provider", first.Name(),
		"login", k.LoginURL("", ""), "callback", first.CallbackURL(), "where", c.where(first))
	found, api := checks{settings: c}, cmp.Or(c.X.APIURL, xplatform.APIURL)
	found.checkConfig(loopback.Is(c.public.Hostname()))
	found.add(len(c.Secrets) == 0 && !c.Session.Disabled, "random_secret")
	found.add(c.X.Transport == nil && strings.HasPrefix(api, "https:") && noCertificates(), "no_ca_certificates")
	for _, f := range found.found {
		k.tell(context.Background(), f)
	}
}

// where says where the callback of p is registered.
func (s settings) where(p provider.Provider) string {
	switch {
	case !provider.IsX(p):
		return "where the provider lists callbacks"
	case !s.atX():
		return s.X.APIURL
	}
	return "console.x.com, the app, User authentication settings"
}

// tell logs a finding.
func (k *Kit) tell(ctx context.Context, f Finding, attrs ...any) {
	level := slog.LevelWarn
	if f.Severity == "error" {
		level = slog.LevelError
	}
	attrs = append([]any{"cause", f.Code, "fix", f.Fix}, attrs...)
	k.cfg.Logger.Log(ctx, level, "xsignin: "+f.Problem, append(attrs, "help", f.Help)...)
}

// watch counts sign-in steps that no next step follows.
type watch struct {
	begun  series // sign-ins, until a callback comes
	sent   series // page loads that RequireUser sends to the login, until the login gets one
	byHTTP series // logins of an https site by http, until one by https
}

// series counts events until it ends.
type series struct {
	ended atomic.Bool
	mu    sync.Mutex // guards n and first
	n     int
	first time.Time
}

// add counts an event. If there were at least least events, and the first is at least age
// old, it ends the series and returns the number of events. Otherwise it returns 0.
func (s *series) add(least int, age time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.n++; s.n == 1 {
		s.first = now
	}
	if s.n < least || now.Sub(s.first) < age || s.ended.Swap(true) {
		return 0
	}
	return s.n
}

// onEvent passes events to Config.OnEvent. It logs once that sign-ins begin and none reaches
// the callback. On a public site it waits longer and for more sign-ins: some visitors leave,
// robots open the login, and other replicas may finish the sign-ins.
func (k *Kit) onEvent(ctx context.Context, e event.Event) {
	switch e.Kind {
	case event.SignInDone:
		k.watch.begun.ended.Store(true)
	case event.SignInBegun:
		k.watch.sent.ended.Store(true) // the application may serve the login without Kit.ServeHTTP
		least, age := 5, 10*time.Minute
		if loopback.Is(k.cfg.public.Hostname()) {
			least, age = 3, 15*time.Second
		}
		if n := k.watch.begun.add(least, age); n > 0 {
			p := k.providerNamed(e.Provider)
			k.tell(ctx, finding("none_came_back", n), "callback", p.CallbackURL(), "where", k.cfg.where(p), "public_url", k.cfg.PublicURL)
		}
	}
	k.cfg.OnEvent.Tell(ctx, e)
}

// onRedirect logs once that RequireUser sends page loads to the login and the kit gets none
// there. It counts only clients that follow redirects. On a public site these are browsers
// that send Sec-Fetch-Mode, because monitors and robots may not follow redirects.
func (k *Kit) onRedirect(r *http.Request) {
	least, age, counts := 10, time.Minute, r.Header.Get("Sec-Fetch-Mode") == "navigate"
	if loopback.Is(k.cfg.public.Hostname()) {
		least, age, counts = 2, 2*time.Second, requestkind.ShowsPages(r)
	}
	if !counts {
		return
	}
	if n := k.watch.sent.add(least, age); n > 0 {
		k.tell(r.Context(), finding("login_not_reached", n), "login", k.LoginURL("", ""))
	}
}

// see records that r, a request for path, has reached the kit.
func (k *Kit) see(r *http.Request, path string) {
	step, _, _ := strings.Cut(strings.TrimPrefix(path, k.cfg.Paths.Base+"/"), "/")
	switch q := r.URL.RawQuery; step {
	case "login":
		k.watch.sent.ended.Store(true)
		k.seeScheme(r)
	case "callback":
		if strings.Contains(q, "state=") || strings.Contains(q, "oauth_token=") || strings.Contains(q, "denied=") {
			k.watch.begun.ended.Store(true)
		}
	}
}

// seeScheme logs once that a browser has opened an https site by http, unless it was opened by
// https before. A proxy may hide the scheme. But Chrome and Firefox send Sec-Fetch-Mode with
// each page load by https, and with none by http.
func (k *Kit) seeScheme(r *http.Request) {
	h, agent := r.Header, r.UserAgent()
	browser := h.Get("Upgrade-Insecure-Requests") == "1" && (strings.Contains(agent, " Chrome/") || strings.Contains(agent, " Firefox/"))
	if r.TLS != nil || strings.HasPrefix(strings.ToLower(h.Get("X-Forwarded-Proto")), "https") || h.Get("Sec-Fetch-Mode") != "" {
		k.watch.byHTTP.ended.Store(true)
	} else if k.cfg.secure() && browser && k.watch.byHTTP.add(1, 0) > 0 {
		k.tell(r.Context(), finding("opened_by_http"), "public_url", k.cfg.PublicURL)
	}
}
