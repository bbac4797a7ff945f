package redisstore_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/redisstore"
)

// It needs a Redis, whose address REDIS_ADDR is.
func Example() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: os.Getenv("REDIS_ADDR")})
	defer client.Close()

	store, err := redisstore.New(redisstore.Config{Client: client})
	if err != nil {
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
