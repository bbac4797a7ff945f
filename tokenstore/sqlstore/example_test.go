package sqlstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log"

	_ "modernc.org/sqlite"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// A program's own data source is a file or a server; see docs/stores.md.
func Example() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection to :memory: is another database

	store, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.SQLite})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}

	secret := make([]byte, 32) // a program uses the Secrets of its xsignin.Config
	rand.Read(secret)
	vault, err := tokenstore.NewVault(store, secret)
	if err != nil {
		log.Fatal(err)
	}
	key := tokenstore.Key{Provider: "x", UserID: "12", AccountID: "2244994945"}
	if _, err := vault.Put(ctx, key, tokenstore.Token{AccessToken: "token of user 12"}); err != nil {
		log.Fatal(err)
	}
	token, _, err := vault.Get(ctx, key)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := store.List(ctx, "12")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.AccessToken)
	fmt.Println(keys)
	// Output:
	// token of user 12
	// [{x 12 2244994945}]
}

// Who has a tool of their own for migrations gives it these statements.
func ExampleSchema() {
	statements, err := sqlstore.Schema(sqlstore.PostgreSQL, "")
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range statements {
		fmt.Println(s + ";")
	}
	// Output:
	// CREATE TABLE IF NOT EXISTS xsignin_schema (version INTEGER PRIMARY KEY);
	// CREATE TABLE IF NOT EXISTS xsignin_tokens (
	// 	user_id BYTEA NOT NULL,
	// 	provider BYTEA NOT NULL,
	// 	account_id BYTEA NOT NULL,
	// 	value BYTEA NOT NULL,
	// 	version BYTEA NOT NULL,
	// 	lease BYTEA,
	// 	lease_until TIMESTAMPTZ,
	// 	lease_length BIGINT,
	// 	PRIMARY KEY (user_id, provider, account_id)
	// );
	// INSERT INTO xsignin_schema (version) VALUES (1) ON CONFLICT DO NOTHING;
}
