package provider

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The kinds of failure, by what can be done about them. Test with [errors.Is].
var (
	// ErrDenied: the user declined. Offer to try again.
	ErrDenied = errors.New("the user did not allow the sign-in")
	// ErrNotGranted: the provider did not grant a requested scope. Offer to ask again.
	ErrNotGranted = errors.New("the provider did not grant a scope that was asked for")
	// ErrExpired: the sign-in took too long, or its code was already used. Begin again.
	ErrExpired = errors.New("the sign-in has expired or was already used")
	// ErrOtherBrowser: the sign-in began in another browser. Begin again in this one.
	ErrOtherBrowser = errors.New("the sign-in was not begun in this browser")
	// ErrNotAllowed: the application does not admit this user.
	ErrNotAllowed = errors.New("the application does not allow this user")
	// ErrAccountRefused: the provider refuses this account, such as a suspended one.
	ErrAccountRefused = errors.New("the provider refused the user's account")
	// ErrRateLimited: the provider limits the calls until [Error.RetryAt].
	ErrRateLimited = errors.New("the provider limits the rate of calls")
	// ErrRefused: the provider refuses the application, for the reason [Error.Reason].
	ErrRefused = errors.New("the provider refused the application")
	// ErrTokenRefused: the provider refuses the token for good. Sign in again.
	ErrTokenRefused = errors.New("the provider refused the token")
	// ErrUnavailable: the provider gave no usable answer. Try again later.
	ErrUnavailable = errors.New("the provider is not available")
)

// Reason says why a provider refused an application.
type Reason string

// The reasons, each with the setting to change.
const (
	// ReasonCallback: the callback URL is not registered with the provider.
	ReasonCallback Reason = "callback_not_registered"
	// ReasonCredentials: id or key and secret are wrong, or of the other client type.
	ReasonCredentials Reason = "wrong_credentials"
	// ReasonClock: this machine's clock is too far off.
	ReasonClock Reason = "clock_skew"
	// ReasonAccess: the application's plan or permissions do not cover the call.
	ReasonAccess Reason = "access_level"
	// ReasonNotEnrolled: the application is in no package or project at X.
	ReasonNotEnrolled Reason = "not_enrolled"
	// ReasonScope: the token lacks a scope that the call needs.
	ReasonScope Reason = "missing_scope"
	// ReasonCredits: the credits at X are spent, or a spending limit is reached.
	ReasonCredits Reason = "no_credits"
	// ReasonUsageCap: the monthly cap of calls is used up, until the next month.
	ReasonUsageCap Reason = "usage_cap"
	// ReasonOther: see [Error.Code] and [Error.Detail].
	ReasonOther Reason = "other"
)

// Error is the error of every call of a provider. Its text has the provider's message,
// bounded and without secrets, for the operator. Do not show it to visitors.
type Error struct {
	// Kind is one of the errors above.
	Kind error
	// Reason is set if Kind is [ErrRefused].
	Reason Reason
	// Provider is the provider's name.
	Provider string
	// Op is the step that failed, such as "request_token", "token" or "users/me".
	Op string
	// Status is the HTTP status of the provider's answer, or 0 without one.
	Status int
	// Code is the provider's error code, such as "415" or "invalid_request".
	Code string
	// Detail is the provider's message, at most 300 bytes, without secrets.
	Detail string
	// RetryAt is the end of a limit, or the zero time if it is unknown.
	RetryAt time.Time
	// Err is the local cause, such as [context.DeadlineExceeded], or nil.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	add := func(set bool, format string, value any) {
		if set {
			fmt.Fprintf(&b, format, value)
		}
	}
	add(true, "%s: ", "provider")
	add(e.Provider != "", "%s: ", e.Provider)
	add(e.Op != "", "%s: ", e.Op)
	add(true, "%v", e.Kind)
	add(e.Reason != "", " (%s)", e.Reason)
	add(e.Status != 0, ", status %d", e.Status)
	add(e.Code != "", ", code %s", e.Code)
	add(e.Detail != "", ": %q", e.Detail)
	add(!e.RetryAt.IsZero(), ", until %s", e.RetryAt.UTC().Format(time.RFC3339))
	add(e.Err != nil, ": %v", e.Err)
	return b.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
