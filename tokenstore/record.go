package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ownerProvider is the Provider of the keys of owner entries.
const ownerProvider = ".owner"

// errRecordKey says that a key names no record.
var errRecordKey = errors.New("tokenstore: the key of a record has a Provider that begins with a dot, and not the one of owners")

// GetRecord returns the record under key and its version. A record is a sealed entry of the
// kit itself, such as the list of a user's sessions. Its key is reserved, see [Key].
//
// GetRecord returns [ErrNotFound], and with the version [ErrUnreadable] and
// [*UnknownKeyError], so that the caller can replace or delete such a record.
func (v *Vault) GetRecord(ctx context.Context, key Key) ([]byte, Version, error) {
	if !key.isRecord() {
		return nil, "", errRecordKey
	}
	return v.read(ctx, key)
}

// ReplaceRecord seals and stores plain if the record has version old, and returns the new
// version. The zero Version creates the record. The error is [ErrConflict] if the record
// has another version, as in [Store.Replace].
func (v *Vault) ReplaceRecord(ctx context.Context, key Key, old Version, plain []byte) (Version, error) {
	if !key.isRecord() {
		return "", errRecordKey
	}
	value, err := v.seal(key, plain)
	if err != nil {
		return "", err
	}
	return v.store.Replace(ctx, key, old, value)
}

// DeleteRecord removes the record if it has the given version, like [Store.Delete].
func (v *Vault) DeleteRecord(ctx context.Context, key Key, version Version) error {
	if !key.isRecord() {
		return errRecordKey
	}
	return v.store.Delete(ctx, key, version)
}

// isRecord reports whether k is the key of a sealed entry of the kit.
func (k Key) isRecord() bool { return k.reserved() && k.Provider != ownerProvider }

// Owner returns the id of the user who owns an account, and the version of that entry, or
// [ErrNotFound]. Each account has at most one owner. X's two providers have the same
// accounts.
//
// The user's id is stored unsealed. The keys of tokens show it already, and a lost secret
// must not make accounts look free.
func (v *Vault) Owner(ctx context.Context, provider, accountID string) (userID string, version Version, err error) {
	key, err := ownerKey(provider, accountID)
	if err != nil {
		return "", "", err
	}
	e, err := v.store.Get(ctx, key)
	return string(e.Value), e.Version, err
}

// ReplaceOwner makes the user the owner of an account if its entry has version old, and
// returns the new version. The zero Version means an account without an owner. The
// error is [ErrConflict] if the entry has another version: of many users who take one
// account at once one succeeds.
func (v *Vault) ReplaceOwner(ctx context.Context, provider, accountID string, old Version, userID string) (Version, error) {
	key, err := ownerKey(provider, accountID)
	if err != nil {
		return "", err
	}
	if userID == "" || len(userID) > maxUserID {
		return "", fmt.Errorf("tokenstore: the owner's UserID has %d bytes (use at least 1 and at most %d)", len(userID), maxUserID)
	}
	return v.store.Replace(ctx, key, old, []byte(userID))
}

// DeleteOwner makes an account free if its entry has the given version, like
// [Store.Delete].
func (v *Vault) DeleteOwner(ctx context.Context, provider, accountID string, version Version) error {
	key, err := ownerKey(provider, accountID)
	if err != nil {
		return err
	}
	return v.store.Delete(ctx, key, version)
}

// ownerKey returns the key of the entry that names an account's owner. A provider's name
// has no colon, so that two accounts never have the same key.
func ownerKey(provider, accountID string) (Key, error) {
	if provider == "" || accountID == "" || strings.Contains(provider, ":") {
		return Key{}, errors.New("tokenstore: an account needs a provider, without a colon, and an account id")
	}
	if err := (Key{Provider: provider, AccountID: accountID}).checkLengths(); err != nil {
		return Key{}, err
	}
	return Key{Provider: ownerProvider, UserID: accountSpace(provider) + ":" + accountID}, nil
}

// SameAccount reports whether two keys name tokens of the same account, whoever the user is.
// X's two providers have the same accounts.
func (k Key) SameAccount(other Key) bool {
	return k.AccountID == other.AccountID && accountSpace(k.Provider) == accountSpace(other.Provider)
}

// accountSpace returns the name that providers with the same accounts share.
func accountSpace(provider string) string {
	if provider == "x-oauth1" {
		return "x"
	}
	return provider
}
