package session

import (
	"context"

	"github.com/xsignin/xsignin/provider"
)

// UserIn is the user in a session's value.
func UserIn(value any) provider.User { return identityOf(value).user }

// Identity is the value under which a session with our codec keeps u.
func Identity(u provider.User) any { return identity{user: u} }

// SetPageSize makes pages of n entries.
func (s *SignOuts) SetPageSize(n int) { s.pageSize = n }

// End is what SignOutEverywhere does.
func (s *SignOuts) End(ctx context.Context, userID string) error { return s.end(ctx, userID) }

// Ended reports whether a session of the position has been ended.
func (s *SignOuts) Ended(ctx context.Context, userID string, position uint64) (bool, error) {
	return s.ended(ctx, userID, position)
}

// Position is what somebody who signs in now has to know.
func (s *SignOuts) Position(ctx context.Context) (uint64, error) { return s.position(ctx) }

// Known is how many users are on closed pages and on the open one, in memory.
func (s *SignOuts) Known() (closed, open int) {
	l := s.list.Load()
	return len(l.closed), len(l.open)
}
