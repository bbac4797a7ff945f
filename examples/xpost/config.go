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

// config is the environment, parsed and checked.
type config struct {
	clientID, clientSecret      string
	consumerKey, consumerSecret string
	apiURL, authorizeURL        string
	scopes                      []string
	callbackURL                 string
	file                        string
	outside                     []outside
}

// callbackAt is the callback on this machine. It has the IP address and not "localhost" (RFC
// 8252, 7.3 and 8.3). That name may resolve to another address, and X treats it as another
// callback.
func callbackAt(port string) string { return "http://127.0.0.1:" + port + "/callback" }

// configError has all errors of the environment, one line each, each with the name of its
// variable.
type configError struct{ faults []error }

func (e *configError) Error() string   { return errors.Join(e.faults...).Error() }
func (e *configError) Unwrap() []error { return e.faults }

// readConfig reads the environment. Parameters in the file of -auth take precedence.
func readConfig(env func(string) string, authFile string) (config, error) {
	get := func(name string) string { return strings.TrimSpace(env(name)) }
	var auth authParameters
	if authFile != "" {
		var err error
		if auth, err = readAuth(authFile); err != nil {
			return config{}, err
		}
	}
	port := cmp.Or(get("X_CALLBACK_PORT"), defaultPort)
	c := config{
		apiURL:       strings.TrimRight(cmp.Or(get("X_API_URL"), defaultAPIURL), "/"),
		authorizeURL: cmp.Or(get("X_AUTHORIZE_URL"), defaultAuthorizeURL),
		scopes:       strings.Fields(cmp.Or(string(auth.Scope), get("X_SCOPES"), defaultScopes)),
		callbackURL:  cmp.Or(auth.RedirectURI, callbackAt(port)),
		file:         get("XPOST_DB"),
	}
	c.clientID, c.clientSecret = pair(auth.ClientID, auth.ClientSecret, get("X_CLIENT_ID"), get("X_CLIENT_SECRET"))
	c.consumerKey, c.consumerSecret = pair(auth.ConsumerKey, auth.ConsumerSecret, get("X_CONSUMER_KEY"), get("X_CONSUMER_SECRET"))
	token, secret := pair(auth.OAuthToken, auth.OAuthTokenSecret, get("X_ACCESS_TOKEN"), get("X_ACCESS_TOKEN_SECRET"))
	c.outside = tokensFrom(token, secret, auth.AccessToken, auth.RefreshToken, c.scopes)

	f := &faults{}
	c.checkCredentials(f)
	c.checkAddresses(f)
	if (token == "") != (secret == "") {
		f.add("X_ACCESS_TOKEN", "and X_ACCESS_TOKEN_SECRET (in the file of -auth: oauth_token and oauth_token_secret) must be set together, and one of them is missing")
	}
	if strings.Contains(get("X_SCOPES"), ",") {
		f.add("X_SCOPES", "is separated by spaces, not by commas")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port {
		f.add("X_CALLBACK_PORT", "must be a number from 1 to 65535")
	}
	if c.file == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			f.add("XPOST_DB", "is missing, and this user has no configuration directory: %v", err)
		}
		c.file = filepath.Join(dir, "xpost", "tokens.db")
	}
	if len(f.all) > 0 {
		return config{}, &configError{f.all}
	}
	return c, nil
}

// pair returns the first of two pairs that is not empty. Halves of different pairs are not
// combined.
func pair(id, secret, otherID, otherSecret string) (string, string) {
	if id+secret != "" {
		return id, secret
	}
	return otherID, otherSecret
}

// faults collects errors in variables.
type faults struct{ all []error }

func (f *faults) add(name, format string, args ...any) {
	f.all = append(f.all, fmt.Errorf("%s "+format, append([]any{name}, args...)...))
}

func (c config) checkCredentials(f *faults) {
	switch {
	case c.clientSecret != "" && c.clientID == "":
		f.add("X_CLIENT_ID", "is missing, and X_CLIENT_SECRET is set")
	case c.consumerKey != "" && c.consumerSecret == "":
		f.add("X_CONSUMER_SECRET", "is missing, and X_CONSUMER_KEY is set")
	case c.consumerSecret != "" && c.consumerKey == "":
		f.add("X_CONSUMER_KEY", "is missing, and X_CONSUMER_SECRET is set")
	case c.clientID == "" && c.consumerKey == "":
		f.add("X_CLIENT_ID", "is missing, and so is X_CONSUMER_KEY: set one of them to what console.x.com says, or try xpost demo, which needs neither")
	}
	for _, o := range c.outside {
		switch {
		case o.provider == oauth1Name && c.consumerKey == "":
			f.add("X_CONSUMER_KEY", "is missing, and a token was issued to it")
		case o.provider == oauth2Name && c.clientID == "":
			f.add("X_CLIENT_ID", "is missing, and a token was issued to it")
		}
	}
}

func (c config) checkAddresses(f *faults) {
	for _, v := range []struct{ name, value string }{{"X_API_URL", c.apiURL}, {"X_AUTHORIZE_URL", c.authorizeURL}} {
		u, err := url.Parse(v.value)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
			f.add(v.name, "must be an https URL, or an http one on a loopback address")
		case u.Scheme == "http" && !loopback(u.Hostname()):
			f.add(v.name, "must be https: plain http would carry credentials, and is for loopback addresses only")
		case u.User != nil || u.Fragment != "":
			f.add(v.name, "must not have a user or a fragment")
		}
	}
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	host = strings.ToLower(host)
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
}
