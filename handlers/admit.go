package handlers

import (
	"context"
	"errors"
	"fmt"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

// admit lets in the user that p has vouched for: it asks the OnSignIn hook and saves. If that
// fails, nothing remains. ctx does not end with the request.
func (c *call) admit(ctx context.Context, p provider.Provider, s SignIn) (provider.User, error) {
	h, user := c.h, s.User
	var none provider.User
	s.Request = c.r
	if user.AccountID == "" || user.Provider != p.Name() {
		return none, internal(errors.New("provider " + p.Name() + " returned a User without AccountID or Provider"))
	}
	if user.ID == "" {
		// Ids are unique with their provider only.
		user.ID = p.Name() + ":" + user.AccountID
	}
	if user.SignedInAt.IsZero() {
		// Sessions are told apart by it.
		user.SignedInAt = h.cfg.Now()
	}
	s.User = user
	opt := client.PutOptions{RevokeReplaced: h.cfg.RevokeReplaced}
	if h.cfg.OnSignIn != nil {
		asked := s // a copy for the hook alone, which many do without
		if err := h.cfg.OnSignIn(ctx, &asked); err != nil {
			return none, refused(p, err)
		}
		if asked.User.ID == "" {
			return none, internal(errors.New("OnSignIn left User.ID empty"))
		}
		// The application may have its own users: an account belongs to one of them.
		opt.Own, opt.AllowTransfer = true, h.cfg.AllowAccountTransfer
		// The hook chooses the id; what X said is not its to change.
		s.User.ID = asked.User.ID
	}
	err := c.save(ctx, s, opt)
	switch {
	case errors.Is(err, client.ErrAccountTaken):
		return none, err
	case err != nil:
		return none, internal(err)
	}
	return s.User, nil
}

// refused returns the error of a sign-in that the OnSignIn hook refused by err.
func refused(p provider.Provider, err error) error {
	if !errors.Is(err, provider.ErrNotAllowed) {
		return internal(fmt.Errorf("OnSignIn: %w", err))
	}
	refused := &provider.Error{Kind: provider.ErrNotAllowed, Provider: p.Name(), Op: "OnSignIn"}
	if err != provider.ErrNotAllowed { //nolint:errorlint // the bare word says no more than Kind
		refused.Err = err
	}
	return refused
}

// save keeps the token and the session: both or neither. A middleware that cannot save the
// session afterwards removes both. If the account had other owners, save ends their sessions
// with the account and removes their tokens for it, when all else is done.
func (c *call) save(ctx context.Context, s SignIn, opt client.PutOptions) error {
	h, user, r := c.h, s.User, c.r
	stored, err := h.cfg.Clients.PutWithRollback(ctx, user.Key(), s.Token, opt)
	if err != nil {
		return err
	}
	if opt.Own {
		// A browser that links a second account of the signed-in user keeps the account that
		// it was signed in with.
		before, ok, err := h.cfg.Sessions.Get(ctx, r)
		if err == nil && ok && before.ID == user.ID && before.AccountID != user.AccountID {
			before.SignedInAt = user.SignedInAt
			user = before
		}
	}
	// With its own context, r tells SignIn that the visitor has gone.
	return h.cfg.Sessions.SignIn(c.w, r, user, func(saved bool) error {
		switch {
		case !saved:
			// The deadline that may have failed the session must not fail this.
			ctx, cancel := h.detached(ctx)
			defer cancel()
			return stored.Rollback(ctx)
		case opt.Own || opt.RevokeReplaced:
			h.commit(ctx, stored, s.User)
		}
		return nil
	})
}

// commit ends the sessions and removes the tokens that former owners have with the user's
// account. It is the last step of a sign-in. A failure is logged and the sign-in stands: the
// user's next one tries again.
func (h *Handlers) commit(parent context.Context, stored *client.Stored, user provider.User) {
	ctx, cancel := h.detached(parent) // the visitor may have gone
	defer cancel()
	users := h.cfg.Sessions.UserSessions()
	for _, key := range stored.FormerOwners {
		h.cfg.Logger.InfoContext(ctx, "xsignin: account moved to another user",
			"provider", key.Provider, "user_id", user.ID, "former_user_id", key.UserID)
		if users == nil {
			continue
		}
		err := users.End(ctx, key.UserID, func(s session.UserSession) bool {
			return s.AccountID == key.AccountID && s.Provider == key.Provider
		})
		if err != nil {
			h.cfg.Logger.ErrorContext(ctx, "xsignin: sessions of an account's former user have not ended",
				"provider", key.Provider, "user_id", key.UserID, "err", err)
		}
	}
	// The sessions may have taken all the time.
	ctx, cancel = h.detached(parent)
	defer cancel()
	if err := stored.Commit(ctx); err != nil {
		h.cfg.Logger.ErrorContext(ctx, "xsignin: tokens of an account's former users may be stored",
			"provider", user.Provider, "user_id", user.ID, "err", err)
	}
}
