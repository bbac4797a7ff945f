package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/dghubble/gologin/v2"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
)

// Logout signs out on POST. The session and the pending sign-ins of this browser end. Then the
// tokens of the session's account are revoked at the provider (best effort, two seconds at
// most) and deleted, unless Config.KeepTokensOnLogout. A sign-out everywhere does that with
// the tokens of all of the user's accounts. GET shows a small page with the button. A POST
// that another site caused is refused by [http.CrossOriginProtection], with status 403.
//
// With a true value everywhere ([strconv.ParseBool]), in the form, the query or a JSON object,
// every session of the user ends instead, see [Handlers.SignOutEverywhere]. A value that is no
// bool is refused with status 400, and so is a true one where the session manager has no vault
// for the lists of sessions.
//
// success answers when the visitor is signed out; nil means a redirect, with status 303,
// to the form value return_to or Config.DefaultReturnTo, or 204 for a request for JSON.
// failure answers when a store failed, and the tokens are as they were; nil means the default
// page. A sign-out without a session succeeds.
func (h *Handlers) Logout(success, failure http.Handler) http.Handler {
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
		everywhere, err := h.everywhere(r)
		if err != nil {
			c.problem("not_everywhere", logout)
			return
		}
		err = c.signOut(everywhere)
		switch {
		case r.Context().Err() != nil: // w may belong to another request already
		case err != nil:
			h.cfg.Logger.ErrorContext(r.Context(), "xsignin: sign-out failed", "err", err)
			if failure == nil {
				c.problem("sign_out_failed", logout)
				return
			}
			failure.ServeHTTP(w, r.WithContext(gologin.WithError(r.Context(), err)))
		case success != nil:
			success.ServeHTTP(w, r)
		case requestkind.JSON(r):
			w.WriteHeader(http.StatusNoContent)
		default:
			seeOther(w, localPath(r.PostFormValue("return_to"), h.cfg.Path, h.cfg.DefaultReturnTo))
		}
	}, http.MethodGet, http.MethodHead, http.MethodPost)
}

// askToSignOut shows the page with the button, or says that there is no session.
func (c *call) askToSignOut(logout string) {
	kind, home := page.SignOut, c.h.cfg.DefaultReturnTo
	if c.h.cfg.Sessions.UserSessions() != nil {
		kind = "sign_out_or_everywhere"
	}
	_, ok, err := c.h.cfg.Sessions.Get(c.r.Context(), c.r)
	if err == nil && !ok {
		kind, logout, home = "signed_out", home, ""
	}
	texts := page.ProblemFor(kind)
	texts.RetryURL = logout
	ask := texts.Page()
	ask.Post, ask.Home = home != "", home
	c.h.cfg.Pages.Show(c.w, c.r, ask)
}

// everywhere reports whether r asks to end all sessions. The error says that it asks for
// what is not known, or not possible, here.
func (h *Handlers) everywhere(r *http.Request) (bool, error) {
	// FormValue alone takes a form that broke off, or is too large, for an empty one.
	if err := r.ParseForm(); err != nil {
		return false, err
	}
	if err := r.ParseMultipartForm(64 << 10); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return false, err
	}
	var body struct{ Everywhere bool }
	var err error
	if value := r.FormValue("everywhere"); value != "" {
		body.Everywhere, err = strconv.ParseBool(value)
	} else if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		if err = json.NewDecoder(r.Body).Decode(&body); errors.Is(err, io.EOF) {
			err = nil // nothing was sent
		}
	}
	if err == nil && body.Everywhere && h.cfg.Sessions.UserSessions() == nil {
		err = errNoLists
	}
	return body.Everywhere, err
}

var errNoLists = errors.New("handlers: signing out everywhere: the session manager has no vault for the lists of sessions: set Vault in its configuration")

// signOut ends r's session, or all of its user's, then the tokens.
func (c *call) signOut(everywhere bool) error {
	h, r := c.h, c.r
	ctx := context.WithoutCancel(r.Context())
	user, ok, err := h.cfg.Sessions.Get(ctx, r)
	if err == nil && ok && everywhere {
		err = h.cfg.Sessions.UserSessions().End(ctx, user.ID, nil)
	}
	if err == nil {
		err = h.cfg.Sessions.SignOut(c.w, r)
	}
	if err != nil {
		return internal(err)
	}
	if r.Context().Err() == nil {
		// A sign-in that was begun before must not end after.
		h.cfg.Pending.Clear(c.w, r, ok)
	}
	if ok {
		h.signedOut(ctx, c.begun, user, everywhere)
	}
	return nil
}

// SignOutEverywhere ends every session of a user, whatever provider they signed in with, on
// all replicas that share sessions, see [session.UserSessions.End]. userID is the
// application's id of the user, [provider.User].ID. Then the user's tokens are revoked
// and deleted, as in a sign-out by [Handlers.Logout].
//
// A sign-in that the user has begun in another browser, and finishes afterwards, is a new
// one and stays. Logout clears only those of the browser that sent it.
//
// An error means that not all sessions may have ended. The tokens are as they were.
func (h *Handlers) SignOutEverywhere(ctx context.Context, userID string) error {
	begun := h.cfg.Now()
	users := h.cfg.Sessions.UserSessions()
	if users == nil {
		return errNoLists
	}
	if err := users.End(ctx, userID, nil); err != nil {
		return err
	}
	h.signedOut(context.WithoutCancel(ctx), begun, provider.User{ID: userID}, true)
	return nil
}

// signedOut revokes and deletes the tokens when the sessions have ended: those of the
// session's account, or all of the user. The visitor is signed out even if that fails. user
// has no Provider if the application, and no browser, made the call.
func (h *Handlers) signedOut(ctx context.Context, begun time.Time, user provider.User, everywhere bool) {
	var err error
	if !h.cfg.KeepTokensOnLogout {
		err = h.cfg.Clients.SignOut(ctx, user.Key(), everywhere)
	}
	if err != nil {
		h.cfg.Logger.ErrorContext(ctx, "xsignin: token not deleted at sign-out",
			"provider", user.Provider, "user_id", user.ID, "err", err)
	}
	h.cfg.Logger.InfoContext(ctx, "xsignin: signed out", "provider", user.Provider, "user_id", user.ID, "everywhere", everywhere)
	h.tell(ctx, begun, event.Event{Kind: event.SignedOut, Provider: user.Provider, UserID: user.ID, Everywhere: everywhere})
}
