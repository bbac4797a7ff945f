package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// transport sends the requests of one user.
type transport struct {
	pool     *Manager
	provider provider.Provider // nil where no provider has the key's name
	key      tokenstore.Key
	account  string // the only account to act for; empty: any
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.roundTrip(r)
	if resp != nil {
		// What was sent holds the token, and programs print the requests of answers.
		resp.Request = r
	}
	return resp, err
}

func (t *transport) roundTrip(r *http.Request) (*http.Response, error) {
	if t.provider == nil {
		closeBody(r)
		return nil, t.pool.unknownProvider(t.key)
	}
	if !t.provider.AllowsURL(r.URL) {
		closeBody(r)
		return nil, foreign(t.key.Provider, r.URL)
	}
	c, err := t.pool.token(r.Context(), t.key)
	if err == nil && t.another(c) {
		// Another replica may have seen the account's own sign-in.
		if c, err = t.pool.acquire(r.Context(), t.key, refreshRequest{stale: c}); err == nil && t.another(c) {
			err = signInAgain(errAnother)
		}
	}
	if err != nil {
		closeBody(r)
		return nil, err
	}
	out := withoutAuthorization(r)
	resp, err := t.provider.RoundTrip(t.pool.transport, c.token, out)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	return t.unauthorized(out, c, resp)
}

// another reports whether c's token is of another account than t acts for.
func (t *transport) another(c *cached) bool {
	return t.account != "" && c.token.AccountID != "" && c.token.AccountID != t.account
}

// unauthorized deals with a 401 for a token that should be valid.
func (t *transport) unauthorized(r *http.Request, c *cached, resp *http.Response) (*http.Response, error) {
	p := t.pool
	want := refreshRequest{bad: c.token.AccessToken}
	if p.refreshable(t.key, c.token) {
		if p.now().Before(c.quietUntil) {
			return resp, nil
		}
		want.refusals = c.refusals + 1
	} else if want.dead = t.refused(resp); want.dead == nil {
		// Nothing to refresh; but the store may hold another by now.
		if s := p.users.find(t.key); s != nil {
			s.forget(c)
		}
		return resp, nil
	}
	hasBody := r.Body != nil && r.Body != http.NoBody
	replayable := !hasBody || r.GetBody != nil
	if !replayable && want.dead == nil {
		// This request cannot be sent again, but the next can have a new token.
		p.begin(t.key, want)
		return resp, nil
	}
	fresh, err := p.acquire(r.Context(), t.key, want)
	if errors.Is(err, ErrReauthRequired) || r.Context().Err() != nil {
		_ = resp.Body.Close()
		return nil, cmp.Or(r.Context().Err(), err)
	}
	if err != nil || !replayable {
		return resp, nil
	}
	again := r.WithContext(r.Context())
	if hasBody {
		body, err := r.GetBody()
		if err != nil {
			return resp, nil
		}
		again.Body = body
	}
	// Read to its end, a short answer leaves the connection for the retry.
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
	if t.another(fresh) {
		closeBody(again)
		return nil, signInAgain(errAnother)
	}
	answer, err := t.provider.RoundTrip(p.transport, fresh.token, again)
	if err == nil && answer.StatusCode < http.StatusBadRequest {
		p.calm(t.key, fresh)
	}
	return answer, err
}

// calm lets the next 401 cause a refresh again: that the new token works shows that the old
// one was dead, and that the API is not refusing good ones. A limit or an outage shows
// neither.
func (p *Manager) calm(key tokenstore.Key, c *cached) {
	s := p.users.find(key)
	if s == nil || c.refusals == 0 {
		return
	}
	calm := *c
	calm.refusals, calm.quietUntil = 0, time.Time{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cur.CompareAndSwap(c, &calm)
}

// maxRefusal bounds what is read of an answer to find a refusal in it.
const maxRefusal = 4 << 10

// refused returns the error for an answer by which the provider refuses the token for
// good, or nil. resp's body is afterwards as it was.
func (t *transport) refused(resp *http.Response) error {
	refuser, ok := t.provider.(provider.TokenRejecter)
	if !ok || resp.Body == nil {
		return nil
	}
	body := resp.Body
	head, err := io.ReadAll(io.LimitReader(body, maxRefusal))
	var rest io.Reader = body
	if err != nil {
		rest = broken{err}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), body}
	// The provider is lent the head alone, and cannot change what the application reads.
	if !refuser.RejectsToken(resp, bytes.Clone(head)) {
		return nil
	}
	return &provider.Error{Kind: provider.ErrTokenRefused, Provider: t.key.Provider, Op: "api", Status: resp.StatusCode}
}

// broken is the rest of a body that could not be read.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// withoutAuthorization returns r, or a copy where the caller set the header: whose
// credentials are sent must not depend on how a provider attaches them.
func withoutAuthorization(r *http.Request) *http.Request {
	if _, ok := r.Header["Authorization"]; !ok {
		return r
	}
	out := r.WithContext(r.Context())
	out.Header = r.Header.Clone()
	out.Header.Del("Authorization")
	return out
}

// token returns the token to send a request with. It is the hot path.
func (p *Manager) token(ctx context.Context, key tokenstore.Key) (*cached, error) {
	if p.closed.Load() {
		return nil, ErrClosed
	}
	now := p.now()
	if s := p.users.find(key); s != nil {
		if c := s.cur.Load(); c.good(now) {
			s.touched.Store(true)
			if !c.refreshAt.IsZero() && !now.Before(c.refreshAt) && now.UnixNano() >= s.nextEarly.Load() {
				s.nextEarly.Store(now.Add(earlyFirst).UnixNano())
				p.begin(key, refreshRequest{early: true})
			}
			if !c.rereadAt.IsZero() && !now.Before(c.rereadAt) {
				return p.reread(ctx, s, c)
			}
			return c, nil
		}
	}
	return p.acquire(ctx, key, refreshRequest{})
}

// reread returns what the store holds now in c's place, c being due for that. While
// the store is away that is c, and only those that come before it is known to be away
// wait for it.
func (p *Manager) reread(ctx context.Context, s *slot, c *cached) (*cached, error) {
	if next := s.nextReread.Load(); next > c.rereadAt.UnixNano() {
		if now := p.now(); now.UnixNano() >= next && s.nextReread.CompareAndSwap(next, now.Add(rereadAgain).UnixNano()) {
			p.begin(s.key, refreshRequest{stale: c})
		}
		return c, nil
	}
	fresh, err := p.acquire(ctx, s.key, refreshRequest{stale: c})
	if err == nil && fresh != c {
		return fresh, nil
	}
	ended := ctx.Err()
	if err == nil || errors.Is(err, ErrUnavailable) || ended != nil {
		s.nextReread.Store(p.now().Add(rereadAgain).UnixNano())
	}
	if ended != nil {
		return nil, ended
	}
	if err == nil || errors.Is(err, ErrUnavailable) {
		return c, nil
	}
	return nil, err
}

// refreshable reports whether the provider can be asked for a token in t's place.
func (p *Manager) refreshable(key tokenstore.Key, t tokenstore.Token) bool {
	_, ok := p.providers[key.Provider].(provider.Refresher)
	return ok && t.RefreshToken != ""
}

func (p *Manager) unknownProvider(key tokenstore.Key) error {
	if key.Provider == "" {
		return errors.New("client: the key names no provider: use user.Key() of the user who signed in")
	}
	return fmt.Errorf("client: no provider is named %q; there are %q, and Config.Providers names more", key.Provider, slices.Sorted(maps.Keys(p.providers)))
}

// Format implements [fmt.Formatter], so that a printed http.Client shows no token.
func (t *transport) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "client of %q for user %q", t.key.Provider, t.key.UserID)
}
