// Package sqlstore keeps tokens in SQLite or PostgreSQL. [Store] is a
// [tokenstore.Store] and a [tokenstore.Walker] over a [*sql.DB]; the driver is the
// program's choice. It is tested with modernc.org/sqlite, which needs no cgo, and with
// github.com/jackc/pgx/v5/stdlib.
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	...
//	store, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.PostgreSQL})
//	...
//	if err := store.Migrate(ctx); err != nil {
//
// Each method is one statement, but for a Lease that is refused, which takes a second
// one to say why. Versions and lease ids are 130 random bits: a counter would go back,
// and give versions anew, when a database is restored from a backup. Leases are timed
// by the database. The store sees tokens sealed only, if it is used through a
// [tokenstore.Vault].
//
// # SQLite
//
// One process, or several on one machine, share one file:
//
//	file:tokens.db?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)
//
// is the data source name for modernc.org/sqlite; other drivers spell it differently.
//
//   - busy_timeout, in milliseconds, is how long the driver itself waits for another
//     writer. Without it, and without WAL mode, a writer may never come to where others
//     read all the time. Whatever else writes to the file, such as sqlite3store of scs,
//     does not try again as a Store does: with 100 its writes fail with SQLITE_BUSY where
//     many sign in at once, and those sign-ins answer 503.
//   - A file that holds tokens alone may have busy_timeout(100): calls then keep closer to
//     their contexts.
//   - Transactions of the application's own that read before they write want
//     _txlock=immediate as well: SQLite does not wait for a transaction that would turn
//     from reading to writing. Store itself has none.
//   - In WAL mode reads do not wait for writes.
//   - SQLite has one writer at a time. The writers of one Store stand in line for it. The
//     one at the head that finds the file locked, by another process or whatever else
//     writes to it, tries again until its context ends, and for 10 seconds at most. The
//     driver waits for busy_timeout each time, and does not look at the context
//     meanwhile: a call outlasts its context, or the 10 seconds, by as much at most.
//   - Leave the synchronous pragma at its default, FULL. NORMAL may undo the last
//     writes when the machine fails, and X does not accept a refresh token again that
//     it has replaced: those users would have to sign in again.
//   - A file on a network is not safe. Use PostgreSQL for several machines.
//   - Each connection to ":memory:" is a database of its own: SetMaxOpenConns(1).
//   - The clock of leases is that of the machine.
//
// SQLite 3.24 or newer is needed.
//
// # PostgreSQL
//
// Any number of replicas share a database, by way of PgBouncer too if the driver's
// prepared statements suit it.
//
//   - All replicas use the primary server: a read from a standby misses the last writes.
//   - Leave synchronous_commit on, for the reason given for SQLite.
//   - Any default isolation level works: what the server could not serialize is tried
//     again.
//   - Both parts of a key together may have 2,600 bytes, as much as an index entry takes.
//
// PostgreSQL 11 or newer is needed.
package sqlstore
