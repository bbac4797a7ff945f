package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// transport sends the requests of one account.
type transport struct {
	m        *Manager
	provider provider.Provider // nil if no provider has the key's name
	key      tokenstore.Key
	// visitor ends requests, as their own contexts do. It may be nil. A transport lives as
	// long as the visitor's request, so it may hold the context.
	visitor context.Context //nolint:containedctx // see above
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, release := t.bind(r.Context())
	resp, err := t.roundTrip(ctx, r)
	if resp == nil || resp.Body == nil {
		release()
	}
	if resp == nil {
		return nil, err
	}
	// The request that was sent has the token, and programs print requests of answers.
	resp.Request = r
	if _, upgraded := resp.Body.(io.Writer); resp.Body != nil && ctx != r.Context() && !upgraded {
		resp.Body = &boundBody{resp.Body, release}
	}
	return resp, err
}

// bind returns a context that ends with ctx and with the visitor's request, and a function
// to call when the context is not needed any more.
func (t *transport) bind(ctx context.Context) (context.Context, func()) {
	switch {
	case t.visitor == nil || t.visitor == ctx || t.visitor.Done() == nil:
		return ctx, func() {}
	case ctx == context.Background():
		return t.visitor, func() {}
	}
	bound, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(t.visitor, cancel)
	return bound, func() { stop(); cancel() }
}

// boundBody releases the context of its request when it is closed.
type boundBody struct {
	io.ReadCloser
	release func()
}

func (b *boundBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}

func (t *transport) roundTrip(ctx context.Context, r *http.Request) (*http.Response, error) {
	out, err := t.outgoing(ctx, r)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	c, err := t.m.token(ctx, t.key)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	resp, err := t.provider.RoundTrip(t.m.transport, c.token, out)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	return t.unauthorized(out, c, resp)
}

// outgoing returns the request to send: with ctx, a complete URL and no Authorization
// header. It returns r itself if r is that already.
func (t *transport) outgoing(ctx context.Context, r *http.Request) (*http.Request, error) {
	if err := t.m.checkKey(t.key); err != nil {
		return nil, err
	}
	u, err := t.absolute(r.URL)
	if err != nil {
		return nil, err
	}
	if !t.provider.AllowsURL(u) {
		return nil, foreign(t.key.Provider, u)
	}
	header, changed := withoutAuthorization(r.Header)
	if ctx == r.Context() && u == r.URL && !changed {
		return r, nil
	}
	out := r.WithContext(ctx)
	out.URL, out.Header = u, header
	return out, nil
}

// absolute completes a relative URL by the address of the provider's API.
func (t *transport) absolute(u *url.URL) (*url.URL, error) {
	if u.Scheme != "" || u.Host != "" || u.Opaque != "" || u.User != nil {
		return u, nil
	}
	api, ok := t.provider.(provider.APILocator)
	if !ok {
		return nil, fmt.Errorf("client: the provider %q has no API address for relative URLs (use a complete URL)", t.key.Provider)
	}
	base := *api.APIURL()
	if base.Path == "" {
		base.Path = "/" // JoinPath of an empty path gives a path without the first slash
	}
	full := base.JoinPath(u.EscapedPath())
	full.RawQuery, full.ForceQuery = u.RawQuery, u.ForceQuery
	return full, nil
}

// withoutAuthorization returns h without the header, in whatever case: a provider may add
// credentials to such a header instead of replacing it. It returns h itself if h has none.
func withoutAuthorization(h http.Header) (out http.Header, changed bool) {
	out = h
	for name := range h {
		if strings.EqualFold(name, "Authorization") {
			if !changed {
				out, changed = h.Clone(), true
			}
			delete(out, name)
		}
	}
	return out, changed
}

// unauthorized handles a 401 for a token that should be valid.
func (t *transport) unauthorized(r *http.Request, c *cached, resp *http.Response) (*http.Response, error) {
	req, ok := t.afterRefusal(c, resp)
	if !ok {
		return resp, nil
	}
	hasBody := r.Body != nil && r.Body != http.NoBody
	replayable := !hasBody || r.GetBody != nil
	if !replayable && req.dead == nil {
		// This request cannot be sent again, but the next one gets a new token.
		t.m.begin(t.key, req)
		return resp, nil
	}
	fresh, err := t.m.acquire(r.Context(), t.key, req)
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
	// A short answer that was read to its end leaves the connection for the retry.
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
	answer, err := t.provider.RoundTrip(t.m.transport, fresh.token, again)
	if err == nil && answer.StatusCode < http.StatusBadRequest {
		t.m.calm(t.key, fresh)
	}
	return answer, err
}

// afterRefusal returns the refresh to make after a 401 for c. ok is false if the 401 is
// the answer.
func (t *transport) afterRefusal(c *cached, resp *http.Response) (req refreshRequest, ok bool) {
	req.bad = c.token.AccessToken
	if t.m.refreshable(t.key, c.token) {
		req.refusals = c.refusals + 1
		return req, !t.m.now().Before(c.quietUntil)
	}
	if req.dead = t.refused(resp); req.dead != nil {
		return req, true
	}
	// This token cannot be refreshed, but the store may have another one by now.
	if s := t.m.users.find(t.key); s != nil {
		s.forget(c)
	}
	return req, false
}

// calm lets the next 401 trigger a refresh again. The new token works, so the old one was
// dead. A limit or an outage does not show that.
func (m *Manager) calm(key tokenstore.Key, c *cached) {
	s := m.users.find(key)
	if s == nil || c.refusals == 0 {
		return
	}
	calm := *c
	calm.refusals, calm.quietUntil = 0, time.Time{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cur.CompareAndSwap(c, &calm)
}

// maxRefusal bounds how much of an answer is read to find a refusal in it.
const maxRefusal = 4 << 10

// refused returns an error if the provider's answer refuses the token for good, or nil. The
// caller can still read the whole body.
func (t *transport) refused(resp *http.Response) error {
	rejecter, ok := t.provider.(provider.TokenRejecter)
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
	// The provider gets a copy, so it cannot change what the application reads.
	if !rejecter.RejectsToken(resp, bytes.Clone(head)) {
		return nil
	}
	return &provider.Error{Kind: provider.ErrTokenRefused, Provider: t.key.Provider, Op: "api", Status: resp.StatusCode}
}

// broken is the rest of a body that could not be read.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// token returns the token for a request. Every request calls it.
func (m *Manager) token(ctx context.Context, key tokenstore.Key) (*cached, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	s := m.users.find(key)
	if s == nil {
		return m.acquire(ctx, key, refreshRequest{})
	}
	now := m.now()
	c := s.cur.Load()
	if !c.good(now) {
		return m.acquire(ctx, key, refreshRequest{})
	}
	s.touched.Store(true)
	if !c.refreshAt.IsZero() && !now.Before(c.refreshAt) && now.UnixNano() >= s.nextEarly.Load() {
		s.nextEarly.Store(now.Add(earlyFirst).UnixNano())
		m.begin(key, refreshRequest{early: true})
	}
	if !c.rereadAt.IsZero() && !now.Before(c.rereadAt) {
		return m.reread(ctx, s, c)
	}
	return c, nil
}

// reread reads c's entry again, which is due. While the store is away it returns c. Only
// the requests of the first failed attempt wait.
func (m *Manager) reread(ctx context.Context, s *slot, c *cached) (*cached, error) {
	if next := s.nextReread.Load(); next > c.rereadAt.UnixNano() {
		if now := m.now(); now.UnixNano() >= next && s.nextReread.CompareAndSwap(next, now.Add(rereadAgain).UnixNano()) {
			m.begin(s.key, refreshRequest{stale: c})
		}
		return c, nil
	}
	fresh, err := m.acquire(ctx, s.key, refreshRequest{stale: c})
	if err == nil && fresh != c {
		return fresh, nil
	}
	ended := ctx.Err()
	if err == nil || errors.Is(err, ErrUnavailable) || ended != nil {
		s.nextReread.Store(m.now().Add(rereadAgain).UnixNano())
	}
	if ended != nil {
		return nil, ended
	}
	if err == nil || errors.Is(err, ErrUnavailable) {
		return c, nil
	}
	return nil, err
}

// refreshable reports whether the provider can refresh t.
func (m *Manager) refreshable(key tokenstore.Key, t tokenstore.Token) bool {
	_, ok := m.providers[key.Provider].(provider.Refresher)
	return ok && t.RefreshToken != ""
}

// Format implements [fmt.Formatter], so that a printed http.Client shows no token.
func (t *transport) Format(f fmt.State, _ rune) { redact.Format(f, t) }

// LogValue implements [slog.LogValuer].
func (t *transport) LogValue() slog.Value {
	return redact.Value("client of %q for user %q", t.key.Provider, t.key.UserID)
}
