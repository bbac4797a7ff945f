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
)

func main() {
	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080")
	r := gin.Default()
	r.SetHTMLTemplate(template.Must(template.New("hello").Parse("<h1>Hello, {{.}}</h1>\n")))
	r.GET("/", front)
	r.GET("/hello", hello)
	server := &http.Server{Addr: addr, Handler: r, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func front(c *gin.Context) {
	c.Data(http.StatusOK, "text/html", []byte(`<a href="/hello">Say hello</a>`))
}

func hello(c *gin.Context) {
	name := c.Query("name")
	c.HTML(http.StatusOK, "hello", name)
}
