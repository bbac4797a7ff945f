// Package fleet proves with real processes what the design promises of replicas: a
// refresh happens once, whoever dies, leaves, is restarted or has a wrong clock. It
// holds tests only. From the repository's root,
//
//	go test ./internal/integration/fleet
//
// runs them: for SQLite, PostgreSQL and Redis, of which the servers are started by
// the tests, and skipped where they are not installed.
//
// A test starts one local X on 127.0.0.1, one store, and several workers: its own
// binary again, which TestMain makes a worker when the environment says so. Each
// worker has a [client.Manager] made of the packages, as a replica of an application has:
// provider, store, vault. The test speaks to a worker in lines of JSON, commands on
// its standard input and answers and events on its standard output. So nothing waits
// by sleeping: a worker says that it is at the point where it shall be killed, X says
// that it has the request whose answer is held, and clocks move by command, X's and
// the workers' together.
//
// A worker ends when its input does, and so with the test, however that ends.
package fleet
