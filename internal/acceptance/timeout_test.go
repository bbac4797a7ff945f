package acceptance_test

import (
	"cmp"
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// hanging are calls that return nothing before their contexts end.
type hanging struct{ sessions, tokens, hook atomic.Bool }

func (h *hanging) in(ctx context.Context, part *atomic.Bool) error {
	if part.Load() {
		<-ctx.Done()
	}
	return ctx.Err()
}

type hangingSessions struct {
	scs.Store
	*hanging
}

func (s hangingSessions) FindCtx(ctx context.Context, key string) ([]byte, bool, error) {
	if err := s.in(ctx, &s.sessions); err != nil {
		return nil, false, err
	}
	return s.Find(key)
}

func (s hangingSessions) CommitCtx(ctx context.Context, key string, b []byte, expiry time.Time) error {
	if err := s.in(ctx, &s.sessions); err != nil {
		return err
	}
	return s.Commit(key, b, expiry)
}

func (s hangingSessions) DeleteCtx(ctx context.Context, key string) error {
	if err := s.in(ctx, &s.sessions); err != nil {
		return err
	}
	return s.Delete(key)
}

type hangingTokens struct {
	tokenstore.Store
	*hanging
}

func (s hangingTokens) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Entry, error) {
	if err := s.in(ctx, &s.tokens); err != nil {
		return tokenstore.Entry{}, err
	}
	return s.Store.Get(ctx, key)
}

func (s hangingTokens) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	if err := s.in(ctx, &s.tokens); err != nil {
		return "", err
	}
	return s.Store.Replace(ctx, key, v, value)
}

// TestTimeoutLimitsEachAnswer measures how long the visitor waits while one part hangs.
func TestTimeoutLimitsEachAnswer(t *testing.T) {
	callback := func(login string) func(*site, *browser) func() answer {
		return func(_ *site, b *browser) func() answer {
			address := b.Approve(b.Begin(login), xtest.DefaultUserID)
			return func() answer { return b.Get(address) }
		}
	}
	begin := func(_ *site, b *browser) func() answer {
		return func() answer { return b.Get("/auth/login/x-oauth1") }
	}
	signOut := func(_ *site, b *browser) func() answer {
		return func() answer { return b.Send(http.MethodPost, "/auth/logout", nil) }
	}
	native := func(s *site, b *browser) func() answer {
		f := s.code(xtest.DefaultUserID)
		return func() answer { return b.native(f) }
	}
	for _, tt := range []struct {
		name, part string
		act        func(*site, *browser) func() answer
		status     int
		atMost     time.Duration // or 0 for the limit
	}{
		{"the login", "/oauth/request_token", begin, 504, 0},
		{"a callback, at the token", "/2/oauth2/token", callback("/auth/login"), 504, 0},
		{"a callback, at the user", "/2/users/me", callback("/auth/login"), 504, 0},
		{"a callback of OAuth 1.0a", "/oauth/access_token", callback("/auth/login/x-oauth1"), 504, 0},
		{"a callback, at the tokens", "tokens", callback("/auth/login"), 503, 0},
		{"a callback, at the sessions", "sessions", callback("/auth/login"), 503, 0},
		{"a callback, at the hook", "hook", callback("/auth/login"), 503, 0},
		{"a program, at the token", "/2/oauth2/token", native, 503, 0},
		{"a program, at the tokens", "tokens", native, 503, 0},
		{"a sign-out, at X", "/2/oauth2/revoke", signOut, 303, 7 * time.Second},
		{"a sign-out, at the tokens", "tokens", signOut, 303, 7 * time.Second},
		{"a sign-out, at the sessions", "sessions", signOut, 503, 7 * time.Second},
	} {
		for _, limit := range []time.Duration{time.Second, 0} {
			t.Run(tt.name+", "+limit.String(), func(t *testing.T) {
				hangs := &hanging{}
				s := newSite(t, func(c *xsignin.Config) {
					c.Advanced.Timeout = limit
					c.Session.Store, c.TokenStore = hangingSessions{c.Session.Store, hangs}, hangingTokens{c.TokenStore, hangs}
					c.OnSignIn = func(ctx context.Context, _ *xsignin.SignIn) error { return hangs.in(ctx, &hangs.hook) }
					c.Advanced.Native.RedirectURIs = []string{nativeURI}
				})
				s.X.SetCallbacks(s.Public+"/auth/callback", nativeURI)
				s.Bubble(func() {
					b := s.browser()
					b.SignIn("/auth/login", xtest.DefaultUserID)
					act := tt.act(s, b)
					switch tt.part {
					case "sessions":
						hangs.sessions.Store(true)
					case "tokens":
						hangs.tokens.Store(true)
					case "hook":
						hangs.hook.Store(true)
					default:
						s.X.Fail(xtest.Fault{Path: tt.part, Delay: time.Hour})
					}
					begun, atMost := time.Now(), cmp.Or(tt.atMost, limit, 10*time.Second)
					a := act()
					if took := time.Since(begun); took > atMost || took < time.Second || a.StatusCode != tt.status {
						t.Errorf("status %d after %v, want %d after %v at most", a.StatusCode, took, tt.status, atMost)
					}
					hangs.sessions.Store(false)
					hangs.tokens.Store(false)
				})
			})
		}
	}
}
