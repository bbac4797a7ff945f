// Package event says what happened in the kit, for metrics, traces and audit
// logs. It is a leaf that every room may use: sign-ins are told by handlers,
// refreshes by client. One hook receives all of them:
//
//	Events: func(ctx context.Context, e event.Event) {
//		signIns.WithLabelValues(string(e.Kind), e.Provider, e.Cause).Inc()
//	}
package event

import (
	"context"
	"time"
)

// Kind says what happened. The strings are stable and fit as metric labels.
type Kind string

// The kinds of event.
const (
	// SignInBegun: a browser was sent to the provider.
	SignInBegun Kind = "sign_in_begun"
	// SignInDone: a user is signed in.
	SignInDone Kind = "sign_in_done"
	// SignInFailed: a sign-in ended without a user. Cause says why.
	SignInFailed Kind = "sign_in_failed"
	// SignedOut: a session was ended by its user, or all of a user's; see
	// Event.Everywhere.
	SignedOut Kind = "signed_out"
	// Refreshed: a token was refreshed and saved.
	Refreshed Kind = "refreshed"
	// RefreshFailed: a refresh did not give a token. Cause says why; the old
	// token may still serve.
	RefreshFailed Kind = "refresh_failed"
	// NeedsReauth: the provider refused the token for good. Told once a token.
	NeedsReauth Kind = "sign_in_again"
	// Revoked: a token was revoked at the provider.
	Revoked Kind = "revoked"
	// RevokeFailed: the provider could not be told. The token is deleted here.
	RevokeFailed Kind = "revoke_failed"
)

// Event is one thing that happened. It holds no secret.
type Event struct {
	Kind Kind
	// Time is when it ended, Duration how long it took: for a sign-in the whole
	// callback, for a refresh the provider's answer and the save.
	Time     time.Time
	Duration time.Duration
	// Provider is the provider's name; empty where a program signed a user out everywhere.
	Provider string
	// UserID is the application's name for the user; empty where none is known.
	UserID string
	// Everywhere is set with SignedOut where all sessions of the user were ended.
	Everywhere bool
	// Cause is a short stable word for failures, such as "denied" or
	// "unavailable"; empty on success.
	Cause string
	// Err is the error behind Cause. Its text holds no secret.
	Err error
}

// Func receives events. It is called on the goroutine in which the event
// happened, perhaps on several at once, and must return soon. A nil Func is
// valid and ignores them.
type Func func(ctx context.Context, e Event)

// Tell calls f unless it is nil.
func (f Func) Tell(ctx context.Context, e Event) {
	if f != nil {
		f(ctx, e)
	}
}
