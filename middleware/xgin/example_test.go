package xgin_test

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/middleware/xgin"
	"github.com/xsignin/xsignin/xtest"
)

// A page for everybody, one for who is signed in, and a visitor who signs in with a local
// X. An application has its own credentials in the Config, and no Transport.
func Example() {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	srv := httptest.NewServer(r)
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
	r.Any("/auth/*path", gin.WrapH(kit))
	r.GET("/", xgin.LoadUser(kit.Middleware()), func(c *gin.Context) {
		if user, ok := xgin.User(c); ok {
			c.String(http.StatusOK, "hello @%s", user.Username)
			return
		}
		c.String(http.StatusOK, "hello stranger")
	})
	r.GET("/me", xgin.RequireUser(kit.Middleware()), func(c *gin.Context) {
		resp, err := xgin.Client(c).Get("https://api.x.com/2/users/me")
		if err != nil {
			c.String(http.StatusBadGateway, "X cannot be asked at the moment")
			return
		}
		c.DataFromReader(resp.StatusCode, resp.ContentLength, "application/json", resp.Body, nil)
		_ = resp.Body.Close()
	})

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
