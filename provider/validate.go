package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/scope"
	"github.com/xsignin/xsignin/internal/xplatform"
)

const (
	defaultAuthorizeURL = "https://x.com/i/oauth2/authorize"
	defaultTimeout      = 10 * time.Second
)

// checker collects the errors of one configuration. No error repeats a value: a value in
// the wrong field may be a secret.
type checker struct {
	*configerr.List
	config string
	at     string // where the application is registered
	keys   string // where its keys are
}

const consoleKeys = "the app's keys at console.x.com"

func newChecker(config, at, keys string) *checker {
	return &checker{configerr.For("provider"), config, at, keys}
}

func (c *checker) fault(field, format string, args ...any) {
	c.Add(c.config+"."+field, format, args...)
}

var nameShape = regexp.MustCompile(`^[a-z0-9-]+$`)

func (c *checker) name(name, fallback string) string {
	if name == "" {
		return fallback
	}
	if !nameShape.MatchString(name) {
		c.fault("Name", "may have lower-case letters, digits and hyphens only")
	}
	return name
}

// required checks the name of a provider without a default name.
func (c *checker) required(field, name string) {
	if name == "" {
		c.fault(field, "is missing: give a short and lasting name, such as %q", "example")
	}
	c.name(name, "")
}

// credential checks a key or secret. A pasted value often has blanks or line ends.
func (c *checker) credential(field, value, where string) {
	switch {
	case value == "" && where != "":
		c.fault(field, "is missing: take %s", where)
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
		c.fault(field, "has blanks or other characters that no key has: copy it again from %s", c.keys)
	}
}

// address checks the address of an endpoint and parses it.
func (c *checker) address(field, value, fallback string, queryAllowed bool) *url.URL {
	if value == "" {
		value = fallback
	}
	if value == "" {
		c.fault(field, "is missing: give an absolute https address")
		return nil
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		c.fault(field, "is not an absolute https address such as %s", cmp.Or(fallback, "https://example.com/oauth"))
		return nil
	case u.User != nil:
		c.fault(field, "has a user name or password in it: leave them out")
	case strings.Contains(value, "#"):
		c.fault(field, "has a fragment: leave out the # and what follows")
	case strings.Contains(value, "?") && !queryAllowed:
		c.fault(field, "has a query: leave out the ? and what follows")
	case u.Scheme == "http" && !loopback.Is(u.Hostname()):
		c.fault(field, "is http: use https, or a loopback host such as 127.0.0.1 for tests")
	}
	return u
}

// xAPI checks the address of X's API. The paths of the API's versions are below it.
func (c *checker) xAPI(value string) *url.URL {
	u := c.address("APIURL", value, xplatform.APIURL, false)
	if u == nil {
		return nil
	}
	// A proxy may have a path.
	if p := strings.Trim(u.Path, "/"); p == "2" || p == "1.1" || p != "" && isX(u) {
		c.fault("APIURL", "has a path, and every call adds another, such as /2/users/me: write %s", u.Scheme+"://"+u.Host)
	}
	return u
}

// reserved reports parameters of the protocol in the query of the consent page.
func (c *checker) reserved(field string, page *url.URL) {
	if page == nil {
		return
	}
	for _, k := range []string{"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"} {
		if page.Query().Has(k) {
			c.fault(field, "has %s in its query, which every sign-in sets itself: leave it out", k)
		}
	}
}

func (c *checker) callback(value, example string) {
	u, err := url.Parse(value)
	switch {
	case value == "":
		c.fault("CallbackURL", "is missing: give the address that is registered with the app at %s, such as %s", c.at, example)
	case err != nil || u.Scheme == "" || (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() == "":
		c.fault("CallbackURL", "is not absolute: give the address that is registered with the app at %s, such as %s", c.at, example)
	case xplatform.RefusesScheme(u.Scheme):
		c.fault("CallbackURL", "has a scheme that %s refuses: use https", c.at)
	case u.User != nil:
		c.fault("CallbackURL", "has a user name or password in it: leave them out")
	case strings.Contains(value, "#"):
		// RFC 6749, 3.1.2.
		c.fault("CallbackURL", "has a fragment: leave out the # and what follows")
	}
}

var hostShape = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?$`)

func (c *checker) apiHosts(hosts []string) {
	for i, h := range hosts {
		if !hostShape.MatchString(h) {
			c.fault(fmt.Sprintf("APIHosts[%d]", i), "is not a host: write it as api.example.com or api.example.com:8443, without https://")
		}
	}
}

func (c *checker) timeout(d time.Duration) time.Duration {
	if d < 0 {
		c.fault("Timeout", "is negative: give a duration, or 0 for %v", defaultTimeout)
	}
	if d == 0 {
		return defaultTimeout
	}
	return d
}

// identityScopes are the scopes that X's GET /2/users/me requires.
var identityScopes = []string{"tweet.read", "users.read"}

// xScopes checks the configured scopes and returns them without repetitions. atX says that
// X itself grants them. Other servers may name their scopes differently.
func (c *checker) xScopes(scopes []string, atX bool) []string {
	if len(scopes) == 0 {
		return []string{"tweet.read", "users.read", "offline.access"}
	}
	bad := !c.scopeList("Scopes", scopes)
	for _, need := range identityScopes {
		if atX && !bad && !slices.Contains(scopes, need) {
			c.fault("Scopes", "lacks %s: X requires %s for the user's identity", need, strings.Join(identityScopes, " and "))
		}
	}
	return unique(scopes)
}

// scopeList checks each scope for its shape.
func (c *checker) scopeList(field string, scopes []string) bool {
	good := true
	for i, s := range scopes {
		if !scope.Valid(s) {
			good = false
			c.fault(fmt.Sprintf("%s[%d]", field, i), "is not one scope: give each scope as a separate element, without commas and blanks")
		}
	}
	return good
}

// unique returns a copy of list without repetitions, in the same order, and at most 256.
func unique(list []string) []string {
	out := make([]string, 0, min(len(list), maxScopes))
	for _, s := range list {
		if len(out) < maxScopes && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// newService makes the part that both protocols share, of checked settings.
func newService(name string, api *url.URL, hosts []string, tr http.RoundTripper, timeout time.Duration, now func() time.Time) *service {
	if tr == nil {
		tr = newTransport()
	}
	if now == nil {
		now = time.Now
	}
	// Recorded times outlive the process, and the sleep of a machine stops the monotonic
	// clock.
	wall := func() time.Time { return now().Round(0) }
	return &service{name: name, api: api, hosts: newHostSet(api, hosts), transport: tr, timeout: timeout, now: wall}
}

// api checks how the user is found and where credentials may be sent. It returns nil if
// there is any error. [OAuth1Config] has the same settings.
func (c *checker) api(cfg OAuth2Config) *service {
	switch {
	case cfg.FetchUser != nil && (cfg.UserURL != "" || cfg.User != nil):
		c.fault("FetchUser", "is set beside UserURL or User: leave those out, or FetchUser")
	case cfg.FetchUser == nil && (cfg.UserURL == "" || cfg.User == nil):
		c.fault("UserURL", "and User, or FetchUser, are missing: they find the signed-in user")
	case cfg.FetchUser != nil && cfg.APIURL == "":
		c.fault("APIURL", "is missing: give the address of the API that FetchUser calls")
	}
	who := cfg.FetchUser
	var at *url.URL
	if cfg.UserURL != "" {
		at = c.address("UserURL", cfg.UserURL, "", true)
		who = userAt(cfg.UserURL, cfg.User)
	}
	var api *url.URL
	if at != nil {
		api = &url.URL{Scheme: at.Scheme, Host: at.Host}
	}
	if cfg.APIURL != "" {
		api = c.address("APIURL", cfg.APIURL, "", false)
	}
	c.apiHosts(cfg.APIHosts)
	timeout := c.timeout(cfg.Timeout)
	if c.Err() != nil {
		return nil
	}
	hosts := slices.Clone(cfg.APIHosts)
	if at != nil && at.Scheme == "https" {
		hosts = append(hosts, at.Host)
	}
	svc := newService(cfg.Name, api, hosts, cfg.Transport, timeout, cfg.Now)
	if at != nil && !svc.hosts.has(at) {
		c.fault("UserURL", "is by http on another host than APIURL: use one host for both, or https")
	}
	svc.callback, svc.userOp = cfg.CallbackURL, userOp
	svc.fetch = func(ctx context.Context, client *http.Client, _ bool) (User, error) { return who(ctx, client) }
	return svc
}

// codes checks the meanings of the configured codes.
func (c *checker) codes(codes map[string]error) map[string]verdict {
	kinds := []error{ErrDenied, ErrExpired, ErrNotAllowed, ErrAccountRefused, ErrRateLimited, ErrRefused, ErrTokenRefused, ErrUnavailable}
	out := make(map[string]verdict, len(codes))
	for code, means := range codes {
		v := verdict{kind: means}
		if e := (*Error)(nil); errors.As(means, &e) {
			v = verdict{kind: e.Kind, reason: e.Reason}
		}
		if v == (verdict{kind: ErrRefused}) {
			v.reason = ReasonOther
		}
		if !slices.Contains(kinds, v.kind) {
			c.fault("Codes", "maps %q to an error that is not one of this package's kinds", code)
		}
		out[code] = v
	}
	return out
}
