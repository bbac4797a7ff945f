package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// patience is how long a call retries while the database is busy.
	patience = 10 * time.Second
	// pause is the longest wait between two attempts.
	pause = 20 * time.Millisecond
)

// retry repeats f while the database is busy. It returns [sql.ErrNoRows] unwrapped.
func (s *store) retry(ctx context.Context, doing string, f func() error) error {
	began := time.Now()
	for wait := time.Millisecond; ; wait = min(2*wait, pause) {
		err := f()
		if err == nil || errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if ctx.Err() != nil || !contention(err) || time.Since(began) > patience {
			return wrap(ctx, doing, err)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait)): // random, so that callers do not meet again
		case <-ctx.Done():
		}
	}
}

// wrap adds the package's prefix to an error of the driver.
func wrap(ctx context.Context, doing string, err error) error {
	// Some drivers do not return the context's error when the context ends a call.
	if end := ctx.Err(); end != nil && !errors.Is(err, end) {
		err = fmt.Errorf("%w (%w)", end, err)
	}
	if missingTable(err) {
		err = fmt.Errorf("%w; call Migrate first, or run the statements of Schema", err)
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, err)
}
