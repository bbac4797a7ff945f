// Command hello greets its visitors.
package main

import (
	"cmp"
	"html"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/middleware/xecho"
)

func main() {
	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080")
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: "http://" + addr, ClientID: os.Getenv("X_CLIENT_ID"), ClientSecret: os.Getenv("X_CLIENT_SECRET"),
	})
	if err != nil {
		log.Fatal(err)
	}
	e := echo.New()
	e.Any("/auth/*", echo.WrapHandler(kit))
	e.HideBanner = true
	e.GET("/", front)
	e.GET("/hello", hello, xecho.RequireUser(kit.Middleware()))
	e.Server.ReadHeaderTimeout = 5 * time.Second
	log.Fatal(e.Start(addr))
}

func front(c echo.Context) error {
	return c.HTML(http.StatusOK, `<a href="/hello">Say hello</a>`)
}

func hello(c echo.Context) error {
	user, _ := xecho.User(c)
	return c.HTML(http.StatusOK, "<h1>Hello, "+html.EscapeString(user.Name)+"</h1>")
}
