package xsignin

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/loopback"
)

// settings is a Config with valid fields and defaults. Other packages validate the fields
// that are theirs.
type settings struct {
	Config
	public  *url.URL
	secrets [][]byte
}

// validate reports all errors of the fields that the root package uses.
func (c Config) validate() (settings, error) {
	s := settings{Config: c}
	faults := configerr.For("xsignin")
	s.Logger = cmp.Or(c.Logger, slog.Default())
	s.public = validPublicURL(faults, c.PublicURL)
	s.Paths.Base = strings.TrimRight(cmp.Or(c.Paths.Base, "/auth"), "/")
	s.validatePaths(faults)
	s.validateCredentials(faults)
	s.validateManager(faults)
	s.validateSecrets(faults)
	s.validateOthers(faults)
	return s, faults.Err()
}

// validPublicURL returns raw without a slash at the end, or nil if raw is invalid. It does
// not show raw in an error unless raw looks like a host: the value may be a secret in the
// wrong field.
func validPublicURL(faults *configerr.List, raw string) *url.URL {
	const field = "Config.PublicURL"
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		faults.Add(field, "is missing: set it to how visitors reach the site, such as https://example.com")
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		faults.Add(field, "must be an absolute http or https URL%s", schemeHint(raw))
	case unspecified(u.Hostname()):
		faults.Add(field, "names no host that a browser can open: %q is the address that a server listens on. "+
			"Write http://localhost:%s during development, and otherwise the name of the site, such as https://example.com", u.Host, port(u))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		faults.Add(field, "must be a scheme, a host and perhaps a path, and nothing else")
	case !isASCII(u.Host):
		faults.Add(field, "has the host %q: write the ASCII form of the host, "+
			"which begins with xn--, because browsers and X compare that form", u.Host)
	default:
		u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
		return u
	}
	return nil
}

// schemeHint returns what to write for an address without a scheme.
func schemeHint(raw string) string {
	if !hostShape.MatchString(raw) {
		return ", such as https://example.com"
	}
	scheme := "https"
	if host, _, _ := strings.Cut(raw, "/"); loopback.Is(hostname(host)) {
		scheme = "http"
	}
	return fmt.Sprintf(", and %s has no scheme: write %s://%s", raw, scheme, raw)
}

func (s *settings) validatePaths(faults *configerr.List) {
	base := s.Paths.Base
	if !pathShape.MatchString(base) || path.Clean(base) != base {
		faults.Add("Config.Paths.Base", "must begin with a slash, have at least one segment, "+
			"and consist of letters, digits, hyphens, underscores, dots and slashes")
	}
	if s.public == nil {
		return
	}
	if site, _, ok := strings.Cut(s.public.Path+"/", base+"/callback/"); ok {
		site := url.URL{Scheme: s.public.Scheme, Host: s.public.Host, Path: site}
		faults.Add("Config.PublicURL", "is the callback and must be the site: write %s", site.String())
	}
}

func (s *settings) validateCredentials(faults *configerr.List) {
	if s.ClientID == "" && s.OAuth1.ConsumerKey == "" && len(s.Providers) == 0 {
		faults.Add("Config", "has no way to sign in: set ClientID (OAuth 2.0) or OAuth1.ConsumerKey and "+
			"OAuth1.ConsumerSecret (OAuth 1.0a). Is the environment variable set?")
	}
	if s.ClientID == "" && s.ClientSecret != "" {
		faults.Add("Config.ClientSecret", "is set without ClientID")
	}
	if (s.OAuth1.ConsumerKey == "") != (s.OAuth1.ConsumerSecret == "") {
		faults.Add("Config.OAuth1.ConsumerKey", "and ConsumerSecret belong together: one of them is missing")
	}
	if s.OAuth1.ConsumerKey == "" && s.OAuth1.AccessType != "" {
		faults.Add("Config.OAuth1.AccessType", "is set without ConsumerKey")
	}
	if s.OAuth1.ConsumerKey == "" && s.OAuth1.FetchProfile {
		faults.Add("Config.OAuth1.FetchProfile", "is set without ConsumerKey")
	}
}

// validateOthers checks for a setting without an effect, and for a nil pointer as Transport.
func (s *settings) validateOthers(faults *configerr.List) {
	if s.Advanced.AllowAccountTransfer && s.OnSignIn == nil {
		faults.Add("Config.Advanced.AllowAccountTransfer", "is set without OnSignIn: an account changes its user only if OnSignIn sets User.ID")
	}
	if v := reflect.ValueOf(s.X.Transport); v.Kind() == reflect.Pointer && v.IsNil() {
		faults.Add("Config.X.Transport", "is a nil pointer of type %T: leave it unset for the kit's own transport", s.X.Transport)
	}
}

func (s *settings) validateManager(faults *configerr.List) {
	session := s.Session
	if session.Manager == nil {
		if session.SecurePerRequest {
			faults.Add("Config.Session.SecurePerRequest", "is set without Manager: PublicURL decides whether the kit's own cookie is Secure")
		}
		return
	}
	if session.Store != nil || session.CookieName != "" || session.Lifetime != 0 || session.IdleTimeout != 0 {
		faults.Add("Config.Session.Manager", "has its own store, cookie and lifetimes: do not set the other fields of Config.Session")
	}
}

func (s *settings) validateSecrets(faults *configerr.List) {
	for i, secret := range s.Secrets {
		if problem := secretProblem(secret); problem != "" {
			faults.Add(fmt.Sprintf("Config.Secrets[%d]", i), "%s", problem)
		} else if first := slices.Index(s.Secrets, secret); first < i {
			faults.Add(fmt.Sprintf("Config.Secrets[%d]", i), "is the same as Secrets[%d]: write each secret once", first)
		}
		s.secrets = append(s.secrets, []byte(secret))
	}
	switch {
	case len(s.Secrets) > 0 || s.public == nil:
	case s.TokenStore != nil:
		faults.Add("Config.Secrets", "is empty, and TokenStore is set: stored tokens could not be read after a restart "+
			"(`openssl rand -base64 32` makes a secret)")
	case !loopback.Is(s.public.Hostname()):
		faults.Add("Config.Secrets", "is empty: only a loopback PublicURL needs no secret (`openssl rand -base64 32` makes one)")
	default:
		s.secrets = [][]byte{[]byte(rand.Text() + rand.Text())}
	}
}

// configWarnings returns warnings about settings that work, but not as most applications
// need.
func (s settings) configWarnings() []string {
	var found []string
	sessions, advice := s.Session.Store, "Set Session.Store too"
	if s.Session.Manager != nil {
		sessions = s.Session.Manager.Store
		advice = "Give Session.Manager a Store that all replicas share"
	}
	_, inMemory := sessions.(*memstore.MemStore)
	stored := sessions != nil && !inMemory
	switch away := !loopback.Is(s.public.Hostname()); {
	case away && stored && s.TokenStore == nil:
		found = append(found, "sessions are stored and tokens are not: after a restart, and on another replica, "+
			"signed-in users cannot call X and have to sign in again. Set TokenStore too")
	case away && !stored && s.TokenStore != nil:
		found = append(found, "tokens are stored and sessions are not: after a restart, and on another replica, "+
			"no user is signed in. "+advice)
	}
	kept := s.Advanced.KeepTokensOnLogout || s.TokenStore != nil
	if s.ClientID != "" && kept && len(s.Scopes) > 0 && !slices.Contains(s.Scopes, "offline.access") {
		found = append(found, "tokens are kept and Scopes lacks offline.access: X issues no refresh token, "+
			"and users have to sign in again after two hours")
	}
	return found
}

var (
	// hostShape matches a host without a scheme, perhaps with a port and a path.
	hostShape = regexp.MustCompile(`^(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)(:[0-9]{1,5})?(/[A-Za-z0-9/._-]*)?$`)
	// pathShape matches paths without characters that have a meaning in a ServeMux pattern.
	pathShape = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)
)

// origin returns u's origin as browsers write it: the host in lower case, and no default port.
func origin(u *url.URL) string {
	defaultPort := ":80"
	if u.Scheme == "https" {
		defaultPort = ":443"
	}
	return u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Host), defaultPort)
}

// unspecified reports whether host is empty or means all addresses of a machine.
func unspecified(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || (err == nil && ip.Unmap().IsUnspecified())
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > '~' })
}
