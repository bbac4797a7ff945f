package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// User is a person whose account a provider has confirmed.
type User struct {
	// Provider is the name of that provider.
	Provider string `json:"provider"`
	// AccountID is the provider's id of the account. It never changes. X's are decimal
	// numbers of up to 19 digits, too long for a JSON number.
	AccountID string `json:"account_id"`
	// ID is the application's id of this user. Tokens are stored under it. X's
	// providers set it to AccountID, so that both protocols give one id. Other providers
	// leave it empty, and package handlers sets <name>:<AccountID>, since account ids are
	// unique within one provider only. An OnSignIn hook may set another id.
	ID string `json:"id"`
	// Username is the handle without its "@". It can change and pass to another person:
	// never use it as a key.
	Username string `json:"username"`
	// Name is the display name, on one line and at most 200 bytes. It may contain ZWNJ
	// and ZWJ (U+200C, U+200D) between other characters. The token answer of OAuth 1.0a
	// does not have it.
	Name string `json:"name,omitempty"`
	// AvatarURL is the address of the profile picture. X's is 48 pixels wide.
	AvatarURL string `json:"avatar_url,omitempty"`
	// Email is the confirmed address. X gives it if the application's settings, the
	// scope users.email and the account allow it. Otherwise it is empty.
	Email string `json:"email,omitempty"`
	// SignedInAt is when this sign-in ended.
	SignedInAt time.Time `json:"signed_in_at,omitzero"`
}

// Key is the key under which the user's token of this provider is stored.
func (u User) Key() tokenstore.Key {
	return tokenstore.Key{Provider: u.Provider, UserID: u.ID, AccountID: u.AccountID}
}

// FetchUser asks a provider's API for the user who signed in. client attaches the user's
// credentials, sends requests to the provider's API hosts only, follows no redirects and
// reads at most 1 MiB of an answer.
type FetchUser func(ctx context.Context, client *http.Client) (User, error)

// fetchFunc is FetchUser inside this package. email asks for the confirmed address.
type fetchFunc func(ctx context.Context, client *http.Client, email bool) (User, error)

// userAt returns a FetchUser that makes one GET and maps its answer.
func userAt(address string, user func(body []byte) (User, error)) FetchUser {
	return func(ctx context.Context, client *http.Client) (User, error) {
		body, err := get(ctx, client, address)
		if err != nil {
			return User{}, err
		}
		return user(body)
	}
}

// statusError is the error of get for an answer without a good status.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// get returns the body of a good answer to a GET.
func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	// client adds the Accept header, follows no redirects and keeps no cookies. Its transport does the same.
	resp, err := client.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, statusError(resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}

// question carries the requests of one FetchUser, all within one deadline.
type question struct {
	first *call // supplies context, step and secrets
	token tokenstore.Token

	mu   sync.Mutex // guards last
	last *call
}

// RoundTrip implements [http.RoundTripper].
func (q *question) RoundTrip(r *http.Request) (*http.Response, error) {
	c := *q.first
	if !c.AllowsURL(r.URL) {
		closeBody(r)
		return nil, c.misuse(c.op, ReasonOther, "the request for the user goes to a host without credentials: add it to APIHosts")
	}
	if r.Context() != c.ctx {
		// Some libraries use another context for their requests.
		var cancel context.CancelFunc
		c.ctx, cancel = context.WithCancel(c.ctx)
		defer cancel()
		defer context.AfterFunc(r.Context(), cancel)()
	}
	resp, err := c.send(&c, q.token, r)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last = &c
	return resp, err
}

// Profile asks for the account of t, by one call, which X bills and limits. X is asked for
// the address if t has the scope users.email. A token that the provider rejects is
// [ErrTokenRefused]: see [TokenRejecter]. Any other 401 is [ErrUnavailable], since X has
// answered so to valid tokens.
func (s *service) Profile(ctx context.Context, t tokenstore.Token) (User, error) {
	return s.ask(ctx, t, storedToken, t.HasScopes("users.email"))
}

// ask asks who the user of t is.
func (s *service) ask(ctx context.Context, t tokenstore.Token, why purpose, email bool) (User, error) {
	c := s.begin(ctx, s.userOp, t.AccessToken, t.RefreshToken, t.TokenSecret)
	defer c.stop()
	c.purpose = why
	q := &question{first: c, last: c, token: t}
	u, err := s.fetch(c.ctx, clientOver(q), email)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		return User{}, q.last.notTold(err)
	}
	if !s.isX { // parseAccount has checked X's.
		u.Provider = s.name
		if u, err = u.Clean(); err != nil {
			return User{}, err
		}
	}
	return s.user(u), nil
}

// notTold is the error for a FetchUser that failed with err after the call c.
func (c *call) notTold(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		e := *own
		e.Provider, e.Op = c.name, c.op
		e.Code, e.Detail = codeText(e.Code, c.hidden()), detailText(e.Detail, c.hidden())
		if e.Err != nil {
			e.Err = safeCause(e.Err, c.hidden(), credentialLike)
		}
		return &e
	}
	if c.err != nil || c.answer != nil && !c.answer.ok() {
		return c.failure()
	}
	e := c.fail(ErrUnavailable, "the answer does not say who signed in")
	e.Err = safeCause(err, c.hidden(), credentialLike)
	if c.answer == nil {
		return e
	}
	f := parseFault(c.answer.body)
	e.Code = codeText(f.code(), c.hidden())
	if c.isX && f.refusesAccount() {
		e.Kind = ErrAccountRefused
	}
	return e
}

// idShape is the shape of account ids. OpenID Connect allows 255 ASCII characters.
var idShape = regexp.MustCompile(`^[!-~]{1,255}$`)

// Clean returns the fields of u that describe the account, as this package promises them:
// bounded and on one line. It is strict about AccountID, on which everything depends, and
// drops unusable values of the other fields. Package handlers calls it for users of
// gologin's handlers.
func (u User) Clean() (User, error) {
	if !idShape.MatchString(u.AccountID) {
		return User{}, &Error{
			Kind: ErrUnavailable, Provider: u.Provider, Op: userOp,
			Detail: "there is no usable User.AccountID: it must be the account's lasting id, at most 255 printable ASCII characters",
		}
	}
	return User{
		AccountID: u.AccountID,
		Username:  clip(oneLine(u.Username), 200), Name: displayName(u.Name, 200),
		AvatarURL: avatarURL(u.AvatarURL), Email: emailAddress(clip(oneLine(u.Email), 1000)),
	}, nil
}

// user adds what this service knows about every user.
func (s *service) user(u User) User {
	u.Provider, u.SignedInAt = s.name, s.now()
	if s.isX {
		u.ID = u.AccountID
	}
	return u
}

// joiners are ZWNJ and ZWJ. They do not print, but Persian and Indic names and joined
// emoji need them.
const joiners = "\u200c\u200d"

// displayName returns a name of at most n bytes on one line. Joiners remain between other
// characters only. At an end they would change the text beside the name on a page.
func displayName(s string, n int) string {
	s = oneLineBut(joiners, s)
	return strings.Trim(clip(strings.Trim(s, joiners+" "), n), joiners+" ")
}

// avatarURL returns address, or "" if a page could not show it.
func avatarURL(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	if address = u.String(); len(address) > 2048 {
		return ""
	}
	return address
}

// emailAddress returns e, or "" if it is not an address.
func emailAddress(e string) string {
	if len(e) > 254 || !strings.Contains(e, "@") {
		return ""
	}
	return e
}
