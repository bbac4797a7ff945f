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
	"slices"

	_ "modernc.org/sqlite" // the driver "sqlite", which needs no cgo

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
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
	kit, err := xsignin.New(xsignin.Config{ // the site's own Config, with OnSignIn if it has that
		PublicURL: "http://127.0.0.1:8080",
		OAuth1: xsignin.OAuth1Config{
			ConsumerKey: os.Getenv("X_CONSUMER_KEY"), ConsumerSecret: os.Getenv("X_CONSUMER_SECRET"),
		},
		Secrets: secrets, TokenStore: store,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(move(ctx, kit, tokens), kit.Close(ctx), db.Close()); err != nil {
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

// move stores the tokens. It keeps a token that the kit already has, such as from a sign-in.
func move(ctx context.Context, kit *xsignin.Kit, tokens []old) error {
	for _, t := range tokens {
		// If OnSignIn sets the ID, UserID must be that ID.
		key := xsignin.Key{Provider: "x-oauth1", UserID: t.ID, AccountID: t.ID}
		accounts, err := kit.Accounts(ctx, key.UserID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(accounts, func(a client.Account) bool { return a.Key == key }) {
			continue
		}
		if err := kit.PutToken(ctx, key, tokenstore.Token{AccessToken: t.Token, TokenSecret: t.Secret}); err != nil {
			return err
		}
	}
	return nil
}
