// Command notes keeps its sessions and tokens in the file notes.db, so users stay signed in
// across restarts.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/alexedwards/scs/sqlite3store"
	_ "modernc.org/sqlite" // the driver "sqlite", which needs no cgo

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// sessionsTable is the table that sqlite3store requires. The token is a hash, so a reader of the
// file cannot use the sessions.
const sessionsTable = `
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions (expiry);`

func main() {
	ctx := context.Background()
	secrets, err := xsignin.ParseSecrets(os.Getenv("SECRETS"))
	if err != nil {
		log.Fatal(err)
	}
	db, err := open(ctx, "notes.db")
	if err != nil {
		log.Fatal(err)
	}
	handler, err := site(ctx, db, xsignin.Config{
		PublicURL:    "http://127.0.0.1:8080", // register http://127.0.0.1:8080/auth/callback at X
		ClientID:     os.Getenv("X_CLIENT_ID"),
		ClientSecret: os.Getenv("X_CLIENT_SECRET"),
		Secrets:      secrets, // newest first; create one with openssl rand -base64 32
	})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// open opens or creates a file. Sessions and tokens share it. The driver waits five seconds for
// another writer, because sqlite3store does not retry.
func open(ctx context.Context, file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8) // SQLite has one writer at a time, so more connections would only wait
	if _, err := db.ExecContext(ctx, sessionsTable); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func site(ctx context.Context, db *sql.DB, cfg xsignin.Config) (http.Handler, error) {
	tokens, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.SQLite})
	if err != nil {
		return nil, err
	}
	if err := tokens.Migrate(ctx); err != nil { // creates its own tables; may run at each start
		return nil, err
	}
	cfg.TokenStore = tokens
	cfg.Session.Store = sqlite3store.New(db) // deletes expired sessions every five minutes
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /notes", kit.RequireUser(http.HandlerFunc(notes)))
	return mux, nil
}

func notes(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	fmt.Fprintf(w, "Notes of @%s\n", html.EscapeString(user.Username))
}
