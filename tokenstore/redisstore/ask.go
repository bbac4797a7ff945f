package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ask calls f, which asks Redis, until ctx ends.
//
// The client does not look at a context while it waits for an answer, unless its
// ContextTimeoutEnabled is set, and then at the deadline only. So f has a goroutine of
// its own, which ends by the client's timeouts at the latest.
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

// failure is the error of a call that Redis did not answer, or not as it should.
func failure(ctx context.Context, doing string, err error) error {
	err = unquoted(err)
	if end := ended(ctx); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("redisstore: %s: %w: %w", doing, end, err)
	}
	return fmt.Errorf("redisstore: %s: %w", doing, err)
}

// unquoted is err, or an error without the bytes that err quotes.
func unquoted(err error) error {
	text := err.Error()
	if text, _, quotes := strings.Cut(text, ", with args beginning with:"); quotes {
		return errors.New(text) // Redis does not know a command
	}
	if strings.Contains(text, "redis: can't parse") {
		return errors.New("the answer is not one of Redis")
	}
	return err
}

// ended is ctx's error. A connection that has ctx's deadline may reach it a little
// before ctx does.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}
