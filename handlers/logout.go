package handlers

import (
	"context"
	"net/http"
	"sync"

	"github.com/dghubble/gologin/v2"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/wants"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
)

// Logout signs out on POST: the session ends, with the sign-ins under way in this browser,
// then the user's tokens with all
// providers are revoked there (best effort, two seconds at most) and deleted here, unless
// Config.KeepTokens. GET shows a small page with the button. A POST that another site
// caused is refused by [http.CrossOriginProtection], with status 403.
//
// success answers when the visitor is signed out; nil means a redirect, with status 303,
// to the form value return_to or home, or 204 for who asks for JSON. failure answers when
// the session store failed, and the tokens are as they were; nil means the default page.
// Who is not signed in has signed out with success.
func (h *Handlers) Logout(success, failure http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private(w)
		if !h.only(w, r, http.MethodGet, http.MethodHead, http.MethodPost) {
			return
		}
		if r.Method != http.MethodPost {
			if _, ok, err := h.cfg.Sessions.Read(r.Context(), r); err == nil && !ok {
				h.cfg.Pages.Show(w, r, page.Page{
					Kind:  page.SignedOut,
					Title: "You are not signed in", Text: "There is nothing to sign out of in this browser.",
					Link: h.cfg.Home, Label: "Back to the site",
				})
				return
			}
			h.cfg.Pages.Show(w, r, page.Page{
				Kind:  page.SignOut,
				Title: "Sign out?", Text: "You will be signed out of this site in this browser. You stay signed in at X.",
				Link: h.cfg.Path + "/logout", Label: "Sign out", Post: true, Home: h.cfg.Home,
			})
			return
		}
		if err := h.cross.Check(r); err != nil {
			h.problem(w, r, crossOrigin(), h.cfg.Path+"/logout")
			return
		}
		if err := h.signOut(w, r); err != nil {
			h.cfg.Logger.ErrorContext(r.Context(), "xsignin: sign-out failed", "err", err)
			if failure != nil {
				failure.ServeHTTP(w, r.WithContext(gologin.WithError(r.Context(), err)))
				return
			}
			h.problemPage(w, r, page.SignOutFailed, stillSignedIn(), h.cfg.Path+"/logout")
			return
		}
		switch {
		case success != nil:
			success.ServeHTTP(w, r)
		case wants.JSON(r):
			w.WriteHeader(http.StatusNoContent)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
			seeOther(w, localPath(r.PostFormValue("return_to"), h.cfg.Path, h.cfg.Home))
		}
	})
}

// signOut ends r's session, then the tokens.
func (h *Handlers) signOut(w http.ResponseWriter, r *http.Request) error {
	begun := h.cfg.Now()
	ctx := context.WithoutCancel(r.Context())
	user, ok, err := h.cfg.Sessions.Read(ctx, r)
	if err == nil {
		err = h.cfg.Sessions.SignOut(w, r.WithContext(ctx))
	}
	if err != nil {
		return internal(err)
	}
	// A sign-in that was begun before must not end after.
	h.cfg.Pending.Clear(w, r)
	if !ok {
		return nil
	}
	if !h.cfg.KeepTokens {
		h.revoke(ctx, user)
	}
	h.cfg.Logger.InfoContext(ctx, "xsignin: signed out", "provider", user.Provider, "user_id", user.Subject)
	h.cfg.Events.Tell(ctx, event.Event{
		Kind: event.SignedOut, Time: h.cfg.Now(), Duration: h.cfg.Now().Sub(begun),
		Provider: user.Provider, UserID: user.Subject,
	})
	return nil
}

// revoke takes back what the user holds with each provider, all at the same time. The
// visitor is signed out whatever comes of it. That the provider was not told is in the
// pool's events; that a token is still stored is for the operator.
func (h *Handlers) revoke(ctx context.Context, user provider.User) {
	var wg sync.WaitGroup
	for _, p := range h.cfg.Providers {
		u := user
		u.Provider = p.Name()
		wg.Go(func() {
			if err := h.cfg.Clients.Revoke(ctx, u.Key()); err != nil {
				h.cfg.Logger.ErrorContext(ctx, "xsignin: token not deleted at sign-out",
					"provider", u.Provider, "user_id", u.Subject, "err", err)
			}
		})
	}
	wg.Wait()
}
