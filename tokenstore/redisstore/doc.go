// Package redisstore keeps tokens in Redis 7 or newer, or in Valkey. [Store] is a
// [tokenstore.Store], a [tokenstore.Lister] and a [tokenstore.Walker] over a go-redis
// client, for one server, for servers behind Sentinel and for a cluster.
//
//	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	store, err := redisstore.New(redisstore.Config{Client: client})
//
// Any number of replicas of a program share a Redis. Each method is one command or one
// script, and so one round trip, but for the first use of a script on a server, which
// takes two; a page of a walk takes three. The store sees tokens sealed only, if it is used through a
// [tokenstore.Vault].
//
// # What Redis needs
//
// X does not accept a refresh token again that it has replaced: whoever's last write
// is lost has to sign in again. So these settings are not those of a cache:
//
//   - appendonly yes. Without it a restart forgets what came after the last snapshot,
//     or everything. With appendfsync everysec, the default, a machine that fails may
//     lose the last second; with always it loses nothing and writes take longer.
//   - maxmemory-policy noeviction, the default. The policies allkeys-* throw tokens
//     away. A full Redis refuses Put, Replace and Lease, and keeps what it has; Delete
//     and Release go on. An entry takes some 200 bytes besides its value, and stays
//     until it is deleted.
//   - Replication is asynchronous, so a failover may lose the last writes, and a server
//     that was cut off may accept writes that are then lost. min-replicas-to-write with
//     min-replicas-max-lag keep that short.
//
// All replicas of the program use the primary servers, because a read from a replica of
// Redis misses the last writes. A user who is restricted by an ACL needs the commands
// EVALSHA, EVAL, HMGET, HGET, HSET, HDEL, HKEYS and TIME on the keys with the prefix, and
// SCAN and INFO for [Store.Walk].
//
// # What is in it
//
// All entries of a user are one hash, because a script may change only keys of one slot
// of a cluster, and because a list of them is then one command. Its name is the prefix
// and, as a hash tag, the SHA-256 of the user's id in hexadecimal:
//
//	xsignin:token:{6b51d431df5d7f141cbececcf79edf3dd861c3b4069f0b11661a3eefacbba918}
//
// Its fields are version:PROVIDER, value:PROVIDER and user:PROVIDER, the user's id, and
// while somebody has a lease lease:PROVIDER, its id, and until:PROVIDER, its end in
// microseconds since 1970. Keys never expire: a policy that evicts by time to live finds nothing.
//
// Leases are timed by the wall clock of the Redis server, so that the clocks of the
// program's replicas do not matter. A clock that is set, or a failover to a server
// whose clock is different, shortens or lengthens the leases that run. The version
// guards the entry also then.
//
// Versions and lease ids are 130 random bits, which the store sends along: a counter
// would give versions anew after a failover or a restored backup.
package redisstore
