// Command tokens signs users in with X by OAuth 2.0, and refreshes their tokens every two hours.
// It stores both tokens, because X replaces the refresh token too.
package main

import (
	"context"
	"database/sql"
	"errors"
	"log"
	"net/http"
	"os"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", which needs no cgo

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
	"github.com/xsignin/xsignin/xapi"
)

func main() {
	ctx := context.Background()
	secrets, err := xsignin.ParseSecrets(os.Getenv("SECRETS"))
	if err != nil {
		log.Fatal(err)
	}
	store, err := open(ctx, "tokens.db")
	if err != nil {
		log.Fatal(err)
	}
	a, err := site(xsignin.Config{
		PublicURL: "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		ClientID:  os.Getenv("X_CLIENT_ID"), ClientSecret: os.Getenv("X_CLIENT_SECRET"),
		Scopes:  []string{"tweet.read", "users.read", "tweet.write", "offline.access"},
		Secrets: secrets, TokenStore: store,
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for range time.Tick(2 * time.Hour) {
			if err := a.refreshAll(ctx); err != nil {
				log.Print(err)
			}
		}
	}()
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: a, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// open opens the file with the tokens.
func open(ctx context.Context, file string) (sqlstore.Store, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.SQLite})
	if err == nil {
		err = store.Migrate(ctx)
	}
	return store, err
}

// app is the site, with the jobs that act for its users.
type app struct {
	*http.ServeMux
	kit   *xsignin.Kit
	store tokenstore.Store
}

func site(cfg xsignin.Config) (*app, error) {
	cfg.Advanced.KeepTokensOnLogout = true // the jobs act for users who are away
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	a := &app{http.NewServeMux(), kit, cfg.TokenStore}
	a.Handle("/auth/", kit) // the consent address, and the handler of redirect_uri
	return a, nil
}

// refreshAll is the scheduled job. The kit's clients also refresh automatically, so the job is
// for tokens that other programs use, or that are rarely used.
func (a *app) refreshAll(ctx context.Context) (failed error) {
	err := a.store.Walk(ctx, func(key xsignin.Key) error {
		if key.Provider == "x" {
			// Of several processes, only one calls X. The new tokens are stored before any use,
			// unless the store is unavailable: see the documentation of package client.
			failed = errors.Join(failed, a.kit.RefreshToken(ctx, key))
		}
		return nil
	})
	return errors.Join(failed, err)
}

// post posts for a user who is away.
func (a *app) post(key xsignin.Key, text string) error {
	in := map[string]string{"text": text}
	_, err := xapi.Decode[any](a.kit.ClientFor(key).Post("/2/tweets", "application/json", xapi.JSON(in)))
	return err
}
