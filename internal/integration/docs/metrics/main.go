// Command metrics counts sign-ins and refreshes. It serves the counters as JSON to operators, at
// an address that visitors cannot reach.
package main

import (
	"context"
	"expvar"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
)

// counters has one number for each kind of event, provider and cause. No name contains a user,
// because the number of users is unlimited.
type counters struct{ *expvar.Map }

func (c counters) count(_ context.Context, e event.Event) {
	name := string(e.Kind) + "/" + e.Provider
	if e.Cause != "" {
		name += "/" + e.Cause
	}
	c.Add(name, 1)
	switch e.Kind {
	case event.SignInDone, event.SignInFailed, event.Refreshed, event.RefreshFailed:
		c.AddFloat("seconds/"+name, e.Duration.Seconds())
	}
}

func main() {
	events := counters{expvar.NewMap("xsignin")}
	handler, err := site(events, xsignin.Config{
		PublicURL:    "http://127.0.0.1:8080",
		ClientID:     os.Getenv("X_CLIENT_ID"),
		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(server("127.0.0.1:6060", expvar.Handler()).ListenAndServe()) }()
	log.Fatal(server("127.0.0.1:8080", handler).ListenAndServe())
}

func server(addr string, h http.Handler) *http.Server {
	return &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}
}

func site(events counters, cfg xsignin.Config) (http.Handler, error) {
	cfg.OnEvent = events.count
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /photos", kit.RequireUser(http.HandlerFunc(photos)))
	return mux, nil
}

func photos(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	fmt.Fprintf(w, "Photos of %s\n", user.ID)
}
