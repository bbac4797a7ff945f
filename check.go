package xsignin

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/xplatform"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Severity is the importance of a [Finding].
type Severity string

// The severities.
const (
	// SeverityError: sign-in does not work.
	SeverityError Severity = "error"
	// SeverityWarning: sign-in may not work, or not for all visitors.
	SeverityWarning Severity = "warning"
)

// Finding is a problem that [Kit.Check] found.
type Finding struct {
	// Code is a stable word for the finding.
	Code string `json:"code"`
	// Severity is the importance.
	Severity Severity `json:"severity"`
	// Provider is the provider with the problem, or empty.
	Provider string `json:"provider,omitempty"`
	// Problem says what is wrong, and Fix what to do.
	Problem string `json:"problem"`
	Fix     string `json:"fix"`
}

// Check looks for common mistakes of deployments. It compares PublicURL with the request r,
// which may be nil, and this machine's clock with X's. It finds credentials that X refuses or
// that are in the wrong fields, a callback that is not registered, and stores that cannot be
// read. It makes up to three requests to X, which cost no credits, and one read of each store.
//
// Call it at the start or from a page for operators only: findings quote errors of stores.
// The headers of r are compared and never trusted. Check cannot find a missing callback of
// OAuth 2.0: X shows that error only to visitors.
func (k *Kit) Check(ctx context.Context, r *http.Request) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	found := k.checkConfig()
	if r != nil {
		found = append(found, k.checkRequest(r)...)
	}
	found = append(found, k.checkStores(ctx)...)
	if k.cfg.ClientID == "" && k.cfg.OAuth1.ConsumerKey == "" {
		return found // the other providers are not X
	}
	clock, reached := k.checkClock(ctx)
	found = append(found, clock...)
	if !reached {
		return found
	}
	for _, p := range k.providers {
		found = append(found, k.probe(ctx, p)...)
	}
	return found
}

// checkConfig checks settings that work but are probably mistakes. A client id of X decodes
// to a text that ends in ":1:ci". X does not promise that, so a client id of another form is
// a warning.
func (k *Kit) checkConfig() []Finding {
	var found []Finding
	if !k.cfg.secure() && !loopback.Is(k.cfg.public.Hostname()) {
		found = append(found, Finding{
			Code: "plain_http", Severity: SeverityWarning,
			Problem: "PublicURL is plain http: sessions and sign-ins are sent unencrypted.",
			Fix:     "Serve the site by https, and register that callback at X.",
		})
	}
	atX := k.cfg.X.APIURL == "" || hostname(k.cfg.X.APIURL) == "api.x.com"
	if id := k.cfg.ClientID; atX && id != "" && !xplatform.IsClientID(id) {
		found = append(found, Finding{
			Code: "client_id_shape", Severity: SeverityWarning, Provider: "x",
			Problem: "ClientID does not look like an OAuth 2.0 client id of X.",
			Fix:     "Write the API key and secret into OAuth1.ConsumerKey and OAuth1.ConsumerSecret. The client id is under OAuth 2.0 in X's console.",
		})
	}
	if xplatform.IsClientID(k.cfg.OAuth1.ConsumerKey) {
		found = append(found, Finding{
			Code: "consumer_key_shape", Severity: SeverityError, Provider: "x-oauth1",
			Problem: "OAuth1.ConsumerKey is an OAuth 2.0 client id.",
			Fix:     "Write the API key and secret there, and the client id into ClientID.",
		})
	}
	return found
}

// checkRequest compares PublicURL with a request.
func (k *Kit) checkRequest(r *http.Request) []Finding {
	var found []Finding
	public := k.cfg.public
	host := cmp.Or(r.Header.Get("X-Forwarded-Host"), r.Host)
	if !sameHost(public, host) {
		found = append(found, Finding{
			Code: "public_url_host", Severity: SeverityWarning,
			Problem: fmt.Sprintf("PublicURL has the host %s, but this request has the host %s.", public.Host, host),
			Fix: "Set PublicURL to what visitors type. If a proxy changes the Host header, ignore this. " +
				"localhost and 127.0.0.1 are two hosts, and cookies of one do not reach the other.",
		})
	}
	proto := r.Header.Get("X-Forwarded-Proto")
	https := r.TLS != nil || strings.EqualFold(proto, "https")
	switch {
	case !k.cfg.secure() && https:
		found = append(found, Finding{
			Code: "public_url_scheme", Severity: SeverityError,
			Problem: "PublicURL is http, but this request arrived by https.",
			Fix:     "Set PublicURL to the https address, and register that callback at X.",
		})
	case k.cfg.secure() && !https && (proto != "" || loopback.Is(hostname(host))):
		found = append(found, Finding{
			Code: "public_url_scheme", Severity: SeverityWarning,
			Problem: "PublicURL is https, but this request arrived by http.",
			Fix:     "Browsers send the kit's cookies by https only: redirect http to https in front of the application.",
		})
	}
	return found
}

// storeTime limits the read of a store.
const storeTime = 5 * time.Second

// checkStores reads a missing entry from each store, except for the kit's stores in memory.
func (k *Kit) checkStores(ctx context.Context) []Finding {
	var found []Finding
	fault := func(code, what, fix string, err error) {
		if err != nil && ctx.Err() == nil { // otherwise the caller has gone
			found = append(found, Finding{
				Code: code, Severity: SeverityError, Problem: fmt.Sprintf("The %s store cannot be read: %v.", what, err),
				Fix: fix + ", see docs/stores.md. Otherwise check the database and its address.",
			})
		}
	}
	missing := rand.Text() + rand.Text()[:17] // as long as scs's keys, which fill a column
	fault("session_store", "session", "If a table is missing, create it: scs makes no tables", k.readSessions(ctx, missing))
	if k.cfg.TokenStore != nil {
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		if _, err := k.cfg.TokenStore.Get(ctx, Key{Provider: ".check", UserID: missing}); !errors.Is(err, tokenstore.ErrNotFound) {
			fault("token_store", "token", "If a table is missing, create it as the store's documentation says", err)
		}
	}
	return found
}

// readSessions reads key from the session store.
func (k *Kit) readSessions(ctx context.Context, key string) error {
	store := k.cfg.Session.Store
	if k.cfg.Session.Manager != nil {
		store = k.cfg.Session.Manager.Store
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	var err error
	switch s := store.(type) {
	case nil:
	case scs.CtxStore:
		_, _, err = s.FindCtx(ctx, key)
	default:
		_, _, err = s.Find(key)
	}
	return err
}

// checkClock compares clocks by the Date of a response of the API. The second result reports
// whether X could be reached.
func (k *Kit) checkClock(ctx context.Context) ([]Finding, bool) {
	api := cmp.Or(k.cfg.X.APIURL, xplatform.APIURL)
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, api, http.NoBody)
	if err != nil {
		return nil, true
	}
	base := k.cfg.X.Transport
	if base == nil {
		own := &http.Transport{Proxy: http.ProxyFromEnvironment}
		defer own.CloseIdleConnections()
		base = own
	}
	c := &http.Client{
		Transport:     base,
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := c.Do(req)
	if err != nil {
		return []Finding{{
			Code: "unreachable", Severity: SeverityError,
			Problem: "X's API could not be reached from this machine.",
			Fix:     "Check X.APIURL, name resolution, the firewall and the proxy settings of X.Transport.",
		}}, false
	}
	_ = resp.Body.Close()
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return nil, true
	}
	if skew := time.Since(theirs); skew.Abs() > xplatform.MaxClockSkew/2 {
		f := Finding{
			Code: "clock_skew", Severity: SeverityWarning,
			Problem: fmt.Sprintf("This machine's clock differs from X's by %v.", skew.Round(time.Second)),
			Fix:     "Set the clock by NTP: X refuses OAuth 1.0a signatures with a wrong time.",
		}
		if skew.Abs() > xplatform.MaxClockSkew {
			f.Severity = SeverityError
		}
		return []Finding{f}, true
	}
	return nil, true
}

// probe begins a sign-in, or with OAuth 2.0 ends one that does not exist. X checks the
// application's credentials before it checks the rest.
func (k *Kit) probe(ctx context.Context, p provider.Provider) []Finding {
	if !provider.IsX(p) {
		return nil
	}
	var err error
	switch p.(type) {
	case provider.TokenVerifier:
		_, _, err = p.Begin(ctx, provider.Options{})
	case provider.CodeExchanger:
		const self = "self-check"
		_, _, err = p.Finish(ctx, provider.Pending{Provider: p.Name(), State: self, Secret: strings.Repeat("self-check-", 4)},
			url.Values{"state": {self}, "code": {self}})
		if errors.Is(err, provider.ErrExpired) {
			// The code is unknown, as expected, and the credentials are good.
			err = nil
		}
	default:
		return nil
	}
	if err == nil {
		return nil
	}
	return []Finding{k.explain(p.Name(), err)}
}

// explain returns the finding for the error of a probe.
func (k *Kit) explain(name string, err error) Finding {
	advice := page.AdviceFor(err, k.cfg.callback())
	f := Finding{
		Code: advice.Code, Severity: SeverityError, Provider: name,
		Problem: advice.Problem, Fix: strings.ToUpper(advice.Fix[:1]) + advice.Fix[1:] + ".",
	}
	if errors.Is(err, provider.ErrRateLimited) || errors.Is(err, provider.ErrUnavailable) {
		f.Severity = SeverityWarning
	}
	return f
}

// sameHost reports whether host, as in a Host header, is the host of u.
func sameHost(u *url.URL, host string) bool {
	other := &url.URL{Scheme: u.Scheme, Host: strings.ToLower(host)}
	return strings.EqualFold(u.Hostname(), other.Hostname()) && port(u) == port(other)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// hostname returns the host name of a URL or of a Host header.
func hostname(s string) string {
	if u, err := url.Parse(s); err == nil && u.Host != "" {
		return u.Hostname()
	}
	return (&url.URL{Host: s}).Hostname()
}
