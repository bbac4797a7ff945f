package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func TestTheSignInJoinsTheSession(t *testing.T) {
	s := visit.Start(t, site)
	b, other := s.Browser(), s.Browser()
	b.Post("/cart", url.Values{"thing": {"lamp"}}, http.StatusSeeOther)
	b.SignIn("/auth/login?return_to=/cart", xtest.DefaultUserID, "/cart")
	b.Get("/cart", http.StatusOK, "demo:  lamp")
	b.SignIn("/auth/login?return_to=/cart", xtest.SecondUserID, "/cart")
	b.Get("/cart", http.StatusOK, xtest.SecondUserName+": \n")
	b.Post("/cart", url.Values{"thing": {"vase"}}, http.StatusSeeOther)
	other.SignIn("/auth/login?return_to=/cart", xtest.SecondUserID, "/cart")
	other.Post("/auth/logout", url.Values{"everywhere": {"1"}}, http.StatusSeeOther)
	b.Get("/cart", http.StatusOK, "nobody: \n")
}

// TestNothingIsCarriedIntoASignIn checks the page's advice for applications that do not want a
// visitor's values to become a user's.
func TestNothingIsCarriedIntoASignIn(t *testing.T) {
	sessions := scs.New()
	sessions.HashTokenInStore = true
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		cfg.Session.Manager = sessions
		cfg.OnSignIn = func(ctx context.Context, _ *xsignin.SignIn) error {
			sessions.Remove(ctx, "things")
			return nil
		}
		kit, err := xsignin.New(cfg)
		if err != nil {
			return nil, err
		}
		mux := http.NewServeMux()
		mux.Handle("/auth/", kit)
		mux.HandleFunc("GET /cart", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "has %q", sessions.GetString(r.Context(), "things"))
		})
		mux.HandleFunc("POST /cart", func(_ http.ResponseWriter, r *http.Request) {
			sessions.Put(r.Context(), "things", r.PostFormValue("thing"))
		})
		return sessions.LoadAndSave(mux), nil
	})
	b := s.Browser()
	b.Post("/cart", url.Values{"thing": {"lamp"}}, http.StatusOK)
	b.Get("/cart", http.StatusOK, `has "lamp"`)
	b.SignIn("/auth/login?return_to=/cart", xtest.DefaultUserID, "/cart")
	b.Get("/cart", http.StatusOK, `has ""`)
}
