package tokenstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/seal"
)

// maxValue is the longest value that every [Store] takes.
const maxValue = 64 << 10

// ErrUnreadable says that an entry is not what a [Vault] wrote under this key: it
// was damaged, or moved here from another key. Only a new sign-in helps.
var ErrUnreadable = errors.New("tokenstore: the entry is damaged or belongs to another key")

// UnknownKeyError says that an entry was sealed with a secret that the [Vault]
// does not have. The token is not lost: it opens again with that secret.
type UnknownKeyError struct {
	// ID is the secret's id, eight hexadecimal digits that tell nothing about it.
	ID string
}

// Error implements error.
func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("tokenstore: the token was sealed with the secret of id %[1]s, which is not in Secrets; "+
		"add the secret with id %[1]s back to the end of Secrets, on every replica", e.ID)
}

// Vault keeps tokens in a [Store]. It encodes and seals them with AES-256-GCM, so
// that the store and its backups hold no token in clear, and binds each to its
// key: an entry that somebody moves to another user does not open.
//
// The newest secret seals and all of them open. A secret is replaced in four steps,
// the first two and the last by restarting one replica after the other, while requests
// run:
//
//  1. Add the new secret at the end, on every replica. Now all can open what it seals.
//  2. Move it to the front, on every replica. Now it seals what is written.
//  3. Call [Vault.Reencrypt], on one replica, until it returns nil. Now no token needs the
//     old one.
//  4. Take the old secret away, on every replica.
//
// A replica that lacks the secret of an entry answers [*UnknownKeyError] and leaves the
// entry alone: with the secret back it opens again.
//
// A process that waits for another's refresh asks the store again and again, and a store
// has no way to wake it. It would save little: with X answering within a second the
// new token is seen at most 100 ms later, at two small calls each time, and nobody waits
// at all while the old token works.
//
// Goroutines may share a Vault if they may share its Store. It prints no secret.
type Vault struct {
	store Store
	box   *seal.Box
}

// NewVault returns a Vault over store with secrets, newest first, each of at least
// 32 random bytes. It keeps no reference to them.
func NewVault(store Store, secrets ...[]byte) (*Vault, error) {
	if store == nil {
		return nil, errors.New("tokenstore: a vault needs a store")
	}
	box, err := seal.New(secrets, "xsignin token")
	if err != nil {
		return nil, fmt.Errorf("tokenstore: %w", err)
	}
	return &Vault{store: store, box: box}, nil
}

// Get returns the token under key and its version. Besides the errors of
// [Store.Get] it returns [ErrUnreadable] and [*UnknownKeyError].
func (v *Vault) Get(ctx context.Context, key Key) (Token, Version, error) {
	if key.isNote() {
		return Token{}, "", ErrNotFound
	}
	e, err := v.store.Get(ctx, key)
	if err != nil {
		return Token{}, "", err
	}
	plain, err := v.open(key, e.Value)
	if err != nil {
		return Token{}, "", err
	}
	t, err := decodeToken(plain)
	if err != nil {
		return Token{}, "", err
	}
	return t, e.Version, nil
}

// Put stores t whatever was there, like [Store.Put]: the write of a sign-in. It refuses a
// key without a provider or a user, and a token without an access token, unless that is
// the mark NeedsReauth: nobody could use them.
func (v *Vault) Put(ctx context.Context, key Key, t Token) (Version, error) {
	switch {
	case key.isNote():
		return "", errNote
	case key.Provider == "" || key.UserID == "":
		return "", errors.New("tokenstore: the key lacks its provider or its user: use the Key of the user who signed in")
	case t.AccessToken == "" && !t.NeedsReauth:
		return "", errors.New("tokenstore: the token has no access token; one from Redacted, as the kit gives out, has none any more")
	}
	value, err := v.seal(key, t)
	if err != nil {
		return "", err
	}
	return v.store.Put(ctx, key, value)
}

// Replace stores t if the entry is still in version old, like [Store.Replace]: the
// write of a refresh. A token is never made by it: the zero Version is [ErrConflict].
func (v *Vault) Replace(ctx context.Context, key Key, old Version, t Token) (Version, error) {
	if old == "" || key.isNote() {
		return "", ErrConflict
	}
	value, err := v.seal(key, t)
	if err != nil {
		return "", err
	}
	return v.store.Replace(ctx, key, old, value)
}

// Keys returns the keys of the tokens that a user holds, like [Lister.Keys]. The error
// is [errors.ErrUnsupported] where the store is no [Lister].
func (v *Vault) Keys(ctx context.Context, userID string) ([]Key, error) {
	l, ok := v.store.(Lister)
	if !ok {
		return nil, fmt.Errorf("tokenstore: %T cannot list what a user holds: %w", v.store, errors.ErrUnsupported)
	}
	keys, err := l.Keys(ctx, userID)
	return slices.DeleteFunc(keys, Key.isNote), err
}

// Delete removes the entry, like [Store.Delete].
func (v *Vault) Delete(ctx context.Context, key Key) error {
	if key.isNote() {
		return nil
	}
	return v.store.Delete(ctx, key)
}

// Lease takes the sole right to spend version old for d, like [Store.Lease].
func (v *Vault) Lease(ctx context.Context, key Key, old Version, d time.Duration) (LeaseID, error) {
	if key.isNote() {
		return "", ErrConflict
	}
	return v.store.Lease(ctx, key, old, d)
}

// Release gives a lease back, like [Store.Release].
func (v *Vault) Release(ctx context.Context, key Key, id LeaseID) error {
	if key.isNote() {
		return nil
	}
	return v.store.Release(ctx, key, id)
}

// open returns what was sealed under key.
func (v *Vault) open(key Key, value []byte) ([]byte, error) {
	plain, err := v.box.Open(value, keyData(key))
	if err == nil {
		return plain, nil
	}
	var unknown *seal.UnknownKeyError
	if errors.As(err, &unknown) {
		return nil, &UnknownKeyError{ID: unknown.ID}
	}
	return nil, ErrUnreadable
}

func (v *Vault) seal(key Key, t Token) ([]byte, error) {
	plain, err := encodeToken(t)
	if err != nil {
		return nil, err
	}
	value := v.box.Seal(plain, keyData(key))
	if len(value) > maxValue {
		return nil, fmt.Errorf("tokenstore: the token takes %d bytes sealed; stores keep up to %d", len(value), maxValue)
	}
	return value, nil
}

// errNote says that a key names no token.
var errNote = errors.New("tokenstore: names of providers that begin with a dot are for entries that are no tokens, see Key")

// isNote reports whether k names no token, see [Key]. For a [Vault] there is nothing then:
// an application that takes the provider's name from a form must not let a visitor delete
// what the kit remembers.
func (k Key) isNote() bool { return strings.HasPrefix(k.Provider, ".") }

// keyData is the associated data of a key. The lengths keep {"a", "bc"} and
// {"ab", "c"} apart.
func keyData(key Key) []byte {
	b := make([]byte, 0, len(key.Provider)+len(key.UserID)+2*binary.MaxVarintLen64)
	b = binary.AppendUvarint(b, uint64(len(key.Provider)))
	b = append(b, key.Provider...)
	b = binary.AppendUvarint(b, uint64(len(key.UserID)))
	return append(b, key.UserID...)
}

// Format implements [fmt.Formatter], so that no verb prints a secret.
func (v Vault) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "tokenstore.Vault(%T)", v.store) }

// LogValue implements [slog.LogValuer].
func (v Vault) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(v)) }
