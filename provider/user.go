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
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// User is a person whose account a provider has confirmed.
type User struct {
	// Provider is the name of that provider.
	Provider string `json:"provider"`
	// AccountID is the provider's id of the account. It never changes. X's have up to 19
	// digits, too many for a JSON number.
	AccountID string `json:"account_id"`
	// ID is the application's id of this user, under which tokens are stored. For X it is
	// AccountID. For other providers package handlers sets <name>:<AccountID>. An OnSignIn
	// hook may set another id.
	ID string `json:"id"`
	// Username is the handle without its "@". It can pass to another person: it is not a key.
	Username string `json:"username"`
	// Name is the display name, on one line and at most 200 bytes. It may contain characters
	// that are not visible: ZWNJ and ZWJ (U+200C, U+200D), and the tags in emoji of flags.
	Name string `json:"name,omitempty"`
	// AvatarURL is the address of the profile picture. X's is 48 pixels wide.
	AvatarURL string `json:"avatar_url,omitempty"`
	// Email is the confirmed address, if the provider gives it.
	Email string `json:"email,omitempty"`
	// SignedInAt is when this sign-in ended.
	SignedInAt time.Time `json:"signed_in_at,omitzero"`
}

// Key is the key under which the user's token of this provider is stored.
func (u User) Key() tokenstore.Key {
	return tokenstore.Key{Provider: u.Provider, UserID: u.ID, AccountID: u.AccountID}
}

// The steps that ask who the user of a token is. verifyOp is for [TokenVerifier].
const userOp, usersMe, verifyOp = "user", "users/me", "verify_token"

// fetch asks the API for the user. email asks X for the confirmed address.
func (s *service) fetch(ctx context.Context, client *http.Client, email bool) (User, error) {
	if s.cfg.FetchUser != nil {
		return s.cfg.FetchUser(ctx, client)
	}
	address := s.cfg.UserURL
	if s.x && email {
		address += emailField
	}
	body, err := get(ctx, client, address)
	if err != nil {
		return User{}, err
	}
	return s.cfg.User(body)
}

// ask asks who the user of t is, and completes t.
func (s *service) ask(ctx context.Context, op string, t tokenstore.Token, email bool) (User, tokenstore.Token, error) {
	if s.x && op == userOp {
		op = usersMe
	}
	c := s.begin(ctx, op, t.AccessToken, t.RefreshToken, t.TokenSecret)
	defer c.stop()
	q := &question{first: c, token: t}
	q.last.Store(c)
	u, err := s.fetch(c.ctx, clientOver(q), email)
	if err != nil {
		err = q.last.Load().notTold(err)
	} else {
		u.Provider = s.cfg.Name
		u, err = u.Clean()
	}
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	u, t = s.signedIn(u, t)
	return u, t, nil
}

// signedIn completes a user and the user's token.
func (s *service) signedIn(u User, t tokenstore.Token) (User, tokenstore.Token) {
	u.Provider, u.SignedInAt = s.cfg.Name, s.now()
	if s.x {
		u.ID = u.AccountID
	}
	t.AccountID, t.Username, t.Name = u.AccountID, u.Username, u.Name
	return u, t
}

// question carries the requests of one fetch, all within one deadline.
type question struct {
	first *call // supplies context, step and secrets
	token tokenstore.Token
	last  atomic.Pointer[call]
}

// Format implements [fmt.Formatter] without printing the token: FetchUser may print its client.
func (q *question) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "provider.question") }

// RoundTrip implements [http.RoundTripper].
func (q *question) RoundTrip(r *http.Request) (*http.Response, error) {
	c := *q.first
	if !c.AllowsURL(r.URL) {
		closeBody(r)
		return nil, c.misuse(c.op, "the request for the user goes to a host without credentials: add it to APIHosts")
	}
	if own := r.Context(); own != c.ctx { // FetchUser may use another context.
		ctx, stop := context.WithCancel(c.ctx)
		defer stop()
		defer context.AfterFunc(own, stop)()
		c.ctx = ctx
	}
	defer q.last.Store(&c)
	resp, err := c.send(&c, q.token, r)
	if err == nil {
		resp.Request = r // without the token
	}
	return resp, err
}

// notTold is the error for a fetch that failed with err after the call c.
func (c *call) notTold(err error) error {
	var own *Error
	if errors.As(err, &own) {
		e := *own
		e.Provider, e.Op = c.cfg.Name, c.op
		e.Code, e.Detail = codeText(e.Code, c.hidden()), detailText(e.Detail, c.hidden())
		if e.Err != nil {
			e.Err = safeCause(e.Err, c.hidden(), shortRun)
		}
		return &e
	}
	if c.err != nil || c.status != 0 && !c.ok() {
		return c.failure("")
	}
	e := c.fail(ErrUnavailable, "the answer does not say who signed in")
	e.Err = safeCause(err, c.hidden(), shortRun)
	f := parseFault(c.header, c.body)
	e.Code = codeText(f.code(), c.hidden())
	if c.x && errors.Is(decide(c, &f, rows("X refuses the account")).kind, ErrAccountRefused) {
		e.Kind = ErrAccountRefused
	}
	return e
}

type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// get returns the content at address, a valid URL.
func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	// The client has nothing to add to its transport.
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

// idShape is the shape of account ids. OpenID Connect allows 255 ASCII characters.
var idShape = regexp.MustCompile(`^[!-~]{1,255}$`)

// Clean returns the fields of u that describe the account, bounded and on one line. It
// fails for an unusable AccountID, and drops unusable values of the other fields.
func (u User) Clean() (User, error) {
	if !idShape.MatchString(u.AccountID) {
		return User{}, &Error{
			Kind: ErrUnavailable, Provider: u.Provider, Op: userOp,
			Detail: "User.AccountID must be the account's lasting id, of 1 to 255 printable ASCII characters",
		}
	}
	c := User{
		AccountID: u.AccountID, Username: clip(oneLine(u.Username), 200),
		Name: displayName(u.Name), AvatarURL: avatarURL(u.AvatarURL), Email: oneLine(u.Email),
	}
	if len(c.Email) > 254 || !strings.Contains(c.Email, "@") {
		c.Email = ""
	}
	return c, nil
}

// isNameMark reports whether a name may contain r, although Go does not call r printable:
//
//   - ZWNJ and ZWJ, which Persian and Indic names and joined emoji need
//   - an emoji that is newer than Go's tables
//   - a tag, as in the flag of Wales
func isNameMark(r rune) bool {
	return r == '\u200c' || r == '\u200d' || r >= 0x1f000 && r <= 0x1faff || r >= 0xe0061 && r <= 0xe007f
}

// flagTags matches a flag with its tags, and also tags without a flag, which could hide text.
var flagTags = regexp.MustCompile("(\U0001f3f4[\U000e0061-\U000e007a]{3,6}\U000e007f)|[\U000e0061-\U000e007f]+")

// displayName returns a name of at most 200 bytes on one line. It removes joiners and blank
// letters at the ends: a joiner there would change the text beside the name on a page.
func displayName(s string) string {
	const ends = "\u200c\u200d \u115f\u1160\u2800\u3164\uffa0" // the last five print as blanks
	s = clip(strings.Trim(oneLine(s, isNameMark), ends), 200)
	if flagTags.MatchString(s) {
		s = flagTags.ReplaceAllString(s, "$1")
	}
	return strings.Trim(s, ends)
}

// avatarURL returns address, or "" if a page could not show it.
func avatarURL(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(address) > 2048 {
		return ""
	}
	return u.String()
}
