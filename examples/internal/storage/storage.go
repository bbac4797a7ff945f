// Package storage keeps the sessions and tokens of an example in the place that its environment
// names: SQLite, PostgreSQL or Redis. An application needs one of the three. The file of that
// name has its code.
package storage

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/xsignin/xsignin/tokenstore"
)

// Storage has the opened stores for sessions and tokens.
type Storage struct {
	Sessions scs.Store        // nil: the kit's, in memory
	Tokens   tokenstore.Store // nil: the kit's, in memory
	// DB is the same database, for the application's own tables. It is nil for Redis and for
	// memory.
	DB    *sql.DB
	Where string   // for people; without a password
	Keys  []string // newest first
	// sweep deletes expired sessions. It is nil if the store does so.
	sweep func(context.Context) error
	close func() error
}

// Close closes everything. Call it when the stores are no longer in use.
func (s *Storage) Close() error { return s.close() }

// openTimeout limits the time for creating the tables of a database that is reachable.
const openTimeout = 30 * time.Second

// Open opens a place and creates missing tables. Without keys, a file of SQLite gets keys in a
// file beside it; see package keyfile. The caller allows this only for a site on a loopback
// address. Errors begin with the name of the wrong variable.
func Open(ctx context.Context, at Place, keys []string, log *slog.Logger) (*Storage, error) {
	s, err := reach(ctx, at, log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.Variable, err)
	}
	s.Keys = keys
	if len(s.Keys) == 0 && at.Kind == InSQLite {
		if s.Keys, err = keysBeside(at.At, log); err != nil {
			return nil, errors.Join(fmt.Errorf("SECRETS: %w", err), s.close())
		}
	}
	if s.sweep != nil {
		end, stop := s.close, sweeping(log, s.sweep)
		s.close = func() error { stop(); return end() }
	}
	return s, nil
}

// reach opens a place. It retries if the server is not up yet, because containers start in any
// order.
func reach(ctx context.Context, at Place, log *slog.Logger) (*Storage, error) {
	last := time.Now().Add(cmp.Or(at.Wait, openTimeout))
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		s, err := open(ctx, at)
		if err == nil || !at.Shared() || !notUp(err) || time.Now().Add(pause).After(last) {
			return s, err
		}
		log.Warn("storage: the database is not up yet; trying again", "variable", at.Variable, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func open(ctx context.Context, at Place) (*Storage, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	switch at.Kind {
	case InSQLite:
		return openSQLite(ctx, at.At)
	case InPostgres:
		return openPostgres(ctx, at.At)
	case InRedis:
		return openRedis(ctx, at.At)
	}
	return &Storage{Where: "memory, which ends with this process", close: func() error { return nil }}, nil
}

// notUp reports whether err means that a server cannot be reached or is starting. A host name
// may be unknown until its container runs. Until then, a proxy may close its connections.
func notUp(err error) bool {
	var refused *pgconn.PgError
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, errReadOnly) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &refused) && refused.Code == "57P03" || // cannot_connect_now
		starting.MatchString(err.Error())
}

// starting matches errors of a starting Redis, of a replica without its master, and of Sentinels.
var starting = regexp.MustCompile(`LOADING Redis is loading|MASTERDOWN |READONLY |all sentinels specified in configuration are unreachable|No such master`)

// Vault opens the entries of Tokens without a kit.
func (s *Storage) Vault() (*tokenstore.Vault, error) {
	var secrets [][]byte
	for _, key := range s.Keys {
		secrets = append(secrets, []byte(key))
	}
	return tokenstore.NewVault(s.Tokens, secrets...)
}

// sweepTime is the interval between deletions of expired sessions.
const sweepTime = 5 * time.Minute

// sweeping calls f regularly until the returned function is called, which waits for the last
// call. The stores of scs can do this themselves, but pgxstore's cleanup cannot be stopped
// without a race.
func sweeping(log *slog.Logger, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(sweepTime)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := f(ctx); err != nil && ctx.Err() == nil {
					log.Warn("storage: expired sessions were not deleted", "err", err)
				}
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
