package provider

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/scope"
	"github.com/xsignin/xsignin/internal/xplatform"
)

const (
	defaultAuthorizeURL = "https://x.com/i/oauth2/authorize"
	defaultTimeout      = 10 * time.Second
)

// checker collects the faults of a configuration. No fault repeats a value: a value
// in the wrong field may be a secret.
type checker struct {
	config string
	at     string // where the application is registered
	keys   string // where its keys are
	faults []error
}

const consoleKeys = "the app's keys at console.x.com"

func (c *checker) fault(field, format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("provider: %s.%s %s", c.config, field, fmt.Sprintf(format, args...)))
}

func (c *checker) err() error { return errors.Join(c.faults...) }

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

// required is name for providers that have no name of their own.
func (c *checker) required(field, name string) {
	if name == "" {
		c.fault(field, "is missing: give a short and lasting name, such as %q", "example")
	}
	c.name(name, "")
}

// credential checks a key or secret: pasting brings blanks and line ends along.
func (c *checker) credential(field, value, where string) {
	switch {
	case value == "" && where != "":
		c.fault(field, "is missing: take %s", where)
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
		c.fault(field, "has blanks or other characters that no key has: copy it again from %s", c.keys)
	}
}

// address checks the address of an endpoint.
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

// xAPI is address for the place of X's API, under which the paths of its versions are.
func (c *checker) xAPI(value string) *url.URL {
	u := c.address("APIURL", value, xplatform.APIURL, false)
	if u == nil {
		return nil
	}
	// A proxy may have a path of its own.
	if p := strings.Trim(u.Path, "/"); p == "2" || p == "1.1" || p != "" && isX(u) {
		c.fault("APIURL", "has a path, and every call has its own under it, such as /2/users/me: write %s", u.Scheme+"://"+u.Host)
	}
	return u
}

// reserved complains of parameters in the consent page's own query that belong to the
// protocol.
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

// refusedSchemes are those that X refuses in a callback and a browser would run or
// open locally.
var refusedSchemes = []string{"javascript", "data", "file", "ftp", "mailto", "telnet", "vbscript"}

func (c *checker) callback(value, example string) {
	u, err := url.Parse(value)
	switch {
	case value == "":
		c.fault("CallbackURL", "is missing: give the address that is registered with the app at %s, such as %s", c.at, example)
	case err != nil || u.Scheme == "" || (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() == "":
		c.fault("CallbackURL", "is not absolute: give the address that is registered with the app at %s, such as %s", c.at, example)
	case slices.Contains(refusedSchemes, u.Scheme):
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

// identityScopes are what X's GET /2/users/me needs, both of them.
var identityScopes = []string{"tweet.read", "users.read"}

// scopes checks the configured scopes and returns them without repetitions. atX says
// that they are asked of X itself; another server may name them as it likes.
func (c *checker) scopes(scopes []string, atX bool) []string {
	if len(scopes) == 0 {
		return []string{"tweet.read", "users.read", "offline.access"}
	}
	bad := !c.scopeList("Scopes", scopes)
	for _, need := range identityScopes {
		if atX && !bad && !slices.Contains(scopes, need) {
			c.fault("Scopes", "lacks %s: X tells who signed in only with %s", need, strings.Join(identityScopes, " and "))
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
			c.fault(fmt.Sprintf("%s[%d]", field, i), "is not one scope: give each scope as an element of its own, without commas and blanks")
		}
	}
	return good
}

// unique returns a copy of list without repetitions, in the same order.
func unique(list []string) []string {
	out := make([]string, 0, len(list))
	// A set, and no search in out: lists come from answers of up to 1 MiB as well.
	seen := make(map[string]bool, len(list))
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// service makes the shared part once everything is checked.
func (c *checker) service(name string, api *url.URL, hosts []string, tr http.RoundTripper, timeout time.Duration, now func() time.Time) *service {
	if tr == nil {
		tr = ownTransport()
	}
	if now == nil {
		now = time.Now
	}
	// What is recorded outlives the process, and a machine's sleep stops the monotonic
	// clock.
	wall := func() time.Time { return now().Round(0) }
	s := &service{name: name, api: api, hosts: newHostSet(api, hosts), transport: tr, timeout: timeout, now: wall}
	s.me = s.endpoint("/2/users/me") + "?user.fields=profile_image_url"
	return s
}

// api checks who signed in and where credentials may go, of a provider by configuration.
func (c *checker) api(name, userURL, apiURL string, hosts []string, user func([]byte) (User, error), who FetchUser,
	tr http.RoundTripper, timeout time.Duration, now func() time.Time,
) (*service, FetchUser) {
	switch {
	case who != nil && (userURL != "" || user != nil):
		c.fault("Who", "is set beside UserURL or User: leave those out, or Who")
	case who == nil && (userURL == "" || user == nil):
		c.fault("UserURL", "and User are needed to know who signed in, or Who in their place")
	case who != nil && apiURL == "":
		c.fault("APIURL", "is missing: give the address that Who asks")
	}
	var at *url.URL
	if userURL != "" {
		at = c.address("UserURL", userURL, "", true)
		who = userAt(userURL, user)
	}
	var api *url.URL
	if at != nil {
		api = &url.URL{Scheme: at.Scheme, Host: at.Host}
	}
	if apiURL != "" {
		api = c.address("APIURL", apiURL, "", false)
	}
	c.apiHosts(hosts)
	timeout = c.timeout(timeout)
	if len(c.faults) > 0 {
		return nil, nil
	}
	if at != nil && at.Scheme == "https" {
		hosts = append(slices.Clone(hosts), at.Host)
	}
	svc := c.service(name, api, hosts, tr, timeout, now)
	if at != nil && !svc.hosts.has(at) {
		c.fault("UserURL", "is by http on another host than APIURL: use one host for both, or https")
	}
	return svc, who
}
