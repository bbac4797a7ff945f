package client

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Config has the settings of a [Manager]. [New] copies it.
type Config struct {
	// Vault stores the tokens. Required.
	Vault *tokenstore.Vault
	// Providers are the providers of the tokens in Vault. At least one is required. Names
	// must be unique, must not begin with a dot, and have no colon.
	Providers []provider.Provider
	// Transport carries requests to the API. Providers send refreshes and revocations
	// themselves. Default: a transport of the Manager, with the proxy settings of the
	// environment.
	//
	// The default and an [*http.Transport] whose ResponseHeaderTimeout is 0, which is cloned,
	// wait 30 seconds for the headers of an answer. Any other Transport must have its own
	// limit. The body of an answer has no limit but the request's context.
	Transport http.RoundTripper
	// RefreshBefore is how long before its expiry a token is refreshed in the background,
	// while requests use the old token. A random part of up to a tenth, at most 30 seconds,
	// is added. It is at most half of the token's life. Default: 5 minutes.
	RefreshBefore time.Duration
	// Lease is how long one process has the sole right to refresh a token, also if it dies.
	// It must be more than a second longer than Timeout. Default: 30 seconds.
	Lease time.Duration
	// Timeout bounds one call to X for a refresh. Calls to the token store have the same
	// bound, but at most 5 seconds. Default: 10 seconds.
	Timeout time.Duration
	// OnEvent gets an event for each refresh and revocation. Default: none.
	OnEvent event.Func
	// Logger gets lines with the keys provider, user_id and err, without secrets. Default:
	// no log.
	Logger *slog.Logger
	// Now is the clock for the expiry of tokens. Default: [time.Now].
	Now func() time.Time
}

const (
	leaseMargin   = time.Second // the end of a lease that is not for the provider's answer
	storeTimeout  = 5 * time.Second
	undoTimeout   = 2 * time.Second // the user waits for it after a failed write
	revokeTimeout = 2 * time.Second // the user waits for it at a sign-out
	headerTimeout = 30 * time.Second
	maxAccounts   = 100_000 // whose tokens are held in memory
)

// New returns a Manager. It reports all configuration errors at once.
func New(c Config) (*Manager, error) {
	faults := configerr.For("client")
	if c.Vault == nil {
		faults.Add("Config.Vault", "is missing")
	}
	if len(c.Providers) == 0 {
		faults.Add("Config.Providers", "is empty")
	}
	m := &Manager{
		vault: c.Vault, providers: make(map[string]provider.Provider), spaces: make(map[string]string),
		events: c.OnEvent, logger: c.Logger, now: c.Now,
		users: table{most: maxAccounts, slots: make(map[tokenstore.Key]*slot)},
	}
	for i, p := range c.Providers {
		field := fmt.Sprintf("Config.Providers[%d]", i)
		if p == nil {
			faults.Add(field, "is nil")
			continue
		}
		faults.CheckProviderName(field, p.Name())
		if m.providers[p.Name()] != nil {
			faults.Add(field, "has the name %q of another provider", p.Name())
		}
		m.providers[p.Name()] = p
		if provider.IsX(p) {
			m.spaces[p.Name()] = xSpace
		}
	}
	duration := func(name string, d, byDefault time.Duration) time.Duration {
		if d < 0 {
			faults.Add("Config."+name, "is negative")
		}
		return cmp.Or(d, byDefault)
	}
	m.refreshBefore = duration("RefreshBefore", c.RefreshBefore, 5*time.Minute)
	m.lease = duration("Lease", c.Lease, 30*time.Second)
	m.timeout = duration("Timeout", c.Timeout, 10*time.Second)
	if m.timeout+leaseMargin >= m.lease {
		faults.Add("Config.Lease", "(%v) must be more than %v longer than Config.Timeout (%v), "+
			"or two processes might refresh one token", m.lease, leaseMargin, m.timeout)
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	m.bindTransport(c.Transport)
	if m.logger == nil {
		m.logger = slog.New(slog.DiscardHandler)
	}
	if m.now == nil {
		m.now = time.Now
	}
	m.base, m.cancel = context.WithCancel(context.Background())
	m.stopping, m.stop = context.WithCancel(context.Background())
	return m, nil
}

// bindTransport sets the transport to one that does not wait for headers without end. A
// transport of the Manager is one whose idle connections Close has to close.
func (m *Manager) bindTransport(t http.RoundTripper) {
	m.transport = t
	switch t := t.(type) {
	case nil:
		m.own = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			ForceAttemptHTTP2:   true,
			MaxIdleConns:        100,
			MaxIdleConnsPerHost: 100, // all requests go to few hosts
			IdleConnTimeout:     90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second,
		}
	case *http.Transport:
		if t.ResponseHeaderTimeout != 0 {
			return
		}
		m.own = t.Clone()
	default:
		return
	}
	m.own.ResponseHeaderTimeout = headerTimeout
	m.transport = m.own
}
