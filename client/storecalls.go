package client

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// All calls to the token store are in this file.

func (m *Manager) storeTimeout() time.Duration { return min(storeTimeout, m.timeout) }

// bound bounds a call to the store, unless ctx ends sooner.
func (m *Manager) bound(ctx *context.Context) (cancel context.CancelFunc) {
	if deadline, ok := (*ctx).Deadline(); ok && time.Until(deadline) <= m.storeTimeout() {
		return func() {}
	}
	*ctx, cancel = context.WithTimeout(*ctx, m.storeTimeout())
	return cancel
}

func (m *Manager) readEntry(ctx context.Context, key tokenstore.Key) (tokenstore.Token, tokenstore.Version, error) {
	defer m.bound(&ctx)()
	return m.vault.Get(ctx, key)
}

func (m *Manager) putEntry(ctx context.Context, key tokenstore.Key, t tokenstore.Token) (tokenstore.Version, error) {
	defer m.bound(&ctx)()
	return m.vault.Put(ctx, key, t)
}

func (m *Manager) replaceEntry(ctx context.Context, key tokenstore.Key, v tokenstore.Version, t tokenstore.Token) (tokenstore.Version, error) {
	defer m.bound(&ctx)()
	return m.vault.Replace(ctx, key, v, t)
}

func (m *Manager) deleteEntry(ctx context.Context, key tokenstore.Key, v tokenstore.Version) error {
	defer m.bound(&ctx)()
	return m.vault.Delete(ctx, key, v)
}

func (m *Manager) leaseEntry(ctx context.Context, key tokenstore.Key, v tokenstore.Version) (tokenstore.LeaseID, error) {
	defer m.bound(&ctx)()
	return m.vault.Lease(ctx, key, v, m.lease)
}

func (m *Manager) releaseEntry(ctx context.Context, key tokenstore.Key, id tokenstore.LeaseID) error {
	defer m.bound(&ctx)()
	return m.vault.Release(ctx, key, id)
}

func (m *Manager) listEntries(ctx context.Context, userID string) ([]tokenstore.Key, error) {
	defer m.bound(&ctx)()
	return m.vault.List(ctx, userID)
}

// The owner of the account that key names has a separate entry.

func (m *Manager) readOwner(ctx context.Context, key tokenstore.Key) (tokenstore.Owner, tokenstore.Version, error) {
	defer m.bound(&ctx)()
	return m.vault.Owner(ctx, m.space(key.Provider), key.AccountID)
}

func (m *Manager) replaceOwner(ctx context.Context, key tokenstore.Key, v tokenstore.Version, o tokenstore.Owner) (tokenstore.Version, error) {
	defer m.bound(&ctx)()
	return m.vault.ReplaceOwner(ctx, m.space(key.Provider), key.AccountID, v, o)
}

func (m *Manager) deleteOwner(ctx context.Context, key tokenstore.Key, v tokenstore.Version) error {
	defer m.bound(&ctx)()
	return m.vault.DeleteOwner(ctx, m.space(key.Provider), key.AccountID, v)
}

// maxConflicts bounds how often a write is tried again because another one came first.
const maxConflicts = 50

// afterConflict waits for a random time, so that writers of one entry do not meet again.
func afterConflict(ctx context.Context, failures int) {
	timer := time.NewTimer(rand.N(time.Millisecond << min(failures, 6)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
