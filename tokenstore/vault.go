package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/internal/seal"
)

// maxValue is the longest value that every [Store] takes.
const maxValue = 64 << 10

// ErrUnreadable says that a [Vault] did not write this entry under this key: the entry was
// damaged, or copied from another key. Only a new sign-in helps.
var ErrUnreadable = errors.New("tokenstore: the entry is damaged or belongs to another key")

// UnknownKeyError says that an entry was sealed with a secret that the [Vault] does not
// have. The entry is not lost: it can be read again once that secret is back.
type UnknownKeyError struct {
	// ID is the secret's id, eight hexadecimal digits that reveal nothing about it.
	ID string
}

// Error implements error.
func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("tokenstore: the entry was sealed with the secret of id %[1]s, which is not in Secrets "+
		"(add the secret with id %[1]s back to the end of Secrets, on every replica)", e.ID)
}

// Vault keeps tokens in a [Store]. It encodes and seals them with AES-256-GCM, so the
// store and its backups hold no token in clear. It binds each token to its key: an entry
// that is copied to another user or account does not open.
//
// The newest secret seals, and all of them open. Replace a secret in four steps, while
// requests run. Steps 1, 2 and 4 restart one replica after the other:
//
//  1. Add the new secret at the end, on every replica. Now all replicas can open what it seals.
//  2. Move it to the front, on every replica. Now it seals what is written.
//  3. Call [Vault.Reencrypt], on one replica, until it returns nil. Now no entry needs the
//     old secret.
//  4. Remove the old secret, on every replica.
//
// A Vault without an entry's secret returns [*UnknownKeyError] and leaves the entry as it is.
//
// A Vault also keeps entries of the kit itself under reserved keys: sealed records
// ([Vault.GetRecord]) and the owners of accounts ([Vault.Owner]).
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

// Get returns the token under key and its version. Besides the errors of [Store.Get] it
// returns [ErrUnreadable] and [*UnknownKeyError]. It returns the version also of an entry
// that it cannot read, so that the caller can delete it.
func (v *Vault) Get(ctx context.Context, key Key) (Token, Version, error) {
	if key.reserved() {
		return Token{}, "", ErrNotFound
	}
	plain, version, err := v.read(ctx, key)
	if err != nil {
		return Token{}, version, err
	}
	t, err := decodeToken(plain)
	return t, version, err
}

// Put stores t whether or not there is an entry, like [Store.Put]. It refuses a key that
// lacks a part or has too long a part. It also refuses a token without an access token,
// unless that token records a refusal (NeedsReauth).
func (v *Vault) Put(ctx context.Context, key Key, t Token) (Version, error) {
	value, err := v.sealToken(key, t)
	if err != nil {
		return "", err
	}
	return v.store.Put(ctx, key, value)
}

// Replace stores t if the entry has version old, like [Store.Replace]. Sign-ins and
// refreshes use it. The zero Version creates the entry. Replace refuses what Put refuses.
func (v *Vault) Replace(ctx context.Context, key Key, old Version, t Token) (Version, error) {
	value, err := v.sealToken(key, t)
	if err != nil {
		return "", err
	}
	return v.store.Replace(ctx, key, old, value)
}

// Delete removes the token if it has the given version, like [Store.Delete].
func (v *Vault) Delete(ctx context.Context, key Key, version Version) error {
	if key.reserved() {
		return nil
	}
	return v.store.Delete(ctx, key, version)
}

// List returns the keys of the user's tokens, like [Store.List].
func (v *Vault) List(ctx context.Context, userID string) ([]Key, error) {
	return v.store.List(ctx, userID)
}

// Lease takes the sole right to spend version old for d, like [Store.Lease].
func (v *Vault) Lease(ctx context.Context, key Key, old Version, d time.Duration) (LeaseID, error) {
	if key.reserved() {
		return "", ErrConflict
	}
	return v.store.Lease(ctx, key, old, d)
}

// Release ends a lease, like [Store.Release].
func (v *Vault) Release(ctx context.Context, key Key, id LeaseID) error {
	if key.reserved() {
		return nil
	}
	return v.store.Release(ctx, key, id)
}

// read returns what an entry holds. It returns the version also with an error of open.
func (v *Vault) read(ctx context.Context, key Key) ([]byte, Version, error) {
	e, err := v.store.Get(ctx, key)
	if err != nil {
		return nil, "", err
	}
	plain, err := v.open(key, e.Value)
	return plain, e.Version, err
}

// open returns what was sealed under key.
func (v *Vault) open(key Key, value []byte) ([]byte, error) {
	plain, err := v.box.Open(value, key.Provider, key.UserID, key.AccountID)
	var unknown *seal.UnknownKeyError
	switch {
	case err == nil:
		return plain, nil
	case errors.As(err, &unknown):
		return nil, &UnknownKeyError{ID: unknown.ID}
	}
	return nil, ErrUnreadable
}

func (v *Vault) sealToken(key Key, t Token) ([]byte, error) {
	switch {
	case key.reserved():
		return nil, errReserved
	case key.Provider == "" || key.UserID == "":
		return nil, errors.New("tokenstore: the key lacks its provider or its user (use the Key of the signed-in user)")
	case key.AccountID == "":
		return nil, errors.New("tokenstore: the key lacks its account (Kit.Accounts lists the accounts of a user)")
	case t.AccessToken == "" && !t.NeedsReauth:
		return nil, errors.New("tokenstore: the token has no access token (a token from Redacted cannot be stored)")
	}
	plain, err := encodeToken(t)
	if err != nil {
		return nil, err
	}
	return v.seal(key, plain)
}

// seal checks the lengths that every store takes.
func (v *Vault) seal(key Key, plain []byte) ([]byte, error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	value := v.box.Seal(plain, key.Provider, key.UserID, key.AccountID)
	if len(value) > maxValue {
		return nil, fmt.Errorf("tokenstore: the entry takes %d bytes sealed; stores keep up to %d", len(value), maxValue)
	}
	return value, nil
}

var errReserved = errors.New("tokenstore: providers whose names begin with a dot are reserved for the kit, see Key")

// Format implements [fmt.Formatter], so that no verb prints a secret.
func (v Vault) Format(f fmt.State, _ rune) { redact.Format(f, v) }

// LogValue implements [slog.LogValuer].
func (v Vault) LogValue() slog.Value { return redact.Value("tokenstore.Vault(%T)", v.store) }
