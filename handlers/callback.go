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
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// maxCallbackQuery bounds a callback's query. X's are a few hundred bytes.
const maxCallbackQuery = 8 << 10

// Callback ends a sign-in of any of the providers. It finds the one under way by the
// parameter state, or by oauth_token or denied; without a match in this browser it
// looks at nothing else. Then it asks the provider, the OnSignIn hook, saves the token
// and renews the session, in this order; if a step fails nothing of it remains.
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
		a := attempt{begun: h.cfg.Now()}
		user, token, missing, err := h.finish(w, r, &a)
		if err != nil {
			h.fail(w, r, failure, a, err)
			return
		}
		now := h.cfg.Now()
		h.cfg.OnEvent.Tell(r.Context(), event.Event{
			Kind: event.SignInDone, Time: now, Duration: now.Sub(a.begun),
			Provider: user.Provider, UserID: user.ID,
		})
		h.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "xsignin: signed in", slog.String("provider", user.Provider), slog.String("user_id", user.ID))
		if len(missing) > 0 {
			h.cfg.Logger.InfoContext(r.Context(), "xsignin: scopes were not granted", "provider", user.Provider, "user_id", user.ID, "missing", missing)
			h.answerFailure(w, r, failure, a, &NotGrantedError{Provider: user.Provider, Scopes: missing})
			return
		}
		if success == nil {
			RedirectAfterSignIn(w, r, a.returnTo)
			return
		}
		ctx := requestctx.With(r.Context(), &requestctx.Request{
			Sessions: h.cfg.Sessions, User: user, Clients: h.cfg.Clients, Callback: &requestctx.Callback{ReturnTo: a.returnTo},
		})
		success.ServeHTTP(w, r.WithContext(withToken(ctx, token)))
	})
}

// finish does what Callback says and fills in a as it learns. missing are the scopes that
// the visitor was sent for and did not get.
func (h *Handlers) finish(w http.ResponseWriter, r *http.Request, a *attempt) (user provider.User, token tokenstore.Token, missing []string, err error) {
	var none provider.User
	var nothing tokenstore.Token
	query, handle := parseCallback(r)
	if handle == "" {
		return none, nothing, nil, &provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback"}
	}
	begun, err := h.cfg.Pending.Take(w, r, handle)
	if err != nil {
		return none, nothing, nil, err
	}
	p, ok := h.byName[begun.Pending.Provider]
	if !ok {
		// PendingSignIn before a deployment that dropped this provider.
		return none, nothing, nil, &provider.Error{Kind: provider.ErrExpired, Provider: begun.Pending.Provider, Op: "callback"}
	}
	a.provider, a.returnTo = p.Name(), localPath(begun.ReturnTo, h.cfg.Path, h.cfg.DefaultReturnTo)
	a.wanted = slices.Clone(begun.Wanted)

	if !endsAt(p, r.URL.Path) {
		// The code, if there is one, is another provider's.
		return none, nothing, nil, &provider.Error{
			Kind: provider.ErrOtherBrowser, Provider: p.Name(), Op: "callback",
			Detail: "the provider answered at the callback of another one",
		}
	}

	// From here on a visitor who closes the tab must not leave half of it: X's code is
	// spent by the first question.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.cfg.Timeout)
	defer cancel()
	user, token, err = p.Finish(ctx, begun.Pending, query)
	if err != nil {
		return none, nothing, nil, err
	}
	if user, err = h.admit(ctx, w, p, SignIn{User: user, Token: token, Request: r, ReturnTo: a.returnTo}); err != nil {
		return none, nothing, nil, err
	}
	if !token.IsOAuth1() {
		missing = slices.DeleteFunc(begun.Wanted, func(s string) bool { return token.HasScopes(s) })
	}
	return user, token, missing, nil
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
		return none, internal(errors.New("provider " + p.Name() + " vouched for nobody: its User lacks AccountID or Provider"))
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
		// The hook chooses the id; what X said is not its to change.
		user.ID = asked.User.ID
	}
	if err := h.save(ctx, w, r, user, token); err != nil {
		return none, internal(err)
	}
	return user, nil
}

// save keeps the token and the session: both or neither.
func (h *Handlers) save(ctx context.Context, w http.ResponseWriter, r *http.Request, user provider.User, token tokenstore.Token) error {
	undo, _, err := h.cfg.Clients.PutWithRollback(ctx, user.Key(), token, client.PutOptions{})
	if err != nil {
		return err
	}
	if err := h.cfg.Sessions.SignIn(w, r.WithContext(ctx), user); err != nil {
		// The deadline that may have failed the session must not fail this.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Timeout)
		defer cancel()
		return errors.Join(err, undo(ctx))
	}
	return nil
}

// parseCallback reads the callback's query and the handle of its sign-in. The handle is
// empty if the query is not that of a callback.
func parseCallback(r *http.Request) (query url.Values, handle string) {
	if len(r.URL.RawQuery) > maxCallbackQuery {
		return nil, ""
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, ""
	}
	for _, values := range query {
		// RFC 6749 section 3.1: no parameter more than once.
		if len(values) > 1 {
			return nil, ""
		}
	}
	for _, name := range []string{"state", "oauth_token", "denied"} {
		if v := query.Get(name); v != "" {
			// Some servers name the request token twice in a denial.
			if handle != "" && handle != v {
				return nil, ""
			}
			handle = v
		}
	}
	return query, handle
}
