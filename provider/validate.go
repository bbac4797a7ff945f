package provider

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/transport"
	"github.com/xsignin/xsignin/internal/xplatform"
)

// checker collects the errors of one configuration. No error repeats a value: a value in
// the wrong field may be a secret.
type checker struct {
	*configerr.List
	config string // the name of the configuration's type
	keys   string // where the application's keys are
	x      bool   // the configuration is X's
}

// newChecker returns a checker. xKeys is set for X.
func newChecker(config, xKeys string) *checker {
	keys := cmp.Or(xKeys, "where the provider shows it")
	return &checker{configerr.For("provider"), config, keys, xKeys != ""}
}

func (c *checker) fault(field, format string, args ...any) {
	c.Add(c.config+"."+field, format, args...)
}

var (
	nameShape = regexp.MustCompile(`^[a-z0-9-]+$`)
	hostShape = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?$`)
)

func (c *checker) name(name string) {
	switch {
	case !nameShape.MatchString(name):
		c.fault("Name", `must have lower-case letters, digits and hyphens only, such as "example"`)
	case !c.x && (name == xName || name == xOAuth1Name):
		// Accounts belong to their provider's name.
		c.fault("Name", "is reserved for X: give another name, or use NewX or NewXOAuth1")
	}
}

// credential checks a key or secret. A pasted value often has blanks or line ends.
func (c *checker) credential(field, value string, required bool) {
	switch {
	case value == "" && required:
		c.fault(field, "is missing: copy it from %s", c.keys)
	case configerr.Quoted(value) || c.x && strings.ContainsAny(value, "\"'`"):
		c.fault(field, "has quotation marks: write the value without them")
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
		c.fault(field, "has blanks or other characters that no key has: copy it again from %s", c.keys)
	}
}

// clientKeys refuses OAuth 2.0 credentials that, by their shape, X has issued as something else.
// atX is set if X's own API has issued them.
func (c *checker) clientKeys(id, secret string, atX bool) {
	switch kind := xplatform.TypeOf(id); {
	case xplatform.TypeOf(secret) != "":
		c.fault("ClientSecret", "is a client id: ClientID and ClientSecret are swapped, or both are the id")
	case atX && xplatform.IsConsumerKey(id):
		c.fault("ClientID", "is a consumer key (API key), which is for OAuth 1.0a: write it into "+
			"ConsumerKey, and here copy the client id from %s", c.keys)
	case kind == xplatform.Public && secret != "":
		c.fault("ClientSecret", "is set, and ClientID is of a Native App or Single page App, which has no secret: "+
			"leave ClientSecret empty, or set the type to Web App at X and copy the new client id")
	case kind == xplatform.Confidential && secret == "":
		c.fault("ClientSecret", "is missing, and ClientID is of a Web App, Automated App or Bot, which has a secret: "+
			"copy the secret from %s", c.keys)
	}
}

// consumerKeys is clientKeys for OAuth 1.0a.
func (c *checker) consumerKeys(key, secret string, atX bool) {
	switch {
	case xplatform.TypeOf(key) != "":
		c.fault("ConsumerKey", "is a client id, which is for OAuth 2.0: write it into ClientID, and the app's API key here")
	case xplatform.TypeOf(secret) != "":
		c.fault("ConsumerSecret", "is a client id, which is for OAuth 2.0: write the app's API secret here")
	case atX && xplatform.IsConsumerSecret(key) && xplatform.IsConsumerKey(secret):
		c.fault("ConsumerKey", "is an API secret: ConsumerKey and ConsumerSecret are swapped")
	}
}

// address checks an address and parses it. It returns nil for a bad one. Callbacks may
// have any scheme that X accepts.
func (c *checker) address(field, value string) *url.URL {
	callback := field == "CallbackURL"
	u, err := url.Parse(value)
	web := err == nil && (u.Scheme == "https" || u.Scheme == "http")
	switch {
	case configerr.Quoted(value):
		c.fault(field, "has quotation marks: write the address without them")
	case err != nil || u.Scheme == "" || web && u.Hostname() == "" || !web && !callback:
		c.fault(field, "is missing or not absolute: give an address such as https://example.com/path")
	case xplatform.RefusesScheme(u.Scheme):
		c.fault(field, "has a scheme that browsers run or open locally: use https")
	case u.User != nil || strings.Contains(value, "#") || field == "APIURL" && strings.Contains(value, "?"):
		c.fault(field, "has a user name, a fragment or a query in it: leave that out")
	case u.Scheme == "http" && !callback && !loopback.Is(u.Hostname()):
		c.fault(field, "is http: use https, or a loopback host such as 127.0.0.1 for tests")
	default:
		return u
	}
	return nil
}

// consent checks the consent page of OAuth 2.0 for parameters that every sign-in sets, and for
// response_mode: browsers send no Lax cookie with the callback of form_post.
func (c *checker) consent(value string) {
	own := words{"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "response_mode"}
	page := c.address("AuthorizeURL", value)
	if page != nil && slices.ContainsFunc(own, page.Query().Has) {
		c.fault("AuthorizeURL", "has a parameter that it must not have: leave out %s", strings.Join(own, ", "))
	}
}

func (c *checker) scopes(field string, scopes []string) {
	for i, s := range scopes {
		if badScope(s) {
			c.fault(fmt.Sprintf("%s[%d]", field, i), "is not one scope: give each scope as a separate element, without commas and blanks")
		}
	}
}

// kinds are the errors that a configured code may mean.
var kinds = []error{
	ErrDenied, ErrExpired, ErrNotAllowed, ErrAccountRefused, ErrRateLimited, ErrRefused, ErrTokenRefused, ErrUnavailable,
}

// codes returns the rules for the configured codes.
func (c *checker) codes(codes map[string]error) (rules []rule) {
	for code, means := range codes {
		v := verdict{kind: means}
		if e := (*Error)(nil); errors.As(means, &e) {
			v = verdict{e.Kind, e.Reason}
		}
		if v.kind == ErrRefused {
			v.reason = cmp.Or(v.reason, ReasonOther)
		}
		if !slices.Contains(kinds, v.kind) {
			c.fault("Codes", "maps %q to an error that is not one of this package's kinds", code)
		}
		rules = append(rules, rule{Ops: words{"token", "refresh"}, Codes: words{code}, Means: v})
	}
	return rules
}

// service checks the settings that both protocols have, and makes the part of a provider
// that they share. [OAuth1Config] has the same settings. It returns nil after an error.
func (c *checker) service(cfg OAuth2Config, endpoints, user []rule, dead ...string) *service {
	c.name(cfg.Name)
	api, hosts := c.api(cfg)
	if cfg.Timeout < 0 {
		c.fault("Timeout", "is negative: give a duration, or 0 for 10s")
	}
	if c.Err() != nil {
		return nil
	}
	if cfg.Transport == nil {
		cfg.Transport = transport.New()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	if c.x {
		cfg.DisplayName = "X"
	}
	return &service{cfg: cfg, x: c.x, api: api, hosts: hosts, endpoints: endpoints, user: user, dead: dead}
}

// api checks the addresses of the API and of the user. It returns the API's address and the
// origins that may receive credentials. Only the two addresses may be http, on a loopback
// host. Other origins are https.
func (c *checker) api(cfg OAuth2Config) (*url.URL, map[origin]bool) {
	var api *url.URL
	hosts := make(map[origin]bool)
	switch {
	case cfg.FetchUser != nil && (cfg.UserURL != "" || cfg.User != nil):
		c.fault("FetchUser", "is set beside UserURL or User: leave those out, or FetchUser")
	case cfg.FetchUser == nil && (cfg.UserURL == "" || cfg.User == nil):
		c.fault("UserURL", "and User, or FetchUser, are missing: they find the signed-in user")
	case cfg.FetchUser == nil:
		if at := c.address("UserURL", cfg.UserURL); at != nil {
			hosts[originOf(at)] = true
			api = &url.URL{Scheme: at.Scheme, Host: at.Host}
		}
	}
	if cfg.APIURL != "" || cfg.FetchUser != nil {
		api = c.address("APIURL", cfg.APIURL)
	}
	for i, h := range cfg.APIHosts {
		if !hostShape.MatchString(h) {
			c.fault(fmt.Sprintf("APIHosts[%d]", i), "is not a host: write it as api.example.com or api.example.com:8443, without https://")
		}
	}
	if api == nil {
		return nil, nil
	}
	hosts[originOf(api)] = true
	if isXAPI(api) {
		cfg.APIHosts = slices.Concat(xHosts, cfg.APIHosts)
	}
	for _, h := range cfg.APIHosts {
		hosts[originOf(&url.URL{Scheme: "https", Host: h})] = true
	}
	return api, hosts
}
