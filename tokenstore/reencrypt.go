package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Reencrypted counts what a [Vault.Reencrypt] found. An entry that is written at the same time
// may be counted twice.
type Reencrypted struct {
	// Reencrypted tokens were sealed anew with the newest secret.
	Reencrypted int
	// Newest ones were sealed with it already, and were left alone.
	Newest int
	// Gone ones were deleted meanwhile.
	Gone int
	// Busy ones were held, or written again and again, by others for a minute. They are
	// as they were.
	Busy int
	// UnknownKey ones were sealed with a secret that the Vault does not have. They are as
	// they were.
	UnknownKey int
	// Unreadable ones are damaged, or belong to another key: [ErrUnreadable]. They are as
	// they were, and no secret opens them.
	Unreadable int
}

const (
	// resealPage is how many keys are asked for at a time.
	resealPage = 256
	// resealLease is how long a dead process may keep others from a refresh. An entry
	// has half of it to be written, so that a write does not come after the lease.
	resealLease = 10 * time.Second
	// resealPatience is for entries that are leased: twice as long as a refresh may
	// take by default.
	resealPatience = time.Minute
	// resealWait is the longest wait between two looks at leased entries.
	resealWait = time.Second
	// maxWaiting bounds the leased entries that are waited for together.
	maxWaiting = 1024
	// maxNamed bounds the ids of secrets in an error.
	maxNamed = 16
)

// Reencrypt seals every token anew with the newest secret that is not sealed with it
// already. When it returns nil no token needs an older secret, as long as all
// replicas seal with the newest: see [Vault] for how a secret is replaced.
//
// It runs while requests do, on one replica or on several at once, and may be run
// again. It leases each entry before it writes it, so it disturbs no refresh: an entry
// that somebody else has leased is looked at again later, for up to a minute. Entries
// of an unknown secret, and unreadable ones, stay byte for byte.
//
// The error joins what keeps older secrets in use: an [*UnknownKeyError] for each id of a
// secret that is missing, up to 16 of them, and how many entries were busy. Unreadable
// entries are counted only. A store that fails ends it with the store's error; one that
// is no [Walker] gives [errors.ErrUnsupported]. When ctx ends it returns ctx's error once
// the entry under way is whole, after a few seconds at most. In any case the counts say
// what was done; what was resealed stays so.
func (v *Vault) Reencrypt(ctx context.Context) (Reencrypted, error) {
	w, ok := v.store.(Walker)
	if !ok {
		return Reencrypted{}, fmt.Errorf("tokenstore: %T cannot go through its entries: %w", v.store, errors.ErrUnsupported)
	}
	r := resealing{vault: v, missing: make(map[string]bool)}
	for after := Cursor(""); ; {
		keys, next, err := w.Walk(ctx, after, resealPage)
		if err != nil {
			return r.count, err
		}
		for _, key := range keys {
			if key.Provider == ownerProvider {
				continue // not sealed
			}
			if err := r.visit(ctx, key); err != nil {
				return r.count, err
			}
		}
		if next == "" || len(r.waiting) >= maxWaiting {
			if err := r.wait(ctx); err != nil {
				return r.count, err
			}
		}
		if next == "" {
			return r.count, r.left()
		}
		after = next
	}
}

// resealing is one run of Reencrypt.
type resealing struct {
	vault   *Vault
	count   Reencrypted
	missing map[string]bool // ids of secrets
	waiting []Key           // leased by others
}

// visit deals with one entry. Its error ends the run.
func (r *resealing) visit(ctx context.Context, key Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// An entry that was begun is finished.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resealLease/2)
	defer cancel()
	err := r.vault.reseal(ctx, key)
	var unknown *UnknownKeyError
	switch {
	case err == nil:
		r.count.Reencrypted++
	case errors.Is(err, errNewest):
		r.count.Newest++
	case errors.Is(err, ErrNotFound):
		r.count.Gone++
	case errors.Is(err, ErrUnreadable):
		r.count.Unreadable++
	case errors.As(err, &unknown):
		r.count.UnknownKey++
		r.missing[unknown.ID] = true
	case errors.Is(err, ErrLeased), errors.Is(err, ErrConflict):
		r.waiting = append(r.waiting, key)
	default:
		return err
	}
	return nil
}

// wait visits the entries that were leased, until they are free or patience ends.
func (r *resealing) wait(ctx context.Context) error {
	began := time.Now()
	for pause := resealWait / 64; len(r.waiting) > 0; pause = min(2*pause, resealWait) {
		if time.Since(began) >= resealPatience {
			r.count.Busy += len(r.waiting)
			r.waiting = nil
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		again := r.waiting
		r.waiting = nil
		for _, key := range again {
			if err := r.visit(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// left is the error about entries that still need an older secret.
func (r *resealing) left() error {
	var errs []error
	ids := slices.Sorted(maps.Keys(r.missing))
	for _, id := range ids[:min(len(ids), maxNamed)] {
		errs = append(errs, &UnknownKeyError{ID: id})
	}
	if more := len(ids) - len(errs); more > 0 {
		errs = append(errs, fmt.Errorf("tokenstore: %d more secrets are missing", more))
	}
	if n := r.count.Busy; n > 0 {
		errs = append(errs, fmt.Errorf("tokenstore: %d tokens were in use by others all the time and are not resealed; run Reseal again", n))
	}
	return errors.Join(errs...)
}

var errNewest = errors.New("tokenstore: sealed with the newest secret")

// reseal seals one entry anew. Nothing is done where it returns an error of this package.
//
// A write ends a lease and makes a new version. Without a lease of its own it would come
// between another's refresh, at which the provider spends what is stored here, and the
// write of what it got: that would be a conflict, and the new token's end.
func (v *Vault) reseal(ctx context.Context, key Key) error {
	var err error
	for range 5 {
		var e Entry
		if e, err = v.store.Get(ctx, key); err != nil {
			return err
		}
		if v.box.Newest(e.Value) {
			return errNewest
		}
		// What is inside is not looked at: a newer format is resealed too.
		var plain []byte
		if plain, err = v.open(key, e.Value); err != nil {
			return err
		}
		var id LeaseID
		id, err = v.store.Lease(ctx, key, e.Version, resealLease)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = v.store.Replace(ctx, key, e.Version, v.box.Seal(plain, keyData(key)))
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			// Others need not wait for the lease's end, if the store takes it back.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			return errors.Join(err, v.store.Release(ctx, key, id))
		}
	}
	return err
}
