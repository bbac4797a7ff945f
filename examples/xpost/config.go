package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	defaultAPIURL       = "https://api.x.com"
	defaultAuthorizeURL = "https://x.com/i/oauth2/authorize"
	defaultScopes       = "tweet.read users.read tweet.write media.write follows.read offline.access"
	defaultPort         = "8722"
)

// config is the environment, read and checked.
type config struct {
	clientID, clientSecret      string
	consumerKey, consumerSecret string
	apiURL, authorizeURL        string
	scopes                      []string
	port                        string
	file                        string
}

// callbackURL has the IP address and not "localhost" (RFC 8252, 7.3 and 8.3): that name may
// lead elsewhere, and X takes it for another callback.
func (c config) callbackURL() string { return "http://127.0.0.1:" + c.port + "/callback" }

// configError is everything that is wrong with the environment, one line each, each with
// the name of its variable.
type configError struct{ faults []error }

func (e *configError) Error() string   { return errors.Join(e.faults...).Error() }
func (e *configError) Unwrap() []error { return e.faults }

func readConfig(env func(string) string) (config, error) {
	get := func(name string) string { return strings.TrimSpace(env(name)) }
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s "+format, append([]any{name}, args...)...))
	}
	c := config{
		clientID:       get("X_CLIENT_ID"),
		clientSecret:   get("X_CLIENT_SECRET"),
		consumerKey:    get("X_CONSUMER_KEY"),
		consumerSecret: get("X_CONSUMER_SECRET"),
		apiURL:         strings.TrimRight(cmp.Or(get("X_API_URL"), defaultAPIURL), "/"),
		authorizeURL:   cmp.Or(get("X_AUTHORIZE_URL"), defaultAuthorizeURL),
		scopes:         strings.Fields(cmp.Or(get("X_SCOPES"), defaultScopes)),
		port:           cmp.Or(get("X_CALLBACK_PORT"), defaultPort),
		file:           get("XPOST_DB"),
	}
	switch {
	case c.clientSecret != "" && c.clientID == "":
		fault("X_CLIENT_ID", "is missing, and X_CLIENT_SECRET is set")
	case c.consumerKey != "" && c.consumerSecret == "":
		fault("X_CONSUMER_SECRET", "is missing, and X_CONSUMER_KEY is set")
	case c.consumerSecret != "" && c.consumerKey == "":
		fault("X_CONSUMER_KEY", "is missing, and X_CONSUMER_SECRET is set")
	case c.clientID == "" && c.consumerKey == "":
		fault("X_CLIENT_ID", "is missing, and so is X_CONSUMER_KEY: set one of them to what console.x.com says, or try xpost demo, which needs neither")
	}
	for _, v := range []struct{ name, value string }{{"X_API_URL", c.apiURL}, {"X_AUTHORIZE_URL", c.authorizeURL}} {
		u, err := url.Parse(v.value)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
			fault(v.name, "must be an https URL, or an http one on a loopback address")
		case u.Scheme == "http" && !loopback(u.Hostname()):
			fault(v.name, "must be https: plain http would carry credentials, and is for loopback addresses only")
		case u.User != nil || u.Fragment != "":
			fault(v.name, "must not hold a user or a fragment")
		}
	}
	if strings.Contains(get("X_SCOPES"), ",") {
		fault("X_SCOPES", "is separated by spaces, not by commas")
	}
	if n, err := strconv.Atoi(c.port); err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != c.port {
		fault("X_CALLBACK_PORT", "must be a number from 1 to 65535")
	}
	if c.file == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			fault("XPOST_DB", "is missing, and this user has no configuration directory: %v", err)
		}
		c.file = filepath.Join(dir, "xpost", "tokens.db")
	}
	if len(faults) > 0 {
		return config{}, &configError{faults}
	}
	return c, nil
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	host = strings.ToLower(host)
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
}
