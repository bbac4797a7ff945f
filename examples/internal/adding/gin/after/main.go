// Command hello greets its visitors.
package main

import (
	"cmp"
	"html/template"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/middleware/xgin"
)

func main() {
	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080")
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: "http://" + addr, ClientID: os.Getenv("X_CLIENT_ID"), ClientSecret: os.Getenv("X_CLIENT_SECRET"),
	})
	if err != nil {
		log.Fatal(err)
	}
	r := gin.Default()
	r.Any("/auth/*path", gin.WrapH(kit))
	r.SetHTMLTemplate(template.Must(template.New("hello").Parse("<h1>Hello, {{.}}</h1>\n")))
	r.GET("/", front)
	r.GET("/hello", xgin.RequireUser(kit.Middleware()), hello)
	server := &http.Server{Addr: addr, Handler: r, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func front(c *gin.Context) {
	c.Data(http.StatusOK, "text/html", []byte(`<a href="/hello">Say hello</a>`))
}

func hello(c *gin.Context) {
	user, _ := xgin.User(c)
	c.HTML(http.StatusOK, "hello", user.Name)
}
