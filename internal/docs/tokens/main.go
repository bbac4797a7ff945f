// Command move gives the kit the OAuth 1.0a tokens that an application has kept so far.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"

	"github.com/xsignin/xsignin/tokenstore"
)

// old is a token as the application has kept it.
type old struct{ ID, Token, Secret string }

func main() {
	var tokens []old
	if err := json.NewDecoder(os.Stdin).Decode(&tokens); err != nil {
		log.Fatal(err)
	}
	var store tokenstore.Store = tokenstore.NewMemory() // the one of Config.Tokens
	if err := move(context.Background(), store, os.Getenv("SECRET_KEY"), tokens); err != nil {
		log.Fatal(err)
	}
}

// move seals tokens with key, the first of Config.Keys, into store. One that is there already,
// from a sign-in with the kit, stands. Run it before the kit takes visitors: a sign-in at this
// very moment would lose to it.
func move(ctx context.Context, store tokenstore.Store, key string, tokens []old) error {
	vault, err := tokenstore.NewVault(store, []byte(key))
	if err != nil {
		return err
	}
	for _, t := range tokens {
		k := tokenstore.Key{Provider: "x-oauth1", UserID: t.ID} // or what OnSignIn makes the Subject
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
