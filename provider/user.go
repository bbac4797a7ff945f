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

	"github.com/xsignin/xsignin/tokenstore"
)

// Who asks a provider's API who signed in. client attaches the user's credentials, goes
// to the provider's API hosts alone, follows no redirect and reads at most 1 MiB of an
// answer.
type FetchUser func(ctx context.Context, client *http.Client) (User, error)

// userAt is the Who that makes one GET and maps its answer.
func userAt(address string, user func(body []byte) (User, error)) FetchUser {
	return func(ctx context.Context, client *http.Client) (User, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return User{}, err
		}
		resp, err := client.Do(r)
		if err != nil {
			return User{}, err
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return User{}, err
		}
		if resp.StatusCode < 200 || resp.StatusCode > 299 {
			return User{}, fmt.Errorf("status %d", resp.StatusCode)
		}
		return user(body)
	}
}

// asker carries the requests of one Who.
type asker struct {
	ctx   context.Context //nolint:containedctx // of the one question
	svc   *service
	token tokenstore.Token
	send  func(http.RoundTripper, tokenstore.Token, *http.Request) (*http.Response, error)

	mu    sync.Mutex
	calls []*call
}

// RoundTrip implements [http.RoundTripper].
func (a *asker) RoundTrip(r *http.Request) (*http.Response, error) {
	if !a.svc.hosts.has(r.URL) {
		closeBody(r)
		return nil, a.svc.misuse("user", ReasonOther, "a request for who signed in goes to a host that credentials may not go to: add it to APIHosts")
	}
	// Some libraries make requests with a context of their own.
	c := a.svc.call(a.ctx, "user", a.token.AccessToken, a.token.RefreshToken, a.token.TokenSecret)
	defer context.AfterFunc(r.Context(), c.stop)()
	resp, err := a.send(c, a.token, r)
	a.mu.Lock()
	defer a.mu.Unlock()
	// Not stopped yet: why it failed is read off its context.
	a.calls = append(a.calls, c)
	return resp, err
}

// last is the last call, or one that was not made.
func (a *asker) last() *call {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.calls) == 0 {
		a.calls = append(a.calls, a.svc.call(a.ctx, "user", a.token.AccessToken, a.token.RefreshToken, a.token.TokenSecret))
	}
	return a.calls[len(a.calls)-1]
}

func (a *asker) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.calls {
		c.stop()
	}
}

// who asks and checks what comes of it.
func (s *service) who(ctx context.Context, t tokenstore.Token, ask FetchUser,
	send func(http.RoundTripper, tokenstore.Token, *http.Request) (*http.Response, error), weigh classifier,
) (User, error) {
	a := &asker{ctx: ctx, svc: s, token: t, send: send}
	defer a.stop()
	u, err := ask(ctx, &http.Client{
		Transport:     a,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	if err != nil {
		return User{}, a.failure(err, weigh)
	}
	return s.vouch(u)
}

// failure makes the error for a Who that failed with err.
func (a *asker) failure(err error, weigh classifier) *Error {
	c := a.last()
	var own *Error
	if errors.As(err, &own) {
		e := *own
		e.Provider, e.Op = a.svc.name, "user"
		e.Code, e.Detail = codeText(e.Code, c.hidden()), detailText(e.Detail, c.hidden())
		if e.Err != nil {
			e.Err = safeCause(e.Err, c.hidden())
		}
		return &e
	}
	if c.err != nil || c.answer != nil && !c.answer.ok() {
		return c.failure(weigh)
	}
	e := c.fail(ErrUnavailable, "the answer does not say who signed in")
	e.Err = safeCause(err, c.hidden())
	return e
}

// idShape is what an id of any provider may look like: OpenID Connect has 255 ASCII
// characters.
var idShape = regexp.MustCompile(`^[!-~]{1,255}$`)

// vouch makes what a mapping gave a User: strict about the id, which everything hangs on,
// and dropping what it cannot use of the rest.
func (s *service) vouch(u User) (User, error) {
	if !idShape.MatchString(u.AccountID) {
		return User{}, &Error{
			Kind: ErrUnavailable, Provider: s.name, Op: "user",
			Detail: "the mapping gave no usable User.AccountID: it has to be the account's lasting id, of at most 255 printable ASCII characters",
		}
	}
	return User{
		Provider: s.name, AccountID: u.AccountID, SignedInAt: s.now(),
		Username: clip(oneLine(u.Username), 200), Name: displayName(u.Name, 200),
		AvatarURL: avatarURL(u.AvatarURL), Email: emailAddress(clip(oneLine(u.Email), 1000)),
	}, nil
}

// avatarURL is address, or "" where a page could not show it.
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

// emailAddress is e, or "" where it is none.
func emailAddress(e string) string {
	if len(e) > 254 || !strings.Contains(e, "@") {
		return ""
	}
	return e
}

// judgeFresh weighs a refused question for who signed in, right after the exchange.
func classifyNewToken(c *call, f fault) verdict {
	h := c.answer.header
	challenge := h.Get("WWW-Authenticate")
	switch {
	case h.Get("X-Ratelimit-Remaining") == "0", h.Get("Retry-After") != "":
		// GitHub's limits are status 403.
		return verdict{kind: ErrRateLimited}
	case f.has("insufficient_scope"), strings.Contains(challenge, "insufficient_scope"):
		return refused(ReasonScope) // RFC 6750, 3.1.
	case c.answer.status == http.StatusUnauthorized:
		return unavailable
	case c.answer.status == http.StatusForbidden:
		return refused(ReasonAccess)
	case f.form != formJSON:
		return unavailable
	}
	return refused(ReasonOther)
}

// judgeStored weighs a refused question with a token from the store. dead is the
// provider's own word for a token that is refused for good.
func classifyStored(dead func(*http.Response, []byte) bool) classifier {
	return func(c *call, f fault) verdict {
		if dead(&http.Response{StatusCode: c.answer.status, Header: c.answer.header, Body: http.NoBody}, c.answer.body) {
			return tokenRefused
		}
		return classifyNewToken(c, f)
	}
}
