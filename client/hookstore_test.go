package client

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// hookStore lets tests fail and count the calls of a store.
type hookStore struct {
	tokenstore.Store
	mu     sync.Mutex
	counts map[string]int
	before func(ctx context.Context, op string) error
	after  func(op string) error
}

func (h *hookStore) call(ctx context.Context, op string, f func() error) error {
	h.mu.Lock()
	h.counts[op]++
	before, after := h.before, h.after
	h.mu.Unlock()
	if before != nil {
		if err := before(ctx, op); err != nil {
			return err
		}
	}
	err := f()
	if after != nil {
		if err := after(op); err != nil {
			return err
		}
	}
	return err
}

func (h *hookStore) Get(ctx context.Context, k tokenstore.Key) (e tokenstore.Entry, err error) {
	err = h.call(ctx, "get", func() error { e, err = h.Store.Get(ctx, k); return err })
	return
}

func (h *hookStore) Put(ctx context.Context, k tokenstore.Key, b []byte) (v tokenstore.Version, err error) {
	err = h.call(ctx, "put", func() error { v, err = h.Store.Put(ctx, k, b); return err })
	return
}

func (h *hookStore) Replace(ctx context.Context, k tokenstore.Key, o tokenstore.Version, b []byte) (v tokenstore.Version, err error) {
	op := "replace"
	if strings.HasPrefix(k.Provider, ".") {
		op = "owner"
	}
	err = h.call(ctx, op, func() error { v, err = h.Store.Replace(ctx, k, o, b); return err })
	if err != nil {
		v = "" // as stores do
	}
	return
}

func (h *hookStore) Delete(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
	return h.call(ctx, "delete", func() error { return h.Store.Delete(ctx, k, v) })
}

func (h *hookStore) List(ctx context.Context, userID string) (keys []tokenstore.Key, err error) {
	err = h.call(ctx, "list", func() error { keys, err = h.Store.List(ctx, userID); return err })
	return
}

func (h *hookStore) Lease(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (id tokenstore.LeaseID, err error) {
	err = h.call(ctx, "lease", func() error { id, err = h.Store.Lease(ctx, k, v, d); return err })
	return
}

func (h *hookStore) Release(ctx context.Context, k tokenstore.Key, id tokenstore.LeaseID) error {
	return h.call(ctx, "release", func() error { return h.Store.Release(ctx, k, id) })
}

func (h *hookStore) Walk(ctx context.Context, visit func(tokenstore.Key) error) error {
	return h.call(ctx, "walk", func() error { return h.Store.Walk(ctx, visit) })
}

func (h *hookStore) hook(before func(ctx context.Context, op string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = before
}

// away makes the named calls fail, and without a name all calls.
func (h *hookStore) away(ops ...string) {
	h.hook(func(_ context.Context, op string) error {
		if len(ops) == 0 || strings.Contains(" "+strings.Join(ops, " ")+" ", " "+op+" ") {
			return errAway
		}
		return nil
	})
}

func (h *hookStore) count(op string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts[op]
}

var errAway = errors.New("connection refused")
