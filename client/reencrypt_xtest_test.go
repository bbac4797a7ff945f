package client_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// turnedAway tells when somebody was refused a lease.
type turnedAway struct {
	tokenstore.Store
	once *sync.Once
	told chan struct{}
}

func (s turnedAway) Lease(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
	id, err := s.Store.Lease(ctx, k, v, d)
	if errors.Is(err, tokenstore.ErrLeased) {
		s.once.Do(func() { close(s.told) })
	}
	return id, err
}

func secretsVault(t *testing.T, s tokenstore.Store, letters string) *tokenstore.Vault {
	t.Helper()
	var secrets [][]byte
	for _, b := range []byte(letters) {
		secrets = append(secrets, bytes.Repeat([]byte{b}, 32))
	}
	v, err := tokenstore.NewVault(s, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// X has the refresh token and has not answered while another replica reencrypts. The
// simulated X takes each refresh token once, so a lost one would be seen.
func TestReencryptWhileXIsAsked(t *testing.T) {
	s := newSite(t)
	m := tokenstore.NewMemory()
	s.vault = secretsVault(t, m, "kn")
	pool := s.replica()
	key := s.signIn(pool)
	first := s.token(key)
	s.pass(3 * time.Hour)

	hold, reached := make(chan struct{}), make(chan struct{}, 1)
	s.x.Fail(xtest.Fault{Path: "/2/oauth2/token", Times: 1, After: true, Hold: hold, Reached: reached})
	var all sync.WaitGroup
	all.Go(func() { s.want200(pool, key) })
	<-reached
	other := turnedAway{Store: m, once: new(sync.Once), told: make(chan struct{})}
	all.Go(func() {
		got, err := secretsVault(t, other, "nk").Reencrypt(t.Context())
		if err != nil || got != (tokenstore.Reencrypted{Reencrypted: 1}) {
			t.Errorf("Reencrypt = %+v, %v", got, err)
		}
	})
	<-other.told
	close(hold)
	all.Wait()

	second, _, err := secretsVault(t, m, "n").Get(t.Context(), key)
	if err != nil || second.RefreshToken == first.RefreshToken || !s.x.Live(second.RefreshToken) {
		t.Errorf("the new refresh token is not what is stored: %v", err)
	}
	// It is good for another refresh.
	s.pass(3 * time.Hour)
	s.want200(s.replica(), key)
	if n := s.x.Count("POST", "/2/oauth2/token"); n != 3 {
		t.Errorf("%d token requests, want one for the code and two refreshes", n)
	}
}
