// Command byhand composes the handlers of a sign-in without Kit.
package main

import (
	"context"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

func main() {
	handler, _, err := site(settings{
		publicURL: "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		clientID:  os.Getenv("X_CLIENT_ID"), clientSecret: os.Getenv("X_CLIENT_SECRET"),
		secret: os.Getenv("SECRET"), // openssl rand -base64 32
	})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

type settings struct {
	publicURL, clientID, clientSecret, secret string
	transport                                 http.RoundTripper // to X; nil is the default
}

// site returns the handler, and a function that ends the work in the background.
func site(s settings) (http.Handler, func(context.Context) error, error) {
	secrets, https := [][]byte{[]byte(s.secret)}, strings.HasPrefix(s.publicURL, "https:")
	x, err := provider.NewX(provider.OAuth2Config{
		ClientID: s.clientID, ClientSecret: s.clientSecret, CallbackURL: s.publicURL + "/auth/callback", Transport: s.transport,
	})
	if err != nil {
		return nil, nil, err
	}
	providers := []provider.Provider{x}
	// Several processes need stores that they share, in place of memory: for the tokens here, and
	// in session.Config.Store for the sessions.
	vault, err := tokenstore.NewVault(tokenstore.NewMemory(), secrets...)
	if err != nil {
		return nil, nil, err
	}
	clients, err := client.New(client.Config{Vault: vault, Providers: providers, Transport: s.transport})
	if err != nil {
		return nil, nil, err
	}
	sessions, err := session.New(session.Config{Secure: https, Vault: vault})
	if err != nil {
		return nil, nil, err
	}
	pending, err := session.NewPendingStore(session.PendingStoreConfig{Secrets: secrets, Secure: https})
	if err != nil {
		return nil, nil, err
	}
	h, err := handlers.New(handlers.Config{
		Providers: providers, Sessions: sessions, Pending: pending, Clients: clients, Origin: s.publicURL, DefaultReturnTo: "/photos",
	})
	if err != nil {
		return nil, nil, err
	}
	gate, err := middleware.New(middleware.Config{
		Sessions: sessions, Clients: clients, Origin: s.publicURL, AllowScopes: h.AllowScopes,
	})
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/login", h.Login(x.Name(), nil))
	mux.Handle("/auth/callback", h.Callback(nil, nil))
	mux.Handle("/auth/logout", h.Logout(nil, nil))
	mux.Handle("/photos", gate.RequireUser(http.HandlerFunc(photos)))
	return mux, clients.Close, nil
}

func photos(w http.ResponseWriter, r *http.Request) {
	user, _ := middleware.User(r.Context())
	// middleware.Client(r.Context()) calls X's API for the user.
	fmt.Fprintf(w, "The photos of @%s\n", html.EscapeString(user.Username))
}
