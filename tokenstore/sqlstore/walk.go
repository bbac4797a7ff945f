package sqlstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/xsignin/xsignin/tokenstore"
)

// Walk implements [tokenstore.Walker], in the order of user, provider and account, by an
// index. Nothing stays open between two pages.
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
		statement, args = s.text.next, append(parts(from), limit)
	}
	keys, err := s.query(ctx, "read a page of entries", statement, args...)
	if err != nil {
		return nil, "", err
	}
	if len(keys) < limit {
		return keys, "", nil
	}
	return keys, cursor(keys[limit-1]), nil
}

// cursor is the position after k.
func cursor(k tokenstore.Key) tokenstore.Cursor {
	return tokenstore.Cursor(fmt.Sprintf("%x.%x.%x", k.UserID, k.Provider, k.AccountID))
}

func parseCursor(c tokenstore.Cursor) (tokenstore.Key, error) {
	var parts [3]string
	texts := strings.Split(string(c), ".")
	if len(texts) != len(parts) {
		return tokenstore.Key{}, errCursor
	}
	for i, text := range texts {
		b, err := hex.DecodeString(text)
		if err != nil {
			return tokenstore.Key{}, errCursor
		}
		parts[i] = string(b)
	}
	return tokenstore.Key{UserID: parts[0], Provider: parts[1], AccountID: parts[2]}, nil
}

var errCursor = errors.New("sqlstore: this cursor does not come from this store")
