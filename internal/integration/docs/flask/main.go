// Command hello is a tutorial's application: an index, a login, a timeline and a logout, with
// messages.
package main

import (
	"fmt"
	"html"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/xapi"
)

func main() {
	handler, err := site(xsignin.Config{
		PublicURL: "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		OAuth1:    xsignin.OAuth1Config{ConsumerKey: os.Getenv("X_CONSUMER_KEY"), ConsumerSecret: os.Getenv("X_CONSUMER_SECRET")},
	})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func site(cfg xsignin.Config) (http.Handler, error) {
	cfg.Pages.Render = render
	cfg.Pages.LoggedOut = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		goTo(w, r, referer(r), "signed_out")
	})
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /{$}", kit.LoadUser(http.HandlerFunc(index)))
	mux.Handle("GET /timeline", kit.RequireUser(http.HandlerFunc(timeline)))
	// The return path is the parameter next, or the page with the link, or the index.
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		next := r.FormValue("next")
		if next == "" {
			next = referer(r)
		}
		http.Redirect(w, r, kit.LoginURL("", next), http.StatusSeeOther)
	})
	return mux, nil
}

// messages are the texts for the parameter message.
var messages = map[string]string{
	"denied": "You denied the request to sign in.", "signed_out": "You were signed out",
}

// render sends visitors who declined back to the page with the login link. Other pages keep the
// kit's default.
func render(w http.ResponseWriter, r *http.Request, p page.Page) {
	if p.Kind != page.Denied {
		p.Render(w, r)
		return
	}
	again, _ := url.Parse(p.Link) // the login, with the return path
	goTo(w, r, again.Query().Get("return_to"), "denied")
}

// referer is the path of the page with the link, if it is a page of this site.
func referer(r *http.Request) string {
	if u, err := url.Parse(r.Referer()); err == nil && u.Host == r.Host {
		return u.Path
	}
	return "/"
}

func goTo(w http.ResponseWriter, r *http.Request, path, message string) {
	to, err := url.Parse(path)
	if err != nil || !strings.HasPrefix(to.Path, "/") || strings.HasPrefix(to.Path, "//") {
		to = &url.URL{Path: "/"}
	}
	q := to.Query()
	q.Set("message", message)
	http.Redirect(w, r, (&url.URL{Path: to.Path, RawQuery: q.Encode()}).String(), http.StatusSeeOther)
}

func index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<p>%s</p>", messages[r.FormValue("message")])
	user, ok := xsignin.User(r.Context())
	if !ok {
		fmt.Fprint(w, `<a href="/login">Sign in with X</a>`)
		return
	}
	fmt.Fprintf(w, `Hello %s! <a href="/timeline">Timeline</a>
		<form method="post" action="/auth/logout"><button>Sign out</button></form>`, html.EscapeString(user.Username))
}

// timeline calls X with the client from the context, so it does not handle the token.
func timeline(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	posts, err := xapi.Decode[struct{ Data []struct{ Text string } }](
		xsignin.Client(r.Context()).Get("/2/users/" + user.AccountID + "/tweets"))
	if err != nil {
		log.Print(err)
		http.Error(w, "X is unavailable at the moment", http.StatusBadGateway)
		return
	}
	for _, p := range posts.Data {
		fmt.Fprintln(w, html.UnescapeString(p.Text))
	}
}
