// Command gin signs users in with X in a program on gin. See README.md.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/gin-gonic/gin"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/examples/internal/hello"
	"github.com/xsignin/xsignin/examples/internal/localx"
	"github.com/xsignin/xsignin/middleware/xgin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	gin.SetMode(gin.ReleaseMode)
	if err := localx.Run(ctx, os.Getenv, os.Stdout, newApp); err != nil {
		log.Fatal(err)
	}
}

// newApp is the whole integration: the kit at /auth/*path, and a middleware for each page.
func newApp(cfg xsignin.Config) (http.Handler, *xsignin.Kit, error) {
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	r := gin.New()
	r.SetHTMLTemplate(hello.Template("gin", cfg))
	r.Use(gin.Recovery())

	r.Any("/auth/*path", gin.WrapH(kit))
	r.GET("/", xgin.LoadUser(kit.Middleware()), func(c *gin.Context) {
		user, _ := xgin.User(c)
		c.HTML(http.StatusOK, "home", hello.View{User: user})
	})
	r.GET("/me", xgin.RequireUser(kit.Middleware()), func(c *gin.Context) {
		user, _ := xgin.User(c)
		posts, err := hello.LatestPosts(c.Request.Context(), xgin.Client(c), user.AccountID)
		if errors.Is(err, client.ErrReauthRequired) {
			c.Redirect(http.StatusSeeOther, kit.LoginURL(user.Provider, "/me"))
			return
		}
		if err != nil {
			log.Print(err)
		}
		c.HTML(http.StatusOK, "me", hello.View{User: user, Posts: posts, Trouble: err != nil})
	})
	return r, kit, nil
}
