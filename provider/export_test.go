package provider

import (
	"context"

	"github.com/xsignin/xsignin/tokenstore"
)

// Profile asks who the user of t is, as the second call of a sign-in does.
func (s *service) Profile(ctx context.Context, t tokenstore.Token) (User, error) {
	u, _, err := s.ask(ctx, userOp, t, t.HasScopes("users.email"))
	return u, err
}
