// Package storage keeps the sessions and tokens of an example in the place that its
// environment names: SQLite, PostgreSQL or Redis. An application needs one of the three,
// and has it in the file of that name.
package storage

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/xsignin/xsignin/tokenstore"
)

// Storage is where sessions and tokens are, opened.
type Storage struct {
	Sessions scs.Store        // nil: the kit's, in memory
	Tokens   tokenstore.Store // nil: the kit's, in memory
	// DB is the same database for tables of the application's own. Nil in Redis and in
	// memory.
	DB    *sql.DB
	Where string   // for people; without a password
	Keys  []string // newest first
	// sweep deletes expired sessions. Nil where they go by themselves.
	sweep func(context.Context) error
	close func() error
}

// Close ends it all, once nobody uses it.
func (s *Storage) Close() error { return s.close() }

// openTimeout is how long a database may take to get its tables, once it can be reached.
const openTimeout = 30 * time.Second

// Open opens a place and makes the tables that are missing. Without keys a file of SQLite
// gets some in a file beside it, see package keyfile: the caller sees to it that this is for a
// site on a loopback address. Errors begin with the variable to mend.
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

// reach opens a place. A server that is not up yet is tried again: containers start in any
// order.
func reach(ctx context.Context, at Place, log *slog.Logger) (*Storage, error) {
	last := time.Now().Add(cmp.Or(at.Wait, openTimeout))
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		s, err := open(ctx, at)
		if err == nil || !notUp(err) || time.Now().Add(pause).After(last) {
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

// notUp reports whether err is that of a server that cannot be reached or is starting.
func notUp(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, new(*net.OpError)) ||
		errors.As(err, &refused) && refused.Code == "57P03" || // cannot_connect_now
		strings.Contains(err.Error(), "LOADING Redis is loading")
}

// Vault opens what is in Tokens without a kit.
func (s *Storage) Vault() (*tokenstore.Vault, error) {
	var secrets [][]byte
	for _, key := range s.Keys {
		secrets = append(secrets, []byte(key))
	}
	return tokenstore.NewVault(s.Tokens, secrets...)
}

// sweepTime is how often expired sessions are deleted.
const sweepTime = 5 * time.Minute

// sweeping calls f now and then until the function that it returns is called, which waits
// for the last one. The stores of scs can do this by themselves; pgxstore's cannot be
// stopped without a race.
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
