package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// postgresSessions creates the table that pgxstore requires. Replicas start together, and CREATE
// TABLE IF NOT EXISTS fails if two run it at once. The lock makes them run it one after the
// other.
const postgresSessions = `
SELECT pg_advisory_xact_lock(hashtextextended('xsignin example: sessions', 0));
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expiry);`

// errReadOnly is temporary if a failover is running: the server may become the primary one.
var errReadOnly = errors.New("it is read-only, as a standby is: name the primary server, or all servers and target_session_attrs=read-write")

// openPostgres opens the database that a URL names.
func openPostgres(ctx context.Context, at string) (*Storage, error) {
	cfg, err := pgxpool.ParseConfig(at)
	if err != nil {
		// The error quotes the URL.
		return nil, errors.New("is not understood by the PostgreSQL driver: it must be a URL such as postgres://user:password@host:5432/database?sslmode=require")
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	// Both stores share the pool's connections.
	db := stdlib.OpenDBFromPool(pool)
	end := func() error {
		err := db.Close()
		pool.Close()
		return err
	}
	fail := func(err error) (*Storage, error) {
		return nil, errors.Join(fmt.Errorf("the PostgreSQL database cannot be used: %w", err), end())
	}
	// CREATE TABLE IF NOT EXISTS needs the right to create tables, even if the table exists.
	var exists, readOnly bool
	err = pool.QueryRow(ctx, "SELECT to_regclass('sessions') IS NOT NULL, current_setting('transaction_read_only') = 'on'").Scan(&exists, &readOnly)
	switch {
	case err != nil:
	case readOnly:
		err = errReadOnly
	case !exists:
		err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, postgresSessions)
			return err
		})
	}
	if err != nil {
		return fail(err)
	}
	tokens, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.PostgreSQL})
	if err != nil {
		return fail(err)
	}
	if err := tokens.Migrate(ctx); err != nil {
		return fail(err)
	}
	sweep := func(ctx context.Context) error {
		_, err := pool.Exec(ctx, "DELETE FROM sessions WHERE expiry < current_timestamp")
		return err
	}
	return &Storage{
		Sessions: pgxstore.NewWithCleanupInterval(pool, 0),
		Tokens:   tokens,
		DB:       db,
		Where:    fmt.Sprintf("PostgreSQL, database %s on %s", cfg.ConnConfig.Database, cfg.ConnConfig.Host),
		sweep:    sweep,
		close:    end,
	}, nil
}
