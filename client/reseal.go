package client

import (
	"context"

	"github.com/xsignin/xsignin/tokenstore"
)

// Reseal seals every stored token anew with the newest secret, while requests and
// refreshes go on: see [tokenstore.Vault.Reseal]. Tokens in memory stay.
func (p *Pool) Reseal(ctx context.Context) (tokenstore.Resealed, error) {
	if p.closed.Load() {
		return tokenstore.Resealed{}, ErrClosed
	}
	return p.vault.Reseal(ctx)
}
