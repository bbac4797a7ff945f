// Package sqlstore keeps tokens in SQLite or PostgreSQL, over a [*sql.DB]. The program chooses
// the driver. The package is tested with modernc.org/sqlite, which needs no cgo, and with
// github.com/jackc/pgx/v5/stdlib.
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	...
//	store, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.PostgreSQL})
//	...
//	if err := store.Migrate(ctx); err != nil {
//
// SQLite 3.24 or PostgreSQL 11 is needed, or a newer one. docs/stores.md says how to set them
// up: the pragmas of SQLite and its data source name, and why all replicas use PostgreSQL's
// primary server with synchronous_commit.
//
// Each method is one statement. A second statement finds the reason if the first one of a
// Lease or Delete changed nothing. Versions and lease ids are 130 random bits: a counter
// would repeat versions after a database is restored from a backup. The database's clock
// times leases. In SQLite that is the machine's.
//
// A statement is repeated only if the database did not execute it. Package database/sql
// repeats a call after [driver.ErrBadConn], which a driver must not return if the database
// may have executed the statement. The store repeats a statement that the database rolled
// back: a serialization failure or deadlock in PostgreSQL, or a locked file in SQLite. So no
// late copy of a Put brings a deleted token back, and the store remembers no ended versions.
//
// SQLite has one writer at a time, so the writers of a Store wait in a queue. If another
// process has locked the file, the first writer retries until its context ends, for 10
// seconds at most.
package sqlstore
