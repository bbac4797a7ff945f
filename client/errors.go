package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Errors of requests and of a [Manager]'s methods. net/http wraps what a request
// fails with in a [*url.Error]; test with [errors.Is].
var (
	// ErrReauthRequired: there is no token, or the provider refused it for good, or it is
	// of another account, see [Manager.ClientOf]. Send the user to sign in; nothing else
	// helps.
	ErrReauthRequired = errors.New("client: the user has to sign in again")
	// ErrUnavailable: the token has expired and cannot be refreshed now, or the
	// token store does not answer. Try again later. The cause is inside: where it is
	// a [*provider.Error], its RetryAt says when.
	ErrUnavailable = errors.New("client: no token can be had at the moment; try again later")
	// ErrNoUser: nobody is signed in, see [Nobody].
	ErrNoUser = errors.New("client: nobody is signed in for this request; ask for a user before calling the API")
	// ErrForeignHost is what every [*ForeignHostError] is.
	ErrForeignHost = errors.New("client: the address is not on the provider's API")
	// ErrNotRefreshable: [Manager.Refresh] was asked to renew a token that has no refresh
	// token. It goes on working.
	ErrNotRefreshable = errors.New("client: this token cannot be refreshed: it came without a refresh token; " +
		"OAuth 1.0a tokens never have one, OAuth 2.0 tokens with the scope offline.access do")
	// ErrClosed: the [Manager] was closed.
	ErrClosed = errors.New("client: the pool is closed; make requests before Close")
)

// ForeignHostError says that a request, perhaps after a redirect, was for a host
// that gets no credentials. Nothing was sent. It is [ErrForeignHost].
type ForeignHostError struct {
	// Provider is the name of the provider whose credentials were asked for.
	Provider string
	// Origin is the scheme and host of the request.
	Origin string
}

// Error implements error.
func (e *ForeignHostError) Error() string {
	return fmt.Sprintf("%v: credentials for %q do not go to %s; use another http.Client for it, "+
		"or name the host in the provider's APIHosts", ErrForeignHost, e.Provider, e.Origin)
}

// Is reports whether target is [ErrForeignHost].
func (e *ForeignHostError) Is(target error) bool { return target == ErrForeignHost }

func foreign(name string, u *url.URL) error {
	return &ForeignHostError{Provider: name, Origin: u.Scheme + "://" + u.Host}
}

func signInAgain(why error) error { return fmt.Errorf("%w: %w", ErrReauthRequired, why) }

func unavailable(cause error) error { return fmt.Errorf("%w: %w", ErrUnavailable, cause) }

var (
	errMarked   = errors.New("the token was refused before")
	errAnother  = errors.New("the stored token is of another account than the session")
	errNoSecret = errors.New("the token has expired and came without a refresh token")
)

// storeError gives a store's failure its meaning for the caller.
func storeError(err error) error {
	if errors.Is(err, tokenstore.ErrNotFound) || errors.Is(err, tokenstore.ErrUnreadable) {
		return signInAgain(err)
	}
	// That a secret is missing from Secrets is here too: the operator can bring it back,
	// and a sign-in would overwrite a token that is not lost.
	return unavailable(err)
}

// cause is the stable word for err in events.
func cause(err error) string {
	switch {
	case errors.Is(err, provider.ErrTokenRefused):
		return "token_refused"
	case errors.Is(err, errNoSecret):
		return "no_refresh_token"
	case errors.Is(err, provider.ErrRateLimited):
		return "rate_limited"
	case errors.Is(err, provider.ErrRefused):
		return "app_refused"
	case errors.Is(err, errSuperseded):
		return "superseded"
	case errors.As(err, new(*storeTrouble)):
		return "store"
	}
	return "unavailable"
}

// storeTrouble marks a failure of the token store during a refresh.
type storeTrouble struct{ err error }

func (e *storeTrouble) Error() string { return "token store: " + e.err.Error() }
func (e *storeTrouble) Unwrap() error { return e.err }

// retryAt is when a limit inside err ends, or the zero time.
func retryAt(err error) time.Time {
	var pe *provider.Error
	if errors.As(err, &pe) {
		return pe.RetryAt
	}
	return time.Time{}
}

// Nobody returns a client whose every request fails with [ErrNoUser]: what a
// handler gets where nobody is signed in, so that a forgotten check ends in an
// error that says so and not in a request without credentials.
func Nobody() *http.Client { return &http.Client{Transport: nobody{}} }

type nobody struct{}

func (nobody) RoundTrip(r *http.Request) (*http.Response, error) {
	closeBody(r)
	return nil, ErrNoUser
}

// closeBody is owed by a RoundTripper on every path, see [http.RoundTripper].
func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}
