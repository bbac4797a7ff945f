package provider

import (
	"net"
	"net/url"
	"strings"
)

// xHosts are the hosts of X's API. twitter.com is the old name of the same service.
// upload accepts media.
var xHosts = []string{"api.x.com", "api.twitter.com", "upload.x.com", "upload.twitter.com"}

// hostSet are the hosts that may receive credentials: any number by https, and at most
// one by http, a loopback host.
type hostSet struct {
	https map[string]bool
	http  string
}

// newHostSet returns the set for an API's address and further hosts. All are checked.
func newHostSet(api *url.URL, more []string) hostSet {
	set := hostSet{https: map[string]bool{}}
	host := normalHost(api)
	if api.Scheme == "http" {
		set.http = host
	} else {
		set.https[host] = true
	}
	if isX(api) {
		more = append(append([]string{}, xHosts...), more...)
	}
	for _, h := range more {
		set.https[normalHost(&url.URL{Scheme: "https", Host: h})] = true
	}
	return set
}

// isX reports whether api is X's own API, not another server that speaks X's protocols.
func isX(api *url.URL) bool {
	host := normalHost(api)
	return host == "api.x.com" || host == "api.twitter.com"
}

func (s hostSet) has(u *url.URL) bool {
	if u == nil || u.User != nil || u.Opaque != "" || u.Host == "" {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "https":
		return s.https[normalHost(u)]
	case "http":
		return s.http != "" && normalHost(u) == s.http
	}
	return false
}

// normalHost is u's host in lower case, with its port unless that is the scheme's
// default.
func normalHost(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	scheme := strings.ToLower(u.Scheme)
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return host
	}
	return net.JoinHostPort(host, port)
}
