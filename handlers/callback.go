package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// Callback ends a sign-in of any of the providers. It finds the pending sign-in by the
// parameter state, or by oauth_token or denied. Without a match in this browser it stops
// there. Then it calls the provider and the OnSignIn hook, saves the token and renews the
// session, in this order. If a step fails, only the sealed outcome of the sign-in remains.
// The outcome answers the same callback if it arrives again.
//
// success answers when the user is signed in, with the user in the request's context. nil
// means [RedirectAfterSignIn] to the [ReturnPath]. failure answers otherwise; nil means the
// default page. If X does not grant all scopes that the login requested, the user is signed in,
// and failure answers with [provider.ErrNotGranted].
//
// Without Config.Sessions, success has to start the application's session, and Callback panics
// if success is nil. It is called once for each sign-in, also if X does not grant all scopes.
// If the same callback comes again, it leads to the ReturnPath.
//
// A sign-in ends only at the path of the CallbackURL of its provider, as a defence against
// mix-up (RFC 9700, section 4.4). Mount Callback at each path that a CallbackURL has. Behind
// a [http.StripPrefix], or a proxy that removes a part of the path, the end of the path counts.
func (h *Handlers) Callback(success, failure http.Handler) http.Handler {
	if success == nil {
		h.needSessions("Callback without a success handler")
	}
	return h.handler(func(c *call) {
		c.success, c.failure = success, failure
		c.query, c.state = parseCallback(c.r)
		p, err := c.find()
		switch {
		case err != nil:
			c.fail(err)
		case c.found.Ended && c.found.Code == string(page.Denied) && c.query.Get("code")+c.query.Get("oauth_verifier") != "":
			// The visitor said no, went back to the provider, and agreed.
			c.fail(c.refused(provider.ErrExpired, errors.New("the visitor declined at first")))
		case c.found.Ended:
			c.answerAgain(c.outcome())
		default:
			c.finish(p)
		}
	}, http.MethodGet)
}

// find finds what this browser has for the state: a pending sign-in, or its outcome.
func (c *call) find() (provider.Provider, error) {
	h := c.h
	if c.state == "" {
		return nil, c.refused(provider.ErrOtherBrowser, nil)
	}
	var err error
	if c.found, err = h.cfg.Pending.Find(c.r, c.state); err != nil {
		return nil, err
	}
	c.provider, c.wanted = c.found.Pending.Provider, slices.Clone(c.found.Wanted)
	p, ok := h.byName[c.provider]
	if !ok {
		// The sign-in began before a deployment that dropped this provider.
		c.provider = ""
		return nil, c.refused(provider.ErrExpired, nil)
	}
	if c.returnTo = h.local(c.found.ReturnTo); c.found.ReturnTo == "" && !c.found.Ended {
		h.cfg.Logger.InfoContext(c.r.Context(), "xsignin: a return path was dropped: another sign-in of this browser uses the cookie for long paths", "provider", c.provider)
	}
	u, err := url.Parse(p.CallbackURL())
	path := c.r.URL.Path
	if err != nil || path != u.Path && (len(path) < 2 || path[0] != '/' || !strings.HasSuffix(u.Path, path)) {
		// A code in this query belongs to another provider.
		h.cfg.Pending.Spend(c.state)
		h.cfg.Pending.Finish(c.w, c.found, string(otherBrowser))
		return nil, c.refused(provider.ErrOtherBrowser, errors.New("the provider answered at the callback of another one"))
	}
	return p, nil
}

func (c *call) refused(kind, why error) error {
	return &provider.Error{Kind: kind, Provider: c.found.Pending.Provider, Op: "callback", Err: why}
}

// finish waits for the provider, saves the result, and answers. If several callbacks with
// this state wait, the first one whose request has not ended saves the result.
func (c *call) finish(p provider.Provider) {
	h, ctx := c.h, c.r.Context()
	e := c.exchange(p)
	if e == nil {
		c.fail(c.refused(provider.ErrExpired, nil))
		return
	}
	defer h.leave(c.state, e)
	select {
	case <-e.turn:
		defer func() { e.turn <- struct{}{} }()
	case <-ctx.Done():
	}
	if c.hasEnded() {
		return
	}
	if e.ended {
		c.answerAgain(e.outcome)
		return
	}
	user, err := e.user, e.err
	defer c.discard()
	if err == nil {
		saving, cancel := h.detached(ctx)
		defer cancel()
		user, err = c.admit(saving, p, SignIn{User: user, Token: e.token, ReturnTo: c.returnTo})
	}
	if c.hasEnded() { // another callback may take the result over
		if err != nil && e.err == nil {
			e.err = c.refused(provider.ErrExpired, nil) // undoing the sign-in has revoked the token
		}
		return
	}
	e.ended, e.outcome = true, err
	h.forget(c.state) // callbacks that wait get the outcome, later ones need its cookie
	missing := slices.DeleteFunc(slices.Clone(c.wanted), func(s string) bool { return e.token.HasScopes(s) })
	if err == nil && !e.token.IsOAuth1() && len(missing) > 0 {
		h.cfg.Logger.InfoContext(ctx, "xsignin: scopes were not granted",
			"provider", user.Provider, "user_id", user.ID, "missing", missing)
		if h.cfg.Sessions != nil { // otherwise only success can start a session
			e.outcome = &notGranted{p.Name(), missing}
		}
	}
	code := "" // signed in
	if e.outcome != nil {
		code = page.ProblemFor(e.outcome).Code
	}
	h.cfg.Pending.Finish(c.w, c.found, code)
	switch {
	case err != nil:
		c.fail(err)
	case e.outcome == nil && c.success != nil:
		c.succeed(user, e.token)
	default:
		c.answerAgain(e.outcome)
	}
}

// hasEnded reports whether the request has ended, and logs why.
func (c *call) hasEnded() bool {
	err := c.r.Context().Err()
	if err != nil {
		c.h.cfg.Logger.InfoContext(c.r.Context(), "xsignin: the request ended before the sign-in was finished", "provider", c.provider, "err", err)
	}
	return err != nil
}

// succeed answers by the success handler.
func (c *call) succeed(user provider.User, token tokenstore.Token) {
	ctx := requestctx.With(c.r.Context(), &requestctx.Request{
		Sessions: c.h.cfg.Sessions, User: user, Clients: c.h.cfg.Clients, Callback: &requestctx.Callback{ReturnTo: c.returnTo},
	})
	c.serve(withToken(ctx, token), c.success)
}

// hold keeps the token of key until every sign-in that needs the token has called discard.
func (c *call) hold(key tokenstore.Key) {
	c.held = key
	c.h.holding.Lock()
	defer c.h.holding.Unlock()
	c.h.discards[key]++
}

// discard deletes the token of the sign-in, unless another sign-in needs the token. A sign-in
// that calls hold meanwhile waits, and then stores its own token.
func (c *call) discard() {
	h, key := c.h, c.held
	if key.UserID == "" {
		return // nothing was saved
	}
	h.holding.Lock()
	defer h.holding.Unlock()
	if h.discards[key]--; h.discards[key] > 0 {
		return
	}
	delete(h.discards, key)
	ctx, cancel := h.detached(context.WithoutCancel(c.r.Context())) // the request may have ended
	defer cancel()
	if err := h.cfg.Clients.Discard(ctx, key); err != nil {
		h.cfg.Logger.ErrorContext(ctx, "xsignin: a token that should not be kept may be stored", "provider", c.provider, "err", err)
	}
}

// answerAgain answers by the outcome of the sign-in: nil if the user was signed in.
func (c *call) answerAgain(outcome error) {
	if outcome == nil {
		RedirectAfterSignIn(c.w, c.r, c.returnTo)
		return
	}
	outcome = c.named(outcome)
	c.answer(page.ProblemFor(outcome), outcome)
}

// outcome describes how a sign-in ended.
func (c *call) outcome() error {
	switch code := c.found.Code; code {
	case "":
		return nil
	case "not_granted":
		return &notGranted{c.provider, c.wanted}
	default:
		return page.Kind(code)
	}
}

// callbackParams are the parameters of a callback that the kit reads (RFC 6749, sections
// 4.1.2 and 4.1.2.1; RFC 5849, section 2.2; and X's denied). The first three hold the state.
var callbackParams = [...]string{"state", "oauth_token", "denied", "code", "error", "error_description", "oauth_verifier"}

// parseCallback reads the callback's query and the state of its sign-in. The state is empty if
// the query is not that of a callback. A parameter that cannot be decoded counts as missing.
func parseCallback(r *http.Request) (query url.Values, state string) {
	if len(r.URL.RawQuery) > 8<<10 { // X's have a few hundred bytes
		return nil, ""
	}
	query, _ = url.ParseQuery(r.URL.RawQuery) // it returns what it could decode
	for i, name := range callbackParams {
		value := query.Get(name)
		if i < 3 && state == "" {
			state = value
		}
		// RFC 6749 section 3.1: no parameter more than once. Some servers name the request token
		// in two parameters of a denial.
		if len(query[name]) > 1 && name != "error_description" || i < 3 && value != "" && value != state {
			return nil, ""
		}
	}
	return query, state
}

// exchange is one sign-in that a provider finishes. It continues if the callback that began it
// ends. Another callback of the same browser, such as a reload, then uses the result.
type exchange struct {
	turn    chan struct{} // empty while the provider, or one callback, works; guards the next five
	user    provider.User
	token   tokenstore.Token
	err     error
	ended   bool  // the result was saved, or could not be
	outcome error // what the visitor is told, or nil

	users int // callbacks that wait and the request to the provider, guarded by Handlers.mu
}

// exchange returns the exchange of c's state, and starts it if none runs. It returns nil if
// the sign-in was used before.
func (c *call) exchange(p provider.Provider) *exchange {
	h := c.h
	h.mu.Lock()
	defer h.mu.Unlock()
	if e := h.exchanges[c.state]; e != nil {
		e.users++
		return e
	}
	if !h.cfg.Pending.Spend(c.state) {
		return nil
	}
	e := &exchange{turn: make(chan struct{}, 1), users: 2}
	h.exchanges[c.state] = e
	ctx, state, pending, query := c.r.Context(), c.state, c.found.Pending, c.query
	go func() {
		defer h.leave(state, e)
		defer func() { e.turn <- struct{}{} }()
		defer func() {
			if v := recover(); v != nil {
				// net/http recovers in its own goroutines only. The value may hold secrets.
				e.err = internal(fmt.Errorf("the provider panicked with a %T", v))
			}
		}()
		ctx, cancel := h.detached(ctx)
		defer cancel()
		e.user, e.token, e.err = p.Finish(ctx, pending, query)
	}()
	return e
}

// leave removes a user of e, and e with its last one.
func (h *Handlers) leave(state string, e *exchange) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.users--; e.users == 0 {
		delete(h.exchanges, state)
	}
}

// forget removes the exchange of the state. No later exchange has the same state.
func (h *Handlers) forget(state string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.exchanges, state)
}

// admit signs in the user that p has confirmed, if the OnSignIn hook agrees. ctx does not end
// with the request.
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
		user.SignedInAt = h.cfg.Now() // it distinguishes the user's sessions
	}
	s.User = user
	opt := client.PutOptions{RevokeReplaced: h.cfg.RevokeReplaced}
	if h.cfg.OnSignIn != nil {
		asked := s // &s would move s to the heap even without a hook
		if err := c.ask(ctx, &asked); err != nil {
			return none, err
		}
		// The application may have its own users: an account belongs to one of them.
		opt.Own, opt.AllowTransfer = !h.cfg.DiscardTokens, h.cfg.AllowAccountTransfer
		// The hook chooses the id. It must not change what X returned.
		s.User.ID = asked.User.ID
	}
	err := c.save(ctx, s, opt)
	if err != nil && !errors.Is(err, client.ErrAccountTaken) {
		err = internal(err)
	}
	return s.User, err
}

// ask calls the OnSignIn hook.
func (c *call) ask(ctx context.Context, s *SignIn) (err error) {
	if s.Current, err = c.current(ctx); err != nil {
		return internal(err)
	}
	err = c.h.cfg.OnSignIn(ctx, s)
	switch {
	case errors.Is(err, provider.ErrNotAllowed):
		return &provider.Error{Kind: provider.ErrNotAllowed, Provider: c.provider, Op: "OnSignIn", Err: err}
	case err != nil:
		return internal(fmt.Errorf("OnSignIn: %w", err))
	case s.User.ID == "":
		return internal(errors.New("OnSignIn left User.ID empty"))
	}
	return nil
}

// save keeps the token and the session, both or neither. When the session is saved, save calls
// commit and reports the sign-in. If a middleware saves the session after the answer and fails,
// save removes both and reports the failure.
func (c *call) save(ctx context.Context, s SignIn, opt client.PutOptions) error {
	h, user, r := c.h, s.User, c.r
	if h.cfg.DiscardTokens {
		c.hold(user.Key())
	}
	stored, err := h.cfg.Clients.PutWithRollback(ctx, user.Key(), s.Token, opt)
	if err != nil {
		return err
	}
	if opt.Own {
		// A browser that links another account of its user keeps the account of its session.
		before, ok, err := h.user(ctx, r)
		if err == nil && ok && before.ID == user.ID && before.AccountID != user.AccountID {
			before.SignedInAt = user.SignedInAt
			user = before
		}
	}
	then := func(saved bool) error {
		if saved {
			if opt.Own || opt.RevokeReplaced {
				h.commit(ctx, stored, s.User)
			}
			c.done(s.User)
			return nil
		}
		// The rollback gets its own deadline: the session may have failed because ctx ended.
		ctx, cancel := h.detached(context.WithoutCancel(ctx))
		defer cancel()
		err := stored.Rollback(ctx)
		if c.admitted {
			_, _ = c.report(internal(cmp.Or(r.Context().Err(), errors.New("the middleware has not saved the session"))), page.ProblemFor)
		}
		return err
	}
	if h.cfg.Sessions == nil {
		err = r.Context().Err()
		err = errors.Join(err, then(err == nil))
	} else {
		// r has its own context, so SignIn knows whether the request has ended.
		err = h.cfg.Sessions.SignIn(c.w, r, user, then)
	}
	c.admitted = err == nil
	return err
}

// commit ends the sessions and removes the tokens of former owners of the user's
// account. A failure is logged, and the user's next sign-in tries again.
func (h *Handlers) commit(parent context.Context, stored *client.Stored, user provider.User) {
	parent = context.WithoutCancel(parent) // the request may have ended
	ctx, cancel := h.detached(parent)
	defer cancel()
	users := h.userSessions()
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
	ctx, cancel = h.detached(parent) // the sessions may have taken all the time
	defer cancel()
	if err := stored.Commit(ctx); err != nil {
		h.cfg.Logger.ErrorContext(ctx, "xsignin: tokens of an account's former users may be stored",
			"provider", user.Provider, "user_id", user.ID, "err", err)
	}
}
