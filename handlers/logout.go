package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dghubble/gologin/v2"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/internal/visitorpath"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
)

// Logout signs out on POST. The session and the pending sign-ins of this browser end. Then the
// tokens of the session's account are revoked at the provider (best effort, two seconds at
// most) and deleted, unless Config.KeepTokensOnLogout. GET shows a small page with the
// button. A POST that another site caused is refused ([http.CrossOriginProtection]).
//
// If the form, the query or a JSON object has everywhere with a true value ([strconv.ParseBool],
// or "on"), Logout does what [Handlers.SignOutEverywhere] does, or answers with status 400.
//
// success answers each POST after which no user is signed in: of a form or a script, everywhere,
// and without a session. It gets that request, without a user in its context. [ReturnPath] is
// the checked form value return_to. The page of GET copies return_to from its own address into
// the form. The headers that end the cookies are set. Nil means HX-Redirect for htmx, status 204
// for other requests for JSON, and otherwise a redirect to the return path.
// failure answers when a store failed; nil means the default page. The tokens are unchanged.
// Logout panics without Config.Sessions.
func (h *Handlers) Logout(success, failure http.Handler) http.Handler {
	h.needSessions("Logout")
	return h.handler(func(c *call) {
		w, r, logout := c.w, c.r, h.cfg.Path+"/logout"
		if r.Method != http.MethodPost {
			c.askToSignOut(logout)
			return
		}
		if err := h.cross.Check(r); err != nil {
			c.problem("cross_origin", logout)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		everywhere, err := everywhere(r)
		if err != nil || everywhere && h.cfg.Sessions.UserSessions() == nil {
			c.problem("not_everywhere", logout)
			return
		}
		c.setReturnTo(r.PostFormValue("return_to"), r.PostFormValue("return_to") != "")
		if err = c.signOut(everywhere); err != nil {
			h.cfg.Logger.ErrorContext(r.Context(), "xsignin: sign-out failed", "err", err)
		}
		switch {
		case r.Context().Err() != nil: // w may belong to another request already
		case err != nil:
			if failure == nil {
				c.problem("sign_out_failed", logout)
				return
			}
			failure.ServeHTTP(w, r.WithContext(gologin.WithError(r.Context(), err)))
		case success != nil:
			ctx := requestctx.With(r.Context(), &requestctx.Request{Sessions: h.cfg.Sessions, Clients: h.cfg.Clients, Callback: &requestctx.Callback{ReturnTo: c.returnTo}})
			success.ServeHTTP(w, r.WithContext(ctx))
		case requestkind.IsHTMX(r):
			w.Header().Set("HX-Redirect", encode(c.returnTo)) // otherwise htmx stays on the page
			w.WriteHeader(http.StatusNoContent)
		case requestkind.JSON(r):
			w.WriteHeader(http.StatusNoContent)
		default:
			seeOther(w, c.returnTo)
		}
	}, http.MethodGet, http.MethodHead, http.MethodPost)
}

// askToSignOut shows the page with the button, or says that there is no session.
func (c *call) askToSignOut(logout string) {
	sessions, home := c.h.cfg.Sessions, c.h.cfg.DefaultReturnTo
	user, ok, err := sessions.Get(c.r.Context(), c.r)
	c.provider = user.Provider
	texts := page.ProblemFor(c.named(page.SignOut))
	if sessions.UserSessions() != nil {
		texts = page.ProblemFor(c.named(page.Kind("sign_out_or_everywhere")))
	}
	if err == nil && !ok {
		texts = page.ProblemFor(page.Kind("signed_out"))
		logout, home = home, ""
	}
	texts.RetryURL = logout
	ask := texts.Page()
	ask.Post, ask.Home = home != "", home
	ask.Fields = []page.Field{{Name: "return_to", Value: c.r.URL.Query().Get("return_to")}}
	if !c.ended() {
		c.h.cfg.Pages.Show(c.w, c.r, ask)
	}
}

// everywhere reports whether r asks to end all sessions.
func everywhere(r *http.Request) (bool, error) {
	// FormValue alone treats a truncated or too large form as empty.
	err := r.ParseForm()
	if _, query := url.ParseQuery(r.URL.RawQuery); query != nil && err != nil && err.Error() == query.Error() && !strings.Contains(r.URL.RawQuery, "everywhere") {
		err = nil // only other fields are malformed
	}
	if err == nil {
		err = r.ParseMultipartForm(64 << 10)
	}
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return false, err
	}
	switch value := r.FormValue("everywhere"); value {
	case "":
	case "on": // a checkbox
		return true, nil
	default:
		return strconv.ParseBool(value)
	}
	var body struct{ Everywhere bool }
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		err = json.NewDecoder(r.Body).Decode(&body)
		if err != nil && !errors.Is(err, io.EOF) { // EOF: nothing was sent
			return false, err
		}
	}
	return body.Everywhere, nil
}

// SignOut is for the application's own logout: it does what a POST to [Handlers.Logout] does,
// and sends nothing. The cookies that it clears are in w's header, so call it before the answer
// begins. It does not check who sent r: protect the logout by [http.CrossOriginProtection].
//
// An error means that a store failed, and that the session may be open. The tokens are then
// unchanged. Without Config.Sessions there is no session to end, and SignOut always fails.
func (h *Handlers) SignOut(w http.ResponseWriter, r *http.Request) error {
	if h.cfg.Sessions == nil {
		return errNoSessions
	}
	return (&call{h: h, w: w, r: r, begun: h.cfg.Now()}).signOut(false)
}

var errNoSessions = errors.New("handlers: there are no sessions of the kit to end " +
	"(end the application's own session, and the tokens by client.Manager.Revoke, which is Kit.RevokeToken)")

// signOut ends r's session, or all sessions of the session's user, and then the tokens.
func (c *call) signOut(everywhere bool) error {
	h, r := c.h, c.r
	ctx := context.WithoutCancel(r.Context())
	user, ok, err := h.cfg.Sessions.Get(ctx, r)
	if err == nil && ok && everywhere {
		err = h.cfg.Sessions.UserSessions().End(ctx, user.ID, nil)
	}
	if err == nil {
		shown := *r
		shown.RequestURI = visitorpath.URI(r, h.cfg.PublicPath) // browsers compare cookies with this path
		err = h.cfg.Sessions.SignOut(c.w, &shown)
	}
	if err != nil {
		return internal(err)
	}
	if r.Context().Err() == nil {
		// A pending sign-in must not complete after the sign-out.
		h.cfg.Pending.Clear(c.w, r, ok)
	}
	if ok {
		h.signedOut(ctx, c.begun, user, everywhere)
	}
	return nil
}

// SignOutEverywhere ends every session of a user, see [session.UserSessions.End]. userID is
// the application's id of the user, [provider.User].ID. Then the tokens of all of the user's
// accounts are revoked and deleted, unless Config.KeepTokensOnLogout. An error means that some
// sessions may still be open. The tokens are then unchanged.
func (h *Handlers) SignOutEverywhere(ctx context.Context, userID string) error {
	begun := h.cfg.Now()
	users := h.userSessions()
	switch {
	case h.cfg.Sessions == nil:
		return errNoSessions
	case users == nil:
		return errors.New("handlers: SignOutEverywhere: set Vault in the configuration of the session manager")
	}
	if err := users.End(ctx, userID, nil); err != nil {
		return err
	}
	h.signedOut(context.WithoutCancel(ctx), begun, provider.User{ID: userID}, true)
	return nil
}

// signedOut revokes and deletes the tokens when the sessions have ended: those of the
// session's account, or all of the user. user has no Provider if the application made the call.
func (h *Handlers) signedOut(ctx context.Context, begun time.Time, user provider.User, everywhere bool) {
	if !h.cfg.KeepTokensOnLogout {
		if err := h.cfg.Clients.SignOut(ctx, user.Key(), everywhere); err != nil {
			h.cfg.Logger.ErrorContext(ctx, "xsignin: token not deleted at sign-out",
				"provider", user.Provider, "user_id", user.ID, "err", err)
		}
	}
	h.cfg.Logger.InfoContext(ctx, "xsignin: signed out", "provider", user.Provider, "user_id", user.ID, "everywhere", everywhere)
	h.tell(ctx, begun, event.Event{Kind: event.SignedOut, Provider: user.Provider, UserID: user.ID, Everywhere: everywhere})
}
