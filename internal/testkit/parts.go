package testkit

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// Parts are the packages of the kit, assembled as in a program that does not use the root
// package.
type Parts struct {
	X *xtest.X
	// Providers are x and x-oauth1.
	Providers []provider.Provider
	Clients   *client.Manager
	Sessions  *session.Manager
	Pending   *session.PendingStore
}

// NewParts returns the parts of a site at publicURL, with all data in memory. They log nothing.
func NewParts(t *testing.T, publicURL string) *Parts {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	callback := publicURL + "/auth/callback"
	p := &Parts{X: xtest.New(xtest.Config{Callbacks: []string{callback}})}
	xapi.Mount(p.X)
	x, err := provider.NewX(provider.OAuth2Config{
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		CallbackURL: callback, Transport: p.X.Transport(),
	})
	must(err)
	x1, err := provider.NewXOAuth1(provider.OAuth1Config{
		ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret,
		CallbackURL: callback, Transport: p.X.Transport(),
	})
	must(err)
	p.Providers = []provider.Provider{x, x1}
	log := slog.New(slog.DiscardHandler)
	secret := []byte(strings.Repeat("s", 32))
	vault, err := tokenstore.NewVault(tokenstore.NewMemory(), secret)
	must(err)
	p.Clients, err = client.New(client.Config{Vault: vault, Providers: p.Providers, Transport: p.X.Transport(), Logger: log})
	must(err)
	t.Cleanup(func() {
		if err := p.Clients.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	p.Sessions, err = session.New(session.Config{Logger: log})
	must(err)
	p.Pending, err = session.NewPendingStore(session.PendingStoreConfig{Secrets: [][]byte{secret}})
	must(err)
	return p
}
