package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ownerProvider is the Provider of the keys of owner entries.
const ownerProvider = ".owner"

var errRecordKey = errors.New("tokenstore: the key of a record has a Provider that begins with a dot, " +
	"and not the one of owners")

// GetRecord returns the record under key and its version. A record is a sealed entry of the
// kit itself, such as the list of a user's sessions. Its key is reserved, see [Key].
//
// The errors are [ErrNotFound], [ErrUnreadable] and [*UnknownKeyError]. The last two come
// with the version, so that the caller can replace or delete such a record.
func (v *Vault) GetRecord(ctx context.Context, key Key) ([]byte, Version, error) {
	if !key.isRecord() {
		return nil, "", errRecordKey
	}
	return v.read(ctx, key)
}

// ReplaceRecord seals and stores plain if the record has version old, and returns the new
// version, like [Store.Replace]. The zero Version creates the record. A nil plain deletes it.
func (v *Vault) ReplaceRecord(ctx context.Context, key Key, old Version, plain []byte) (Version, error) {
	if !key.isRecord() {
		return "", errRecordKey
	}
	if plain == nil {
		return "", v.store.Delete(ctx, key, old)
	}
	value, err := v.seal(key, plain)
	if err != nil {
		return "", err
	}
	return v.store.Replace(ctx, key, old, value)
}

// DeleteUser deletes every token and record of a user, also of providers that the application
// no longer has. It calls release for each account whose [Owner] is or was the user, because
// package client changes owners. It visits every key of the store, and stops at the first
// error. Calling it again is harmless.
func (v *Vault) DeleteUser(ctx context.Context, userID string, release func(space, accountID string) error) error {
	return v.store.Walk(ctx, func(key Key) error {
		if key.Provider != ownerProvider {
			if key.UserID != userID {
				return nil
			}
			return v.deleteAny(ctx, key)
		}
		e, err := v.store.Get(ctx, key)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		o, err := parseOwner(e.Value)
		if err != nil || o.UserID != userID && !slices.Contains(o.Former, userID) {
			return nil // a damaged entry names no user
		}
		space, accountID, _ := strings.Cut(key.UserID, ":")
		return release(space, accountID)
	})
}

// deleteAny deletes the entry of key, whatever its version is.
func (v *Vault) deleteAny(ctx context.Context, key Key) error {
	for {
		e, err := v.store.Get(ctx, key)
		if err == nil {
			err = v.store.Delete(ctx, key, e.Version)
		}
		switch {
		case errors.Is(err, ErrNotFound):
			return nil
		case !errors.Is(err, ErrConflict):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

func (k Key) isRecord() bool { return k.reserved() && k.Provider != ownerProvider }

// Owner is who owns an account.
type Owner struct {
	// UserID is the owner's id.
	UserID string
	// Former are the former owners whose tokens for the account may still be stored.
	Former []string
}

// Owner returns the owner of an account, and the version of that entry, or [ErrNotFound]. space
// is a name, without a colon, that all providers with the same accounts share.
//
// The ids are stored unsealed. The keys of tokens show them already, and a lost secret must
// not make accounts look free.
func (v *Vault) Owner(ctx context.Context, space, accountID string) (Owner, Version, error) {
	key, err := ownerKey(space, accountID)
	if err != nil {
		return Owner{}, "", err
	}
	e, err := v.store.Get(ctx, key)
	if err != nil {
		return Owner{}, "", err
	}
	o, err := parseOwner(e.Value)
	return o, e.Version, err
}

// ReplaceOwner makes o the owner of an account if its entry has version old, and returns the
// new version, like [Store.Replace]. An Owner without UserID deletes the entry, like
// [Store.Delete], so that the account is free.
func (v *Vault) ReplaceOwner(ctx context.Context, space, accountID string, old Version, o Owner) (Version, error) {
	key, err := ownerKey(space, accountID)
	if err != nil {
		return "", err
	}
	if o.UserID == "" {
		return "", v.store.Delete(ctx, key, old)
	}
	// The value is each id with its length in front, the owner's first.
	var value []byte
	for _, id := range append([]string{o.UserID}, o.Former...) {
		if id == "" || len(id) > maxUserID {
			return "", fmt.Errorf("tokenstore: the owner's UserID has %d bytes (use at least 1 and at most %d)", len(id), maxUserID)
		}
		value = fmt.Appendf(value, "%d:%s", len(id), id)
	}
	return v.store.Replace(ctx, key, old, value)
}

// ownerKey returns the key of the entry that names an account's owner. A space has no
// colon, so that two accounts never have the same key.
func ownerKey(space, accountID string) (Key, error) {
	if space == "" || accountID == "" || strings.Contains(space, ":") {
		return Key{}, errors.New("tokenstore: an account needs a space, without a colon, and an account id")
	}
	err := Key{Provider: space, AccountID: accountID}.check()
	return Key{Provider: ownerProvider, UserID: space + ":" + accountID}, err
}

func parseOwner(value []byte) (Owner, error) {
	var ids []string
	for rest := string(value); rest != "" || ids == nil; {
		digits, after, _ := strings.Cut(rest, ":")
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 || n > uint64(len(after)) {
			return Owner{}, errors.New("tokenstore: the entry of an account's owner cannot be read")
		}
		ids, rest = append(ids, after[:n]), after[n:]
	}
	return Owner{UserID: ids[0], Former: ids[1:]}, nil
}
