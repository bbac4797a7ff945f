package loopback_test

import (
	"testing"

	"github.com/xsignin/xsignin/internal/loopback"
)

func TestIs(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "app.localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example": false, "notlocalhost": false, "0.0.0.0": false, "10.0.0.1": false, "::": false, "[::1]": false,
	} {
		if loopback.Is(host) != want {
			t.Errorf("Is(%q) is %t", host, !want)
		}
	}
}
