package session

import (
	"context"
	"iter"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/visitorpath"
)

const (
	tokenLength = 43  // of scs's session ids: 32 bytes in base64url
	maxToken    = 256 // of session ids of an application's manager, in any format
	maxTokens   = 8   // cookies of a name that are tried, and paths and domains that are cleared

	// defaultName is the name of the session's cookie, and begins those of pending sign-ins.
	defaultName = "xsignin"
	// pendingInfix is only in the names of pending sign-ins.
	pendingInfix = "-pending-"
	// hostPrefix makes browsers hold a cookie to this host, to https and to the path "/".
	hostPrefix = "__Host-"
)

// needsSecure matches the names that browsers, which ignore case here, refuse without Secure.
var needsSecure = regexp.MustCompile(`(?i)^(__(Host-Http|Host|Secure|Http)-)+`)

// checkCookie adds the settings with which no browser keeps the cookie, or sends it back.
func checkCookie(l *configerr.List, c scs.SessionCookie, cfg FromSCSConfig) {
	const field = "Manager.Cookie."
	public, err := url.Parse(cfg.PublicURL)
	if err != nil {
		l.Add("FromSCSConfig.PublicURL", "is not a URL")
		return
	}
	secure := c.Secure || cfg.SecurePerRequest
	host := len(c.Name) >= len(hostPrefix) && strings.EqualFold(c.Name[:len(hostPrefix)], hostPrefix)
	l.AddIf((&http.Cookie{Name: c.Name}).Valid() != nil, field+"Name", "is %q, which cannot be the name of a cookie", c.Name)
	l.AddIf(needsSecure.MatchString(c.Name) && (!secure || cfg.SecurePerRequest && public.Scheme == "http"), field+"Secure",
		"is false, and browsers refuse a cookie with the name %q without Secure: set it to true", c.Name)
	l.AddIf(!c.HttpOnly && strings.Contains(strings.ToLower(needsSecure.FindString(c.Name)), "http-"), field+"HttpOnly",
		"is false, and browsers refuse a cookie with the name %q without HttpOnly: set it to true", c.Name)
	l.AddIf(c.Partitioned && !secure, field+"Partitioned", "is true, which browsers refuse without Secure: set it to false")
	l.AddIf(c.Domain != "" && (host || (&http.Cookie{Name: "a", Domain: c.Domain}).Valid() != nil), field+"Domain",
		"is %q, which browsers refuse for the cookie %q: leave it empty", c.Domain, c.Name)
	l.AddIf(c.Path != "/", field+"Path", "is %q, where the rest of the site does not see the cookie: set it to \"/\"", c.Path)
	l.AddIf(c.SameSite == http.SameSiteNoneMode && !secure, field+"SameSite",
		"is None, which browsers refuse without Secure: set it to http.SameSiteLaxMode")
	l.AddIf(c.SameSite == http.SameSiteStrictMode, field+"SameSite",
		"is Strict: browsers do not send such a cookie on the way back from the provider. Set it to http.SameSiteLaxMode")
	l.AddIf(public.Host != "" && c.Domain != "" && !withinDomain(public.Hostname(), c.Domain), field+"Domain",
		"is %q, which browsers refuse from %s: leave it empty", c.Domain, public.Host)
	l.AddIf(!cfg.SecurePerRequest && c.Secure && public.Scheme == "http" && !loopback.Is(public.Hostname()), field+"Secure",
		"is true, and browsers refuse such a cookie over http: set it to false, or use https")
	l.AddIf(!secure && public.Scheme == "https", field+"Secure",
		"is false, and PublicURL is https: set it to true, so that browsers never send the session over http")
}

// withinDomain reports whether a browser takes a cookie for domain from host.
func withinDomain(host, domain string) bool {
	host, domain = strings.ToLower(host), strings.ToLower(strings.TrimPrefix(domain, "."))
	return host == domain || strings.HasSuffix(host, "."+domain) && strings.Contains(domain, ".") && net.ParseIP(host) == nil
}

// cookies returns the cookies of r. It runs at every request, and allocates nothing.
func cookies(r *http.Request) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, line := range r.Header["Cookie"] {
			for line != "" {
				var part string
				part, line, _ = strings.Cut(line, ";")
				name, value, ok := strings.Cut(strings.Trim(part, " \t"), "=")
				if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
					value = value[1 : len(value)-1]
				}
				if ok && !yield(name, value) {
					return
				}
			}
		}
	}
}

// tokens returns the session ids that the browser sent and that scs may have made, at most
// eight, in list. sent is whether the browser sent any cookie of the name.
func (m *Manager) tokens(r *http.Request, list []string) (tokens []string, sent bool) {
	for name, value := range cookies(r) {
		if name == m.sm.Cookie.Name {
			sent = true
			made := value != "" && len(value) <= maxToken && (m.store.box != nil || len(value) == tokenLength)
			if made && len(list) < maxTokens {
				list = append(list, value)
			}
		}
	}
	return list, sent
}

// load puts the session of r into ctx, unless a middleware has, and returns its id. Of several
// cookies it chooses the one that find chooses.
func (m *Manager) load(ctx context.Context, sm *scs.SessionManager, r *http.Request) (_ context.Context, token string, err error) {
	switch all, _ := m.tokens(r, nil); {
	case m.loaded(ctx):
		return ctx, m.sm.Token(ctx), nil
	case len(all) > 1:
		token, _, err = m.find(ctx, r)
	case len(all) == 1:
		token = all[0]
	}
	if err == nil {
		ctx, err = sm.Load(ctx, token)
	}
	return ctx, token, err
}

// clearCookies makes the browser forget the session id. If it sent several, the paths above the
// request's own and the domains above the host are cleared, too.
func (m *Manager) clearCookies(w http.ResponseWriter, r *http.Request, several bool) {
	dropCookie(w.Header(), m.sm.Cookie.Name)
	m.sm.WriteSessionCookie(r.Context(), w, "", time.Time{})
	other := *m.sm
	other.Cookie.Path, _, _ = strings.Cut(visitorpath.URI(r, ""), "?")
	for i := 0; several && i < maxTokens && len(other.Cookie.Path) > 1; i++ {
		other.WriteSessionCookie(r.Context(), w, "", time.Time{})
		p := other.Cookie.Path // browsers distinguish /a/ from /a
		other.Cookie.Path = p[:min(strings.LastIndexByte(p, '/')+1, len(p)-1)]
	}
	other.Cookie = m.sm.Cookie
	// An IP address has no parent domains. Package http would log a Domain that is not valid.
	if host := (&url.URL{Host: r.Host}).Hostname(); net.ParseIP(host) == nil && (&http.Cookie{Name: "a", Domain: host}).Valid() == nil {
		other.Cookie.Domain = host
	}
	for i := 0; several && i < maxTokens && strings.Contains(other.Cookie.Domain, "."); i++ {
		other.WriteSessionCookie(r.Context(), w, "", time.Time{})
		_, other.Cookie.Domain, _ = strings.Cut(other.Cookie.Domain, ".")
	}
}

// dropCookie removes an earlier cookie of the name: RFC 6265 section 4.1.1 allows one.
func dropCookie(h http.Header, name string) {
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool {
		return strings.HasPrefix(line, name+"=")
	})
}
