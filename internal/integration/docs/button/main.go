// Command button shows the button and the chip under a strict content policy.
package main

import (
	"crypto/rand"
	"html/template"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/page"
)

var index = template.Must(template.New("").Funcs(template.FuncMap{
	"signInWithX": page.Button,
	"signedInAs":  page.Chip,
	"buttonCSS":   page.ButtonCSS,
}).Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A site</title>
<style nonce="{{.Nonce}}">:root { color-scheme: light dark }
{{buttonCSS}}</style>
</head>
<body>
<main>
<h1>A site</h1>
{{if .User.Username}}{{signedInAs .User.Username ""}}{{else}}{{signInWithX .Login}}{{end}}
</main>
</body>
</html>
`))

func main() {
	handler, err := site(xsignin.Config{
		PublicURL:    "http://127.0.0.1:8080",
		ClientID:     os.Getenv("X_CLIENT_ID"),
		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
	})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func site(cfg xsignin.Config) (http.Handler, error) {
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("/", kit.LoadUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nonce := rand.Text()
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'")
		user, _ := xsignin.User(r.Context())
		err := index.Execute(w, map[string]any{"Nonce": nonce, "User": user, "Login": kit.LoginURL("", "")})
		if err != nil {
			log.Print(err)
		}
	})))
	return mux, nil
}
