// Command notes wraps all of its pages in nosurf, which requires a token in every form.
package main

import (
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/justinas/nosurf"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/page"
)

func main() {
	handler, err := site(xsignin.Config{
		PublicURL:    "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
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
	// The form of the kit's sign-out page needs the token too.
	cfg.Pages.Render = func(w http.ResponseWriter, r *http.Request, p page.Page) {
		if p.Post {
			p.Fields = append(p.Fields, page.Field{Name: nosurf.FormFieldName, Value: nosurf.Token(r)})
		}
		p.Render(w, r)
	}
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /notes", kit.RequireUser(http.HandlerFunc(form)))
	mux.Handle("POST /notes", kit.RequireUser(http.HandlerFunc(add)))
	csrf, https := nosurf.New(mux), strings.HasPrefix(cfg.PublicURL, "https:")
	csrf.SetIsTLSFunc(func(*http.Request) bool { return https }) // also behind a proxy
	csrf.SetBaseCookie(http.Cookie{Path: "/", HttpOnly: true, Secure: https, SameSite: http.SameSiteLaxMode, MaxAge: nosurf.MaxAge})
	csrf.ExemptPath("/auth/native") // native programs have no token
	return csrf, nil
}

func form(w http.ResponseWriter, r *http.Request) {
	token := fmt.Sprintf(`<input type="hidden" name="%s" value="%s">`, nosurf.FormFieldName, nosurf.Token(r))
	fmt.Fprintf(w, "<form method=post>%s<input name=note><button>Add</button></form>\n", token)
	fmt.Fprintf(w, "<form method=post action=/auth/logout>%s<button>Sign out</button></form>\n", token)
}

func add(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	fmt.Fprintf(w, "<p>@%s notes: %s</p>\n", html.EscapeString(user.Username), html.EscapeString(r.PostFormValue("note")))
}
