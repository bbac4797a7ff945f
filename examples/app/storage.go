package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/tokenstore"
)

// storage is where sessions and tokens are, opened.
type storage struct {
	sessions scs.Store        // nil: the kit's, in memory
	tokens   tokenstore.Store // nil: the kit's, in memory
	where    string           // for people; without a password
	keys     []string         // newest first
	// sweep deletes expired sessions. Nil where they go by themselves.
	sweep func(context.Context) error
	// close ends it all, once nobody uses it.
	close func() error
}

// openTimeout is how long a database may take to answer and to get its tables.
const openTimeout = 30 * time.Second

// openStorage opens the place of cfg and makes the tables that are missing.
func openStorage(ctx context.Context, cfg config, log *slog.Logger) (*storage, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	var s *storage
	var err error
	switch cfg.place.kind {
	case inSQLite:
		s, err = openSQLite(ctx, cfg.place.at)
	case inPostgres:
		s, err = openPostgres(ctx, cfg.place.at)
	case inRedis:
		s, err = openRedis(ctx, cfg.place.at)
	default:
		s = &storage{where: "memory, which ends with this process", close: func() error { return nil }}
	}
	if err != nil {
		return nil, &configError{[]error{fmt.Errorf("%s: %w", cfg.place.variable, err)}}
	}
	s.keys = cfg.keys
	if len(s.keys) == 0 && cfg.place.kind == inSQLite {
		// readConfig has seen to it that this is for a loopback address only.
		if s.keys, err = keysBeside(cfg.place.at, log); err != nil {
			return nil, errors.Join(&configError{[]error{fmt.Errorf("SECRET_KEYS: %w", err)}}, s.close())
		}
	}
	if s.sweep != nil {
		end, stop := s.close, sweeping(log, s.sweep)
		s.close = func() error { stop(); return end() }
	}
	return s, nil
}

// vault opens what is in tokens without a kit.
func (s *storage) vault() (*tokenstore.Vault, error) {
	var secrets [][]byte
	for _, key := range s.keys {
		secrets = append(secrets, []byte(key))
	}
	return tokenstore.NewVault(s.tokens, secrets...)
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
					log.Warn("app: expired sessions were not deleted", "err", err)
				}
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
