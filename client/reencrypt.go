package client

import (
	"context"

	"github.com/xsignin/xsignin/tokenstore"
)

// Reencrypt seals every stored token anew with the newest secret, while requests and
// refreshes go on: see [tokenstore.Vault.Reencrypt]. Tokens in memory stay.
func (p *Manager) Reencrypt(ctx context.Context) (tokenstore.Reencrypted, error) {
	if p.closed.Load() {
		return tokenstore.Reencrypted{}, ErrClosed
	}
	return p.vault.Reencrypt(ctx)
}
