// Package fleet tests with real processes that a refresh happens once across replicas. It still
// does if a replica is killed, restarted or has a wrong clock, or if a visitor leaves. It has
// tests only. Run them from the repository's root:
//
//	go test ./internal/integration/fleet
//
// They use SQLite, PostgreSQL and Redis. The tests start the servers, and skip if these are not
// installed.
//
// A test starts one local X on 127.0.0.1, one store, and several workers. A worker is the test's
// own binary, which TestMain turns into a worker if the environment says so. Each worker has a
// [client.Manager] built from the packages, like a replica of an application: provider, store,
// vault. The test and a worker exchange lines of JSON: commands on standard input, answers and
// events on standard output. So no test waits by sleeping. A worker reports when it has reached
// the point at which it is to be killed. X reports when it holds a request. Commands move the
// clocks of X and of the workers together.
//
// A worker ends when its input ends, so it always ends with the test.
package fleet
