package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xapi"
)

// problem is an error for a visitor. It is a page, or a document of RFC 9457 for clients that
// accept JSON.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Code is for programs.
	Code string `json:"code"`
	// RetryAt is the time to try again, if it is known.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// LoginURL is the sign-in link, if a new sign-in helps.
	LoginURL string `json:"login_url,omitempty"`
	// Said is X's own text.
	Said string `json:"x_detail,omitempty"`
}

// problemOf returns the problem for err, which came from a call to X.
func problemOf(err error) problem {
	p := problem{
		Type: "about:blank", Status: http.StatusBadGateway, Code: "unavailable",
		Title:  "The call to X failed",
		Detail: "X did not answer as expected. Nothing is wrong with your account; try again in a moment.",
	}
	var pe *provider.Error
	if errors.As(err, &pe) {
		p.RetryAt = pe.RetryAt
	}
	var x *xapi.Error
	var unknown *tokenstore.UnknownKeyError
	switch {
	case errors.Is(err, errForgotten):
		p.Status, p.Code = http.StatusUnauthorized, "simulator_restarted"
		p.Title = "The local simulator of X was restarted"
		p.Detail = "You are still signed in here, but the simulator has lost your account, your posts and its tokens. Sign in again: it takes two clicks. The real X keeps them."
	case errors.As(err, &unknown):
		p.Status, p.Code = http.StatusServiceUnavailable, "key_missing"
		p.Title = "A key of this site is missing"
		p.Detail = "Your tokens are stored, sealed with the secret of id " + unknown.ID + ", which this application does not have. " +
			"The site's administrators can add it again, at the end of SECRETS or of the key file; nothing was deleted. Or sign in again for new tokens."
	case errors.Is(err, client.ErrReauthRequired), errors.Is(err, client.ErrNoUser):
		p.Status, p.Code = http.StatusUnauthorized, "sign_in_again"
		p.Title = "Sign in again"
		p.Detail = "X no longer accepts this sign-in, or it was disconnected. A new one takes a few seconds."
	case errors.Is(err, client.ErrNotRefreshable):
		p.Status, p.Code = http.StatusConflict, "not_refreshable"
		p.Title = "This token cannot be refreshed"
		p.Detail = "X has given no refresh token for it. If the token has ended, sign in again for a new one."
	case errors.As(err, &x):
		p.Said = x.Detail
		explainRefusal(x, &p)
	}
	return p
}

// explainRefusal fills in p for a refusal of X's API.
func explainRefusal(e *xapi.Error, p *problem) {
	if e.Code == "processing_failed" {
		p.Status, p.Code, p.Said = http.StatusUnprocessableEntity, "picture", ""
		p.Title, p.Detail = "X could not read the picture", "Try another one: JPEG, PNG or WebP, up to 5 MB."
		return
	}
	p.RetryAt = e.RetryAt
	words, ok := refusals()[e.Cause]
	if !ok {
		return
	}
	p.Status, p.Code = words.status, e.Cause
	p.Title, p.Detail = words.title, words.detail
}

// refusal is the explanation of a refusal on a page.
type refusal struct {
	status        int
	title, detail string
}

// refusals are the explanations for the causes of xapi.Error. X's own message is shown below
// them.
func refusals() map[string]refusal {
	return map[string]refusal{
		"no_credits": {http.StatusBadGateway, "This application has reached its limit at X",
			"X charges applications for each call, and this one has no credits left. The people who run it can fix this; your account is fine."},
		"rate_limited": {http.StatusTooManyRequests, "The rate limit of X is reached",
			"There have been too many of these calls in a short time. X counts them for each person and resets the count every 15 minutes."},
		// The kit has refreshed the token and tried again before it returns a 401. X has
		// answered so to valid tokens in an outage, so the user is not signed out.
		"unauthorized": {http.StatusUnauthorized, "X does not accept this sign-in at the moment",
			"If trying again does not help, sign in again."},
		"account_refused": {http.StatusForbidden, "X does not let your account do this",
			"X has suspended, locked or restricted the account. Open X to see what it asks of you."},
		"duplicate": {http.StatusForbidden, "You have posted this already",
			"X does not accept the same text twice in a row. Change a word and post again."},
		"read_only": {http.StatusForbidden, "This application may only read",
			"Its OAuth 1.0a permission at X is read-only. Sign in by OAuth 2.0 to post, or change the permission in X's console and sign in again."},
		"no_access": {http.StatusForbidden, "X does not let this application do this",
			"The application's plan at X does not include this call, or X has suspended the application. Your account is fine."},
		"forbidden": {http.StatusForbidden, "X does not allow this",
			"Your sign-in may lack a permission (scope). Sign in again, and allow everything that X lists."},
		"not_found": {http.StatusNotFound, "X did not find this",
			"It may have been deleted, or the account is suspended."},
		"too_large": {http.StatusRequestEntityTooLarge, "This is too large for X",
			"Try a shorter text or a smaller picture."},
		"refused": {http.StatusBadGateway, "X did not accept this",
			"X reported an error in this application's request."},
		"unavailable": {http.StatusServiceUnavailable, "X is not available at the moment",
			"X could not answer. You did nothing wrong. Try again in a moment."},
	}
}

// problemFor returns the problem for err, which came from a call to X for r, and logs it.
func (a *app) problemFor(r *http.Request, err error) problem {
	p := problemOf(err)
	if p.Status == http.StatusUnauthorized || p.Code == "key_missing" || p.Code == "forbidden" {
		p.LoginURL = a.loginURL(r, a.returnPath(r))
	}
	if p.Code == "refused" && (r.Method == http.MethodPost || r.URL.Query().Has("page")) {
		p.Status = http.StatusBadRequest
		p.Detail = "X does not accept something that you sent. Change it and try again."
	}
	a.logProblem(r, p, err)
	return p
}

// fail answers a request that failed with err. If only a new sign-in helps, a page load is
// redirected to it at once, and back.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := a.problemFor(r, err)
	if p.Code == "sign_in_again" && r.Method == http.MethodGet && !wantsJSON(r) {
		http.Redirect(w, r, p.LoginURL, http.StatusSeeOther)
		return
	}
	a.problem(w, r, p)
}

// signInAgain answers a form whose session has ended.
func (a *app) signInAgain(w http.ResponseWriter, r *http.Request) { a.fail(w, r, client.ErrNoUser) }

func (a *app) logProblem(r *http.Request, p problem, err error) {
	level := slog.LevelInfo
	if p.Status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	// gotwi has an address of X built in, and its errors name it.
	said := strings.ReplaceAll(err.Error(), "https://api.twitter.com", a.cfg.apiURL)
	a.log.Log(r.Context(), level, "app: a call to X failed", "path", r.URL.Path, "cause", p.Code, "err", said)
}

// problem sends p as the response.
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
	p.Said = shown(p.Said)
	a.page(w, r, p.Status, "problem", view{Title: p.Title, Problem: &p})
}

// loginURL is the link to sign in by the same protocol, and to return to path.
func (a *app) loginURL(r *http.Request, path string) string {
	u, _ := xsignin.User(r.Context())
	if !slices.ContainsFunc(a.ways, func(w way) bool { return w.Provider == u.Provider }) {
		u.Provider = "" // the first one
	}
	return a.kit.LoginURL(u.Provider, path)
}

// returnPath is the page to return to: the requested page, or the page with the form.
func (a *app) returnPath(r *http.Request) string {
	if r.Method != http.MethodGet {
		path := r.URL.Path
		for _, action := range []string{"/refresh", "/disconnect", "/draft"} {
			path = strings.TrimSuffix(path, action)
		}
		return a.link(path)
	}
	return a.link(r.URL.RequestURI())
}

// wantsJSON reports whether r asks for JSON and not for a page.
func wantsJSON(r *http.Request) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	return !strings.Contains(accept, "text/html") &&
		(strings.Contains(accept, "application/json") || strings.Contains(accept, "application/problem+json"))
}
