// Package redisstore keeps tokens in Redis 7 or newer, or in Valkey, over a go-redis client,
// for one server, for servers behind Sentinel and for a cluster.
//
//	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	store, err := redisstore.New(redisstore.Config{Client: client})
//
// Redis must not be configured as a cache: a user whose last write is lost has to sign in
// again. The kit's Check reports a Redis that evicts. docs/stores.md says which settings and
// rights the store needs, and what it keeps.
//
// Any number of replicas of a program share a Redis, by its primary servers. Each method is
// one command or one script, and so one round trip. The first use of the script on a server
// takes two, and a page of Walk takes three.
//
// go-redis repeats a command after a network error, and the first copy may arrive late. So the
// versions that were replaced or deleted in the last minute are kept, and a copy of a Put or
// Replace whose version has ended writes nothing. Copies that arrive after more than a minute
// are not recognized; the client's default timeouts and attempts add up to 12 seconds. The
// versions are lost with a failover that loses writes.
//
// Leases are timed by the clock of the Redis server. Versions and lease ids are 130 random
// bits, made by the client: a counter could repeat versions after a failover or a restored
// backup.
package redisstore
