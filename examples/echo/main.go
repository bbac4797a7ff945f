// Command echo signs users in with X in a program on echo v4. See README.md.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/examples/internal/hello"
	"github.com/xsignin/xsignin/examples/internal/localx"
	"github.com/xsignin/xsignin/middleware/xecho"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := localx.Run(ctx, os.Getenv, os.Stdout, newApp); err != nil {
		log.Fatal(err)
	}
}

// newApp is the whole integration: the kit at /auth/*, and a middleware for each page.
func newApp(cfg xsignin.Config) (http.Handler, *xsignin.Kit, error) {
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	e := echo.New()
	e.Renderer = &echo.TemplateRenderer{Template: hello.Template("echo", cfg)}
	e.Use(middleware.Recover())

	e.Any("/auth/*", echo.WrapHandler(kit))
	e.GET("/", func(c echo.Context) error {
		user, _ := xecho.User(c)
		return c.Render(http.StatusOK, "home", hello.View{User: user})
	}, xecho.LoadUser(kit.Middleware()))
	e.GET("/me", func(c echo.Context) error {
		user, _ := xecho.User(c)
		posts, err := hello.LatestPosts(c.Request().Context(), xecho.Client(c), user.AccountID)
		if errors.Is(err, client.ErrReauthRequired) {
			return c.Redirect(http.StatusSeeOther, kit.LoginURL(user.Provider, "/me"))
		}
		if err != nil {
			log.Print(err)
		}
		return c.Render(http.StatusOK, "me", hello.View{User: user, Posts: posts, Trouble: err != nil})
	}, xecho.RequireUser(kit.Middleware()))
	return e, kit, nil
}
