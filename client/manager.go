package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/internal/transport"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Config has the settings of a [Manager]. [New] copies it.
type Config struct {
	// Vault stores the tokens. Required.
	Vault *tokenstore.Vault
	// Providers are the providers of the tokens in Vault. At least one is required. Names
	// are unique, do not begin with a dot, and have no colon.
	Providers []provider.Provider
	// Transport carries requests to the API. Providers send refreshes and revocations
	// themselves. Default: a transport of the Manager, with the proxies of the environment.
	// The default and an [*http.Transport] without ResponseHeaderTimeout, which is cloned,
	// wait 30 seconds for the headers of an answer. Only the request's context limits its body.
	Transport http.RoundTripper
	// RefreshBefore is how long before its expiry a token is refreshed in the background,
	// while requests use the old token. A random time of up to a tenth of it, at most
	// 30 seconds, is added. It is at most half of the token's life. Default: 5 minutes.
	RefreshBefore time.Duration
	// Timeout limits one call to X for a refresh. Calls to the token store have the same
	// limit, but at most 5 seconds. If a process dies during a refresh, other processes wait for
	// up to three times as long, and at least two seconds longer. Default: 10 seconds.
	Timeout time.Duration
	// OnEvent gets an event for each refresh and revocation. Default: none.
	OnEvent event.Func
	// Logger gets lines with the keys provider, user_id and err, without secrets. Default: none.
	Logger *slog.Logger
	// Now is the clock for the expiry of tokens. Default: [time.Now].
	Now func() time.Time
}

const (
	leaseMargin   = time.Second // at a lease's end, for storing the provider's answer
	storeTimeout  = 5 * time.Second
	revokeTimeout = 2 * time.Second // the user waits for it, and for the undoing of a sign-in
	maxAccounts   = 100_000         // whose tokens are held in memory
)

// Manager makes clients that act for users, and keeps their tokens fresh.
//
// A Manager holds the tokens of up to 100,000 accounts in memory. It reads a token from the
// store again when the token expires or X refuses it, or after five minutes if the token
// does not expire. While the store is unavailable, the token in memory stays in use. A Manager
// sees changes by other replicas at its next read, or in calls whose documentation says so.
//
// Goroutines may share a Manager. It prints no secret.
type Manager struct {
	cfg       Config // with its defaults
	providers map[string]provider.Provider
	spaces    map[string]string // of providers that share accounts, see space
	own       *http.Transport   // cfg.Transport, if the Manager made it
	lease     time.Duration
	users     table

	base     context.Context // of background work: Close ends it last
	cancel   context.CancelFunc
	stopping context.Context // ends when Close begins, and pauses with it
	stop     context.CancelFunc
	mu       sync.Mutex // guards stop against spawn
	wg       sync.WaitGroup
	cut      atomic.Bool // Close has ended base during background work
}

// New returns a Manager. It reports all configuration errors at once.
func New(c Config) (*Manager, error) {
	faults := configerr.For("client")
	faults.AddIf(c.Vault == nil, "Config.Vault", "is missing")
	faults.AddIf(len(c.Providers) == 0, "Config.Providers", "is empty")
	faults.AddIf(c.RefreshBefore < 0, "Config.RefreshBefore", "is negative")
	faults.AddIf(c.Timeout < 0, "Config.Timeout", "is negative")
	c.RefreshBefore = cmp.Or(c.RefreshBefore, 5*time.Minute)
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	m := &Manager{
		cfg: c, lease: max(3*c.Timeout, c.Timeout+2*leaseMargin),
		providers: configerr.Providers(faults, c.Providers), spaces: make(map[string]string),
		users: table{most: maxAccounts, slots: make(map[tokenstore.Key]*slot)},
	}
	for name, p := range m.providers {
		if provider.IsX(p) {
			m.spaces[name] = "x"
		}
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	m.cfg.Transport = cmp.Or[http.RoundTripper](c.Transport, transport.New())
	if t, ok := m.cfg.Transport.(*http.Transport); ok && (c.Transport == nil || t.ResponseHeaderTimeout == 0) {
		m.own = t.Clone()
		m.own.ResponseHeaderTimeout = transport.HeaderTimeout
		m.cfg.Transport = m.own
	}
	m.base, m.cancel = context.WithCancel(context.Background())
	m.stopping, m.stop = context.WithCancel(context.Background())
	return m, nil
}

// Client returns the client that acts for the account of key. It reads nothing before its
// first request. Requests end with ctx, such as the context of a visitor's request, and with
// their own contexts. The client has no cookie jar and no timeout, see [Config.Transport].
//
// The client replaces any Authorization header by the user's credentials. It sends requests
// only to the provider's API, also those with a relative URL such as /2/users/me. Any other
// URL, also of a redirect, fails with [ErrForeignHost]. The Request of an answer is the
// caller's, without the credentials.
//
// A 401 for a token that should be valid causes one refresh. The request is retried once if it
// has no body or a GetBody. Nothing else is retried. The 401 is returned if a refresh is not
// possible now. If [provider.Provider.RejectsToken] is true for a token without a
// refresh token, the error is [ErrReauthRequired].
//
// Without key.AccountID every request fails. The requests of a nil Manager's client fail with
// [ErrNoUser].
func (m *Manager) Client(ctx context.Context, key tokenstore.Key) *http.Client {
	return &http.Client{Transport: &sender{m: m, key: key, ctx: ctx}}
}

// check returns an error if the Manager is closed or cannot have a token of key.
func (m *Manager) check(key tokenstore.Key) error {
	switch {
	case m == nil:
		return ErrNoUser
	case m.stopping.Err() != nil:
		return ErrClosed
	case m.providers[key.Provider] == nil:
		return fmt.Errorf("client: no provider is named %q (the names are %q; use user.Key() of the user who signed in)",
			key.Provider, slices.Sorted(maps.Keys(m.providers)))
	case key.AccountID == "":
		return errNoAccount
	}
	return nil
}

// Close stops background work and waits for refreshes in progress, so that no new token is
// lost before it is stored. If ctx ends first, Close cancels them and returns ctx's error.
// No goroutine of the Manager remains when Close returns. Later requests and calls fail with
// [ErrClosed]. Closing twice is harmless.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.stop()
	m.mu.Unlock()

	stop := context.AfterFunc(ctx, m.cancel)
	m.wg.Wait()
	stop()
	m.cancel()
	if m.own != nil {
		m.own.CloseIdleConnections()
	}
	if m.cut.Load() && ctx.Err() != nil {
		return fmt.Errorf("client: closed before the refreshes in progress had ended: %w", ctx.Err())
	}
	return nil
}

// spawn runs f in the background, unless the Manager is closed.
func (m *Manager) spawn(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopping.Err() != nil {
		return false
	}
	m.wg.Go(f)
	return true
}

// ended is called at the end of background work. It records whether Close has cut it off.
func (m *Manager) ended() {
	if m.base.Err() != nil {
		m.cut.Store(true)
	}
}

// pause waits for d. It returns false if the Manager is closed meanwhile.
func (m *Manager) pause(d time.Duration) bool {
	ctx, cancel := context.WithTimeout(m.stopping, d)
	defer cancel()
	<-ctx.Done()
	return m.stopping.Err() == nil
}

func (m *Manager) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, min(storeTimeout, m.cfg.Timeout))
}

// retry calls write until its error is not [tokenstore.ErrConflict], after random pauses.
func retry(write func() error) error {
	for failures := range 50 {
		if err := write(); !errors.Is(err, tokenstore.ErrConflict) {
			return err
		}
		time.Sleep(rand.N(time.Millisecond << min(failures, 6)))
	}
	return errors.New("the entry changes all the time")
}

func (m *Manager) log(key tokenstore.Key, level slog.Level, text string, err error) {
	m.cfg.Logger.Log(m.base, level, "client: "+text, "provider", key.Provider, "user_id", key.UserID, "err", err)
}

func (m *Manager) tell(ctx context.Context, key tokenstore.Key, kind event.Kind, began time.Time, err error) {
	m.cfg.OnEvent.Tell(ctx, event.Event{
		Kind: kind, Time: m.cfg.Now(), Duration: time.Since(began),
		Provider: key.Provider, UserID: key.UserID, Cause: cause(err), Err: err,
	})
}

// Format implements [fmt.Formatter], so that no verb prints a token.
func (m *Manager) Format(f fmt.State, _ rune) { redact.Format(f, m) }

// LogValue implements [slog.LogValuer].
func (m *Manager) LogValue() slog.Value { return redact.Value("client.Manager") }
