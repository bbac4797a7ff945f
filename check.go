package xsignin

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	_ "embed" // for the findings
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/transport"
	"github.com/xsignin/xsignin/internal/troubleshooting"
	"github.com/xsignin/xsignin/internal/xplatform"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Finding is a problem that [Kit.Check] found.
type Finding struct {
	// Code is a stable word for the finding.
	Code string `json:"code"`
	// Severity is "error" if sign-in does not work, and "warning" if it may not work, or not
	// for all visitors.
	Severity string `json:"severity"`
	// Provider is the provider with the problem, or empty.
	Provider string `json:"provider,omitempty"`
	// Problem says what is wrong, Fix what to do, and Help is the address of a page about it.
	Problem string `json:"problem"`
	Fix     string `json:"fix"`
	Help    string `json:"help"`
}

//go:embed findings.json
var findingsFile []byte

// checks collects findings.
type checks struct {
	*settings
	found []Finding
}

// add adds a finding of findings.json if applies is true. args fill in its problem.
func (c *checks) add(applies bool, name string, args ...any) {
	if applies {
		c.found = append(c.found, finding(name, args...))
	}
}

// finding returns a finding of findings.json. args fill in its problem.
func finding(name string, args ...any) Finding {
	var all map[string]Finding
	_ = json.Unmarshal(findingsFile, &all)
	f := all[name]
	f.Fix = strings.Replace(f.Fix, "{scopes}", strings.Join(xplatform.Scopes(), ", "), 1)
	f.Problem, f.Help = fmt.Sprintf(f.Problem, args...), troubleshooting.URL(f.Code)
	return f
}

// Check looks for common mistakes of deployments. It checks the Config, the request r, which may
// be nil, the clock, the stores, the credentials and the OAuth 1.0a callback. It makes up
// to three requests to X, which cost no credits. It reads each store once, and asks Redis for
// its settings. Check ends when ctx ends. A store that does not answer within 5 seconds, or
// before ctx's deadline, is a finding. Call Check at the start or from a page for operators
// only: findings quote errors.
func (k *Kit) Check(ctx context.Context, r *http.Request) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c := checks{settings: k.cfg}
	c.checkConfig(true)
	if r != nil {
		c.checkRequest(r)
	}
	c.checkStores(ctx)
	if c.ClientID == "" && c.OAuth1.ConsumerKey == "" || !c.checkClock(ctx) {
		return c.found // the other providers are not X, or X cannot be reached
	}
	for _, p := range k.providers {
		err := probe(ctx, p)
		if err == nil {
			continue
		}
		problem := page.ProblemFor(page.WithProvider(err, provider.DisplayName(p)))
		if problem.Reason == "callback" {
			problem.Fix += ": " + p.CallbackURL()
		}
		fix := cmp.Or(problem.Fix, "see the log")
		f := Finding{
			Code: cmp.Or(problem.Reason, problem.Code), Severity: "error", Provider: p.Name(),
			Problem: cmp.Or(problem.Cause, "X refused: "+err.Error()+"."), Fix: strings.ToUpper(fix[:1]) + fix[1:] + ".",
			Help: troubleshooting.URL(cmp.Or(problem.Reason, problem.Code)),
		}
		c.add(!c.atX() && errors.Is(err, provider.ErrUnavailable), "api_url", c.X.APIURL)
		if errors.Is(err, provider.ErrRateLimited) || errors.Is(err, provider.ErrUnavailable) {
			f.Severity = "warning"
		}
		c.found = append(c.found, f)
	}
	return c.found
}

// checkConfig checks what needs no network. At the start of a public site, all is false.
func (c *checks) checkConfig(all bool) {
	away, memory := !loopback.Is(c.public.Hostname()), strings.Join(c.memory, " and ")
	c.add(!c.secure() && away, "plain_http")
	c.add(away && (c.secure() && memory != "" || len(c.memory) == 1), memory+" in memory")
	stored := c.TokenStore != nil || c.Advanced.KeepTokensOnLogout
	ownScopes := c.ClientID != "" && len(c.Scopes) > 0
	c.add(ownScopes && !slices.Contains(c.Scopes, "offline.access") && (stored || all && !c.discards()), "offline_access")
	if !all {
		return
	}
	c.add(c.atX() && c.ClientID != "" && xplatform.TypeOf(c.ClientID) == "", "client_id_shape")
	for _, s := range c.Scopes {
		c.add(ownScopes && !slices.Contains(xplatform.Scopes(), s), "scope_of_x", s)
	}
}

// noCertificates reports whether this machine has no certificates of authorities.
func noCertificates() bool {
	pool, err := x509.SystemCertPool()
	return err != nil || pool.Equal(x509.NewCertPool())
}

// checkRequest compares PublicURL with a request.
func (c *checks) checkRequest(r *http.Request) {
	host, _, _ := strings.Cut(cmp.Or(r.Header.Get("X-Forwarded-Host"), r.Host), ",")
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",") // each further proxy adds a value
	https := r.TLS != nil || strings.EqualFold(proto, "https")
	u := &url.URL{Scheme: c.public.Scheme, Host: host}
	same := strings.EqualFold(c.public.Hostname(), u.Hostname()) && port(c.public) == port(u)
	c.add(!same, "public_url_host", c.public.Host, host)
	c.add(!c.secure() && https, "request by https")
	c.add(c.secure() && !https && (proto != "" || loopback.Is(u.Hostname())), "request by http")
}

// checkStores reads a missing entry from each store, except for the kit's stores in memory.
func (c *checks) checkStores(ctx context.Context) {
	missing := rand.Text() + rand.Text()[:17] // as long as scs's keys, which fill a column
	sessions := c.Session.Store
	if c.Session.Manager != nil {
		sessions = c.Session.Manager.Store
	}
	check := func(name string, find func(ctx context.Context) error) {
		if ctx.Err() != nil {
			return // another store has taken all the time
		}
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		err := find(short)
		failed := err != nil && !errors.Is(err, tokenstore.ErrNotFound)
		c.add(failed && !errors.Is(ctx.Err(), context.Canceled), name, err) // a caller that gave up is no finding
	}
	if s, ok := sessions.(scs.CtxStore); ok {
		check("session_store", func(ctx context.Context) error { _, _, err := s.FindCtx(ctx, missing); return err })
	} else if sessions != nil {
		check("session_store", func(ctx context.Context) error {
			ctx, found := context.WithCancelCause(ctx)
			go func() { _, _, err := sessions.Find(missing); found(cmp.Or(err, tokenstore.ErrNotFound)) }()
			<-ctx.Done() // Find may take longer
			return context.Cause(ctx)
		})
	}
	if s := c.TokenStore; s != nil {
		missing := Key{Provider: ".check", UserID: missing}
		check("token_store", func(ctx context.Context) error {
			_, err := s.Get(ctx, missing)
			redis, ok := s.(interface {
				EvictionPolicy(ctx context.Context) (string, error)
			})
			if ok && errors.Is(err, tokenstore.ErrNotFound) {
				policy, refused := redis.EvictionPolicy(ctx) // Redis may forbid INFO and CONFIG
				c.add(refused == nil && policy != "noeviction", "redis_evicts", policy)
			}
			return err
		})
	}
}

// checkClock compares this clock with the API's, and reports whether X could be reached.
func (c *checks) checkClock(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	api := cmp.Or(c.X.APIURL, xplatform.APIURL) // New has checked it
	req, _ := http.NewRequestWithContext(ctx, http.MethodHead, api, http.NoBody)
	own := transport.New()
	own.DisableKeepAlives = true
	resp, err := cmp.Or[http.RoundTripper](c.X.Transport, own).RoundTrip(req)
	if err != nil {
		untrusted := errors.As(err, new(x509.UnknownAuthorityError)) || errors.As(err, new(x509.SystemRootsError))
		untrusted = untrusted && noCertificates()
		c.add(untrusted, "no_ca_certificates")
		c.add(!untrusted, "unreachable", req.URL, err)
		return false
	}
	_ = resp.Body.Close()
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	skew := time.Since(theirs)
	c.add(err == nil && skew.Abs() > xplatform.MaxClockSkew/2, "clock_skew", skew.Round(time.Second))
	if err == nil && skew.Abs() > xplatform.MaxClockSkew {
		c.found[len(c.found)-1].Severity = "error"
	}
	return true
}

// probe begins a sign-in, or ends an unknown one. X checks the credentials first.
func probe(ctx context.Context, p provider.Provider) (err error) {
	if !provider.IsX(p) {
		return nil
	}
	switch p.(type) {
	case provider.TokenVerifier:
		_, _, err = p.Begin(ctx, provider.Options{})
	case provider.CodeExchanger:
		const self = "self-check"
		_, _, err = p.Finish(ctx, provider.Pending{Provider: p.Name(), State: self, Secret: strings.Repeat("self-check-", 4)},
			url.Values{"state": {self}, "code": {self}})
		if errors.Is(err, provider.ErrExpired) {
			return nil // the code is unknown, as expected, and the credentials are good
		}
	}
	return err
}

// atX reports whether Config.X.APIURL is X's own.
func (s settings) atX() bool {
	u, err := url.Parse(cmp.Or(s.X.APIURL, xplatform.APIURL))
	return err == nil && (strings.EqualFold(u.Hostname(), "api.x.com") || strings.EqualFold(u.Hostname(), "api.twitter.com"))
}

func port(u *url.URL) string {
	if u.Port() == "" && u.Scheme == "https" {
		return "443"
	}
	return cmp.Or(u.Port(), "80")
}
