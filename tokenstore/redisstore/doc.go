// Package redisstore keeps tokens in Redis 7 or newer, or in Valkey. [Store] is a
// [tokenstore.Store] and a [tokenstore.Walker] over a go-redis client, for one server, for
// servers behind Sentinel and for a cluster.
//
//	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	store, err := redisstore.New(redisstore.Config{Client: client})
//
// Any number of replicas of a program share a Redis. Each method is one command or one
// script, and so one round trip. The first use of a script on a server takes two, and a
// page of [Store.Walk] takes three. With a [tokenstore.Vault] above it the store sees
// sealed tokens only.
//
// # What Redis needs
//
// X does not accept a refresh token that it has replaced. A user whose last write is lost
// has to sign in again. So Redis must not be configured as a cache:
//
//   - Set appendonly yes. Otherwise a restart loses all writes since the last snapshot.
//     With appendfsync everysec, the default, a crash of the machine may lose the last
//     second. With always it loses nothing, and writes take longer.
//   - Keep maxmemory-policy noeviction, the default. The policies allkeys-* delete tokens.
//     A full Redis refuses Put, Replace and Lease. Delete and Release still work. An entry
//     takes some 200 bytes plus its value, and stays until it is deleted.
//   - Replication is asynchronous, so a failover may lose the last writes. A server that was
//     cut off may accept writes that are then lost. Set min-replicas-to-write and
//     min-replicas-max-lag to limit this.
//
// All replicas of the program use the primary servers, because a replica of Redis may not
// have the last writes. A user with ACL rules needs EVALSHA, EVAL, HMGET, HGET, HSET, HDEL,
// HKEYS, TIME, ZADD, ZSCORE, ZREMRANGEBYSCORE and EXPIRE on the keys with the prefix, and
// SCAN and INFO for [Store.Walk].
//
// # What Redis contains
//
// All entries of a user are one hash, because a script may change only keys of one slot of
// a cluster, and because one command then lists them. The hash's name is the prefix and, as
// a hash tag, the SHA-256 of the user's id in hexadecimal:
//
//	xsignin:token:{6b51d431df5d7f141cbececcf79edf3dd861c3b4069f0b11661a3eefacbba918}
//
// The names of fields end with the length of the provider, the provider and the account,
// such as version:1:x2244994945. An entry has the fields version, value and user (the
// user's id). A lease has the fields lease (its id), until (its end in microseconds since
// 1970) and length (in microseconds). Hashes never expire.
//
// A sorted set with the suffix :ended contains the versions of the user's entries that were
// replaced or deleted in the last minute, and expires after a minute. go-redis repeats a
// command after a network error, and the first copy may arrive late. A copy of a Put or
// Replace whose version has ended writes nothing. Copies that arrive after more than a
// minute are not recognized; the client's default timeouts and attempts add up to 12
// seconds. The versions are lost with a failover that loses writes.
//
// Leases are timed by the clock of the Redis server. A lease has ended when it has more
// time left than its length, so a clock that is set back does not prolong it by more than
// its length. The version guards the entry in any case.
//
// Versions and lease ids are 130 random bits, made by the client. A counter could repeat
// versions after a failover or a restored backup.
package redisstore
