package xsignin

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/seal"
	"github.com/xsignin/xsignin/tokenstore"
)

// settings is a Config with valid fields and defaults. Other packages check their own fields.
type settings struct {
	Config
	public  *url.URL
	secrets [][]byte
	memory  []string // what is kept in memory: "sessions", "tokens"
}

// validate reports all errors of the fields that the root package uses.
func (c Config) validate() (settings, error) {
	s := settings{Config: c}
	faults := configerr.For("xsignin")
	s.Logger = cmp.Or(c.Logger, slog.Default())
	s.Paths.Base = strings.TrimRight(cmp.Or(c.Paths.Base, "/auth"), "/")
	s.memory = c.inMemory() // before session.FromSCS wraps the store
	s.validatePublicURL(faults)
	s.validateSecrets(faults)
	refuse := func(broken bool, field, problem string) { faults.AddIf(broken, field, "%s", problem) }
	x1, transport := c.OAuth1, reflect.ValueOf(c.X.Transport)
	refuse(c.ClientID == "" && x1.ConsumerKey == "" && len(c.Providers) == 0, "Config", "has no way to sign in: set ClientID "+
		"(OAuth 2.0) or OAuth1.ConsumerKey and OAuth1.ConsumerSecret (OAuth 1.0a). Is the environment variable set?")
	refuse(c.ClientID == "" && c.ClientSecret != "", "Config.ClientSecret", "is set without ClientID")
	refuse((x1.ConsumerKey == "") != (x1.ConsumerSecret == ""),
		"Config.OAuth1.ConsumerKey", "and ConsumerSecret belong together: one of them is missing")
	refuse(x1.ConsumerKey == "" && x1.AccessType != "", "Config.OAuth1.AccessType", "is set without ConsumerKey")
	refuse(x1.ConsumerKey == "" && x1.AlwaysAsk, "Config.OAuth1.AlwaysAsk", "is set without ConsumerKey")
	refuse(x1.ConsumerKey == "" && x1.FetchProfile, "Config.OAuth1.FetchProfile", "is set without ConsumerKey")
	refuse(!pathShape.MatchString(s.Paths.Base) || path.Clean(s.Paths.Base) != s.Paths.Base, "Config.Paths.Base",
		"must begin with a slash, have at least one segment, and consist of letters, digits, hyphens, underscores, dots and slashes")
	c.validateSession(refuse)
	refuse(c.Advanced.AllowAccountTransfer && c.OnSignIn == nil, "Config.Advanced.AllowAccountTransfer",
		"is set without OnSignIn: an account changes its user only if OnSignIn sets User.ID")
	refuse(transport.Kind() == reflect.Pointer && transport.IsNil(), "Config.X.Transport",
		fmt.Sprintf("is a nil pointer of type %T: leave it unset for the kit's own transport", c.X.Transport))
	return s, faults.Err()
}

// validateSession passes the errors of c.Session, and of what needs sessions, to refuse.
func (c Config) validateSession(refuse func(broken bool, field, problem string)) {
	own := c.Session
	refuse(own.Manager == nil && own.SecurePerRequest, "Config.Session.SecurePerRequest",
		"is set without Manager: PublicURL decides whether the kit's own cookie is Secure")
	settings := own.Store != nil || own.Lifetime != 0 || own.IdleTimeout != 0
	refuse(own.Manager != nil && (settings || own.CookieName != ""),
		"Config.Session.Manager", "has its own store, cookie and lifetimes: do not set the other fields of Config.Session")
	if !own.Disabled {
		return
	}
	refuse(own.Manager != nil || settings || own.SecurePerRequest, "Config.Session.Disabled",
		"means that the kit keeps no session: of the other fields of Config.Session, set only CookieName")
	refuse(c.Success == nil, "Config.Success", "is missing: with Session.Disabled it starts the application's own session")
	refuse(c.Pages.LoggedOut != nil, "Config.Pages.LoggedOut", "is set with Session.Disabled: the kit has no logout")
	refuse(c.Advanced.KeepTokensOnLogout, "Config.Advanced.KeepTokensOnLogout",
		"is set with Session.Disabled: the kit has no logout")
	refuse(c.Advanced.AllowAccountTransfer && c.TokenStore == nil, "Config.Advanced.AllowAccountTransfer",
		"is set with Session.Disabled and without TokenStore: the kit does not know who has an account")
}

var (
	// hostShape matches a host without a scheme, perhaps with a port and a path.
	hostShape = regexp.MustCompile(`^(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)(:[0-9]{1,5})?(/[A-Za-z0-9/._-]*)?$`)
	// pathShape matches paths without characters that have a meaning in a ServeMux pattern.
	pathShape = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)
)

// validatePublicURL sets s.public, without a slash at the end, if PublicURL is valid. An error
// shows the value only if it looks like a host: it may be a secret in the wrong field.
func (s *settings) validatePublicURL(faults *configerr.List) {
	u, err := url.Parse(s.PublicURL)
	add := func(format string, args ...any) { faults.Add("Config.PublicURL", format, args...) }
	var ip netip.Addr
	if u != nil {
		ip, _ = netip.ParseAddr(u.Hostname())
	}
	switch {
	case configerr.Quoted(s.PublicURL):
		add("has quotation marks: write the address without them")
	case s.PublicURL == "":
		add("is missing: set it to how visitors reach the site, such as https://example.com")
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		hint := ", such as https://example.com"
		if host, _, _ := strings.Cut(s.PublicURL, "/"); hostShape.MatchString(s.PublicURL) {
			scheme := "https"
			if loopback.Is((&url.URL{Host: host}).Hostname()) {
				scheme = "http"
			}
			hint = fmt.Sprintf(", and %[1]s has no scheme: write %[2]s://%[1]s", s.PublicURL, scheme)
		}
		add("must be an absolute http or https URL%s", hint)
	case u.Hostname() == "" || ip.Unmap().IsUnspecified():
		add("names no host that a browser can open: %q is the address that a server listens on. "+
			"Write http://localhost:%s during development, and otherwise the name of the site, such as https://example.com", u.Host, port(u))
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		add("must be a scheme, a host and perhaps a path, and nothing else")
	case addressFault(u) != "":
		add("%s", addressFault(u))
	default:
		u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
		s.public = u
		if site, _, ok := strings.Cut(u.Path+"/", s.Paths.Base+"/callback/"); ok {
			add("is the callback and must be the site: write %s", &url.URL{Scheme: u.Scheme, Host: u.Host, Path: site})
		}
	}
}

var (
	// nameShape matches host names. Browsers take a name that matches numberShape for an IPv4
	// address, and write it in another way.
	nameShape   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$`)
	numberShape = regexp.MustCompile(`(?i)(^|\.)([0-9]+|0x[0-9a-f]*)\.?$`)
	// sitePath matches decoded paths that all browsers, proxies and servers read alike. The path
	// of a cookie has no semicolon.
	sitePath = regexp.MustCompile("^(/[^\\x00-\\x20\"#%/;<>?\\\\^`{|}\\x7f]+)*/*$")
)

// addressFault says why browsers or X write u in another way, or returns "".
func addressFault(u *url.URL) string {
	host, trimmed := u.Hostname(), strings.TrimRight(u.Path, "/")
	ip, err := netip.ParseAddr(host)
	port, _ := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case strings.ContainsFunc(host, func(r rune) bool { return r > '~' }):
		return fmt.Sprintf("has the host %q: write the ASCII form of the host, which begins with xn--, because browsers and X compare that form", u.Host)
	case err == nil && (ip.Zone() != "" || ip.Is4In6() || ip.String() != strings.ToLower(host)):
		return fmt.Sprintf("has the address %q, which browsers write in another way: write %s", host, ip.WithZone("").Unmap())
	case err != nil && (!nameShape.MatchString(host) || numberShape.MatchString(host)):
		return fmt.Sprintf("has the host %q, which is neither a name nor an address that browsers keep as it is: write the name of the site", host)
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && (port == 0 || strconv.FormatUint(port, 10) != u.Port()):
		return fmt.Sprintf("has the host %q, whose port is not valid: write a port from 1 to 65535, or leave it out", u.Host)
	case !sitePath.MatchString(u.Path) || strings.Contains(strings.ToLower(u.RawPath), "%2f"),
		trimmed != "" && path.Clean(trimmed) != trimmed:
		return fmt.Sprintf("has the path %q, which not all browsers and servers read alike: write names between single slashes", u.Path)
	}
	return ""
}

func (s *settings) validateSecrets(faults *configerr.List) {
	for i, secret := range s.Secrets {
		problem := secretProblem(secret)
		if first := slices.Index(s.Secrets, secret); problem == "" && first < i {
			problem = fmt.Sprintf("is the same as Secrets[%d]: write each secret once", first)
		}
		if problem != "" {
			faults.Add(fmt.Sprintf("Config.Secrets[%d]", i), "%s", problem)
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

// ParseSecrets splits the value of a variable into the secrets for Config.Secrets, newest
// first, at spaces and line breaks. An empty value has none. An error never shows a secret.
func ParseSecrets(value string) ([]string, error) {
	secrets := strings.Fields(value)
	for i, s := range secrets {
		if problem := secretProblem(s); problem != "" {
			return nil, fmt.Errorf("xsignin: secret %d %s", i+1, problem)
		}
	}
	if value != "" && len(secrets) == 0 {
		return nil, errors.New("xsignin: the value has no secret in it (write a secret, or leave the variable unset)")
	}
	return secrets, nil
}

var (
	placeholder = regexp.MustCompile(`^\$([{(].*|[A-Z_][A-Z0-9_]*)$|^<.*>$|^\{\{.*\}\}$|^%\w+%$|://|^(vault|arn):|^(/[a-z0-9._-]+){2,}$`)
	escape      = regexp.MustCompile(`\\[nrt]`)
)

// secretProblem returns what is wrong with a secret, or "".
func secretProblem(s string) string {
	switch {
	case s == "":
		return "is empty (is its environment variable set? `openssl rand -base64 32` makes a secret)"
	case strings.ContainsAny(s, ",;|"):
		return "has a comma, a semicolon or a bar in it (separate secrets by spaces)"
	case placeholder.MatchString(s):
		return "is the name of a variable or a file, or a placeholder, and not its value (`openssl rand -base64 32` makes a secret)"
	case escape.MatchString(s):
		return "has a line break or a tab in it that is written with a backslash (separate secrets by spaces)"
	case strings.ContainsAny(s, "\"'`"):
		return "has a quotation mark in it (write the secret without quotation marks)"
	case strings.ContainsAny(s, " \t\r\n"):
		return "has a space or a line break in it (split the variable by xsignin.ParseSecrets)"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "has a character in it that is not printable ASCII (write random bytes in base64 or hexadecimal)"
	case len(s) < seal.MinSecret:
		return fmt.Sprintf("has %d bytes and needs at least %d (`openssl rand -base64 32` makes a secret)", len(s), seal.MinSecret)
	}
	return ""
}

// inMemory names what is kept in memory.
func (c Config) inMemory() (kept []string) {
	sessions := c.Session.Store
	if c.Session.Manager != nil {
		sessions = c.Session.Manager.Store
	}
	if _, ok := sessions.(*memstore.MemStore); (ok || sessions == nil) && !c.Session.Disabled {
		kept = append(kept, "sessions")
	}
	if c.TokenStore == nil && !c.discards() || reflect.TypeOf(c.TokenStore) == reflect.TypeOf(tokenstore.NewMemory()) {
		kept = append(kept, "tokens")
	}
	return kept
}

// discards reports whether only Success uses the tokens, so that they are not kept.
func (c Config) discards() bool { return c.Session.Disabled && c.TokenStore == nil }

// parts has the part of [Config] with a setting that another package validates.
var parts = map[string]string{
	"APIURL": "X.", "AuthorizeURL": "X.", "Transport": "X.",
	"ConsumerKey": "OAuth1.", "ConsumerSecret": "OAuth1.", "AccessType": "OAuth1.", "FetchProfile": "OAuth1.",
	"Store": "Session.", "CookieName": "Session.", "Lifetime": "Session.", "IdleTimeout": "Session.",
	"Name":            "Session.Cookie", // of pending sign-ins
	"DefaultReturnTo": "Paths.",
	"Native":          "Advanced.", "RefreshBefore": "Advanced.", "Timeout": "Advanced.",
}

// ownNames replaces the field names of other packages by those of [Config]. An error that
// two packages report is returned once.
func ownNames(err error) error {
	var errs []error
	for _, e := range configerr.Split(err) {
		var fault *configerr.Error
		if errors.As(e, &fault) && fault.Package != "xsignin" {
			config, field, _ := strings.Cut(fault.Field, ".")
			name := strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' })
			switch {
			case config == "Manager":
				field = "Session." + fault.Field
			case len(name) > 0:
				field = parts[name[0]] + field
			}
			e = &configerr.Error{Package: "xsignin", Field: "Config." + field, Problem: fault.Problem}
		}
		if !slices.ContainsFunc(errs, func(other error) bool { return other.Error() == e.Error() }) {
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}
