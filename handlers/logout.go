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
// the tokens of all of the user's accounts. GET shows a small page with the button. A POST that another site
// caused is refused by [http.CrossOriginProtection], with status 403.
//
// With the value everywhere, in the form, the query or a JSON object, every session of the
// user ends instead, see [Handlers.SignOutEverywhere]. It is "1" or "true", or what else
// [strconv.ParseBool] knows, and true in JSON; false and nothing are a plain sign-out. Any
// other is refused with status 400 and nothing is done, and so is a true one where the
// session manager has no vault for the lists of sessions.
//
// success answers when the visitor is signed out; nil means a redirect, with status 303,
// to the form value return_to or home, or 204 for a request for JSON. failure answers when
// a store failed, and the tokens are as they were; nil means the default page.
// A sign-out without a session succeeds. A store may do what it was asked for and report
// a failure. Then the visitor is signed out, and the tokens stay until the next sign-out.
func (h *Handlers) Logout(success, failure http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private(w)
		if !h.only(w, r, http.MethodGet, http.MethodHead, http.MethodPost) {
			return
		}
		if r.Method != http.MethodPost {
			if _, ok, err := h.cfg.Sessions.Get(r.Context(), r); err == nil && !ok {
				h.cfg.Pages.Show(w, r, page.Page{
					Kind:  page.SignedOut,
					Title: "You are not signed in", Text: "There is nothing to sign out of in this browser.",
					Link: h.cfg.DefaultReturnTo, Label: "Back to the site",
				})
				return
			}
			ask := page.Page{
				Kind:  page.SignOut,
				Title: "Sign out?", Text: "You will be signed out of this site in this browser. You stay signed in at X.",
				Link: h.cfg.Path + "/logout", Label: "Sign out", Post: true, Home: h.cfg.DefaultReturnTo,
			}
			if h.cfg.Sessions.UserSessions() != nil {
				ask.Text = "You will be signed out of this site in this browser, or everywhere: in all browsers and devices where you are signed in here. You stay signed in at X."
				ask.Everywhere = "Sign out everywhere"
			}
			h.cfg.Pages.Show(w, r, ask)
			return
		}
		if err := h.cross.Check(r); err != nil {
			h.problem(w, r, page.ProblemOf(page.CrossOrigin), h.cfg.Path+"/logout")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		everywhere, err := h.everywhere(r)
		if err != nil {
			h.problem(w, r, page.ProblemOf(page.NotEverywhere), h.cfg.Path+"/logout")
			return
		}
		err = h.signOut(w, r, everywhere)
		if r.Context().Err() != nil {
			return // the answer is no longer ours to write
		}
		if err != nil {
			h.cfg.Logger.ErrorContext(r.Context(), "xsignin: sign-out failed", "err", err)
			if failure != nil {
				failure.ServeHTTP(w, r.WithContext(gologin.WithError(r.Context(), err)))
				return
			}
			h.problem(w, r, page.ProblemOf(page.SignOutFailed), h.cfg.Path+"/logout")
			return
		}
		switch {
		case success != nil:
			success.ServeHTTP(w, r)
		case requestkind.JSON(r):
			w.WriteHeader(http.StatusNoContent)
		default:
			seeOther(w, localPath(r.PostFormValue("return_to"), h.cfg.Path, h.cfg.DefaultReturnTo))
		}
	})
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
	var all bool
	var err error
	if value := r.FormValue("everywhere"); value != "" {
		all, err = strconv.ParseBool(value)
	} else if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		var body struct {
			Everywhere bool `json:"everywhere"`
		}
		if err = json.NewDecoder(r.Body).Decode(&body); errors.Is(err, io.EOF) {
			err = nil // nothing was sent
		}
		all = body.Everywhere
	}
	if err == nil && all && h.cfg.Sessions.UserSessions() == nil {
		err = errors.New("handlers: the session manager has no vault for the lists of sessions")
	}
	return all, err
}

// signOut ends r's session, or all of its user's, then the tokens.
func (h *Handlers) signOut(w http.ResponseWriter, r *http.Request, everywhere bool) error {
	begun := h.cfg.Now()
	ctx := context.WithoutCancel(r.Context())
	user, ok, err := h.cfg.Sessions.Get(ctx, r)
	if err == nil && ok && everywhere {
		err = h.cfg.Sessions.UserSessions().EndAll(ctx, user.ID)
	}
	if err != nil {
		return internal(err)
	}
	if err := h.cfg.Sessions.SignOut(w, r); err != nil {
		return internal(err)
	}
	if r.Context().Err() == nil {
		// A sign-in that was begun before must not end after.
		h.cfg.Pending.Clear(w, r, ok)
	}
	if ok {
		h.signedOut(ctx, begun, user, everywhere)
	}
	return nil
}

// SignOutEverywhere ends every session of a user, whatever provider they signed in with, on
// all replicas that share sessions, see [session.UserSessions.EndAll]. userID is the
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
		return errors.New("handlers: signing out everywhere: the session manager has no vault for the lists of sessions: set Vault in its configuration")
	}
	if err := users.EndAll(ctx, userID); err != nil {
		return err
	}
	h.signedOut(context.WithoutCancel(ctx), begun, provider.User{ID: userID}, true)
	return nil
}

// signedOut does what remains when the sessions have ended. user has no Provider if the
// application, and no browser, made the call.
func (h *Handlers) signedOut(ctx context.Context, begun time.Time, user provider.User, everywhere bool) {
	provider, userID := user.Provider, user.ID
	if !h.cfg.KeepTokensOnLogout {
		h.revoke(ctx, user, everywhere)
	}
	h.cfg.Logger.InfoContext(ctx, "xsignin: signed out", "provider", provider, "user_id", userID, "everywhere", everywhere)
	h.cfg.OnEvent.Tell(ctx, event.Event{
		Kind: event.SignedOut, Time: h.cfg.Now(), Duration: h.cfg.Now().Sub(begun),
		Provider: provider, UserID: userID, Everywhere: everywhere,
	})
}

// revoke revokes and deletes the tokens of the session's account, or all tokens of the
// user. The visitor is signed out even if that fails.
func (h *Handlers) revoke(ctx context.Context, user provider.User, everywhere bool) {
	if err := h.cfg.Clients.SignOut(ctx, user.Key(), everywhere); err != nil {
		h.cfg.Logger.ErrorContext(ctx, "xsignin: token not deleted at sign-out",
			"provider", user.Provider, "user_id", user.ID, "err", err)
	}
}
