// Command move gives the kit the OAuth 1.0a tokens that an application has kept so far. It
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

// old is a token as the application has kept it.
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

// read reads all of the tokens, or says which row lacks something.
func read(r io.Reader) ([]old, error) {
	var tokens []old
	d := json.NewDecoder(r)
	d.DisallowUnknownFields() // a field that is spelt in another way would be an empty one
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

// open opens the store that the site gives to the kit as Config.TokenStore: the same file.
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

// move seals tokens into store with the first of secrets, which are Config.Secrets. One that is there
// already, from a sign-in with the kit, stands. Run it before the kit takes visitors: a sign-in
// at this very moment would lose to it.
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
		// Or, as UserID, what OnSignIn sets as the ID.
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
