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
)

func main() {
	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080")
	e := echo.New()
	e.HideBanner = true
	e.GET("/", front)
	e.GET("/hello", hello)
	e.Server.ReadHeaderTimeout = 5 * time.Second
	log.Fatal(e.Start(addr))
}

func front(c echo.Context) error {
	return c.HTML(http.StatusOK, `<a href="/hello">Say hello</a>`)
}

func hello(c echo.Context) error {
	name := c.QueryParam("name")
	return c.HTML(http.StatusOK, "<h1>Hello, "+html.EscapeString(name)+"</h1>")
}
