package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ask calls f, which sends a command to Redis, and returns when ctx ends.
//
// While it waits for an answer, the client ignores its context, or with
// ContextTimeoutEnabled observes the deadline only. So f runs in another goroutine, which
// ends with the client's timeouts.
func ask[T any](ctx context.Context, doing string, f func() (T, error)) (T, error) {
	var value, none T
	err := ended(ctx)
	if err == nil {
		type answer struct {
			value T
			err   error
		}
		answered := make(chan answer, 1)
		go func() {
			value, err := f()
			answered <- answer{value, err}
		}()
		select {
		case a := <-answered:
			value, err = a.value, unquoted(a.err)
			if end := ended(ctx); err != nil && end != nil && !errors.Is(err, end) {
				err = fmt.Errorf("%w: %w", end, err)
			}
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		return none, fmt.Errorf("redisstore: %s: %w", doing, err)
	}
	return value, nil
}

// unquoted returns err, or an error without the bytes that err quotes.
func unquoted(err error) error {
	if err == nil {
		return nil
	}
	text, _, quotes := strings.Cut(err.Error(), ", with args beginning with:")
	switch {
	case quotes:
		return errors.New(text) // unknown command
	case strings.Contains(text, "redis: can't parse"):
		return errors.New("the answer does not come from Redis")
	}
	return err
}

// ended returns ctx's error. A connection with ctx's deadline may time out before ctx does.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}
