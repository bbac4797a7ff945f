package client

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Manager gives clients that act for users, and keeps their tokens fresh. It holds a
// token in memory, so that the store is not read once a request: the store is read
// once per token until it expires or X refuses it, or every five minutes for one that
// does not expire, as those of OAuth 1.0a. While the store is away the token in memory
// serves on, and the reading is tried again every minute. Tokens of up to 100,000
// users are held; those not used lately are dropped first. Another replica's change of
// an entry is therefore seen at the next reading, when the token in memory fails, or
// at the calls that say so.
//
// Goroutines may share a Manager. It prints no secret.
type Manager struct {
	vault        *tokenstore.Vault
	providers    map[string]provider.Provider
	transport    http.RoundTripper
	own          *http.Transport // transport where the Pool made it, else nil
	refreshAhead time.Duration
	lease        time.Duration
	timeout      time.Duration
	events       event.Func
	log          *slog.Logger
	now          func() time.Time

	users table

	// base is the context of work in the background; it ends with Close. Requests'
	// contexts would end a refresh halfway.
	base   context.Context
	cancel context.CancelFunc

	closed atomic.Bool
	// stopping ends when Close begins. Pauses end with it, and calls under way go on.
	stopping context.Context
	stop     context.CancelFunc
	mu       sync.Mutex // guards closing against spawn
	wg       sync.WaitGroup
}

func newPool(c Config, providers map[string]provider.Provider, own *http.Transport) *Manager {
	p := &Manager{
		vault: c.Vault, providers: providers, transport: c.Transport, own: own,
		refreshAhead: c.RefreshBefore, lease: c.Lease, timeout: c.Timeout,
		events: c.OnEvent, log: c.Logger, now: c.Now,
	}
	p.users.slots, p.users.most = make(map[tokenstore.Key]*slot), maxUsers
	p.base, p.cancel = context.WithCancel(context.Background())
	p.stopping, p.stop = context.WithCancel(context.Background())
	return p
}

// Client returns the client that acts for key. It reads nothing before its first
// request, costs little and need not be kept.
//
// It is an ordinary client without cookie jar and timeout: requests end with their
// contexts. It puts the user's credentials in place of any Authorization header,
// and only on requests to the provider's API; any other address fails with a
// [*ForeignHostError] and nothing is sent. So does a redirect to one, in place of
// its answer. The Request of an answer is the caller's, without the credentials.
//
// A 401 for a token that should be valid makes one refresh and, where the request
// has no body or a GetBody, one retry; it is passed on where a refresh is not
// possible at the moment. Nothing else is retried. Where the token has no refresh
// token, a 401 is passed on as well, unless the provider is a [provider.TokenRejecter] and
// finds in its first 4 KiB that the token is refused for good: that is
// [ErrReauthRequired], and the provider is not asked again.
func (p *Manager) Client(key tokenstore.Key) *http.Client { return p.ClientOf(key, "") }

// ClientOf is [Manager.Client] for a session of the account accountID: an application may
// link several accounts to one subject, and the token that is stored is that of the
// last to sign in. Where its AccountID names another account, requests fail with
// [ErrReauthRequired] and nothing is sent; the store is read before that is said, as the
// account may have signed in on another replica. A token without AccountID serves any
// account, and an empty accountID takes any token.
func (p *Manager) ClientOf(key tokenstore.Key, accountID string) *http.Client {
	return &http.Client{Transport: &transport{pool: p, provider: p.providers[key.Provider], key: key, account: accountID}}
}

// Close stops background work and waits for the refreshes under way, so that none
// is cut off between X and the store. When ctx ends before they do, they are
// cancelled and Close returns ctx's error; a token may be lost by that. In any case
// no goroutine of the Manager is left when it returns. Requests and calls made
// afterwards fail with [ErrClosed]. Closing twice is harmless.
func (p *Manager) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed.Swap(true) {
		p.stop()
	}
	p.mu.Unlock()

	done := make(chan struct{})
	go func() { p.wg.Wait(); close(done) }()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("client: closed before the refreshes under way had ended: %w", ctx.Err())
		p.cancel()
		<-done
	}
	p.cancel()
	if p.own != nil {
		p.own.CloseIdleConnections()
	}
	return err
}

// spawn runs f in the background, unless the Manager is closed.
func (p *Manager) spawn(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return false
	}
	p.wg.Go(f)
	return true
}

// pause waits for d, and reports false when the Manager is closed before.
func (p *Manager) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.stopping.Done():
		return false
	}
}

// storeContext is for one call to the store on behalf of the Manager.
func (p *Manager) storeContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.base, p.storeTimeout())
}

func (p *Manager) storeTimeout() time.Duration { return min(storeTimeout, p.timeout) }

// tell fills in an event and passes it on.
func (p *Manager) tell(ctx context.Context, kind event.Kind, key tokenstore.Key, took time.Duration, err error) {
	e := event.Event{Kind: kind, Time: p.now(), Duration: took, Provider: key.Provider, UserID: key.UserID, Err: err}
	if err != nil {
		e.Cause = cause(err)
	}
	p.events.Tell(ctx, e)
}

func (p *Manager) logLine(level slog.Level, text string, key tokenstore.Key, err error) {
	attrs := []slog.Attr{slog.String("provider", key.Provider), slog.String("user_id", key.UserID)}
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	}
	p.log.LogAttrs(p.base, level, "client: "+text, attrs...)
}

// Format implements [fmt.Formatter], so that no verb prints a token.
func (p *Manager) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "client.Manager(%d users)", p.users.len())
}

// LogValue implements [slog.LogValuer].
func (p *Manager) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(p)) }
