package main

import (
	"context"
	_ "embed"
	"errors"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/examples/internal/frame"
	"github.com/xsignin/xsignin/examples/internal/hello"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/provider"
)

//go:embed pages.html
var pageText string

// replica is one of the servers, with its own kit and database connections. It shares the
// database and the keys with the others.
type replica struct {
	number int
	url    *url.URL
	kit    *xsignin.Kit
	store  *storage.Storage
	server *http.Server
	pages  frame.Pages
}

// startReplica serves a replica on a port of 127.0.0.1.
func startReplica(number int, cfg xsignin.Config, store *storage.Storage) (*replica, error) {
	cfg.Secrets, cfg.Session.Store, cfg.TokenStore = store.Keys, store.Sessions, store.Tokens
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	r := &replica{number: number, kit: kit, store: store, pages: frame.New("replicas", cfg, pageText)}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /{$}", kit.LoadUser(http.HandlerFunc(r.home)))
	mux.Handle("POST /refresh", http.NewCrossOriginProtection().Handler(kit.RequireUser(http.HandlerFunc(r.refresh))))
	named := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Replica", strconv.Itoa(number))
		mux.ServeHTTP(w, req)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, kit.Close(context.Background()))
	}
	r.url = &url.URL{Scheme: "http", Host: l.Addr().String()}
	r.server = &http.Server{Handler: frame.Guard(named), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = r.server.Serve(l) }()
	return r, nil
}

// end finishes requests in progress, then saves the refreshes that have begun.
func (r *replica) end(ctx context.Context) error {
	return errors.Join(r.server.Shutdown(ctx), r.kit.Close(ctx), r.store.Close())
}

func (r *replica) home(w http.ResponseWriter, req *http.Request) {
	v := struct {
		Replica, Of, Posts int
		SignedIn, Trouble  bool
		User               provider.User
		Where              string
		Expires            *time.Time
		LoginURL           string // a new sign-in helps
	}{Replica: r.number, Of: replicas, Where: r.store.Where}
	if v.User, v.SignedIn = xsignin.User(req.Context()); v.SignedIn {
		posts, err := hello.LatestPosts(req.Context(), xsignin.Client(req.Context()), v.User.AccountID)
		if errors.Is(err, client.ErrReauthRequired) {
			v.LoginURL = r.kit.LoginURL(v.User.Provider, "/")
		} else if err != nil {
			log.Print(err)
		}
		v.Posts, v.Trouble = len(posts), err != nil
		if held, err := r.kit.Accounts(req.Context(), v.User.ID); err == nil && len(held) > 0 && !held[0].Token.Expiry.IsZero() {
			v.Expires = &held[0].Token.Expiry
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	r.pages.Show(w, http.StatusOK, "home", v)
}

func (r *replica) refresh(w http.ResponseWriter, req *http.Request) {
	user, _ := xsignin.User(req.Context())
	if err := r.kit.RefreshToken(req.Context(), user.Key()); err != nil {
		log.Print(err) // the page shows the state of the token
	}
	http.Redirect(w, req, "/", http.StatusSeeOther)
}
