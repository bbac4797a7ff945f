// Package event reports what happened in the kit, for metrics, traces and audit logs. Package
// handlers reports sign-ins, package client reports refreshes. One hook receives all events:
//
//	OnEvent: func(ctx context.Context, e event.Event) {
//		signIns.WithLabelValues(string(e.Kind), e.Provider, e.Cause).Inc()
//	}
package event

import (
	"context"
	"time"
)

// Kind is the kind of an event. The strings are stable and can be metric labels.
type Kind string

// The kinds of event.
const (
	// SignInBegun: a browser was sent to the provider.
	SignInBegun Kind = "sign_in_begun"
	// SignInDone: a user is signed in.
	SignInDone Kind = "sign_in_done"
	// SignInFailed: a sign-in ended without a user. Cause says why.
	SignInFailed Kind = "sign_in_failed"
	// SignedOut: a user ended a session, or all sessions of the user ended. See
	// Event.Everywhere.
	SignedOut Kind = "signed_out"
	// Refreshed: a token was refreshed and saved.
	Refreshed Kind = "refreshed"
	// RefreshFailed: a refresh returned no token. Cause says why. The old token may still work.
	RefreshFailed Kind = "refresh_failed"
	// NeedsReauth: the provider refused the token for good. Reported once for each token.
	NeedsReauth Kind = "sign_in_again"
	// Revoked: a token was revoked at the provider.
	Revoked Kind = "revoked"
	// RevokeFailed: the provider did not revoke the token. It is deleted from the store.
	RevokeFailed Kind = "revoke_failed"
)

// Event is one thing that happened. It holds no secret.
type Event struct {
	Kind Kind
	// Time is the end of what happened, Duration how long it took: the whole callback
	// of a sign-in; the provider's answer and the save of a refresh.
	Time     time.Time
	Duration time.Duration
	// Provider is the provider's name. It is empty if a program signed a user out everywhere.
	Provider string
	// UserID is the application's id of the user. It is empty if the user is not known.
	UserID string
	// Everywhere is set with SignedOut if all sessions of the user ended.
	Everywhere bool
	// Cause is a short stable word for a failure, such as "denied". It is empty on success.
	Cause string
	// Err is the error behind Cause. Its text holds no secret.
	Err error
}

// Func receives events. It is called on the goroutine in which the event happened, and several
// goroutines may call it at once. It must return soon. A nil Func is valid and ignores events.
type Func func(ctx context.Context, e Event)

// Tell calls f unless it is nil.
func (f Func) Tell(ctx context.Context, e Event) {
	if f != nil {
		f(ctx, e)
	}
}
