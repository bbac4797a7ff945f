// Package sqlstore keeps tokens in SQLite or PostgreSQL. [Store] is a [tokenstore.Store]
// and a [tokenstore.Walker] over a [*sql.DB]. The program chooses the driver. The package
// is tested with modernc.org/sqlite, which needs no cgo, and with
// github.com/jackc/pgx/v5/stdlib.
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	...
//	store, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.PostgreSQL})
//	...
//	if err := store.Migrate(ctx); err != nil {
//
// Each method is one statement. A second statement finds the reason if the first one of a
// Lease or Delete changed nothing. Versions and lease ids are 130 random bits: a counter
// would repeat versions after a database is restored from a backup. The database's clock
// times leases. With a [tokenstore.Vault] above it the store sees sealed tokens only.
//
// A statement is repeated only if the database did not execute it. Package database/sql
// repeats a call after [driver.ErrBadConn], which a driver must not return if the database
// may have executed the statement. The store repeats a statement that the database rolled
// back: a serialization failure or deadlock in PostgreSQL, or a locked file in SQLite. So
// no late copy of a Put brings a deleted token back, and the store need not remember ended
// versions.
//
// # SQLite
//
// Processes on one machine may share a file. This is the data source name for
// modernc.org/sqlite. Other drivers spell it differently:
//
//		file:tokens.db?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)
//
//	  - busy_timeout, in milliseconds, is how long the driver waits for another writer.
//	    Without it, and without WAL mode, constant readers may block a writer forever. Other
//	    packages that write to the file, such as sqlite3store of scs, do not retry. With
//	    busy_timeout(100) their writes fail with SQLITE_BUSY when many users sign in at once,
//	    and those sign-ins answer 503.
//	  - For a file that contains only tokens use busy_timeout(100). Calls then end sooner
//	    after their contexts.
//	  - If the application's transactions read before they write, add _txlock=immediate.
//	    SQLite does not wait for a transaction that changes from reading to writing. The
//	    store has no such transaction.
//	  - In WAL mode reads do not wait for writes.
//	  - SQLite has one writer at a time. The writers of a Store wait in a queue. If another
//	    process has locked the file, the first writer retries until its context ends, for
//	    10 seconds at most. During busy_timeout the driver ignores the context, so a call may
//	    last longer than its context by that much.
//	  - Keep the synchronous pragma at its default, FULL. With NORMAL a crash of the machine
//	    may undo the last writes. X does not accept a refresh token that it has replaced, so
//	    those users would have to sign in again.
//	  - Do not use a file on a network. Use PostgreSQL for several machines.
//	  - Each connection to ":memory:" is a separate database: use SetMaxOpenConns(1).
//	  - The machine's clock times leases.
//
// SQLite 3.24 or newer is needed.
//
// # PostgreSQL
//
// Any number of replicas share a database. PgBouncer works if the driver's prepared
// statements work with it.
//
//   - All replicas use the primary server, because a standby may not have the last writes.
//   - Keep synchronous_commit on, for the same reason as synchronous in SQLite.
//   - Any default isolation level works.
//
// PostgreSQL 11 or newer is needed.
package sqlstore
