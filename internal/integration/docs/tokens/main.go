// Command move imports an application's existing OAuth 1.0a tokens into the kit's store. It
// reads [{"ID": "...", "Token": "...", "Secret": "..."}, ...].
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	_ "modernc.org/sqlite" // the driver "sqlite", which needs no cgo

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// old is a token in the application's own format.
type old struct{ ID, Token, Secret string }

func main() {
	tokens, err := read(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	secrets, err := xsignin.ParseSecrets(os.Getenv("SECRETS"))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	store, db, err := open(ctx, "x.db")
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(move(ctx, store, secrets, tokens), db.Close()); err != nil {
		log.Fatal(err)
	}
}

// read reads all tokens. Its error names a row with a missing field.
func read(r io.Reader) ([]old, error) {
	var tokens []old
	d := json.NewDecoder(r)
	d.DisallowUnknownFields() // otherwise a misspelled field would be empty
	if err := d.Decode(&tokens); err != nil {
		return nil, err
	}
	for i, t := range tokens {
		if t.ID == "" || t.Token == "" || t.Secret == "" {
			return nil, fmt.Errorf("row %d, counted from 0, needs an ID, a Token and a Secret", i)
		}
	}
	return tokens, nil
}

// open opens the file that the site uses as Config.TokenStore.
func open(ctx context.Context, file string) (sqlstore.Store, *sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.SQLite})
	if err == nil {
		err = store.Migrate(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return store, db, nil
}

// move seals tokens into store with the first of secrets, which are Config.Secrets. It keeps a
// token that is already stored, from a sign-in with the kit. Run it before the kit serves
// visitors: move may overwrite the token of a concurrent sign-in.
func move(ctx context.Context, store tokenstore.Store, secrets []string, tokens []old) error {
	var list [][]byte
	for _, secret := range secrets {
		list = append(list, []byte(secret))
	}
	vault, err := tokenstore.NewVault(store, list...)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		// If OnSignIn sets the ID, UserID must be that ID.
		k := tokenstore.Key{Provider: "x-oauth1", UserID: t.ID, AccountID: t.ID}
		if _, _, err := vault.Get(ctx, k); err == nil {
			continue
		} else if !errors.Is(err, tokenstore.ErrNotFound) {
			return err
		}
		if _, err := vault.Put(ctx, k, tokenstore.Token{AccessToken: t.Token, TokenSecret: t.Secret, AccountID: t.ID}); err != nil {
			return err
		}
	}
	return nil
}
