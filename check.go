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
	found := append(k.checkConfig(r), k.checkStores(ctx)...)
	if k.cfg.ClientID == "" && k.cfg.OAuth1.ConsumerKey == "" {
		return found // the other providers are not X
	}
	if f := k.checkClock(ctx); f.Code != "" {
		found = append(found, f)
		if f.Code == "unreachable" {
			return found
		}
	}
	for _, p := range k.providers {
		if err := probe(ctx, p); err != nil {
			advice := page.AdviceFor(err, k.cfg.callback())
			f := Finding{advice.Code, SeverityError, p.Name(), advice.Problem, strings.ToUpper(advice.Fix[:1]) + advice.Fix[1:] + "."}
			if errors.Is(err, provider.ErrRateLimited) || errors.Is(err, provider.ErrUnavailable) {
				f.Severity = SeverityWarning
			}
			found = append(found, f)
		}
	}
	return found
}

// checkConfig checks settings that work but are probably mistakes, and compares PublicURL with
// a request. A client id of X decodes to a text that ends in ":1:ci". X does not promise that,
// so a client id of another form is a warning.
func (k *Kit) checkConfig(r *http.Request) (found []Finding) {
	public, secure, id := k.cfg.public, k.cfg.secure(), k.cfg.ClientID
	atX := k.cfg.X.APIURL == "" || hostname(k.cfg.X.APIURL) == "api.x.com"
	host, proto, https := public.Host, "", secure
	if r != nil {
		host = cmp.Or(r.Header.Get("X-Forwarded-Host"), r.Host)
		proto = r.Header.Get("X-Forwarded-Proto")
		https = r.TLS != nil || strings.EqualFold(proto, "https")
	}
	for _, f := range []struct {
		applies bool
		Finding
	}{
		{!secure && !loopback.Is(public.Hostname()), Finding{
			"plain_http", SeverityWarning, "",
			"PublicURL is plain http: sessions and sign-ins are sent unencrypted.",
			"Serve the site by https, and register that callback at X.",
		}},
		{atX && id != "" && !xplatform.IsClientID(id), Finding{
			"client_id_shape", SeverityWarning, "x",
			"ClientID does not look like an OAuth 2.0 client id of X.",
			"Write the API key and secret into OAuth1.ConsumerKey and OAuth1.ConsumerSecret. " +
				"The client id is under OAuth 2.0 in X's console.",
		}},
		{xplatform.IsClientID(k.cfg.OAuth1.ConsumerKey), Finding{
			"consumer_key_shape", SeverityError, "x-oauth1",
			"OAuth1.ConsumerKey is an OAuth 2.0 client id.",
			"Write the API key and secret there, and the client id into ClientID.",
		}},
		{!sameHost(public, host), Finding{
			"public_url_host", SeverityWarning, "",
			fmt.Sprintf("PublicURL has the host %s, but this request has the host %s.", public.Host, host),
			"Set PublicURL to what visitors type. If a proxy changes the Host header, ignore this. " +
				"localhost and 127.0.0.1 are two hosts, and cookies of one do not reach the other.",
		}},
		{!secure && https, Finding{
			"public_url_scheme", SeverityError, "",
			"PublicURL is http, but this request arrived by https.",
			"Set PublicURL to the https address, and register that callback at X.",
		}},
		{secure && !https && (proto != "" || loopback.Is(hostname(host))), Finding{
			"public_url_scheme", SeverityWarning, "",
			"PublicURL is https, but this request arrived by http.",
			"Browsers send the kit's cookies by https only: redirect http to https in front of the application.",
		}},
	} {
		if f.applies {
			found = append(found, f.Finding)
		}
	}
	return found
}

// checkStores reads a missing entry from each store, except for the kit's stores in memory.
func (k *Kit) checkStores(ctx context.Context) (found []Finding) {
	missing := rand.Text() + rand.Text()[:17] // as long as scs's keys, which fill a column
	read := func(code, what, fix string, find func(ctx context.Context) error) {
		ctx2, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if err := find(ctx2); err != nil && ctx.Err() == nil { // otherwise the caller has gone
			found = append(found, Finding{
				code, SeverityError, "", fmt.Sprintf("The %s store cannot be read: %v.", what, err),
				"If a table is missing, create it" + fix + ", see docs/stores.md. Otherwise check the database and its address.",
			})
		}
	}
	read("session_store", "session", ": scs makes no tables", func(ctx context.Context) (err error) {
		store := k.cfg.Session.Store
		if k.cfg.Session.Manager != nil {
			store = k.cfg.Session.Manager.Store
		}
		switch s := store.(type) {
		case nil:
		case scs.CtxStore:
			_, _, err = s.FindCtx(ctx, missing)
		default:
			_, _, err = s.Find(missing)
		}
		return err
	})
	if k.cfg.TokenStore != nil {
		read("token_store", "token", " as the store's documentation says", func(ctx context.Context) error {
			_, err := k.cfg.TokenStore.Get(ctx, Key{Provider: ".check", UserID: missing})
			if errors.Is(err, tokenstore.ErrNotFound) {
				return nil
			}
			return err
		})
	}
	return found
}

// checkClock compares clocks by the Date of a response of the API. Without a finding the
// result is zero.
func (k *Kit) checkClock(ctx context.Context) (f Finding) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, cmp.Or(k.cfg.X.APIURL, xplatform.APIURL), http.NoBody)
	if err != nil {
		return f
	}
	req.Close = true
	resp, err := cmp.Or[http.RoundTripper](k.cfg.X.Transport, http.DefaultTransport).RoundTrip(req)
	if err != nil {
		return Finding{
			"unreachable", SeverityError, "", "X's API could not be reached from this machine.",
			"Check X.APIURL, name resolution, the firewall and the proxy settings of X.Transport.",
		}
	}
	_ = resp.Body.Close()
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	skew := time.Since(theirs)
	if err != nil || skew.Abs() <= xplatform.MaxClockSkew/2 {
		return f
	}
	f = Finding{
		"clock_skew", SeverityWarning, "", fmt.Sprintf("This machine's clock differs from X's by %v.", skew.Round(time.Second)),
		"Set the clock by NTP: X refuses OAuth 1.0a signatures with a wrong time.",
	}
	if skew.Abs() > xplatform.MaxClockSkew {
		f.Severity = SeverityError
	}
	return f
}

// probe begins a sign-in, or with OAuth 2.0 ends one that does not exist. X checks the
// application's credentials before it checks the rest.
func probe(ctx context.Context, p provider.Provider) (err error) {
	if !provider.IsX(p) {
		return nil
	}
	switch p.(type) {
	case *provider.OAuth1:
		_, _, err = p.Begin(ctx, provider.Options{})
	case *provider.OAuth2:
		const self = "self-check"
		_, _, err = p.Finish(ctx, provider.Pending{Provider: p.Name(), State: self, Secret: strings.Repeat("self-check-", 4)},
			url.Values{"state": {self}, "code": {self}})
		if errors.Is(err, provider.ErrExpired) {
			return nil // the code is unknown, as expected, and the credentials are good
		}
	}
	return err
}

// sameHost reports whether host, as in a Host header, is the host of u.
func sameHost(u *url.URL, host string) bool {
	other := &url.URL{Scheme: u.Scheme, Host: host}
	return strings.EqualFold(u.Hostname(), other.Hostname()) && port(u) == port(other)
}

func port(u *url.URL) string {
	if u.Port() == "" && u.Scheme == "https" {
		return "443"
	}
	return cmp.Or(u.Port(), "80")
}

// hostname returns the host name of a URL or of a Host header.
func hostname(s string) string {
	if u, err := url.Parse(s); err == nil && u.Host != "" {
		return u.Hostname()
	}
	return (&url.URL{Host: s}).Hostname()
}
