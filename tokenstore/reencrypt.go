package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Reencrypted counts the entries that [Vault.Reencrypt] visited. An entry that is written
// at the same time may be counted twice.
type Reencrypted struct {
	// Reencrypted entries were sealed again, with the newest secret.
	Reencrypted int
	// Newest entries were sealed with the newest secret already. They are unchanged.
	Newest int
	// Gone entries were deleted meanwhile.
	Gone int
	// Busy entries were leased or written by other callers for a minute. Reencrypt did not
	// change them.
	Busy int
	// UnknownKey entries were sealed with a secret that the Vault does not have. They are
	// unchanged.
	UnknownKey int
	// Unreadable entries are damaged or belong to another key, see [ErrUnreadable]. They
	// are unchanged, and no secret opens them.
	Unreadable int
}

const (
	// reencryptPage is how many keys are asked for at a time.
	reencryptPage = 256
	// reencryptLease is how long a process that dies may prevent a refresh. A write has half
	// of it, so that no write comes after the lease.
	reencryptLease = 10 * time.Second
	// reencryptPatience is how long Reencrypt waits for leased entries: twice the default
	// lease of a refresh.
	reencryptPatience = time.Minute
	// reencryptWait is the longest wait between two attempts at leased entries.
	reencryptWait = time.Second
	// maxWaiting is how many leased entries are waited for together.
	maxWaiting = 1024
	// maxNamed is how many ids of secrets an error contains.
	maxNamed = 16
)

// Reencrypt seals every token and record with the newest secret, if another secret sealed
// it. When it returns nil no entry needs an older secret, as long as all replicas seal with
// the newest. [Vault] describes how to replace a secret.
//
// Reencrypt may run while requests do, on several replicas at once, and again. It leases
// each entry before it writes it, so it disturbs no refresh. It retries entries that are
// leased to other callers for up to a minute. It does not change entries that it cannot
// open.
//
// The error joins an [*UnknownKeyError] for each missing secret, up to 16, and the number
// of busy entries. Unreadable entries are only counted. A failing store ends Reencrypt with
// the store's error. A store that is no [Walker] gives [errors.ErrUnsupported]. When ctx
// ends, Reencrypt finishes the current entry, within five seconds, and returns ctx's error.
// The counts are valid also with an error.
func (v *Vault) Reencrypt(ctx context.Context) (Reencrypted, error) {
	w, ok := v.store.(Walker)
	if !ok {
		return Reencrypted{}, fmt.Errorf("tokenstore: %T does not implement Walker: %w", v.store, errors.ErrUnsupported)
	}
	r := reencryption{vault: v, missing: make(map[string]bool)}
	for after := Cursor(""); ; {
		keys, next, err := w.Walk(ctx, after, reencryptPage)
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

// reencryption is one run of Reencrypt.
type reencryption struct {
	vault   *Vault
	count   Reencrypted
	missing map[string]bool // ids of secrets
	waiting []Key           // leased to other callers
}

// visit reencrypts and counts one entry. Its error ends the run.
func (r *reencryption) visit(ctx context.Context, key Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// The end of ctx does not interrupt the work on an entry.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reencryptLease/2)
	defer cancel()
	err := r.vault.reencrypt(ctx, key)
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

// wait retries the leased entries for reencryptPatience.
func (r *reencryption) wait(ctx context.Context) error {
	began := time.Now()
	for pause := reencryptWait / 64; len(r.waiting) > 0; pause = min(2*pause, reencryptWait) {
		if time.Since(began) >= reencryptPatience {
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

// left returns the error about entries that still need an older secret.
func (r *reencryption) left() error {
	var errs []error
	ids := slices.Sorted(maps.Keys(r.missing))
	for _, id := range ids[:min(len(ids), maxNamed)] {
		errs = append(errs, &UnknownKeyError{ID: id})
	}
	if more := len(ids) - len(errs); more > 0 {
		errs = append(errs, fmt.Errorf("tokenstore: %d more secrets are missing", more))
	}
	if n := r.count.Busy; n > 0 {
		errs = append(errs, fmt.Errorf("tokenstore: %d entries were in use by other callers all the time (run Reencrypt again)", n))
	}
	return errors.Join(errs...)
}

var errNewest = errors.New("tokenstore: sealed with the newest secret")

// reencrypt seals one entry with the newest secret. With an error of this package it changed
// nothing.
//
// A write makes a new version. Without the lease, reencrypt could write while another caller
// refreshes the token. The refresh could then not store the new token, and the provider has
// ended the old one.
func (v *Vault) reencrypt(ctx context.Context, key Key) error {
	var err error
	for range 5 {
		var e Entry
		if e, err = v.store.Get(ctx, key); err != nil {
			return err
		}
		if v.box.Newest(e.Value) {
			return errNewest
		}
		// The content is not decoded, so that newer formats are reencrypted too.
		var plain []byte
		if plain, err = v.open(key, e.Value); err != nil {
			return err
		}
		var id LeaseID
		id, err = v.store.Lease(ctx, key, e.Version, reencryptLease)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = v.store.Replace(ctx, key, e.Version, v.box.Seal(plain, appendKey(nil, key)))
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			// Other callers need not wait until the lease runs out.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			return errors.Join(err, v.store.Release(ctx, key, id))
		}
	}
	return err
}
