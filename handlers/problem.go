package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/dghubble/gologin/v2"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/answer"
	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/internal/troubleshooting"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
)

const otherBrowser, cookiesBlocked = page.Kind("other_browser"), page.Kind("cookies_blocked")

// internal marks an error of this site: a store that fails, or a hook that fails.
func internal(err error) error { return fmt.Errorf("handlers: %w: %w", page.Kind("internal"), err) }

// notGranted says that a user is signed in, but without scopes that were requested.
type notGranted struct {
	provider string
	scopes   []string
}

func (e *notGranted) Error() string {
	return fmt.Sprintf("handlers: %s: %v: %s", e.provider, provider.ErrNotGranted, strings.Join(e.scopes, " "))
}

func (e *notGranted) Unwrap() error { return provider.ErrNotGranted }

// MissingScopes is for package page.
func (e *notGranted) MissingScopes() []string { return e.scopes }

// done reports a completed sign-in.
func (c *call) done(user provider.User) {
	ctx := c.r.Context()
	c.h.tell(ctx, c.begun, event.Event{Kind: event.SignInDone, Provider: user.Provider, UserID: user.ID})
	attrs := []slog.Attr{slog.String("provider", user.Provider), slog.String("user_id", user.ID)}
	if c.returnTo == "" { // only a program that signs in by Native has no return path
		attrs = append(attrs, slog.Bool("native", true))
	}
	c.h.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "xsignin: signed in", attrs...)
}

// fail ends a sign-in that failed: it logs the failure, and answers.
func (c *call) fail(err error) {
	err = c.named(err)
	if p, err := c.report(err, page.ProblemFor); err != nil {
		c.answer(p, err)
	}
}

// report logs a failed sign-in, and sends the event. It returns what to answer with. The error
// is nil if the request has ended: c.w may belong to another request.
func (c *call) report(err error, problemFor func(error) page.Problem) (page.Problem, error) {
	h, ctx := c.h, c.r.Context()
	if errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled) {
		err = fmt.Errorf("handlers: %w: %w", page.Kind("visitor_left"), err)
	}
	p := problemFor(err)
	attrs := []any{"provider", c.provider, "cause", p.Code, "err", err}
	if p.Kind == otherBrowser && h.cfg.Origin != "" && !strings.HasSuffix(h.cfg.Origin, "//"+c.r.Host) {
		// A common mistake in development: cookies of localhost do not reach 127.0.0.1.
		attrs = append(attrs, "host", shownHost(c.r), "expected_origin", h.cfg.Origin)
	}
	// A program that signs in by Native uses another callback, and has no return path.
	if pr, ok := h.byName[c.provider]; ok && p.Reason == "callback" && c.returnTo != "" {
		p.Fix += ": " + pr.CallbackURL()
	}
	if p.Fix != "" {
		attrs = append(attrs, "fix", p.Fix)
	}
	attrs = append(attrs, "help", troubleshooting.URL(cmp.Or(p.Reason, p.Code)))
	h.cfg.Logger.Log(ctx, p.Level, "xsignin: sign-in failed", attrs...)
	h.tell(ctx, c.begun, event.Event{Kind: event.SignInFailed, Provider: c.provider, Cause: p.Code, Err: err})
	if ctx.Err() != nil {
		return p, nil
	}
	return p, err
}

// answer answers by the failure handler or by the default page.
func (c *call) answer(p page.Problem, failed error) {
	if c.failure != nil {
		c.serve(gologin.WithError(c.r.Context(), failed), c.failure)
		return
	}
	if p.Kind == page.Denied {
		if _, ok, err := c.h.user(c.r.Context(), c.r); err == nil && ok {
			p = page.ProblemFor(fmt.Errorf("%w: %w", page.Kind("denied_signed_in"), failed))
		}
	}
	cookies := ""
	if (p.Kind == otherBrowser || p.Kind == cookiesBlocked) && !requestkind.JSON(c.r) {
		cookies = "1"
	}
	c.show(p, c.loginURL(cookies))
}

// serve lets a handler of the application answer. Caches do not keep the answer: it may have a
// new cookie.
func (c *call) serve(ctx context.Context, h http.Handler) {
	w := &answer.Writer{ResponseWriter: c.w, NoStore: true}
	h.ServeHTTP(w, c.r.WithContext(ctx))
	w.End(c.r)
}

func (c *call) problem(kind page.Kind, retry string) {
	var err error = kind
	if c.provider != "" { // the page is about this provider
		err = c.named(kind)
	}
	c.show(page.ProblemFor(err), retry)
}

// ended reports whether the request has ended: c.w may belong to another request.
func (c *call) ended() bool { return c.r.Context().Err() != nil }

// show answers with p, as a page or as JSON. retry is where to try again, or "".
func (c *call) show(p page.Problem, retry string) {
	p.RetryURL = retry
	if c.ended() {
		return
	}
	if requestkind.JSON(c.r) {
		c.h.cfg.Pages.Write(c.w, c.r, p)
		return
	}
	answer := p.Page()
	answer.Home = c.h.cfg.DefaultReturnTo
	c.h.cfg.Pages.Show(c.w, c.r, answer)
}

// shownHost returns r's Host for the log, at the length that RFC 1035, section 2.3.4, allows.
func shownHost(r *http.Request) string {
	return strings.Trim(strconv.QuoteToASCII(r.Host[:min(len(r.Host), 255+len(":65535"))]), `"`)
}
