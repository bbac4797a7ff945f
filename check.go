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

// Severity says how much a [Finding] matters.
type Severity string

// The severities.
const (
	// SeverityError: sign-in does not work.
	SeverityError Severity = "fault"
	// SeverityWarning: sign-in may not work, or not for everybody.
	SeverityWarning Severity = "warning"
)

// Finding is something that [Kit.Check] found amiss.
type Finding struct {
	// Code is a stable word for the finding.
	Code string `json:"code"`
	// Severity says how much it matters.
	Severity Severity `json:"severity"`
	// Provider is the provider concerned; empty for all.
	Provider string `json:"provider,omitempty"`
	// Problem says what is amiss, Fix how to mend it.
	Problem string `json:"problem"`
	Fix     string `json:"fix"`
}

// Check looks for what deployments get wrong, and says how to mend each: the public URL
// against a request as it arrives, this machine's clock against X's, kinds of credentials
// mixed up or refused, a callback that is not registered, stores that cannot be read. It asks
// X up to three questions that cost no credits and sign nobody in, and each store for an entry
// that is not there, so call it at start or from an operator's page, not for every visitor.
// What a store says is in the finding, so that page is for operators alone. r may be nil; its
// headers are compared and never trusted.
//
// No findings means that nothing was found. OAuth 2.0's callback cannot be checked from
// here: X shows that fault to the visitor only.
func (k *Kit) Check(ctx context.Context, r *http.Request) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	found := k.checkRequest(r)
	found = append(found, k.checkShapes()...)
	found = append(found, k.checkStores(ctx)...)
	if k.cfg.ClientID == "" && k.cfg.OAuth1.ConsumerKey == "" {
		return found // other providers are not X's
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

// checkRequest looks at PublicURL, and compares it with how a request arrived.
func (k *Kit) checkRequest(r *http.Request) []Finding {
	var found []Finding
	public := k.cfg.public
	if public.Scheme == "http" && !loopback.Is(public.Hostname()) {
		found = append(found, Finding{
			Code: "plain_http", Severity: SeverityWarning,
			Problem: "PublicURL is plain http: sessions and sign-ins go over the network in clear.",
			Fix:     "Serve the site by https, and register that callback at X.",
		})
	}
	if r == nil {
		return found
	}
	host := r.Host
	if fwd := r.Header.Get("X-Forwarded-Host"); fwd != "" {
		host = fwd
	}
	if !sameHost(public, host) {
		found = append(found, Finding{
			Code: "public_url_host", Severity: SeverityWarning,
			Problem: fmt.Sprintf("PublicURL names the host %s, but this request came to %s.", public.Host, host),
			Fix: "Set PublicURL to what visitors type. If a proxy changes the Host header on the way, nothing is amiss; " +
				"localhost and 127.0.0.1 are two hosts, and cookies of one do not reach the other.",
		})
	}
	proto := r.Header.Get("X-Forwarded-Proto")
	arrived := "http"
	if r.TLS != nil || strings.EqualFold(proto, "https") {
		arrived = "https"
	}
	switch {
	case public.Scheme == "http" && arrived == "https":
		found = append(found, Finding{
			Code: "public_url_scheme", Severity: SeverityError,
			Problem: "PublicURL is http, but this request came by https.",
			Fix:     "Set PublicURL to the https address, and register that callback at X.",
		})
	case public.Scheme == "https" && arrived == "http" && (proto != "" || loopback.Is(hostname(host))):
		found = append(found, Finding{
			Code: "public_url_scheme", Severity: SeverityWarning,
			Problem: "PublicURL is https, but this request came by http.",
			Fix:     "Browsers send the kit's cookies by https only: redirect http to https in front of the application.",
		})
	}
	return found
}

// checkShapes looks for an API key where a client id belongs, and the reverse. An OAuth
// 2.0 client id of X decodes to something that ends in ":1:ci"; this is a hint, since X
// does not promise it, and another server's ids look as they like.
func (k *Kit) checkShapes() []Finding {
	var found []Finding
	atX := k.cfg.X.APIURL == "" || hostname(k.cfg.X.APIURL) == "api.x.com"
	if id := k.cfg.ClientID; atX && id != "" && !xplatform.IsClientID(id) {
		found = append(found, Finding{
			Code: "client_id_shape", Severity: SeverityWarning, Provider: "x",
			Problem: "ClientID does not look like an OAuth 2.0 client id of X.",
			Fix:     "The API key and secret belong into ConsumerKey and ConsumerSecret; the client id is under OAuth 2.0 in X's console.",
		})
	}
	if xplatform.IsClientID(k.cfg.OAuth1.ConsumerKey) {
		found = append(found, Finding{
			Code: "consumer_key_shape", Severity: SeverityError, Provider: "x-oauth1",
			Problem: "ConsumerKey is an OAuth 2.0 client id.",
			Fix:     "Use the API key and secret here, and the client id in ClientID.",
		})
	}
	return found
}

// storeTime is how long a store may take.
const storeTime = 5 * time.Second

// checkStores reads an entry from each store, by a key that nothing has. Stores in memory
// of the kit's own need not be asked.
func (k *Kit) checkStores(ctx context.Context) []Finding {
	var found []Finding
	fault := func(code, what, fix string, err error) {
		if err != nil && ctx.Err() == nil { // else it is the caller who has gone
			found = append(found, Finding{
				Code: code, Severity: SeverityError, Problem: fmt.Sprintf("The %s store cannot be read: %v.", what, err),
				Fix: fix + ", see docs/stores.md. If none is missing, look at the database and its address.",
			})
		}
	}
	nothing := rand.Text() + rand.Text()[:17] // as long as scs's keys, which fill a column
	fault("session_store", "session", "If a table is missing, make it: scs makes no tables", k.readSessions(ctx, nothing))
	if k.cfg.TokenStore != nil {
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		if _, err := k.cfg.TokenStore.Get(ctx, Key{Provider: ".check", UserID: nothing}); !errors.Is(err, tokenstore.ErrNotFound) {
			fault("token_store", "token", "If a table is missing, make it as the store's own documentation says", err)
		}
	}
	return found
}

// readSessions looks for key in the session store.
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

// checkClock compares clocks by the Date of any answer of the API. The second result says
// whether there was one.
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
			Fix:     "Check APIURL, name resolution, the firewall and the proxy settings of Transport.",
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
			Fix:     "Keep the clock right by NTP: X refuses OAuth 1.0a signatures with a wrong time.",
		}
		if skew.Abs() > xplatform.MaxClockSkew {
			f.Severity = SeverityError
		}
		return []Finding{f}, true
	}
	return nil, true
}

// probe begins, or for OAuth 2.0 ends, a sign-in that is nobody's: X looks at the
// application's credentials before it looks at the rest.
func (k *Kit) probe(ctx context.Context, p provider.Provider) []Finding {
	if !provider.IsX(p) {
		return nil
	}
	var err error
	switch p.(type) {
	case *provider.OAuth1:
		_, _, err = p.Begin(ctx, provider.Options{})
	case *provider.OAuth2:
		const self = "self-check"
		_, _, err = p.Finish(ctx, provider.Pending{Provider: p.Name(), State: self, Secret: strings.Repeat("self-check-", 4)},
			url.Values{"state": {self}, "code": {self}})
		if errors.Is(err, provider.ErrExpired) {
			// The code is unknown, as it should be, and the credentials are good.
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

// hostname is the host name in a URL or in a Host header.
func hostname(s string) string {
	if u, err := url.Parse(s); err == nil && u.Host != "" {
		return u.Hostname()
	}
	return (&url.URL{Host: s}).Hostname()
}
