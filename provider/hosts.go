package provider

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// xHosts are the hosts of X's API. twitter.com is the old name of the same service.
// upload accepts media.
var xHosts = []string{"api.x.com", "api.twitter.com", "upload.x.com", "upload.twitter.com"}

// origin is a scheme and a host, in lower case. A port that is the scheme's default is
// left out.
type origin struct{ scheme, host string }

func originOf(u *url.URL) origin {
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return origin{scheme, host}
	}
	return origin{scheme, net.JoinHostPort(host, port)}
}

// hostSet are the origins that may receive credentials: any number by https, and at most
// the API's own by http, on a loopback host.
type hostSet map[origin]bool

// newHostSet returns the set for an API's address and further hosts. All are checked.
func newHostSet(api *url.URL, more []string) hostSet {
	set := hostSet{originOf(api): true}
	if isXAPI(api) {
		more = slices.Concat(xHosts, more)
	}
	for _, h := range more {
		set[originOf(&url.URL{Scheme: "https", Host: h})] = true
	}
	return set
}

func (s hostSet) has(u *url.URL) bool {
	return u != nil && u.User == nil && u.Opaque == "" && u.Host != "" && s[originOf(u)]
}

// isXAPI reports whether api is X's own API, not another server that speaks X's protocols.
func isXAPI(api *url.URL) bool {
	return slices.Contains(xHosts[:2], originOf(api).host)
}
