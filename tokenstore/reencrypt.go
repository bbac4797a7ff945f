package tokenstore

import (
	"context"
	"errors"
	"fmt"
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
	// Gone entries were deleted during the run.
	Gone int
	// Busy entries were leased or written by other callers for a minute. They are unchanged.
	Busy int
	// UnknownKey entries are unchanged: the Vault does not have the secret that sealed them.
	UnknownKey int
	// Unreadable entries are damaged or belong to another key, see [ErrUnreadable]. They
	// are unchanged, and no secret opens them.
	Unreadable int
}

const (
	// reencryptLease is how long a process that dies may prevent a refresh. A write has half
	// of it, so that no write comes after the lease.
	reencryptLease = 10 * time.Second
	// reencryptPatience limits the wait for busy entries: twice the default lease of a refresh.
	reencryptPatience = time.Minute
	// reencryptWait is the longest wait between two attempts at busy entries.
	reencryptWait = time.Second
	// maxNamed is how many ids of secrets an error contains.
	maxNamed = 16
)

// Reencrypt seals every token and record with the newest secret, if another secret sealed
// it. When it returns nil no entry needs an older secret, as long as all replicas seal with
// the newest. [Vault] describes how to replace a secret.
//
// Reencrypt may run while requests do, on several replicas at once, and again. It leases
// each entry before it writes it, so it disturbs no refresh. At the end it retries entries
// that other callers leased or wrote, for up to a minute. It does not change entries that it
// cannot open.
//
// The error joins an [*UnknownKeyError] for each missing secret, up to 16, and the number
// of busy entries. Unreadable entries are only counted. A failing store ends Reencrypt with
// the store's error. When ctx ends, Reencrypt finishes the current entry, within five
// seconds, and returns ctx's error. The counts are valid also with an error.
func (v *Vault) Reencrypt(ctx context.Context) (Reencrypted, error) {
	r := reencryption{vault: v}
	err := v.store.Walk(ctx, func(key Key) error { return r.visit(ctx, key) })
	began := time.Now()
	for wait := reencryptWait / 64; err == nil && len(r.busy) > 0 && time.Since(began) < reencryptPatience; wait = min(2*wait, reencryptWait) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return r.count, ctx.Err()
		}
		again := r.busy
		r.busy = nil
		for _, key := range again {
			if err = r.visit(ctx, key); err != nil {
				break
			}
		}
	}
	if err != nil {
		return r.count, err
	}
	if r.count.Busy = len(r.busy); r.count.Busy > 0 {
		err = fmt.Errorf("tokenstore: %d entries were in use by other callers all the time (run Reencrypt again)", r.count.Busy)
	}
	return r.count, errors.Join(append(r.missing, err)...)
}

// reencryption is one run of Reencrypt.
type reencryption struct {
	vault   *Vault
	count   Reencrypted
	missing []error // an UnknownKeyError for each secret
	busy    []Key   // leased or written by other callers
}

// visit reencrypts and counts one entry. Its error ends the run.
func (r *reencryption) visit(ctx context.Context, key Key) error {
	if key.Provider == ownerProvider {
		return nil // not sealed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// The end of ctx does not interrupt the work on an entry.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reencryptLease/2)
	defer cancel()
	err := r.vault.reencrypt(ctx, key)
	switch {
	case err == nil:
		r.count.Reencrypted++
	case errors.Is(err, errNewest):
		r.count.Newest++
	case errors.Is(err, ErrNotFound):
		r.count.Gone++
	case errors.Is(err, ErrUnreadable):
		r.count.Unreadable++
	case errors.As(err, new(*UnknownKeyError)):
		r.count.UnknownKey++
		named := slices.ContainsFunc(r.missing, func(e error) bool { return e.Error() == err.Error() })
		if !named && len(r.missing) < maxNamed {
			r.missing = append(r.missing, err)
		}
	case errors.Is(err, ErrLeased), errors.Is(err, ErrConflict):
		r.busy = append(r.busy, key)
	default:
		return err
	}
	return nil
}

var errNewest = errors.New("tokenstore: sealed with the newest secret")

// reencrypt seals one entry with the newest secret. After an error of this package the entry is
// unchanged.
//
// A write makes a new version. Without the lease, a refresh by another caller could then not
// store the new token, and the provider has ended the old one.
func (v *Vault) reencrypt(ctx context.Context, key Key) error {
	e, err := v.store.Get(ctx, key)
	if err != nil {
		return err
	}
	if v.box.Newest(e.Value) {
		return errNewest
	}
	// The content is not decoded, so that newer formats are reencrypted too.
	plain, err := v.open(key, e.Value)
	if err != nil {
		return err
	}
	value, err := v.seal(key, plain)
	if err != nil {
		return err
	}
	id, err := v.store.Lease(ctx, key, e.Version, reencryptLease)
	if err != nil {
		return err
	}
	_, err = v.store.Replace(ctx, key, e.Version, value)
	if err != nil && !errors.Is(err, ErrConflict) {
		// Other callers need not wait until the lease runs out.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = errors.Join(err, v.store.Release(ctx, key, id))
	}
	return err
}
