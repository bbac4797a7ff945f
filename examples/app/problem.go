package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/examples/internal/answers"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// problem is what a visitor is told when something does not work: a page, or for who asks
// for JSON a document of RFC 9457.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Code is a word for programs.
	Code string `json:"code"`
	// RetryAt is when trying again makes sense, where that is known.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// LoginURL is where to sign in again, where that helps.
	LoginURL string `json:"login_url,omitempty"`
	// Said is what X said.
	Said string `json:"x_detail,omitempty"`
}

// problemOf finds the words for err, which came from a call to X.
func problemOf(err error) problem {
	p := problem{
		Type: "about:blank", Status: http.StatusBadGateway, Code: "unavailable",
		Title:  "X could not be asked",
		Detail: "X did not answer as it should. Nothing is wrong with your account; try again in a moment.",
	}
	var pe *provider.Error
	if errors.As(err, &pe) {
		p.RetryAt = pe.RetryAt
	}
	var x *answers.Refusal
	var unknown *tokenstore.UnknownKeyError
	switch {
	case errors.Is(err, errForgotten):
		p.Status, p.Code = http.StatusUnauthorized, "simulator_restarted"
		p.Title = "The local simulator of X was restarted"
		p.Detail = "You are still signed in here, but the simulator keeps nothing and has forgotten you, your posts and its tokens. Sign in again: it takes two clicks. X itself remembers."
	case errors.As(err, &unknown):
		p.Status, p.Code = http.StatusServiceUnavailable, "key_missing"
		p.Title = "A key of this site is missing"
		p.Detail = "Your tokens are stored, sealed with the secret of id " + unknown.ID + ", which this application does not have. " +
			"Whoever runs it can put it back, last in SECRETS or in the key file; nothing was deleted. Or sign in again for new tokens."
	case errors.Is(err, client.ErrReauthRequired), errors.Is(err, client.ErrNoUser):
		p.Status, p.Code = http.StatusUnauthorized, "sign_in_again"
		p.Title = "Sign in again"
		p.Detail = "X no longer accepts this sign-in, or it was disconnected. A new one takes a few seconds."
	case errors.Is(err, errPictureFailed):
		p.Status, p.Code = http.StatusUnprocessableEntity, "picture"
		p.Title = "X could not read the picture"
		p.Detail = "Try another one: JPEG, PNG or WebP, up to 5 MB."
	case errors.As(err, &x):
		p.Said = x.Detail
		explainRefusal(x, &p)
	}
	return p
}

// explainRefusal fills in p for what X's API refuses.
func explainRefusal(e *answers.Refusal, p *problem) {
	switch {
	case e.Status == http.StatusTooManyRequests && e.Kind == "usage-capped", e.Status == http.StatusPaymentRequired:
		p.Code, p.Title = "no_credits", "This application has used up what X allows it"
		p.Detail = "X charges applications for each call, and this one has no credits left. That is for the people who run it to mend; your account is fine."
	case e.Status == http.StatusTooManyRequests:
		p.Status, p.Code, p.Title = http.StatusTooManyRequests, "rate_limited", "X is asking for a pause"
		p.Detail = "There have been too many of these calls in a short time. X counts them for each person and starts anew every 15 minutes."
		p.RetryAt = e.RetryAt
	case e.Status == http.StatusUnauthorized:
		// The kit has refreshed and asked again before it lets a 401 through. X has
		// answered so to good tokens in an outage, so nobody is sent away for it.
		p.Status, p.Code, p.Title = http.StatusUnauthorized, "unauthorized", "X does not accept this sign-in at the moment"
		p.Detail = "If trying again does not help, sign in again."
	case e.Status == http.StatusForbidden && strings.Contains(strings.ToLower(e.Detail), "duplicate"):
		p.Status, p.Code, p.Title = http.StatusForbidden, "duplicate", "You have posted this already"
		p.Detail = "X does not take the same text twice in a row. Change a word and post again."
	case e.Status == http.StatusForbidden && e.Kind == "oauth1-permissions":
		p.Status, p.Code, p.Title = http.StatusForbidden, "read_only", "This application may only read"
		p.Detail = "Its OAuth 1.0a permission at X is read-only. Sign in by OAuth 2.0 to post, or change the permission in X's console and sign in again."
	case e.Status == http.StatusForbidden:
		p.Status, p.Code, p.Title = http.StatusForbidden, "forbidden", "X does not allow this"
		p.Detail = "Your sign-in may lack a permission (scope), or the application's plan at X does not include this call."
	case e.Status == http.StatusNotFound:
		p.Status, p.Code, p.Title = http.StatusNotFound, "not_found", "X does not know this"
		p.Detail = "It may have been deleted, or the account is suspended."
	case e.Status == http.StatusBadRequest, e.Status == http.StatusUnprocessableEntity:
		p.Code, p.Title = "refused", "X did not take this"
		p.Detail = "X found something wrong with what this application sent."
	}
}

// fail answers a request that did not work because of err. Where only a new sign-in helps,
// a page load goes there at once and comes back.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status == http.StatusUnauthorized || p.Code == "key_missing" {
		p.LoginURL = a.loginURL(r, returnPath(r))
	}
	a.logProblem(r, p, err)
	if p.Code == "sign_in_again" && r.Method == http.MethodGet && !wantsJSON(r) {
		http.Redirect(w, r, p.LoginURL, http.StatusSeeOther)
		return
	}
	a.problem(w, r, p)
}

func (a *app) logProblem(r *http.Request, p problem, err error) {
	level := slog.LevelInfo
	if p.Status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	a.log.Log(r.Context(), level, "app: X was asked in vain", "path", r.URL.Path, "cause", p.Code, "err", err)
}

// problem answers with p.
func (a *app) problem(w http.ResponseWriter, r *http.Request, p problem) {
	if wait := time.Until(p.RetryAt); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
	}
	if wantsJSON(r) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(p.Status)
		_ = json.NewEncoder(w).Encode(p)
		return
	}
	a.page(w, r, p.Status, "problem", view{Title: p.Title, Problem: &p})
}

// loginURL is where the visitor signs in by the protocol of before and comes back to path.
func (a *app) loginURL(r *http.Request, path string) string {
	login := a.ways[0].Path
	if u, ok := xsignin.User(r.Context()); ok {
		for _, way := range a.ways {
			if way.Provider == u.Provider {
				login = way.Path
			}
		}
	}
	return login + "?" + url.Values{"return_to": {path}}.Encode()
}

// returnPath is the page to come back to: the one asked for, or the one with the form.
func returnPath(r *http.Request) string {
	if r.Method != http.MethodGet {
		path := r.URL.Path
		for _, action := range []string{"/refresh", "/disconnect", "/draft"} {
			path = strings.TrimSuffix(path, action)
		}
		return path
	}
	return r.URL.RequestURI()
}

// wantsJSON reports whether r asks for JSON and not for a page.
func wantsJSON(r *http.Request) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	return !strings.Contains(accept, "text/html") &&
		(strings.Contains(accept, "application/json") || strings.Contains(accept, "application/problem+json"))
}
