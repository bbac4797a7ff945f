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
	query, args := s.text.first, []any{limit}
	if after != "" {
		from, err := parseCursor(after)
		if err != nil {
			return nil, "", err
		}
		query, args = s.text.next, []any{[]byte(from.UserID), []byte(from.Provider), limit}
	}
	var keys []tokenstore.Key
	err := s.do(ctx, "walk through the entries", func() error {
		keys = nil
		rows, err := s.db.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var user, provider []byte
			if err := rows.Scan(&user, &provider); err != nil {
				return err
			}
			keys = append(keys, tokenstore.Key{Provider: string(provider), UserID: string(user)})
		}
		return rows.Err()
	})
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
