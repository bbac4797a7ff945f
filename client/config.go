package client

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Config is what a [Manager] is made of. [New] copies it.
type Config struct {
	// Vault keeps the tokens. Required.
	Vault *tokenstore.Vault
	// Providers are those whose tokens are in Vault; at least one, no name
	// twice, and none that begins with a dot.
	Providers []provider.Provider
	// Transport carries requests to the API. Nil: a transport of the Manager's own,
	// which uses the environment's proxy settings like [http.DefaultTransport]. It
	// is not used for refreshes and revocations, which providers send themselves.
	Transport http.RoundTripper
	// RefreshBefore is how long before its expiry a token is refreshed in the
	// background, while requests go on with the old one. A random part of up to a
	// tenth, at most 30 seconds, is added, so that tokens obtained together are not
	// refreshed together. A token whose whole life is not longer is refreshed in the
	// middle of it. Default: 5 minutes.
	RefreshBefore time.Duration
	// Lease is how long one process has the sole right to refresh a token: if it
	// dies, the others wait that long. It must be more than a second longer than
	// Timeout, so that no process speaks to X after its lease. Default: 30 seconds.
	Lease time.Duration
	// Timeout bounds one call to X for a refresh. Calls to the token store during a
	// refresh get the same, but at most 5 seconds. It does not bound requests to
	// the API: their contexts do. Default: 10 seconds.
	Timeout time.Duration
	// Events is told of refreshes and revocations. Nil: nobody is.
	OnEvent event.Func
	// Logger gets lines with the keys provider, user_id and err, never a secret.
	// Nil: nothing is logged.
	Logger *slog.Logger
	// Now is the clock that tokens expire by. Default: [time.Now].
	Now func() time.Time
}

const (
	// leaseMargin is the part of a lease that is not for the provider's answer.
	leaseMargin = time.Second
	// storeTimeout bounds a call to the token store.
	storeTimeout = 5 * time.Second
	// revokeTimeout bounds telling the provider at a sign-out, which a user waits for.
	revokeTimeout = 2 * time.Second
	// maxUsers bounds the users whose tokens are held in memory.
	maxUsers = 100_000
)

// New returns a Manager. Its error tells every fault of c at once.
func New(c Config) (*Manager, error) {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("client: "+format, args...))
	}
	if c.Vault == nil {
		fault("Config.Vault is missing")
	}
	if len(c.Providers) == 0 {
		fault("Config.Providers is empty")
	}
	providers := make(map[string]provider.Provider, len(c.Providers))
	for i, p := range c.Providers {
		if p == nil {
			fault("Config.Providers[%d] is nil", i)
			continue
		}
		if strings.HasPrefix(p.Name(), ".") {
			fault("one of Config.Providers is named %q; names that begin with a dot are for entries that are no tokens", p.Name())
		}
		if _, twice := providers[p.Name()]; twice {
			fault("two of Config.Providers are named %q; give one another name", p.Name())
		}
		providers[p.Name()] = p
	}
	duration := func(name string, d *time.Duration, byDefault time.Duration) {
		if *d < 0 {
			fault("Config.%s is negative", name)
		}
		if *d == 0 {
			*d = byDefault
		}
	}
	duration("RefreshBefore", &c.RefreshBefore, 5*time.Minute)
	duration("Lease", &c.Lease, 30*time.Second)
	duration("Timeout", &c.Timeout, 10*time.Second)
	if c.Timeout+leaseMargin >= c.Lease {
		fault("Config.Lease (%v) must be more than %v longer than Config.Timeout (%v), "+
			"or two processes might refresh one token", c.Lease, leaseMargin, c.Timeout)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	var own *http.Transport
	if c.Transport == nil {
		own = newTransport()
		c.Transport = own
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return newPool(c, providers, own), nil
}

// newTransport is [http.DefaultTransport] as net/http documents it, but the Manager's
// own, and with idle connections enough for one host that all requests go to.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   100,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}
