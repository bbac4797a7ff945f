package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Errors of requests and of a [Manager]'s methods. net/http wraps the error of a request
// in a [*url.Error]. Test with [errors.Is].
var (
	// ErrReauthRequired: there is no token, or the provider refused it for good. The user
	// has to sign in. Nothing else helps.
	ErrReauthRequired = errors.New("client: the user has to sign in again")
	// ErrUnavailable: the token has expired and cannot be refreshed now, or the token
	// store does not answer. Try again later. If the cause is a [*provider.Error], its
	// RetryAt says when.
	ErrUnavailable = errors.New("client: token temporarily unavailable")
	// ErrAccountTaken: another user of the application has connected the account, see
	// [PutOptions].
	ErrAccountTaken = errors.New("client: the account is connected to another user")
	// ErrNoUser: the request has no signed-in user, see [Nobody].
	ErrNoUser = errors.New("client: no user is signed in for this request (require a user before you call the API)")
	// ErrForeignHost is what every [*ForeignHostError] is.
	ErrForeignHost = errors.New("client: the URL is not on the provider's API")
	// ErrNotRefreshable: [Manager.Refresh] was called for a token without a refresh token.
	// The token still works.
	ErrNotRefreshable = errors.New("client: the token has no refresh token " +
		"(OAuth 1.0a tokens never have one, OAuth 2.0 tokens with the scope offline.access do)")
	// ErrClosed: the [Manager] was closed.
	ErrClosed = errors.New("client: the manager is closed (make requests before Close)")
)

// ForeignHostError says that a request, perhaps after a redirect, was for a host that gets
// no credentials. Nothing was sent. It is [ErrForeignHost].
type ForeignHostError struct {
	// Provider is the name of the provider of the credentials.
	Provider string
	// Origin is the scheme and host of the request.
	Origin string
}

// Error implements error.
func (e *ForeignHostError) Error() string {
	return fmt.Sprintf("%v: credentials for %q are not sent to %s (use another http.Client, "+
		"or add the host to the provider's APIHosts)", ErrForeignHost, e.Provider, e.Origin)
}

// Is reports whether target is [ErrForeignHost].
func (e *ForeignHostError) Is(target error) bool { return target == ErrForeignHost }

func foreign(name string, u *url.URL) error {
	return &ForeignHostError{Provider: name, Origin: u.Scheme + "://" + u.Host}
}

func reauthRequired(why error) error { return fmt.Errorf("%w: %w", ErrReauthRequired, why) }

func unavailable(cause error) error { return fmt.Errorf("%w: %w", ErrUnavailable, cause) }

var (
	errMarked     = errors.New("the token was refused before")
	errSuperseded = errors.New("the entry was changed by a sign-in or a sign-out during the refresh; the new token is revoked")
	errAnother    = errors.New("the stored token is of another account than its key")
	errNoSecret   = errors.New("the token has expired and has no refresh token")
	errBusy       = errors.New("the entry changes all the time")
	errNoAccount  = errors.New("client: the key has no AccountID (use user.Key() of the user who signed in, or a key that kit.Accounts lists)")
)

// storeError classifies a failed read of the store.
func storeError(err error) error {
	if errors.Is(err, tokenstore.ErrNotFound) || errors.Is(err, tokenstore.ErrUnreadable) {
		return reauthRequired(err)
	}
	// If a secret is missing from Secrets, the operator can add it. A sign-in would
	// overwrite a token that is not lost.
	return unavailable(err)
}

// answered reports whether err, of a read, says something about the entry. Otherwise the store
// has not answered.
func answered(err error) bool {
	return errors.Is(err, tokenstore.ErrNotFound) || errors.Is(err, tokenstore.ErrUnreadable) ||
		errors.As(err, new(*tokenstore.UnknownKeyError))
}

// entryError classifies what was read under key: t or err. It returns nil if t is usable.
func entryError(key tokenstore.Key, t tokenstore.Token, err error) error {
	switch {
	case err != nil:
		return storeError(err)
	case t.NeedsReauth:
		return reauthRequired(errMarked)
	case t.AccountID != "" && t.AccountID != key.AccountID:
		return reauthRequired(errAnother)
	}
	return nil
}

// cause returns the stable word for err in events.
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

// Nobody returns a client for requests without a signed-in user. Its requests fail with
// [ErrNoUser]. So a handler that forgets to require a user sends no request without
// credentials.
func Nobody() *http.Client { return &http.Client{Transport: nobody{}} }

type nobody struct{}

func (nobody) RoundTrip(r *http.Request) (*http.Response, error) {
	closeBody(r)
	return nil, ErrNoUser
}

// closeBody closes the body of a request that is not sent, as [http.RoundTripper] demands.
func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}
