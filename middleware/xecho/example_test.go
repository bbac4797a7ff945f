package xecho_test

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/middleware/xecho"
	"github.com/xsignin/xsignin/xtest"
)

// A page for everybody, one for who is signed in, and a visitor who signs in with a local
// X. An application has its own credentials in the Config, and no Transport.
func Example() {
	e := echo.New()
	srv := httptest.NewServer(e)
	defer srv.Close()
	x := xtest.New(xtest.Config{Callbacks: []string{srv.URL + "/auth/callback"}})

	kit, err := xsignin.New(xsignin.Config{
		PublicURL:    srv.URL,
		ClientID:     xtest.DefaultClientID,
		ClientSecret: xtest.DefaultClientSecret,
		X:            xsignin.XEndpoints{Transport: x.Transport()},
		Logger:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	e.Any("/auth/*", echo.WrapHandler(kit))
	e.GET("/", func(c echo.Context) error {
		if user, ok := xecho.User(c); ok {
			return c.String(http.StatusOK, "hello @"+user.Username)
		}
		return c.String(http.StatusOK, "hello stranger")
	}, xecho.LoadUser(kit.Middleware()))
	e.GET("/me", func(c echo.Context) error {
		resp, err := xecho.Client(c).Get("https://api.x.com/2/users/me")
		if err != nil {
			return echo.NewHTTPError(http.StatusBadGateway, "X cannot be asked at the moment")
		}
		defer func() { _ = resp.Body.Close() }()
		return c.Stream(resp.StatusCode, "application/json", resp.Body)
	}, xecho.RequireUser(kit.Middleware()))

	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	show := func(path string) {
		resp, err := browser.Get(srv.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(read(resp))
	}
	show("/")
	if _, err := x.SignIn(browser, srv.URL+"/auth/login", xtest.DefaultUserID); err != nil {
		log.Fatal(err)
	}
	show("/")
	show("/me")
	// Output:
	// hello stranger
	// hello @demo
	// {"data":{"id":"6253282","name":"Demo Account","username":"demo"}}
}

func read(resp *http.Response) string {
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}
