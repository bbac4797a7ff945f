package handlers

import (
	"context"
	"errors"
	"fmt"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/page"
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
		user.ID = p.Name() + ":" + user.AccountID // ids are unique with their provider only
	}
	if user.SignedInAt.IsZero() {
		user.SignedInAt = h.cfg.Now() // sessions are told apart by it
	}
	s.User = user
	opt := client.PutOptions{RevokeReplaced: h.cfg.RevokeReplaced}
	if h.cfg.OnSignIn != nil {
		asked := s // a copy for the hook alone, which many do without
		if err := h.cfg.OnSignIn(ctx, &asked); err != nil {
			if !errors.Is(err, provider.ErrNotAllowed) {
				return none, internal(fmt.Errorf("OnSignIn: %w", err))
			}
			return none, &provider.Error{Kind: provider.ErrNotAllowed, Provider: p.Name(), Op: "OnSignIn", Err: err}
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
	if err != nil && !errors.Is(err, client.ErrAccountTaken) {
		err = internal(err)
	}
	return s.User, err
}

// save keeps the token and the session, both or neither. When the session is saved for good, it
// reports the sign-in, after commit. A middleware that saves the session after the answer may
// fail: then both are removed, and the failure is reported.
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
	err = h.cfg.Sessions.SignIn(c.w, r, user, func(saved bool) error {
		if saved {
			if opt.Own || opt.RevokeReplaced {
				h.commit(ctx, stored, s.User)
			}
			c.done(s.User)
			return nil
		}
		// The deadline that may have failed the session must not fail this.
		ctx, cancel := h.detached(ctx)
		defer cancel()
		err := stored.Rollback(ctx)
		if c.admitted {
			_, _ = c.report(internal(errors.New("the middleware has not saved the session")), page.ProblemFor)
		}
		return err
	})
	c.admitted = err == nil
	return err
}

// commit ends the sessions and removes the tokens that former owners have with the user's
// account. It is the last step of a sign-in. A failure is logged and the sign-in stands: the
// user's next one tries again.
func (h *Handlers) commit(parent context.Context, stored *client.Stored, user provider.User) {
	ctx, cancel := h.detached(parent) // the visitor may have gone
	defer cancel()
	users := h.cfg.Sessions.UserSessions()
	for _, key := range stored.FormerOwners() {
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
	ctx, cancel = h.detached(parent) // the sessions may have taken all the time
	defer cancel()
	if err := stored.Commit(ctx); err != nil {
		h.cfg.Logger.ErrorContext(ctx, "xsignin: tokens of an account's former users may be stored",
			"provider", user.Provider, "user_id", user.ID, "err", err)
	}
}
