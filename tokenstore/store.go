// Package tokenstore stores users' tokens. [Store] is the interface of a backend, [NewMemory]
// makes one for a single process, and [Vault] encodes and seals tokens above any Store.
package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Key names one entry of a store: the token of one account at one provider, held by one
// user of the application. A user may hold tokens of several accounts. A user may also
// hold two tokens of one account: an OAuth 2.0 token under {"x", user, account} and an
// OAuth 1.0a token under {"x-oauth1", user, account}.
//
// All parts are arbitrary strings. A store must tell keys apart whatever bytes the parts
// contain: {"a", "bc", "d"} and {"ab", "c", "d"} are two keys. Provider and AccountID may
// be up to 256 bytes long, and UserID up to 1 KiB. Every store takes parts of those
// lengths, and [Vault] refuses longer ones.
//
// A Key whose Provider begins with a dot is reserved for the kit: lists of sessions,
// owners of accounts. Stores treat reserved entries like any other, except that
// [Store.List] omits them. The token methods of [Vault] neither read nor change them, so
// no provider may have such a name.
type Key struct {
	// Provider is the provider's name, [provider.Provider.Name].
	Provider string
	// UserID is the application's id of the user, [provider.User.ID].
	UserID string
	// AccountID is the provider's id of the account, [provider.User.AccountID].
	AccountID string
}

// The longest parts of a [Key], in bytes. PostgreSQL indexes up to 2,704 bytes.
const (
	maxProvider  = 256
	maxUserID    = 1 << 10
	maxAccountID = 256
)

// check does not quote the parts, which may be long.
func (k Key) check() error {
	if len(k.Provider) > maxProvider || len(k.UserID) > maxUserID || len(k.AccountID) > maxAccountID {
		return fmt.Errorf("tokenstore: the key's Provider, UserID and AccountID have %d, %d and %d bytes (use at most %d, %d and %d)",
			len(k.Provider), len(k.UserID), len(k.AccountID), maxProvider, maxUserID, maxAccountID)
	}
	return nil
}

// reserved reports whether k names an entry of the kit, see [Key].
func (k Key) reserved() bool { return strings.HasPrefix(k.Provider, ".") }

// Version tells two states of an entry apart. It is opaque: callers compare versions for
// equality and pass them back. A store never gives the same version to two states of one
// key, not even when the entry was deleted in between. No entry has the zero Version.
type Version string

// LeaseID identifies a lease. The zero value identifies none.
type LeaseID string

// Entry is what a store keeps for a key.
type Entry struct {
	// Value is opaque to the store. The caller owns the slice that Get returns.
	Value []byte
	// Version is the state that Value was read in.
	Version Version
}

// Errors that a [Store] returns. Any other error means that the store could not answer.
// The caller may try again and must not conclude anything from it.
var (
	// ErrNotFound says that there is no entry for the key.
	ErrNotFound = errors.New("tokenstore: no entry for this key")
	// ErrConflict says that the entry has another version, or was deleted. Nothing changed.
	ErrConflict = errors.New("tokenstore: the entry has changed since it was read")
	// ErrLeased is the error that every [LeasedError] matches.
	ErrLeased = errors.New("tokenstore: the entry is leased to another caller")
)

// LeasedError says that another caller has the lease. It matches [ErrLeased].
type LeasedError struct {
	// Remaining is how long the other lease still runs by the store's clock. A release or a
	// write ends it earlier.
	Remaining time.Duration
}

// Error implements error.
func (e *LeasedError) Error() string {
	return fmt.Sprintf("%v for another %v", ErrLeased, e.Remaining)
}

// Is reports whether target is [ErrLeased].
func (e *LeasedError) Is(target error) bool { return target == ErrLeased }

// Store keeps opaque values with a version. [Vault] encodes and seals tokens above it, so
// a backend never holds a token in clear and is little code.
//
// Goroutines, and processes that share one backend, use a store at the same time. Each
// method is atomic: no caller sees half of another call's effect. A write that returned nil
// is seen by every read that begins afterwards, on every replica.
//
// When a method returns an error that is not one of this package, the result is unknown: its
// change may have happened, or may still happen. The errors of this package are always true. A
// driver may send a command twice, and the second copy may arrive late:
//
//   - The result is that of the first copy. Replace does not return [ErrConflict] because
//     of the write that it made itself.
//   - A copy changes nothing after the version that it wrote has ended, by another write
//     or by a delete. So a late copy of Put brings no deleted entry back. A store whose
//     driver repeats commands remembers ended versions for a minute, across later writes
//     of the key.
//
// Every method stops when ctx ends and then returns ctx's error, wrapped or not. Values
// may be up to 64 KiB long. A store that takes less says so in its documentation. A store
// keeps its own copy of value.
type Store interface {
	// Get returns the entry, or [ErrNotFound].
	Get(ctx context.Context, key Key) (Entry, error)

	// Put creates or overwrites the entry, ends any lease on the key and returns the new version.
	Put(ctx context.Context, key Key, value []byte) (Version, error)

	// Replace writes value if the entry has version v, ends any lease on the key and
	// returns the new version. If the entry has another version or was deleted, Replace
	// returns [ErrConflict] and changes nothing. Replace needs no lease: a caller whose
	// lease ran out may still write if no other caller did. Sign-ins and refreshes use it.
	//
	// With the zero Version Replace creates an entry, and returns [ErrConflict] if there is
	// one already. If many callers create one entry at once, one succeeds.
	Replace(ctx context.Context, key Key, v Version, value []byte) (Version, error)

	// Delete removes the entry if it has version v, and ends any lease on the key. If the
	// entry has another version Delete returns [ErrConflict] and changes nothing. A key
	// without an entry is not an error.
	Delete(ctx context.Context, key Key, v Version) error

	// Lease gives the caller the sole right to spend version v for d, at least a millisecond.
	// It changes neither value nor version. While another lease on v runs, the error is a
	// [*LeasedError]. If the entry has another version or was deleted, the error is
	// [ErrConflict]. A lease ends after d, at its release, and with any write or delete.
	//
	// The store's clock times leases, so the clocks of replicas do not matter. A lease
	// never has longer to run than its d. The store keeps d, and a lease with more time left
	// than d has ended. So a clock that is set back locks no caller out.
	Lease(ctx context.Context, key Key, v Version, d time.Duration) (LeaseID, error)

	// Release ends a lease before its time. If the lease has ended, or another caller has
	// it, Release does nothing and returns nil.
	Release(ctx context.Context, key Key, id LeaseID) error

	// List returns the keys of all entries with this UserID, ordered by Provider and then
	// AccountID, byte by byte. It omits keys whose Provider begins with a dot. A user
	// without entries is not an error. An entry that exists during the whole call is in
	// the list, whatever else is written meanwhile.
	List(ctx context.Context, userID string) ([]Key, error)

	// Walk calls visit for the key of every entry, in any order, and stops at its first
	// error, which it returns. Keys whose Provider begins with a dot are visited too. visit
	// may call the store. [Vault.Reencrypt] uses Walk.
	//
	// Entries may be written and deleted meanwhile. An entry that exists all the time is
	// visited at least once, and one that never exists is not visited. A store may return an
	// error when it cannot continue, such as after a failover. Begin again then.
	Walk(ctx context.Context, visit func(Key) error) error
}
