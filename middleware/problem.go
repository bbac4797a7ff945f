package middleware

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Problem is what may be told a visitor about a failure. As JSON it is a problem document
// of RFC 9457. It says nothing of the cause: that is for the log.
type Problem struct {
	// Type is "about:blank": Title and Code say all there is.
	Type string `json:"type"`
	// Title and Detail are for people.
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Code is a stable word. RequireUser says not_signed_in, sign_in_again or internal,
	// RequireScopes also insufficient_scope, the word of RFC 6750; the handlers say denied,
	// not_granted, expired, other_browser, not_allowed, rate_limited, refused, unavailable,
	// cross_origin, not_everywhere, not_a_page_load, unknown_scope, not_found,
	// method_not_allowed or internal, and the one for native programs lists its own. Title
	// and Detail are English, and Code is what to translate them by.
	Code string `json:"code"`
	// MissingScopes are those that the user's token lacks.
	MissingScopes []string `json:"missing_scopes,omitempty"`
	// LoginURL is where to send the user, where signing in or consent helps.
	LoginURL string `json:"login_url,omitempty"`
	// RetryURL is where to try again, and RetryAt when, where that is known.
	RetryURL string    `json:"retry_url,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`
	// RetryAfter is how long to wait where RetryAt is not known; 0 where waiting does not
	// help.
	RetryAfter time.Duration `json:"-"`
}

// SetRetryAfter sets the header Retry-After where waiting helps.
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
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}
