package client

import (
	"errors"
	"fmt"

	"github.com/xsignin/xsignin/provider"
)

// Errors of requests and of a [Manager]'s methods. Test with [errors.Is].
var (
	// ErrReauthRequired: there is no token, or the provider refused it for good. Only a
	// sign-in helps.
	ErrReauthRequired = errors.New("client: the user has to sign in again")
	// ErrUnavailable: the token has expired and cannot be refreshed now, or the token
	// store does not answer. Try again later, see also [provider.Error].RetryAt.
	ErrUnavailable = errors.New("client: token temporarily unavailable")
	// ErrAccountTaken: another user has connected the account, see [PutOptions].
	ErrAccountTaken = errors.New("client: the account is connected to another user")
	// ErrNoUser: the request has no signed-in user.
	ErrNoUser = errors.New("client: no user is signed in for this request " +
		"(require a user before you call the API; in a test, give NewContext a client)")
	// ErrForeignHost: the request was for a host that gets no credentials. It was not sent.
	ErrForeignHost = errors.New("client: the URL is not on the provider's API")
	// ErrNotRefreshable: [Manager.Refresh] was called for a token without a refresh token. The
	// token still works.
	ErrNotRefreshable = errors.New("client: the token has no refresh token " +
		"(OAuth 1.0a tokens never have one, OAuth 2.0 tokens with the scope offline.access do)")
	// ErrClosed: the [Manager] was closed.
	ErrClosed = errors.New("client: the manager is closed (make requests before Close)")
)

func reauthRequired(why error) error { return fmt.Errorf("%w: %w", ErrReauthRequired, why) }

// unavailable returns an error that is [ErrUnavailable], or nil if why is nil.
func unavailable(text string, why error) error {
	if why == nil {
		return nil
	}
	return fmt.Errorf("%w: %s%w", ErrUnavailable, text, why)
}

var (
	errMarked    = errors.New("the token was refused before")
	errAnother   = errors.New("the stored token is of another account than its key")
	errQuiet     = errors.New("the API refused the token soon after a refresh")
	errNoSecret  = errors.New("the token has expired and has no refresh token")
	errNoAccount = errors.New("client: the key has no AccountID " +
		"(use user.Key() of the user who signed in, or a key that kit.Accounts lists)")
	errSuperseded = errors.New("the entry was changed by a sign-in or a sign-out during the refresh")
	errStore      = errors.New("token store") // the store fails during a refresh
	errChanged    = errors.New("the entry has changed since it was read")
)

// cause returns the stable word for err in events.
func cause(err error) string {
	for _, c := range []struct {
		err  error
		word string
	}{
		{nil, ""},
		{provider.ErrTokenRefused, "token_refused"},
		{errNoSecret, "no_refresh_token"},
		{provider.ErrRateLimited, "rate_limited"},
		{provider.ErrRefused, "app_refused"},
		{provider.ErrAccountRefused, "account_refused"},
		{errSuperseded, "superseded"},
		{errStore, "store"},
	} {
		if errors.Is(err, c.err) {
			return c.word
		}
	}
	return "unavailable"
}
