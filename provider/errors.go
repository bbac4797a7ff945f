package provider

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// The kinds of failure, by what can be done about them. Test with [errors.Is].
var (
	// ErrDenied: the user said no. Offer to try again.
	ErrDenied = errors.New("the user did not allow the sign-in")
	// ErrNotGranted: the user is signed in, but the provider did not grant a scope that
	// the visitor was sent for. What needs it does not work; offer to ask again.
	ErrNotGranted = errors.New("the provider did not grant a scope that was asked for")
	// ErrExpired: the sign-in took too long, or its code was already used. Begin
	// again.
	ErrExpired = errors.New("the sign-in has expired or was already used")
	// ErrOtherBrowser: this browser has no such sign-in under way. It was begun in
	// another browser, or by somebody else. Begin again in this one.
	ErrOtherBrowser = errors.New("the sign-in was not begun in this browser")
	// ErrNotAllowed: the application does not let this user in.
	ErrNotAllowed = errors.New("the application does not allow this user")
	// ErrRateLimited: X limits the calls until [Error.RetryAt].
	ErrRateLimited = errors.New("the provider limits the rate of calls")
	// ErrRefused: X refuses the application, not the user. [Error.Reason] says why;
	// the operator has to mend it.
	ErrRefused = errors.New("the provider refused the application")
	// ErrTokenRefused: X refuses the token for good. Sign in again.
	ErrTokenRefused = errors.New("the provider refused the token")
	// ErrUnavailable: the provider could not be reached or gave no usable answer. Try
	// again later.
	ErrUnavailable = errors.New("the provider is not available")
)

// Reason says why a provider refused an application.
type Reason string

// The reasons, each with the setting that mends it.
const (
	// ReasonCallback: the callback URL is not on the application's list at X.
	ReasonCallback Reason = "callback_not_registered"
	// ReasonCredentials: the client id and secret, or the consumer key and secret,
	// are wrong, swapped, or of the other client type.
	ReasonCredentials Reason = "wrong_credentials"
	// ReasonClock: this machine's clock is too far off.
	ReasonClock Reason = "clock_skew"
	// ReasonAccess: the application's plan, project or permissions do not cover the
	// call.
	ReasonAccess Reason = "access_level"
	// ReasonScope: the token lacks a scope that the call needs.
	ReasonScope Reason = "missing_scope"
	// ReasonCredits: the account at X has no credits left.
	ReasonCredits Reason = "no_credits"
	// ReasonOther: see [Error.Code] and [Error.Detail].
	ReasonOther Reason = "other"
)

// Error is what every call of a provider fails with. Its text is for the operator:
// it holds what the provider said, bounded and without secrets, and is not fit for a
// page.
type Error struct {
	// Kind is one of the errors above.
	Kind error
	// Reason is set where Kind is [ErrRefused].
	Reason Reason
	// Provider is the provider's name.
	Provider string
	// Op is the step that failed, such as "request_token", "token" or "users/me".
	// "callback" and "authorize" mean that X was not asked.
	Op string
	// Status is the HTTP status of the provider's answer, or 0 without one.
	Status int
	// Code is the provider's own code, such as "415" or "invalid_request".
	Code string
	// Detail is the provider's own text, at most 300 bytes, without secrets.
	Detail string
	// RetryAt is when a limit ends, or the zero time where that is not known.
	RetryAt time.Time
	// Err is the cause on this side, such as a [context.DeadlineExceeded], or nil.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("provider: ")
	if e.Provider != "" {
		b.WriteString(e.Provider + ": ")
	}
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Kind.Error())
	if e.Reason != "" {
		b.WriteString(" (" + string(e.Reason) + ")")
	}
	if e.Status != 0 {
		b.WriteString(", status " + strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		b.WriteString(", code " + e.Code)
	}
	if e.Detail != "" {
		b.WriteString(": " + strconv.Quote(e.Detail))
	}
	if !e.RetryAt.IsZero() {
		b.WriteString(", until " + e.RetryAt.UTC().Format(time.RFC3339))
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
