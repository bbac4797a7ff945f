package main

import (
	"context"
	"crypto/subtle"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/xsignin/xsignin/provider"
)

// byLoopback signs in by OAuth 2.0 with PKCE. X redirects the browser back to this machine,
// where this process listens until then (RFC 8252, 7.3).
func (c *call) byLoopback(ctx context.Context) (provider.User, error) {
	callback, err := url.Parse(c.cfg.callbackURL)
	// Listen on 127.0.0.1 only, so that no other machine can reach it.
	if err != nil || callback.Scheme != "http" || callback.Hostname() != "127.0.0.1" || callback.Port() == "" {
		return provider.User{}, &configError{[]error{errors.New("redirect_uri is not on this machine at 127.0.0.1, where login waits for the browser: run xpost link and xpost code")}}
	}
	l, err := c.listen("tcp", callback.Host)
	if err != nil {
		return provider.User{}, fmt.Errorf("cannot listen on %s: %w. End the program that uses it, or set X_CALLBACK_PORT to another port and register http://127.0.0.1:PORT/callback at X", callback.Host, err)
	}
	address, pending, err := c.oauth2.Begin(ctx, provider.Options{})
	if err != nil {
		_ = l.Close()
		return provider.User{}, err
	}
	// Once the browser is back, Ctrl-C waits for the result, because a token that X has just
	// issued must be saved. The provider's own timeouts limit that wait.
	lb := &loopbackSignIn{call: c, ctx: context.WithoutCancel(ctx), at: callback, pending: pending, done: make(chan error, 1)}
	srv := &http.Server{Handler: lb, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	go func() { _ = srv.Serve(l) }()
	c.show(ctx, address)
	select {
	case <-ctx.Done():
		stopped := false
		lb.once.Do(func() { stopped = true })
		if stopped {
			err = ctx.Err()
		} else {
			err = <-lb.done
		}
	case err = <-lb.done:
	}
	// The browser gets its page first.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if srv.Shutdown(closing) != nil {
		_ = srv.Close()
	}
	return lb.user, err
}

// loopbackSignIn answers the browser that comes back from X.
type loopbackSignIn struct {
	*call
	ctx     context.Context
	at      *url.URL
	pending provider.Pending
	done    chan error
	once    sync.Once
	user    provider.User // before done gets its value
}

// ServeHTTP implements http.Handler. Any page in the browser can call this address, so a request
// that is not the sign-in's own callback changes nothing.
func (l *loopbackSignIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.Path != l.at.Path || r.Host != l.at.Host {
		http.NotFound(w, r)
		return
	}
	state := r.URL.Query().Get("state")
	if subtle.ConstantTimeCompare([]byte(state), []byte(l.pending.State)) != 1 {
		showPage(w, http.StatusBadRequest, "This is not the pending sign-in", "Open the address that xpost has printed.")
		return
	}
	again := true
	l.once.Do(func() {
		again = false
		u, t, err := l.oauth2.Finish(l.ctx, l.pending, r.URL.Query())
		if err == nil {
			err = l.save(l.ctx, u, t)
		}
		if err == nil {
			l.user = u
			showPage(w, http.StatusOK, "You are signed in as @"+u.Username, "You can close this window and go back to the terminal.")
		} else {
			showPage(w, http.StatusForbidden, "You are not signed in", "The terminal says why.")
		}
		l.done <- err
	})
	if again {
		showPage(w, http.StatusBadRequest, "This sign-in was used already", "You can close this window.")
	}
}

//go:embed loopback.html
var loopbackPage string

// showPage shows a page that loads nothing, runs no script and is not cached.
func showPage(w http.ResponseWriter, status int, title, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close")
	w.WriteHeader(status)
	_ = template.Must(template.New("page").Parse(loopbackPage)).Execute(w, struct{ Title, Text string }{title, text})
}
