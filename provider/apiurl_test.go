package provider_test

import (
	"testing"

	"github.com/xsignin/xsignin/provider"
)

func TestAPIURL(t *testing.T) {
	s := newServer(t)
	for name, p := range map[string]provider.Provider{"X": s.x(t), "XOAuth1": s.xoauth1(t), "OAuth2": s.oauth2(t)} {
		got := p.APIURL()
		if got.String() != s.URL {
			t.Errorf("%s: %s, want %s", name, got, s.URL)
		}
		got.Host = "evil.test"
		if p.APIURL().Host == got.Host {
			t.Errorf("%s: the caller changed the provider's address", name)
		}
	}
}
