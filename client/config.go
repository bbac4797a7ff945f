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
	// Transport carries requests to the API. Default: a transport of the Manager, with the
	// proxy settings of the environment. Providers send refreshes and revocations
	// themselves.
	//
	// The headers of an answer must arrive within 30 seconds after the request was sent.
	// The default transport has this limit. An [*http.Transport] whose
	// ResponseHeaderTimeout is 0 is cloned, and the clone gets it. Any other Transport must
	// have its own limit. The body of an answer has no limit but the request's
	// context.
	Transport http.RoundTripper
	// RefreshBefore is how long before its expiry a token is refreshed in the background.
	// Requests use the old token meanwhile. A random part of up to a tenth, at most 30
	// seconds, is added, so that tokens of one time are not refreshed at one time. A token
	// with a shorter life is refreshed in the middle of it. Default: 5 minutes.
	RefreshBefore time.Duration
	// Lease is how long one process has the sole right to refresh a token. If that process
	// dies, the others wait for so long. Lease must be more than a second longer than
	// Timeout, so that no process asks X after its lease. Default: 30 seconds.
	Lease time.Duration
	// Timeout bounds one call to X for a refresh. Calls to the token store have the same
	// bound, but at most 5 seconds. Requests to the API are bounded by their contexts.
	// Default: 10 seconds.
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
	// leaseMargin is the end of a lease that is not for the provider's answer.
	leaseMargin = time.Second
	// storeTimeout bounds a call to the token store.
	storeTimeout = 5 * time.Second
	// revokeTimeout bounds the calls to the provider at a sign-out. The user waits for them.
	revokeTimeout = 2 * time.Second
	// headerTimeout bounds the wait for the headers of an answer of the API.
	headerTimeout = 30 * time.Second
	// maxUsers bounds the users whose tokens are held in memory.
	maxUsers = 100_000
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
		users: table{most: maxUsers, slots: make(map[tokenstore.Key]*slot)},
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
