package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
)

// errInternal is behind every failure that is this site's own: a store that does not
// answer, a hook that fails.
var errInternal = errors.New("handlers: a fault on this site")

func internal(err error) error { return fmt.Errorf("%w: %w", errInternal, err) }

// NotGrantedError says that a user is signed in, but without scopes that the visitor was
// sent to the provider for. It is [provider.ErrNotGranted].
type NotGrantedError struct {
	// Provider is the provider's name.
	Provider string
	// Scopes are those that are missing.
	Scopes []string
}

// Error implements error.
func (e *NotGrantedError) Error() string {
	return fmt.Sprintf("handlers: %s: %v: %s; see that the application may have it, and that the user allowed it",
		e.Provider, provider.ErrNotGranted, strings.Join(e.Scopes, " "))
}

// Unwrap returns [provider.ErrNotGranted].
func (e *NotGrantedError) Unwrap() error { return provider.ErrNotGranted }

// Problem is what may be told a visitor about a failure.
type Problem = middleware.Problem

// ProblemOf returns what may be told a visitor about err, which came from a provider or
// from these handlers.
func ProblemOf(err error) Problem {
	p := Problem{Type: "about:blank"}
	var pe *provider.Error
	if errors.As(err, &pe) {
		p.RetryAt = pe.RetryAt
	}
	switch {
	case errors.Is(err, errInternal):
		p.Status, p.Code = http.StatusServiceUnavailable, "internal"
		p.Title = "Something went wrong on this site"
		p.Detail = "You are not at fault, and nothing was saved. Try again in a moment."
		p.RetryAfter = 5 * time.Second
	case errors.Is(err, provider.ErrDenied):
		p.Status, p.Code = http.StatusForbidden, "denied"
		p.Title = "You are not signed in"
		p.Detail = "The sign-in was cancelled at X. Nothing was saved, and you can try again whenever you like."
	case errors.Is(err, provider.ErrNotGranted):
		p.Status, p.Code = http.StatusForbidden, "not_granted"
		p.Title = "X did not grant the permission"
		p.Detail = "You are signed in, but X did not give this site what the page that you came from needs. " +
			"The rest of the site works."
		var ng *NotGrantedError
		if errors.As(err, &ng) {
			p.MissingScopes = ng.Scopes
			p.Detail = "You are signed in, but X did not give this site what the page that you came from needs (" +
				strings.Join(ng.Scopes, ", ") + "). The rest of the site works."
		}
	case errors.Is(err, provider.ErrExpired):
		p.Status, p.Code = http.StatusBadRequest, "expired"
		p.Title = "This sign-in has expired"
		p.Detail = "It took too long, or it was used already. Start again: it takes a few seconds."
	case errors.Is(err, provider.ErrOtherBrowser):
		p.Status, p.Code = http.StatusBadRequest, "other_browser"
		p.Title = "This sign-in was not started in this browser"
		p.Detail = "The link from X was opened in another browser than the one you started in, as the X app on a phone does; " +
			"or cookies are blocked, or the link is old. For your safety it is not used here. Start again in this browser."
	case errors.Is(err, provider.ErrNotAllowed):
		p.Status, p.Code = http.StatusForbidden, "not_allowed"
		p.Title = "This account may not sign in here"
		p.Detail = "X confirmed who you are, but this site does not let the account in."
	case errors.Is(err, provider.ErrRateLimited):
		p.Status, p.Code = http.StatusServiceUnavailable, "rate_limited"
		p.Title = "X is asking for a pause"
		p.Detail = "There have been too many sign-ins in a short time. Try again a little later."
		p.RetryAfter = time.Minute
	case errors.Is(err, provider.ErrRefused):
		p.Status, p.Code = http.StatusBadGateway, "refused"
		p.Title = "X does not accept sign-ins from this site at the moment"
		p.Detail = "This is for the people who run the site to mend; they will find the reason in its log."
	case errors.Is(err, provider.ErrUnavailable):
		p.Status, p.Code = http.StatusBadGateway, "unavailable"
		p.Title = "X could not be reached"
		p.Detail = "X did not answer as it should. Your account is fine; try again in a moment."
		p.RetryAfter = 30 * time.Second
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			p.Status = http.StatusGatewayTimeout
		case pe != nil && pe.Status == 0:
			p.Status = http.StatusServiceUnavailable
		}
	default:
		p.Status, p.Code = http.StatusInternalServerError, "internal"
		p.Title = "Something went wrong on this site"
		p.Detail = "You are not at fault. Try again in a moment."
	}
	return p
}

// fixOf is what the operator can do about a refusal of the application.
func (h *Handlers) fixOf(a attempt, err error) string {
	var pe *provider.Error
	if !errors.As(err, &pe) {
		return ""
	}
	switch pe.Reason {
	case provider.ReasonCredentials:
		return "compare the keys and the client type with X's console; OAuth 1.0a and OAuth 2.0 have keys of their own"
	case provider.ReasonCallback:
		// A program that signs in by Native, which comes back to nowhere here, names its own.
		if p, ok := h.byName[a.provider]; ok && a.returnTo != "" {
			return "register the callback at X, to the letter: " + p.CallbackURL()
		}
		return "register the callback at X, to the letter"
	case provider.ReasonClock:
		return "set this machine's clock right"
	case provider.ReasonAccess:
		return "attach the application to a project in X's console, and switch on user authentication"
	case provider.ReasonScope:
		return "ask for tweet.read and users.read, and sign in again"
	case provider.ReasonCredits:
		return "buy credits in X's console"
	}
	return ""
}

// notFound is the problem of a path that leads nowhere.
func notFound() Problem {
	return Problem{
		Type: "about:blank", Status: http.StatusNotFound, Code: "not_found",
		Title: "There is no such way to sign in", Detail: "The address may be misspelt.",
	}
}

// methodNotAllowed is the problem of a request that an address is not for.
func methodNotAllowed() Problem {
	return Problem{
		Type: "about:blank", Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
		Title: "This address works in another way", Detail: "Go back to the site and use its links and buttons.",
	}
}

// stillSignedIn is the problem of a sign-out that did not work out.
func stillSignedIn() Problem {
	return Problem{
		Type: "about:blank", Status: http.StatusServiceUnavailable, Code: "internal",
		Title:      "You are still signed in",
		Detail:     "Something went wrong on this site. Try again in a moment.",
		RetryAfter: 5 * time.Second,
	}
}

// notEverywhere is the problem of a sign-out that asks for what is not known here.
func notEverywhere() Problem {
	return Problem{
		Type: "about:blank", Status: http.StatusBadRequest, Code: "not_everywhere",
		Title:  "You are still signed in",
		Detail: "The address or the form that brought you here asks for a way of signing out that this site does not know.",
	}
}

// notAPageLoad is the problem of a sign-in that a script, an image, a frame or a prefetch asked
// for.
func notAPageLoad() Problem {
	return Problem{
		Type: "about:blank", Status: http.StatusForbidden, Code: "not_a_page_load",
		Title:  "Signing in needs a page",
		Detail: "Open this address in the browser's window: a script cannot follow it to X.",
	}
}

// unknownScope is the problem of a login whose address names a scope that the application
// does not use.
func unknownScope() Problem {
	return Problem{
		Type: "about:blank", Status: http.StatusBadRequest, Code: "unknown_scope",
		Title:  "This site does not ask for that permission",
		Detail: "The address names a permission at X that the site has no use for. Nothing has changed. You can sign in without it.",
	}
}

// crossOrigin is the problem of a sign-out that another site asked for.
func crossOrigin() Problem {
	return Problem{
		Type: "about:blank", Status: http.StatusForbidden, Code: "cross_origin",
		Title:  "You are still signed in",
		Detail: "Another site tried to sign you out. If it was you, use the button on this site.",
	}
}

// level is how loud the log should be: what visitors do is ordinary, what an operator
// has to mend is an error.
func level(p Problem) slog.Level {
	switch p.Code {
	case "denied", "expired", "other_browser", "not_allowed":
		return slog.LevelInfo
	case "rate_limited", "unavailable":
		return slog.LevelWarn
	}
	return slog.LevelError
}

// problem answers with p, as a page or as JSON. retry is where to try again, or "".
func (h *Handlers) problem(w http.ResponseWriter, r *http.Request, p Problem, retry string) {
	h.problemPage(w, r, page.Kind(p.Code), p, retry)
}

// problemPage is problem for a page whose kind is not the problem's code.
func (h *Handlers) problemPage(w http.ResponseWriter, r *http.Request, kind page.Kind, p Problem, retry string) {
	p.RetryURL = retry
	p.SetRetryAfter(w.Header(), h.cfg.Now())
	if requestkind.JSON(r) {
		p.Write(w)
		return
	}
	answer := page.Page{
		Kind: kind, Status: p.Status, Title: p.Title, Text: p.Detail, Code: p.Code, RetryAt: p.RetryAt, Home: h.cfg.DefaultReturnTo,
	}
	if retry != "" {
		answer.Link, answer.Label = retry, label(p)
	}
	h.cfg.Pages.Show(w, r, answer)
}

// label is what the way on from p says.
func label(p Problem) string {
	switch p.Code {
	case "unknown_scope":
		return "Sign in"
	case "other_browser":
		return "Start again here"
	}
	return "Try again"
}
