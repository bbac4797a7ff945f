package bench

import (
	"testing"
	"time"

	"github.com/xsignin/xsignin"
)

// BenchmarkSignedIn is a signed-in request in process, with sessions in memory: RequireUser
// and User(ctx), and what the peers have in their place.
func BenchmarkSignedIn(b *testing.B) {
	run(b, append(kitVariants(b),
		scsRequest(b, "scs-gob", nil, 0),
		gorillaRequest(b, "gorilla-signed", secret('s')),
		gorillaRequest(b, "gorilla-encrypted", secret('s'), secret('e')),
		gothicRequest(b, "goth-gothic"),
		jwtRequest(b, "golang-jwt"),
		pkgzRequest(b, "go-pkgz-auth"),
		authbossRequest(b, "authboss"),
	)...)
}

// kitVariants returns the kit with the two settings that could slow each request down.
func kitVariants(tb testing.TB) []rival {
	idle := func(c *xsignin.Config) { c.Session.IdleTimeout = time.Hour }
	tenSecrets := func(c *xsignin.Config) {
		c.Secrets = nil
		for i := range byte(10) {
			c.Secrets = append(c.Secrets, string(secret('a'+i)))
		}
	}
	return []rival{
		kitRequest(tb, "xsignin", nil),
		kitRequest(tb, "xsignin-idle-timeout", idle),
		kitRequest(tb, "xsignin-ten-secrets", tenSecrets),
	}
}
