// Package tokenstore keeps the tokens of users: [Store] is what a backend
// provides, [Memory] the one for a single process, and [Vault] encodes and seals
// tokens above any of them.
package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Key names the one entry that a store keeps for a user with a provider. One
// user may hold several: an OAuth 2.0 token under {"x", id} and an OAuth 1.0a
// token under {"x-oauth1", id}.
//
// Both parts are arbitrary strings. A store must keep keys apart whatever
// bytes they hold: {"a", "bc"} and {"ab", "c"} are two keys. Each part may be up to
// 1 KiB long; a store that takes less says so in its documentation.
//
// Entries whose Provider begins with a dot are not tokens but notes of the kit, such as
// that of users signed out everywhere. Stores treat them like any other. For a [Vault]
// they are not there: it reads and changes none, so no provider may be named so.
type Key struct {
	// Provider is the provider's name, [provider.Provider.Name].
	Provider string
	// UserID is the application's name for the user: what its OnSignIn hook
	// chose, or else X's id of the account.
	UserID string
}

// Version tells two states of an entry apart. It is opaque: callers compare it
// for equality and hand it back. A store never gives the same version to two
// states of one key, not even when the entry was deleted in between. No entry has the
// zero Version.
type Version string

// LeaseID names one holding of a lease. The zero value names none.
type LeaseID string

// Entry is what a store keeps for a key.
type Entry struct {
	// Value is opaque to the store. The caller owns the slice that Get returns.
	Value []byte
	// Version is the state that Value was read in.
	Version Version
}

// Errors that a [Store] returns. Any other error means that the store could not
// answer: the caller may try again and must not conclude anything from it.
var (
	// ErrNotFound says that there is no entry for the key.
	ErrNotFound = errors.New("tokenstore: no entry for this key")
	// ErrConflict says that the entry is no longer in the version named, or is
	// gone. Nothing was changed.
	ErrConflict = errors.New("tokenstore: the entry has changed since it was read")
	// ErrLeased is what every [LeasedError] is.
	ErrLeased = errors.New("tokenstore: another holder has the lease on this entry")
)

// LeasedError says that another holder has the lease. It is [ErrLeased].
type LeasedError struct {
	// Remaining is how long the other holder's lease still runs, by the store's
	// clock, unless it is given back or the entry changes before.
	Remaining time.Duration
}

// Error implements error.
func (e *LeasedError) Error() string {
	return fmt.Sprintf("%v for another %v", ErrLeased, e.Remaining)
}

// Is reports whether target is [ErrLeased].
func (e *LeasedError) Is(target error) bool { return target == ErrLeased }

// Store keeps opaque values with a version. Tokens are encoded and sealed above
// it by a [Vault], so that no backend ever holds one in clear, and a backend is
// little to write.
//
// Goroutines, and processes that share one backend, use a store at the same
// time. Each method is atomic: no caller sees half of another's effect. A write
// that returned nil is seen by every read that begins afterwards, on every
// replica. When a method returns an error other than those below, its change
// may or may not have happened. One of those below is the truth: where a driver sends a
// call again by itself, the second must not be told of a conflict with the first.
//
// Every method stops when ctx ends and then returns ctx's error, wrapped or not.
// Values may be up to 64 KiB long; a store that takes less says so in its
// documentation. A store keeps its own copy of value.
type Store interface {
	// Get returns the entry, or [ErrNotFound].
	Get(ctx context.Context, key Key) (Entry, error)

	// Put writes value whatever was there before, ends any lease on the key and
	// returns the new version. It is the write of a sign-in.
	Put(ctx context.Context, key Key, value []byte) (Version, error)

	// Replace writes value if the entry is still in version v, ends any lease on
	// the key and returns the new version. If the entry has changed or is gone it
	// returns [ErrConflict] and changes nothing: a late writer brings nothing
	// back. A lease is not needed to replace: a holder whose lease ran out may
	// still write as long as nobody else did. It is the write of a refresh.
	//
	// The zero Version stands for no entry: Replace then makes one, and returns
	// [ErrConflict] if there is one already. Of many who make it at once one succeeds.
	Replace(ctx context.Context, key Key, v Version, value []byte) (Version, error)

	// Delete removes the entry and ends any lease on the key. A key without an
	// entry is not an error.
	Delete(ctx context.Context, key Key) error

	// Lease gives the caller the sole right to spend version v for d, counted by
	// the store's own clock, so that the clocks of replicas do not matter. It
	// changes neither value nor version. If another lease on v still runs the
	// error is a [*LeasedError]; if the entry has changed or is gone it is
	// [ErrConflict]. A lease ends when d has passed, when it is released, and with
	// any write or delete. d is at least one millisecond.
	Lease(ctx context.Context, key Key, v Version, d time.Duration) (LeaseID, error)

	// Release gives a lease back before its time. A lease that has ended, or that
	// somebody else holds by now, is left as it is and is not an error.
	Release(ctx context.Context, key Key, id LeaseID) error
}

// Lister is what a [Store] may do besides: say which tokens a user holds. Callers
// find it by a type assertion and do without where it is missing. It is an ability
// of its own because some backends find entries by their whole key only.
//
// What [Store] demands of methods holds here too.
type Lister interface {
	// Keys returns the keys of all entries with this UserID, ordered by Provider,
	// byte by byte. A user without entries has none, and that is not an error. Under
	// writes at the same time an entry that is there throughout is in the list.
	Keys(ctx context.Context, userID string) ([]Key, error)
}

// Cursor is a place in a [Walker]'s walk. It is opaque, and may be kept to go on
// later. It may hold ids of users.
type Cursor string

// Walker is what a [Store] may do besides: go through all its entries, page by page,
// as [Vault.Reencrypt] does. Callers find it by a type assertion.
//
// What [Store] demands of methods holds here too.
type Walker interface {
	// Walk returns the keys of some entries, in any order, and where to go on. after
	// is empty to begin, and then what the call before returned; next is empty when all
	// entries have been visited. limit is about how many keys to return, and at least
	// one; a page may have fewer, even none, or a few more.
	//
	// Entries are written and deleted while a walk goes on. One that is there throughout
	// is visited, perhaps more than once; one that is never there is not. A store in which an event may
	// cut a walk short, such as a failover, returns an error at the next page: begin
	// again.
	Walk(ctx context.Context, after Cursor, limit int) (keys []Key, next Cursor, err error)
}
