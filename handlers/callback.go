package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// maxCallbackQuery bounds a callback's query. X's are a few hundred bytes.
const maxCallbackQuery = 8 << 10

// Callback ends a sign-in of any of the providers. It finds the pending sign-in by the
// parameter state, or by oauth_token or denied. Without a match in this browser it
// looks at nothing else. Then it asks the provider and the OnSignIn hook, saves the token
// and renews the session, in this order. If a step fails, nothing of the sign-in remains
// but its sealed outcome.
//
// The exchange with the provider does not end with the request. A second callback in the same
// browser, such as a reload, waits for it, and takes over the result if the first visitor has
// gone. If no request is there, nothing is saved. A callback that arrives after the end is
// answered as the first one was.
//
// Where the visitor was sent for more scopes, what X granted counts. If it lacks one of
// them, the sign-in stands all the same, with the new token, and failure answers with
// [provider.ErrNotGranted]: to go back would only lead to the consent again. A visitor who
// says no, [provider.ErrDenied], stays signed in as before, and the token is not touched.
// If the one who answers at X is another than who was signed in, it is an ordinary sign-in:
// that account is signed in afterwards.
//
// success answers when the user is signed in, with the user in the request's context, and
// with the token where gologin's readers find it: see [ReturnPath] for where the visitor
// came from, and the package's comment for the readers. nil means a redirect, with status 303, to where
// the visitor came from. failure answers otherwise; nil means the default page.
//
// A sign-in ends only at the path of its own provider's CallbackURL. This is a defence
// against mix-up (RFC 9700, section 4.4): a hostile provider can send a visitor on to another
// provider, and the code of that provider then comes to the callback of that provider, where
// the sign-in with the hostile provider does not end. Mount Callback at each path that a
// CallbackURL has. Behind a [http.StripPrefix], or a proxy that removes a part of the path,
// the end of CallbackURL's path counts.
func (h *Handlers) Callback(success, failure http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private(w)
		if !h.only(w, r, http.MethodGet) {
			return
		}
		c := callback{h: h, w: w, r: r, success: success, failure: failure, attempt: attempt{begun: h.cfg.Now()}}
		c.query, c.state = parseCallback(r)
		p, err := c.find()
		switch {
		case err != nil:
			c.fail(err)
		case c.found.Outcome != nil:
			c.answerAgain(*c.found.Outcome)
		default:
			c.finish(p)
		}
	})
}

// callback is one request to the callback.
type callback struct {
	h                *Handlers
	w                http.ResponseWriter
	r                *http.Request
	success, failure http.Handler
	query            url.Values
	state            string
	found            session.Found
	attempt          attempt
}

// find finds what this browser has for the state: a pending sign-in, or its outcome.
func (c *callback) find() (provider.Provider, error) {
	h := c.h
	if c.state == "" {
		return nil, &provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback"}
	}
	var err error
	if c.found, err = h.cfg.Pending.Find(c.r, c.state); err != nil {
		return nil, err
	}
	name := c.found.Pending.Provider
	p, ok := h.byName[name]
	if !ok {
		// The sign-in began before a deployment that dropped this provider.
		return nil, &provider.Error{Kind: provider.ErrExpired, Provider: name, Op: "callback"}
	}
	c.attempt.provider, c.attempt.wanted = name, slices.Clone(c.found.Wanted)
	c.attempt.returnTo = localPath(c.found.ReturnTo, h.cfg.Path, h.cfg.DefaultReturnTo)
	if !endsAt(p, c.r.URL.Path) {
		// The code, if there is one, is another provider's.
		h.cfg.Pending.Spend(c.state)
		err := &provider.Error{
			Kind: provider.ErrOtherBrowser, Provider: name, Op: "callback",
			Detail: "the provider answered at the callback of another one",
		}
		h.cfg.Pending.Finish(c.w, c.found, page.ProblemFor(err).Code)
		return nil, err
	}
	return p, nil
}

// finish waits for the provider, saves the result, and answers. If several callbacks with
// this state wait, the first whose visitor is still there saves the result.
func (c *callback) finish(p provider.Provider) {
	h := c.h
	e, ok := h.exchanges.enter(c.state,
		func() bool { return h.cfg.Pending.Spend(c.state) },
		func(e *exchange) { h.run(c.r.Context(), p, c.found.PendingSignIn, c.query, e) })
	if !ok {
		c.fail(&provider.Error{Kind: provider.ErrExpired, Provider: p.Name(), Op: "callback"})
		return
	}
	defer h.exchanges.leave(c.state, e)
	if !e.wait(c.r) {
		h.cfg.Logger.InfoContext(c.r.Context(), "xsignin: the visitor left before the sign-in was finished", "provider", p.Name())
		return
	}
	defer func() { <-e.turn }()
	if e.ended {
		code := ""
		if err := c.outcome(e); err != nil {
			code = page.ProblemFor(err).Code
		}
		c.answerAgain(session.Outcome{Provider: p.Name(), Code: code, ReturnTo: c.found.ReturnTo, Wanted: c.missing(e.token)})
		return
	}
	user, err := e.user, e.err
	if err == nil {
		user, err = c.save(p, e)
	}
	if c.r.Context().Err() != nil {
		return // another callback may take the result over
	}
	e.ended, e.failure = true, err
	if err := c.outcome(e); err != nil {
		h.cfg.Pending.Finish(c.w, c.found, page.ProblemFor(err).Code)
	} else {
		h.cfg.Pending.Finish(c.w, c.found, "")
	}
	if err != nil {
		c.fail(err)
		return
	}
	c.signedIn(user, e.token)
}

// save admits the user, unless the visitor has gone by then.
func (c *callback) save(p provider.Provider, e *exchange) (provider.User, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), c.h.cfg.Timeout)
	defer cancel()
	return c.h.admit(ctx, c.w, p, SignIn{User: e.user, Token: e.token, Request: c.r, ReturnTo: c.attempt.returnTo})
}

// outcome returns the error that the visitor is told about, or nil.
func (c *callback) outcome(e *exchange) error {
	if e.failure != nil {
		return e.failure
	}
	if missing := c.missing(e.token); len(missing) > 0 {
		return &NotGrantedError{Provider: c.attempt.provider, Scopes: missing}
	}
	return nil
}

// missing are the scopes that the visitor was sent for and did not get.
func (c *callback) missing(token tokenstore.Token) []string {
	if token.IsOAuth1() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.found.Wanted), func(s string) bool { return token.HasScopes(s) })
}

// signedIn reports a sign-in and answers.
func (c *callback) signedIn(user provider.User, token tokenstore.Token) {
	h, ctx, now := c.h, c.r.Context(), c.h.cfg.Now()
	h.cfg.OnEvent.Tell(ctx, event.Event{
		Kind: event.SignInDone, Time: now, Duration: now.Sub(c.attempt.begun),
		Provider: user.Provider, UserID: user.ID,
	})
	h.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "xsignin: signed in", slog.String("provider", user.Provider), slog.String("user_id", user.ID))
	if missing := c.missing(token); len(missing) > 0 {
		h.cfg.Logger.InfoContext(ctx, "xsignin: scopes were not granted", "provider", user.Provider, "user_id", user.ID, "missing", missing)
		h.answerFailure(c.w, c.r, c.failure, c.attempt, &NotGrantedError{Provider: user.Provider, Scopes: missing})
		return
	}
	if c.success == nil {
		RedirectAfterSignIn(c.w, c.r, c.attempt.returnTo)
		return
	}
	ctx = requestctx.With(ctx, &requestctx.Request{
		Sessions: h.cfg.Sessions, User: user, Clients: h.cfg.Clients, Callback: &requestctx.Callback{ReturnTo: c.attempt.returnTo},
	})
	c.success.ServeHTTP(c.w, c.r.WithContext(withToken(ctx, token)))
}

// fail reports a sign-in that failed and answers.
func (c *callback) fail(err error) { c.h.fail(c.w, c.r, c.failure, c.attempt, err) }

// answerAgain answers a callback that arrives again as the first one was answered. A user who
// was signed in is sent on.
func (c *callback) answerAgain(o session.Outcome) {
	if o.Code == "" {
		RedirectAfterSignIn(c.w, c.r, c.attempt.returnTo)
		return
	}
	c.h.answerFailure(c.w, c.r, c.failure, c.attempt, problemError(o))
}

// problemError returns an error whose problem has the code of o.
func problemError(o session.Outcome) error {
	if o.Code == "not_granted" {
		return &NotGrantedError{Provider: o.Provider, Scopes: o.Wanted}
	}
	return page.ErrorOf(page.Kind(o.Code))
}

// endsAt reports whether path is the path of p's callback, or its end.
func endsAt(p provider.Provider, path string) bool {
	u, err := url.Parse(p.CallbackURL())
	if err != nil || !strings.HasPrefix(path, "/") {
		return false
	}
	return path == u.Path || path != "/" && strings.HasSuffix(u.Path, path)
}

// admit lets in the user that p has vouched for: it asks the OnSignIn hook and saves.
func (h *Handlers) admit(ctx context.Context, w http.ResponseWriter, p provider.Provider, s SignIn) (provider.User, error) {
	var none provider.User
	user, token, r := s.User, s.Token, s.Request
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
			if errors.Is(err, provider.ErrNotAllowed) {
				refused := &provider.Error{Kind: provider.ErrNotAllowed, Provider: p.Name(), Op: "OnSignIn"}
				if err != provider.ErrNotAllowed { //nolint:errorlint // the bare word says no more than Kind
					refused.Err = err
				}
				return none, refused
			}
			return none, internal(fmt.Errorf("OnSignIn: %w", err))
		}
		if asked.User.ID == "" {
			return none, internal(errors.New("OnSignIn left User.ID empty"))
		}
		// The application may have its own users: an account belongs to one of them.
		opt.Own, opt.AllowTransfer = true, h.cfg.AllowAccountTransfer
		// The hook chooses the id; what X said is not its to change.
		user.ID = asked.User.ID
	}
	err := h.save(ctx, w, r, user, token, opt)
	switch {
	case errors.Is(err, client.ErrAccountTaken):
		return none, err
	case err != nil:
		return none, internal(err)
	}
	return user, nil
}

// save keeps the token and the session: both or neither. A middleware that cannot save the
// session afterwards removes both. If the account had other owners, save ends their sessions
// with the account and removes their tokens for it, when all else is done.
func (h *Handlers) save(ctx context.Context, w http.ResponseWriter, r *http.Request, user provider.User, token tokenstore.Token, opt client.PutOptions) error {
	stored, err := h.cfg.Clients.PutWithRollback(ctx, user.Key(), token, opt)
	if err != nil {
		return err
	}
	rollback := func() error {
		// The deadline that may have failed the session must not fail this.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Timeout)
		defer cancel()
		return stored.Rollback(ctx)
	}
	identity := user
	if opt.Own {
		identity = h.keptAccount(ctx, r, user)
	}
	// With its own context, r tells SignIn that the visitor has gone.
	if err := h.cfg.Sessions.SignIn(w, r, identity); err != nil {
		return errors.Join(err, rollback())
	}
	session.OnRollback(r.Context(), rollback)
	if opt.Own || opt.RevokeReplaced {
		session.OnSaved(r.Context(), func() {
			// The visitor may have gone.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Timeout)
			defer cancel()
			h.commit(ctx, stored, user)
		})
	}
	return nil
}

// keptAccount returns the user that the session is for: a browser that links a second account
// of the signed-in user keeps the account that it was signed in with.
func (h *Handlers) keptAccount(ctx context.Context, r *http.Request, user provider.User) provider.User {
	before, ok, err := h.cfg.Sessions.Get(ctx, r)
	if err != nil || !ok || before.ID != user.ID || before.AccountID == user.AccountID {
		return user
	}
	before.SignedInAt = user.SignedInAt
	return before
}

// commit ends the sessions and removes the tokens that former owners have with the user's
// account. It is the last step of a sign-in. A failure is logged and the sign-in stands: the
// user's next one tries again.
func (h *Handlers) commit(ctx context.Context, stored *client.Stored, user provider.User) {
	users := h.cfg.Sessions.UserSessions()
	for _, key := range stored.FormerOwners() {
		h.cfg.Logger.InfoContext(ctx, "xsignin: account moved to another user",
			"provider", key.Provider, "user_id", user.ID, "former_user_id", key.UserID)
		if users == nil {
			continue
		}
		if err := users.EndAccount(ctx, key.UserID, key.AccountID, key.Provider); err != nil {
			h.cfg.Logger.ErrorContext(ctx, "xsignin: sessions of an account's former user have not ended",
				"provider", key.Provider, "user_id", key.UserID, "err", err)
		}
	}
	// The sessions may have taken all the time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Timeout)
	defer cancel()
	if err := stored.Commit(ctx); err != nil {
		h.cfg.Logger.ErrorContext(ctx, "xsignin: tokens of an account's former users may be stored",
			"provider", user.Provider, "user_id", user.ID, "err", err)
	}
}

// callbackParams are the parameters of a callback that the kit reads (RFC 6749, sections
// 4.1.2 and 4.1.2.1; RFC 5849, section 2.2; and X's denied).
var callbackParams = []string{"state", "oauth_token", "denied", "code", "error", "error_description", "oauth_verifier"}

// parseCallback reads the callback's query and the state of its sign-in. The state is
// empty if the query is not that of a callback. It reads parameter by parameter: a fault in
// one that the kit does not need, such as a bare percent sign in error_description, is
// ignored.
func parseCallback(r *http.Request) (query url.Values, state string) {
	if len(r.URL.RawQuery) > maxCallbackQuery {
		return nil, ""
	}
	query = make(url.Values)
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			continue
		}
		value, err = url.QueryUnescape(value)
		known := slices.Contains(callbackParams, name)
		switch {
		case known && query.Has(name):
			return nil, "" // RFC 6749 section 3.1: no parameter more than once
		case err == nil && !query.Has(name):
			query.Set(name, value)
		}
	}
	for _, name := range []string{"state", "oauth_token", "denied"} {
		if v := query.Get(name); v != "" {
			// Some servers name the request token twice in a denial.
			if state != "" && state != v {
				return nil, ""
			}
			state = v
		}
	}
	return query, state
}
