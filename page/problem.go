package page

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
)

// Problem is a failure as visitors may see it. As JSON it is a problem document (RFC 9457).
// Its texts name the provider of the sign-in, where a person has to know it.
// The cause of the failure is not in it: the cause is for the log.
type Problem struct {
	// Type is "about:blank": Title and Code say everything.
	Type string `json:"type"`
	// Title and Detail are for people.
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Code is a stable word; problems.json lists the codes.
	Code string `json:"code"`
	// Provider is the provider's name for people, such as "GitHub", if it is known.
	Provider string `json:"provider,omitempty"`
	// MissingScopes are the scopes that the user's token lacks.
	MissingScopes []string `json:"missing_scopes,omitempty"`
	// LoginURL is set if a sign-in or a consent helps.
	LoginURL string `json:"login_url,omitempty"`
	// RetryURL is where to try again, and RetryAt is when, if known.
	RetryURL string    `json:"retry_url,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`
	// RetryAfter is how long to wait, for the header Retry-After. It is 0 if waiting does
	// not help.
	RetryAfter time.Duration `json:"-"`

	// Kind and Label are for the page: its kind, and the text of its link.
	Kind  Kind   `json:"-"`
	Label string `json:"-"`
	// Level, Reason, Cause and Fix are for the operator: the level in the log, a stable word
	// and a sentence for why X refused the application, and what to do. All but the level may
	// be empty.
	Level  slog.Level `json:"-"`
	Reason string     `json:"-"`
	Cause  string     `json:"-"`
	Fix    string     `json:"-"`

	everywhere string // the label of the page's second button
	message    string // see Page.ProviderMessage
}

//go:embed problems.json
var table []byte

// row is one problem or page in the table.
type row struct {
	Kind       Kind
	Page       Kind   // the page's kind, if it is not Kind
	Code       string // if it is not the page's kind
	Status     int
	Level      slog.Level
	Wait       int // seconds
	Title      string
	Text       string
	Label      string
	Everywhere string
	Cause, Fix string // for the operator
	// OtherTitle and OtherFix replace Title and Fix for providers other than X.
	OtherTitle string `json:"other_title"`
	OtherFix   string `json:"other_fix"`
}

// refusal is why a provider refused the application.
type refusal struct {
	Reason           provider.Reason
	Provider         string // its name, or its name for people; "" means every provider
	Code, Cause, Fix string
}

// problems returns the table. It is read at the first problem.
var problems = sync.OnceValue(func() (t struct {
	Problems []row
	Refusals []refusal
},
) {
	if err := json.Unmarshal(table, &t); err != nil {
		panic("page: problems.json: " + err.Error()) // the tests read the file too
	}
	return t
})

// kinds are the kinds of the errors that have a problem.
var kinds = [...]struct {
	err  error
	kind Kind
}{
	{provider.ErrDenied, Denied},
	{provider.ErrNotGranted, "not_granted"},
	{provider.ErrExpired, "expired"},
	{provider.ErrOtherBrowser, "other_browser"},
	{provider.ErrNotAllowed, NotAllowed},
	{client.ErrAccountTaken, "account_taken"},
	{provider.ErrAccountRefused, "account_refused"},
	{provider.ErrRateLimited, "rate_limited"},
	{provider.ErrRefused, "refused"},
	{provider.ErrUnavailable, "unavailable"},
}

// Error returns k. A template that prints k uses it, too.
func (k Kind) Error() string { return string(k) }

// Unwrap returns the error that has this problem, such as [provider.ErrDenied], or nil.
func (k Kind) Unwrap() error {
	for _, known := range kinds {
		if known.kind == k {
			return known.err
		}
	}
	return nil
}

// fromProvider is an error at the provider that people know by the name.
type fromProvider struct {
	error
	name string
}

func (e *fromProvider) Unwrap() error { return e.error }

// WithProvider returns err, which may be a [Kind], with the name of its provider for people.
// [ProblemFor] uses the name. See [provider.DisplayName].
func WithProvider(err error, name string) error { return &fromProvider{err, name} }

// providerOf returns the name for people of err's provider, or "". pe is the provider's own
// error, or nil.
func providerOf(err error, pe *provider.Error) string {
	name := ""
	var from *fromProvider
	if errors.As(err, &from) {
		name = from.name
	} else if pe != nil {
		name = pe.Provider
	}
	if name == "x" || name == "x-oauth1" {
		return defaultProvider
	}
	return plain(name, 100)
}

// defaultProvider is the name in the texts if no other is known.
const defaultProvider = "X"

// ProblemFor returns the problem of an error that a provider or the handlers returned, or of
// a [Kind]. Every other error, and an unknown Kind, is an error of this site.
func ProblemFor(err error) Problem {
	var pe *provider.Error
	_ = errors.As(err, &pe)
	p := problemFor(err, pe)
	// Only the callback of a known sign-in may set the message. Anyone can send another one.
	if pe != nil && pe.Op == "callback" && !errors.Is(pe, provider.ErrOtherBrowser) {
		p.message = plain(pe.Detail, 300)
	}
	name := strings.NewReplacer("{provider}", cmp.Or(p.Provider, defaultProvider))
	for _, text := range []*string{&p.Title, &p.Detail, &p.Label, &p.Cause, &p.Fix} {
		*text = name.Replace(*text)
	}
	return p
}

// problemFor is ProblemFor without the provider's name in the texts.
func problemFor(err error, pe *provider.Error) Problem {
	name, kind := providerOf(err, pe), Kind("")
	if errors.As(err, &kind) {
		return problemOf(kind, name)
	}
	kind = "unexpected"
	for _, known := range kinds {
		if errors.Is(err, known.err) {
			kind = known.kind
			break
		}
	}
	p := problemOf(kind, name)
	var missing interface{ MissingScopes() []string }
	if errors.As(err, &missing) {
		p.MissingScopes = missing.MissingScopes()
		p.Detail = strings.Replace(p.Detail, "the page needs", "the page needs ("+strings.Join(p.MissingScopes, ", ")+")", 1)
	}
	if pe != nil {
		p.RetryAt = pe.RetryAt
		if wait := time.Until(pe.RetryAt); wait > 0 {
			p.RetryAfter = wait
		}
		p.explain(pe)
	}
	if kind == "unavailable" {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			p.Status = http.StatusGatewayTimeout
		case pe != nil && pe.Status == 0:
			p.Status = http.StatusServiceUnavailable
		}
	}
	return p
}

func problemOf(kind Kind, name string) Problem {
	rows := problems().Problems
	i := slices.IndexFunc(rows, func(r row) bool { return r.Kind == kind })
	if i < 0 {
		return problemOf("unexpected", name)
	}
	found := rows[i]
	if name != "" && name != defaultProvider {
		found.Title = cmp.Or(found.OtherTitle, found.Title)
		found.Fix = cmp.Or(found.OtherFix, found.Fix)
	}
	shown := cmp.Or(found.Page, found.Kind)
	return Problem{
		Type: "about:blank", Title: found.Title, Status: found.Status, Detail: found.Text,
		Code: cmp.Or(found.Code, string(shown)), RetryAfter: time.Duration(found.Wait) * time.Second,
		Kind: shown, Label: found.Label, Level: found.Level, Cause: found.Cause, Fix: found.Fix,
		Provider: name, everywhere: found.Everywhere,
	}
}

// explain says why a provider refused the application.
func (p *Problem) explain(err *provider.Error) {
	for _, r := range problems().Refusals {
		name := cmp.Or(p.Provider, defaultProvider)
		if r.Reason == err.Reason && (r.Provider == "" || r.Provider == err.Provider || r.Provider == name) {
			p.Reason, p.Cause, p.Fix = r.Code, r.Cause, r.Fix
			return
		}
	}
}

// Page returns the page of p. Its link leads to p.LoginURL or p.RetryURL.
func (p Problem) Page() Page {
	page := Page{
		Kind: p.Kind, Status: p.Status, Title: p.Title, Text: p.Detail,
		RetryAt: p.RetryAt, wait: p.RetryAfter, Everywhere: p.everywhere,
		Provider: p.Provider, ProviderMessage: p.message,
	}
	if p.Status >= http.StatusBadRequest {
		page.Code = p.Code
	}
	if link := cmp.Or(p.LoginURL, p.RetryURL); link != "" {
		page.Link, page.Label = link, cmp.Or(p.Label, "Try again")
	}
	return page
}
