package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/transport"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// sender sends the requests of one account.
type sender struct {
	m   *Manager
	key tokenstore.Key
	ctx context.Context //nolint:containedctx // a sender lives as long as the visitor's request
}

func (t *sender) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, release := r.Context(), func() {}
	if t.ctx != ctx && t.ctx.Done() != nil {
		bound, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(t.ctx, cancel)
		ctx, release = bound, func() { stop(); cancel() }
	}
	resp, err := t.roundTrip(ctx, r)
	if err != nil {
		release()
		return nil, err
	}
	// The request that was sent has the token, and programs print requests of answers.
	resp.Request = r
	if _, upgraded := resp.Body.(io.Writer); ctx != r.Context() && !upgraded {
		resp.Body = &boundBody{resp.Body, release}
	}
	return resp, nil
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

func (t *sender) roundTrip(ctx context.Context, r *http.Request) (*http.Response, error) {
	out, err := t.outgoing(ctx, r)
	var s *slot
	var c *cached
	if err == nil {
		s = t.m.users.get(t.key)
		c, err = t.m.token(ctx, s)
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as [http.RoundTripper] demands
		}
		return nil, err
	}
	resp, err := t.send(s, c, out)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	return t.unauthorized(out, s, c, resp)
}

func (t *sender) send(s *slot, c *cached, r *http.Request) (*http.Response, error) {
	resp, err := t.m.providers[t.key.Provider].RoundTrip(t.m.cfg.Transport, c.token, r)
	if err != nil {
		return nil, err
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	if resp.StatusCode < http.StatusBadRequest {
		s.mu.Lock()
		s.quiet = pause{} // the new token works, so the 401 was right about the old one
		s.mu.Unlock()
	}
	return resp, nil
}

// outgoing returns the request to send: with ctx, a complete URL and no Authorization
// header, in any letter case. A provider may add credentials to such a header.
func (t *sender) outgoing(ctx context.Context, r *http.Request) (*http.Request, error) {
	if err := t.m.check(t.key); err != nil {
		return nil, err
	}
	p, out := t.m.providers[t.key.Provider], r.WithContext(ctx)
	if u := r.URL; u.Scheme == "" && u.Host == "" && u.Opaque == "" && u.User == nil {
		base := p.APIURL()
		if base == nil {
			return nil, fmt.Errorf("client: the provider %q has no API address for relative URLs (use a complete URL)", t.key.Provider)
		}
		base.Path = cmp.Or(base.Path, "/") // without it, JoinPath returns a path without the first slash
		out.URL = base.JoinPath(u.EscapedPath())
		out.URL.RawQuery, out.URL.ForceQuery = u.RawQuery, u.ForceQuery
	}
	if !p.AllowsURL(out.URL) {
		return nil, fmt.Errorf("%w: credentials for %q are not sent to %s://%s (use another http.Client, "+
			"or add the host to the provider's APIHosts)", ErrForeignHost, t.key.Provider, out.URL.Scheme, out.URL.Host)
	}
	out.Header = maps.Clone(r.Header)
	maps.DeleteFunc(out.Header, func(name string, _ []string) bool { return strings.EqualFold(name, "Authorization") })
	return out, nil
}

// unauthorized handles a 401 for a token that should be valid.
func (t *sender) unauthorized(r *http.Request, s *slot, c *cached, resp *http.Response) (*http.Response, error) {
	req := refreshRequest{bad: c.token.AccessToken}
	if !t.m.refreshable(t.key, c.token) {
		if req.dead = t.refused(resp); req.dead == nil {
			s.cur.CompareAndSwap(c, nil) // the store may have another token by now
			return resp, nil
		}
	}
	hasBody := r.Body != nil && r.Body != http.NoBody
	fresh, err := t.m.acquire(r.Context(), s, req)
	if errors.Is(err, ErrReauthRequired) || r.Context().Err() != nil {
		_ = resp.Body.Close()
		return nil, cmp.Or(r.Context().Err(), err)
	}
	again := r.WithContext(r.Context())
	if err == nil && hasBody && r.GetBody != nil {
		again.Body, err = r.GetBody()
	}
	if err != nil || hasBody && r.GetBody == nil {
		return resp, nil
	}
	_ = resp.Body.Close()
	return t.send(s, fresh, again)
}

// refused returns an error if resp refuses the token for good. The body stays readable.
func (t *sender) refused(resp *http.Response) error {
	body := resp.Body
	defer time.AfterFunc(transport.HeaderTimeout, func() { _ = body.Close() }).Stop() // the body may never arrive
	head, _ := io.ReadAll(io.LimitReader(body, 4<<10))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(strings.NewReader(string(head)), body), body}
	if !t.m.providers[t.key.Provider].RejectsToken(resp, head) {
		return nil
	}
	return &provider.Error{Kind: provider.ErrTokenRefused, Provider: t.key.Provider, Op: "api", Status: resp.StatusCode}
}

func (m *Manager) token(ctx context.Context, s *slot) (*cached, error) {
	c, now := s.cur.Load(), m.cfg.Now()
	if !c.good(now) {
		return m.acquire(ctx, s, refreshRequest{})
	}
	if now.Before(c.lookAt) {
		return c, nil
	}
	req, next := refreshRequest{old: c}, s.next.Load()
	if !c.token.Expiry.IsZero() || next > c.lookAt.UnixNano() {
		// The token still works, so the request does not wait.
		if now.UnixNano() >= next && s.next.CompareAndSwap(next, now.Add(lookPause).UnixNano()) {
			_, _, _ = m.join(s, req)
		}
		return c, nil
	}
	// The token does not expire, and the store is to be read again. Requests wait for the
	// first attempt only.
	fresh, err := m.acquire(ctx, s, req)
	if err == nil || errors.Is(err, ErrReauthRequired) {
		return fresh, err
	}
	s.next.Store(m.cfg.Now().Add(lookPause).UnixNano())
	return c, ctx.Err()
}

func (m *Manager) refreshable(key tokenstore.Key, t tokenstore.Token) bool {
	_, ok := m.providers[key.Provider].(provider.Refresher)
	return ok && t.RefreshToken != ""
}
