package sqlstore

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/xsignin/xsignin/tokenstore"
)

// Walk implements [tokenstore.Walker], in the order of user and provider, by an index.
// Nothing stays open between two pages, and nothing cuts a walk short.
func (s *Store) Walk(ctx context.Context, after tokenstore.Cursor, limit int) ([]tokenstore.Key, tokenstore.Cursor, error) {
	if limit < 1 {
		return nil, "", errors.New("sqlstore: a page has at least one key")
	}
	statement, args := s.text.first, []any{limit}
	if after != "" {
		from, err := parseCursor(after)
		if err != nil {
			return nil, "", err
		}
		statement, args = s.text.next, []any{[]byte(from.UserID), []byte(from.Provider), limit}
	}
	keys, err := s.query(ctx, "walk through the entries", statement, args...)
	if err != nil {
		return nil, "", err
	}
	if len(keys) < limit {
		return keys, "", nil
	}
	return keys, cursor(keys[limit-1]), nil
}

// cursor is the place behind an entry. The length keeps the parts of its key apart.
func cursor(k tokenstore.Key) tokenstore.Cursor {
	return tokenstore.Cursor(strconv.Itoa(len(k.UserID)) + ":" + k.UserID + k.Provider)
}

func parseCursor(c tokenstore.Cursor) (tokenstore.Key, error) {
	length, rest, ok := strings.Cut(string(c), ":")
	n, err := strconv.Atoi(length)
	if !ok || err != nil || n < 0 || n > len(rest) {
		return tokenstore.Key{}, errors.New("sqlstore: this cursor is not one of a walk through this store")
	}
	return tokenstore.Key{UserID: rest[:n], Provider: rest[n:]}, nil
}
