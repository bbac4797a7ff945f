// Command shop keeps a cart in a session of gorilla/sessions, and signs users in with xsignin.
package main

import (
	"cmp"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/sessions"

	"github.com/xsignin/xsignin"
)

func main() {
	secret := os.Getenv("SESSION_SECRET")
	if len(secret) < 32 {
		log.Fatal("SESSION_SECRET: need at least 32 bytes (create it with openssl rand -base64 32)")
	}
	handler, err := site(xsignin.Config{
		PublicURL:    "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		ClientID:     os.Getenv("X_CLIENT_ID"),
		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
	}, cookies(secret, false)) // true if PublicURL is https
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// cookies stores the application's sessions in the browser, signed with secret.
func cookies(secret string, https bool) *sessions.CookieStore {
	store := sessions.NewCookieStore([]byte(secret))
	store.Options = &sessions.Options{Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: https}
	store.MaxAge(14 * 24 * 60 * 60) // seconds, for the cookie and its signature
	return store
}

func site(cfg xsignin.Config, store sessions.Store) (http.Handler, error) {
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	s := &shop{store}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /cart", kit.LoadUser(http.HandlerFunc(s.cart)))
	mux.Handle("POST /cart", http.NewCrossOriginProtection().Handler(kit.LoadUser(http.HandlerFunc(s.add))))
	return mux, nil
}

type shop struct{ store sessions.Store }

// own returns the visitor's session in the application's store. The kit identifies the visitor
// at each request. The session only records the owner of its values. If the visitor is not the
// owner, the values are dropped. Values from before a sign-in become the user's.
func (s *shop) own(r *http.Request) *sessions.Session {
	user, _ := xsignin.User(r.Context())
	session, _ := s.store.Get(r, "shop") // an unreadable cookie gives a new session
	if owner, _ := session.Values["owner"].(string); owner != "" && owner != user.ID {
		clear(session.Values)
	}
	session.Values["owner"] = user.ID
	return session
}

func (s *shop) cart(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	session := s.own(r)
	things, _ := session.Values["things"].(string)
	if err := session.Save(r, w); err != nil {
		log.Printf("saving the cart: %v", err)
		http.Error(w, "The cart cannot be saved at the moment", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintf(w, "%s: %s\n", cmp.Or(html.EscapeString(user.Username), "nobody"), html.EscapeString(things))
}

func (s *shop) add(w http.ResponseWriter, r *http.Request) {
	session := s.own(r)
	things, _ := session.Values["things"].(string)
	session.Values["things"] = things + " " + r.PostFormValue("thing")
	if err := session.Save(r, w); err != nil {
		log.Printf("saving the cart: %v", err)
		http.Error(w, "The cart cannot be saved at the moment", http.StatusServiceUnavailable)
		return
	}
	http.Redirect(w, r, "/cart", http.StatusSeeOther)
}
