package page

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/xsignin/xsignin/provider"
)

// Problem is a failure as visitors may see it. As JSON it is a problem document (RFC 9457).
// The cause of the failure is not in it: the cause is for the log.
type Problem struct {
	// Type is "about:blank": Title and Code say everything.
	Type string `json:"type"`
	// Title and Detail are for people.
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Code is a stable word; the table of problems lists the codes.
	Code string `json:"code"`
	// MissingScopes are the scopes that the user's token lacks.
	MissingScopes []string `json:"missing_scopes,omitempty"`
	// LoginURL is set if a sign-in or a consent helps.
	LoginURL string `json:"login_url,omitempty"`
	// RetryURL is where to try again, and RetryAt is when, if known.
	RetryURL string    `json:"retry_url,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`
	// RetryAfter is how long to wait if RetryAt is not known. It is 0 if waiting does not
	// help.
	RetryAfter time.Duration `json:"-"`

	// Kind and Label are for the page: its kind, and the text of its link.
	Kind  Kind   `json:"-"`
	Label string `json:"-"`
	// Level and Fix are for the log: the level, and what the operator can do.
	Level slog.Level `json:"-"`
	Fix   string     `json:"-"`

	lang string
}

// Error is an error whose problem is known: Kind names its row in the table of problems. Err
// is the cause, for the log.
type Error struct {
	Kind Kind
	Err  error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err == nil {
		return "page: " + string(e.Kind)
	}
	return "page: " + string(e.Kind) + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ProblemOf returns the problem of a kind. Besides the kinds of page there are those of the
// table in problems.go that have no page. An unknown kind is an internal error.
func ProblemOf(kind Kind) Problem {
	for _, row := range problems {
		if row.id == kind {
			return row.problem()
		}
	}
	return unexpected.problem()
}

// ErrorOf returns an error with the problem of a kind. For a kind that an error of the kit has,
// such as [provider.ErrDenied], [errors.Is] finds that error in it.
func ErrorOf(kind Kind) error {
	for _, row := range problems {
		if row.id == kind {
			return &Error{Kind: kind, Err: row.err}
		}
	}
	return &Error{Kind: Internal}
}

// ProblemFor returns the problem of an error that a provider or the handlers returned.
func ProblemFor(err error) Problem {
	p := rowFor(err).problem()
	var own *Error
	if errors.As(err, &own) {
		return p
	}
	var missing interface{ MissingScopes() []string }
	if errors.As(err, &missing) {
		p.MissingScopes = missing.MissingScopes()
		p.Detail = strings.Replace(p.Detail, "the page needs", "the page needs ("+strings.Join(p.MissingScopes, ", ")+")", 1)
	}
	var pe *provider.Error
	if errors.As(err, &pe) {
		p.RetryAt = pe.RetryAt
	}
	if p.Kind == Unavailable {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			p.Status = http.StatusGatewayTimeout
		case pe != nil && pe.Status == 0:
			p.Status = http.StatusServiceUnavailable
		}
	}
	return p
}

// rowFor returns the row of err.
func rowFor(err error) row {
	var own *Error
	if errors.As(err, &own) {
		for _, row := range problems {
			if row.id == own.Kind {
				return row
			}
		}
	}
	for _, row := range problems {
		if row.err != nil && errors.Is(err, row.err) {
			return row
		}
	}
	return unexpected
}

func (r row) problem() Problem {
	kind := cmp.Or(r.kind, r.id)
	return Problem{
		Type: "about:blank", Title: cmp.Or(r.title, http.StatusText(r.status)), Status: r.status, Detail: r.text,
		Code: cmp.Or(r.code, string(kind)), RetryAfter: r.wait, Kind: kind, Label: r.label, Level: r.level, Fix: r.fix,
	}
}

// Page returns the page of p. Its link leads to p.LoginURL or p.RetryURL.
func (p Problem) Page() Page {
	page := Page{Kind: p.Kind, Status: p.Status, Title: p.Title, Text: p.Detail, Code: p.Code, RetryAt: p.RetryAt}
	if link := cmp.Or(p.LoginURL, p.RetryURL); link != "" {
		page.Link, page.Label = link, cmp.Or(p.Label, "Try again")
	}
	return page
}

// SetRetryAfter sets the header Retry-After if waiting helps.
func (p Problem) SetRetryAfter(h http.Header, now time.Time) {
	d := p.RetryAfter
	if until := p.RetryAt.Sub(now); !p.RetryAt.IsZero() && until > 0 {
		d = until
	}
	if d > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
	}
}

// Write answers with p as a problem document.
func (p Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.lang != "" {
		h.Set("Content-Language", p.lang)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}
