package xtest

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// origin is the scheme and host that a client of Transport called; real when the host is one of X's.
type origin struct {
	scheme, host string
	real         bool
}

type originKey struct{}

func withOrigin(ctx context.Context, o origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

func originOf(r *http.Request) (origin, bool) {
	o, ok := r.Context().Value(originKey{}).(origin)
	return o, ok
}

// X's hosts by what they serve: the API with the token endpoints and the pages of OAuth 1.0a, or the web site with
// the page of OAuth 2.0.
var realHosts = map[string]string{
	"api.x.com": "api", "api.twitter.com": "api", "upload.x.com": "upload", "upload.twitter.com": "upload",
	"x.com": "web", "www.x.com": "web", "twitter.com": "web", "www.twitter.com": "web",
}

func (o origin) serves(path string) bool {
	host, _, _ := strings.Cut(strings.ToLower(o.host), ":")
	switch realHosts[host] {
	case "web":
		// X's own SDK builds consent addresses of OAuth 1.0a on x.com.
		return path == "/" || strings.HasPrefix(path, "/i/") || path == pathAuthenticate || path == pathAuthorize1
	case "upload":
		return strings.HasPrefix(path, "/1.1/media/") || strings.HasPrefix(path, "/2/media/")
	default:
		return path != "/" && !strings.HasPrefix(path, "/i/")
	}
}

// baseURL is the URL that the client called, as far as it can be known: scheme and host, perhaps a path prefix. Headers
// such as X-Forwarded-Host are never believed: any client can send them.
func (x *X) baseURL(r *http.Request) string {
	o, viaTransport := originOf(r)
	if viaTransport && o.real {
		return o.scheme + "://" + o.host
	}
	if x.cfg.BaseURL != "" {
		return x.cfg.BaseURL
	}
	if viaTransport {
		return o.scheme + "://" + o.host
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// hostPort names a server, with the port that the scheme implies.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if strings.EqualFold(u.Scheme, "https") {
			port = "443"
		}
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
