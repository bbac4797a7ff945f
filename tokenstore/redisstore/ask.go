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
	var none T
	if err := ended(ctx); err != nil {
		return none, fmt.Errorf("redisstore: %s: %w", doing, err)
	}
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
		if a.err != nil {
			return none, failure(ctx, doing, a.err)
		}
		return a.value, nil
	case <-ctx.Done():
		return none, fmt.Errorf("redisstore: %s: %w", doing, ctx.Err())
	}
}

// failure returns the error of a call without a usable answer.
func failure(ctx context.Context, doing string, err error) error {
	err = unquoted(err)
	if end := ended(ctx); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("redisstore: %s: %w: %w", doing, end, err)
	}
	return fmt.Errorf("redisstore: %s: %w", doing, err)
}

// unquoted returns err, or an error without the bytes that err quotes.
func unquoted(err error) error {
	text := err.Error()
	if text, _, quotes := strings.Cut(text, ", with args beginning with:"); quotes {
		return errors.New(text) // unknown command
	}
	if strings.Contains(text, "redis: can't parse") {
		return errors.New("the answer does not come from Redis")
	}
	return err
}

// ended returns ctx's error. A connection with ctx's deadline may time out shortly before
// ctx does.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}
