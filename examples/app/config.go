package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/handlers"
)

const usage = `app is a complete application that signs people in with X.

	go run ./examples/app
	go run ./examples/app reencrypt

Without credentials it starts a local simulator of X and works offline.
reencrypt seals every stored token again with the newest of SECRETS, while replicas
serve, and ends. Status 0 means that no token needs an older secret. Environment
variables configure everything:

  ADDR               the address to listen on. Default 127.0.0.1:8080
  PUBLIC_URL         the application's address for browsers, perhaps with a path, which
                     the proxy in front may remove from requests or not.
                     Default http://127.0.0.1:8080, or derived from ADDR if that is set.
                     Register PUBLIC_URL/auth/callback at X, for both protocols
  X_CLIENT_ID        client id of OAuth 2.0
  X_CLIENT_SECRET    client secret of OAuth 2.0. Empty: a public client (Native App or
                     Single Page App)
  X_CONSUMER_KEY     API key of OAuth 1.0a
  X_CONSUMER_SECRET  API key secret of OAuth 1.0a
                     Either protocol alone is enough; with OAuth 1.0a alone,
                     /auth/login uses it
  X_API_URL          address of X's API, and of all of OAuth 1.0a. http only on a loopback
                     address. Default https://api.x.com
  X_AUTHORIZE_URL    the consent page of OAuth 2.0. http only on a loopback address.
                     Default https://x.com/i/oauth2/authorize
  X_SCOPES           scopes to ask for by OAuth 2.0, separated by spaces. Default
                     "tweet.read users.read tweet.write media.write follows.read
                     offline.access". /compose asks for further scopes that it needs
  X_REFRESH_BEFORE   how long before its expiry a token is refreshed, such as 5m or 90s.
                     Default 5m. A token with a shorter lifetime is refreshed after
                     half of it
  DEBUG_ADDR         a loopback address for operators, such as 127.0.0.1:6060, with
                     counters (/debug/vars) and profiles (/debug/pprof/). Default none
  INTERSTITIAL       phones or always: show a small page before X, which the X app on a
                     phone does not open. Default never
  DATABASE_URL       where sessions and tokens are stored: sqlite:FILE, which is
                     sqlite:///PATH/FILE for an absolute path;
                     postgres://USER:PASSWORD@HOST/DATABASE, for any number of replicas;
                     memory:, which ends with the process. Default sqlite:xsignin.db.
                     Tables are created at the start
  REDIS_URL          redis://:PASSWORD@HOST:6379/0 stores them in Redis instead, for any
                     number of replicas. rediss:// uses TLS. With Sentinel:
                     redis://:PASSWORD@SENTINEL:26379/0?master_name=NAME&addr=SENTINEL2:26379
  DATABASE_WAIT      how long to try a database that is not up yet, such as 1m.
                     Default 30s
  DRAIN              how long /readyz answers 503 after SIGTERM before the application
                     stops accepting connections, so that a load balancer sees it.
                     Default 5s, and 0s if PUBLIC_URL is a loopback address
  CHECK              on or off: check the configuration, the stores and the credentials in
                     the background at the start, and log what is wrong. It makes a few
                     requests to X that cost nothing. Default on
  SECRETS            secrets of at least 32 bytes each, newest first, separated by
                     spaces. They seal tokens and cookies: the newest seals, all can open.
                     Create one with openssl rand -base64 32. Default, only if PUBLIC_URL
                     is a loopback address: for SQLite those in a file beside the
                     database, named FILE.keys, which is created at the first start; in
                     memory random ones. Replicas need the same secrets

SIGTERM and SIGINT end it after the requests in progress. A wrong variable, or an unusable
database, ends it with status 2.
`

const (
	defaultAddr         = "127.0.0.1:8080"
	defaultAPIURL       = "https://api.x.com"
	defaultAuthorizeURL = "https://x.com/i/oauth2/authorize"
	defaultScopes       = "tweet.read users.read tweet.write media.write follows.read offline.access"
	callbackPath        = "/auth/callback"
)

// config is the environment, parsed and checked.
type config struct {
	addr                        string
	debugAddr                   string // empty: none
	publicURL                   string // empty: derived from the listener's address
	clientID, clientSecret      string
	consumerKey, consumerSecret string
	apiURL, authorizeURL        string
	scopes                      []string
	refreshBefore               time.Duration // 0: the kit's default
	drain                       time.Duration
	interstitial                func(*http.Request) bool
	check                       string // on or off
	keys                        []string
	place                       storage.Place
	simulator                   string // the simulator's URL, once it runs
	simulatorSince              time.Time
}

// local reports whether the application has no credentials for X.
func (c config) local() bool { return c.clientID == "" && c.consumerKey == "" }

// configError has all errors of the environment, one line each, each with the name of its
// variable.
type configError struct{ faults []error }

func (e *configError) Error() string   { return errors.Join(e.faults...).Error() }
func (e *configError) Unwrap() []error { return e.faults }

func readConfig(env func(string) string) (config, error) {
	get := func(name string) string { return strings.TrimSpace(env(name)) }
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{name}, args...)...))
	}
	c := config{
		addr:           cmp.Or(get("ADDR"), defaultAddr),
		debugAddr:      get("DEBUG_ADDR"),
		publicURL:      strings.TrimRight(get("PUBLIC_URL"), "/"),
		clientID:       get("X_CLIENT_ID"),
		clientSecret:   get("X_CLIENT_SECRET"),
		consumerKey:    get("X_CONSUMER_KEY"),
		consumerSecret: get("X_CONSUMER_SECRET"),
		apiURL:         strings.TrimRight(cmp.Or(get("X_API_URL"), defaultAPIURL), "/"),
		authorizeURL:   cmp.Or(get("X_AUTHORIZE_URL"), defaultAuthorizeURL),
		scopes:         strings.Fields(cmp.Or(get("X_SCOPES"), defaultScopes)),
		check:          cmp.Or(get("CHECK"), "on"),
	}

	host, _, err := net.SplitHostPort(c.addr)
	if err != nil {
		fault("ADDR", "must be a host and a port, such as %s: %v", defaultAddr, err)
	}
	if c.debugAddr != "" {
		// Profiles reveal a lot, and need no password.
		if debugHost, _, err := net.SplitHostPort(c.debugAddr); err != nil || !loopback(debugHost) {
			fault("DEBUG_ADDR", "must be a loopback address with a port, such as 127.0.0.1:6060")
		}
	}
	onLoopback := c.checkPublicURL(host, fault)
	if c.clientSecret != "" && c.clientID == "" {
		fault("X_CLIENT_ID", "is missing, and X_CLIENT_SECRET is set")
	}
	if c.consumerKey != "" && c.consumerSecret == "" {
		fault("X_CONSUMER_SECRET", "is missing, and X_CONSUMER_KEY is set")
	}
	if c.consumerSecret != "" && c.consumerKey == "" {
		fault("X_CONSUMER_KEY", "is missing, and X_CONSUMER_SECRET is set")
	}
	c.checkEndpoint("X_API_URL", c.apiURL, get("X_API_URL") != "", fault)
	c.checkEndpoint("X_AUTHORIZE_URL", c.authorizeURL, get("X_AUTHORIZE_URL") != "", fault)
	if strings.Contains(get("X_SCOPES"), ",") {
		fault("X_SCOPES", "is separated by spaces, not by commas")
	}
	duration := func(name string, least, byDefault time.Duration) time.Duration {
		s := get(name)
		if s == "" {
			return byDefault
		}
		d, err := time.ParseDuration(s)
		if err != nil || d < least {
			fault(name, "must be a duration such as 5m or 90s, and at least %v", least)
		}
		return d
	}
	c.refreshBefore = duration("X_REFRESH_BEFORE", time.Nanosecond, 0)
	drain := drainTime
	if onLoopback {
		drain = 0
	}
	c.drain = duration("DRAIN", 0, drain)
	switch s := get("INTERSTITIAL"); s {
	case "", "never":
	case "phones":
		c.interstitial = handlers.OnPhones
	case "always":
		c.interstitial = func(*http.Request) bool { return true }
	default:
		fault("INTERSTITIAL", "must be phones, always or never, and is %q", s)
	}
	if c.check != "on" && c.check != "off" {
		fault("CHECK", "must be on or off, and is %q", c.check)
	}
	if c.keys, err = xsignin.ParseSecrets(get("SECRETS")); err != nil {
		fault("SECRETS", "%s", strings.TrimPrefix(err.Error(), "xsignin: "))
	}
	c.place = storage.ReadPlace(get("DATABASE_URL"), get("REDIS_URL"), fault)
	c.place.Wait = duration("DATABASE_WAIT", time.Nanosecond, 0)
	switch {
	case get("SECRETS") != "":
	case !onLoopback:
		fault("SECRETS", "is missing: it is optional only if PUBLIC_URL is a loopback address. openssl rand -base64 32 makes one")
	case c.place.Shared():
		fault("SECRETS", "is missing: whatever shares %s needs the same secrets. openssl rand -base64 32 makes one", c.place.Variable)
	}
	if !onLoopback && c.local() {
		fault("X_CLIENT_ID", "is missing, and so is X_CONSUMER_KEY: the simulator serves a PUBLIC_URL on a loopback address only")
	}
	if len(faults) > 0 {
		return config{}, &configError{faults}
	}
	return c, nil
}

// faultFunc reports an error of a variable.
type faultFunc = func(name, format string, args ...any)

// checkPublicURL reports whether browsers reach the application at a loopback address. host is
// that of ADDR.
func (c config) checkPublicURL(host string, fault faultFunc) (onLoopback bool) {
	if c.publicURL == "" {
		// It is derived from ADDR. For a listener on all interfaces it is a loopback address.
		return host == "" || loopback(host) || unspecified(host)
	}
	u, err := url.Parse(c.publicURL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		fault("PUBLIC_URL", "must be an http or https URL, such as https://example.com")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		fault("PUBLIC_URL", "must be a scheme and a host, and perhaps a path, without anything else")
	default:
		return loopback(u.Hostname())
	}
	return host == "" || loopback(host) || unspecified(host)
}

// checkEndpoint checks an address of X. set says that the environment has the variable.
func (c config) checkEndpoint(name, value string, set bool, fault faultFunc) {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		fault(name, "must be an https URL, or an http one on a loopback address")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		fault(name, "must be https: plain http would carry credentials, and is for loopback addresses only")
	case u.User != nil || u.Fragment != "":
		fault(name, "must not have a user or a fragment")
	}
	if c.local() && c.clientSecret == "" && c.consumerSecret == "" && set {
		fault(name, "is set, but neither X_CLIENT_ID nor X_CONSUMER_KEY is: leave it out to use the built-in simulator")
	}
}

// variables maps the fields of the kit's configuration, as its errors name them, to the
// variables of this application.
var variables = []struct{ field, variable string }{
	{"Config.OAuth1.ConsumerKey ", "X_CONSUMER_KEY"},
	{"Config.OAuth1.ConsumerSecret ", "X_CONSUMER_SECRET"},
	{"Config.ClientID ", "X_CLIENT_ID"},
	{"Config.ClientSecret ", "X_CLIENT_SECRET"},
	{"Config.X.APIURL ", "X_API_URL"},
	{"Config.X.AuthorizeURL ", "X_AUTHORIZE_URL"},
	{"Config.Scopes", "X_SCOPES"},
	{"Config.CallbackURL ", "PUBLIC_URL"},
	{"Config.PublicURL ", "PUBLIC_URL"},
	{"Config.Advanced.RefreshBefore ", "X_REFRESH_BEFORE"},
	{"Config.Secrets", "SECRETS"},
}

// inVariables turns the kit's errors into a configError, if each of them belongs to a variable.
func inVariables(err error) error {
	var faults []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		variable, text := variableOf(line)
		if variable == "" {
			return err
		}
		faults = append(faults, errors.New(variable+": "+text))
	}
	return &configError{faults}
}

func variableOf(line string) (variable, text string) {
	for _, v := range variables {
		if _, rest, ok := strings.Cut(line, v.field); ok {
			return v.variable, strings.TrimSpace(rest)
		}
	}
	return "", ""
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	host = strings.ToLower(host)
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
}

func unspecified(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}

// reachable is the host and port of a listener for a browser: addr, with the actual port of the
// listener.
func reachable(addr string, l net.Addr) string {
	host, _, _ := net.SplitHostPort(addr)
	if host == "" || unspecified(host) {
		host = "127.0.0.1"
	}
	_, port, _ := net.SplitHostPort(l.String())
	return net.JoinHostPort(host, port)
}
