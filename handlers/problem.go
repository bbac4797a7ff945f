package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
)

// internal marks an error of this site: a store that fails, or a hook that fails.
func internal(err error) error { return &page.Error{Kind: page.Internal, Err: err} }

// NotGrantedError says that a user is signed in, but without scopes that were requested. It
// is [provider.ErrNotGranted].
type NotGrantedError struct {
	// Provider is the provider's name.
	Provider string
	// Scopes are the missing scopes.
	Scopes []string
}

// Error implements error.
func (e *NotGrantedError) Error() string {
	return fmt.Sprintf("handlers: %s: %v: %s", e.Provider, provider.ErrNotGranted, strings.Join(e.Scopes, " "))
}

// Unwrap returns [provider.ErrNotGranted].
func (e *NotGrantedError) Unwrap() error { return provider.ErrNotGranted }

// MissingScopes returns the missing scopes, for package page.
func (e *NotGrantedError) MissingScopes() []string { return e.Scopes }

// visitorLeft reports whether err is a consequence of the visitor's leaving.
func visitorLeft(r *http.Request, err error) bool {
	return errors.Is(err, context.Canceled) && errors.Is(r.Context().Err(), context.Canceled)
}

// fixFor returns what the operator can do about err.
func (h *Handlers) fixFor(a attempt, p page.Problem, err error) string {
	var pe *provider.Error
	if !errors.As(err, &pe) || pe.Reason == "" || pe.Reason == provider.ReasonOther {
		return p.Fix
	}
	callback := ""
	// A program that signs in by Native uses another callback, and has no return path.
	if p, ok := h.byName[a.provider]; ok && a.returnTo != "" {
		callback = p.CallbackURL()
	}
	return page.AdviceFor(err, callback).Fix
}

// problem answers with p, as a page or as JSON. retry is where to try again, or "".
func (h *Handlers) problem(w http.ResponseWriter, r *http.Request, p page.Problem, retry string) {
	p.RetryURL = retry
	p.SetRetryAfter(w.Header(), h.cfg.Now())
	if requestkind.JSON(r) {
		h.cfg.Pages.Problem(r, p).Write(w)
		return
	}
	answer := p.Page()
	answer.Home = h.cfg.DefaultReturnTo
	h.cfg.Pages.Show(w, r, answer)
}
