// Package loopback has the one rule for hosts that may use plain http.
package loopback

import (
	"net/netip"
	"strings"
)

// Is reports whether host, a name or an address without a port, is this machine.
func Is(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
