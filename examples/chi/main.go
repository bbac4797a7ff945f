// Command chi signs users in with X in a program on chi, which accepts the middleware unchanged.
// See README.md.
package main

import (
	"context"
	"errors"
	"html/template"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/examples/internal/hello"
	"github.com/xsignin/xsignin/examples/internal/localx"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := localx.Run(ctx, os.Getenv, os.Stdout, newApp); err != nil {
		log.Fatal(err)
	}
}

// newApp is the whole integration: the kit at /auth/, and a middleware for each page.
func newApp(cfg xsignin.Config) (http.Handler, *xsignin.Kit, error) {
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	pages := hello.Template("chi", cfg)

	home := func(w http.ResponseWriter, r *http.Request) {
		user, _ := xsignin.User(r.Context())
		show(w, pages, "home", hello.View{User: user})
	}
	me := func(w http.ResponseWriter, r *http.Request) {
		user, _ := xsignin.User(r.Context())
		posts, err := hello.LatestPosts(r.Context(), xsignin.Client(r.Context()), user.AccountID)
		if errors.Is(err, client.ErrReauthRequired) {
			http.Redirect(w, r, kit.LoginURL(user.Provider, "/me"), http.StatusSeeOther)
			return
		}
		if err != nil {
			log.Print(err)
		}
		show(w, pages, "me", hello.View{User: user, Posts: posts, Trouble: err != nil})
	}

	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.Mount("/auth", kit)
	r.With(kit.LoadUser).Get("/", home)
	r.Group(func(r chi.Router) {
		r.Use(kit.RequireUser)
		r.Get("/me", me)
	})
	return r, kit, nil
}

func show(w http.ResponseWriter, pages *template.Template, name string, v hello.View) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := pages.ExecuteTemplate(w, name, v); err != nil {
		log.Print(err)
	}
}
