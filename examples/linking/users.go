package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/xsignin/xsignin/provider"
)

// users has the application's users, and the X accounts with which they sign in.
type users struct {
	db *sql.DB
	// allow are the handles, in lower case, that may have a user here; empty means all.
	allow []string
	now   func() time.Time
}

// An account's x_id never changes, but its username may. An account has one row for OAuth 2.0
// and OAuth 1.0a, because X uses the same ids for both.
const usersTables = `
CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, created INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (x_id TEXT PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id), username TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS accounts_user ON accounts (user_id);
CREATE TABLE IF NOT EXISTS allowed (handle TEXT PRIMARY KEY, x_id TEXT NOT NULL);`

func openUsers(ctx context.Context, db *sql.DB, allow []string, now func() time.Time) (*users, error) {
	_, err := db.ExecContext(ctx, usersTables)
	return &users{db, allow, now}, err
}

// Refusals of a sign-in. The log has the reason.
var (
	errElsewhere = fmt.Errorf("the X account belongs to another user here: %w", provider.ErrNotAllowed)
	errLeft      = fmt.Errorf("the session that began the link has ended: %w", provider.ErrNotAllowed)
	errNotListed = fmt.Errorf("neither the account nor its user is on the list: %w", provider.ErrNotAllowed)
	// errLast refuses to unlink.
	errLast = errors.New("this is the only account with which the user can sign in")
)

// signIn finds or creates the user for an X account, and returns the user's id. current is
// SignIn.Current: the user whose session began this sign-in, or "". With link, that user wants
// the account.
func (u *users) signIn(ctx context.Context, account provider.User, current string, link bool) (id string, err error) {
	err = u.inTx(ctx, func(tx *sql.Conn) error {
		owner, err := one(ctx, tx, "SELECT user_id FROM accounts WHERE x_id = ?", account.AccountID)
		if err != nil {
			return err
		}
		switch {
		case !link:
		case current == "":
			// To create a new user, or to sign the account in as usual, is not what the visitor
			// wanted.
			return errLeft
		case owner == "":
			owner = current
			if err := addAccount(ctx, tx, account, owner); err != nil {
				return err
			}
		case owner != current:
			return errElsewhere
		}
		if owner == "" {
			if ok, err := u.admits(ctx, tx, account); err != nil || !ok {
				return errors.Join(err, errNotListed)
			}
			made, err := tx.ExecContext(ctx, "INSERT INTO users (name, created) VALUES (?, ?)", account.Name, u.now().Unix())
			if err != nil {
				return err
			}
			n, err := made.LastInsertId()
			if err != nil {
				return err
			}
			owner = strconv.FormatInt(n, 10)
			if err := addAccount(ctx, tx, account, owner); err != nil {
				return err
			}
		}
		if ok, err := u.listed(ctx, tx, owner); err != nil || !ok {
			return errors.Join(err, errNotListed)
		}
		id = owner
		_, err = tx.ExecContext(ctx, "UPDATE accounts SET username = ? WHERE x_id = ?", account.Username, account.AccountID)
		return err
	})
	return id, err
}

func addAccount(ctx context.Context, tx *sql.Conn, account provider.User, owner string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO accounts (x_id, user_id, username) VALUES (?, ?, ?)", account.AccountID, owner, account.Username)
	return err
}

// admits reports whether an account may have a new user. The first account with a handle on the
// list takes that entry for good, by its id. A person who changes the handle keeps the entry. A
// person who takes the handle over does not get it.
func (u *users) admits(ctx context.Context, tx *sql.Conn, account provider.User) (bool, error) {
	for _, handle := range u.allow {
		holder, err := one(ctx, tx, "SELECT x_id FROM allowed WHERE handle = ?", handle)
		switch {
		case err != nil:
			return false, err
		case holder == account.AccountID:
			return true, nil
		case holder == "" && handle == strings.ToLower(account.Username):
			_, err := tx.ExecContext(ctx, "INSERT INTO allowed (handle, x_id) VALUES (?, ?)", handle, account.AccountID)
			return err == nil, err
		}
	}
	return len(u.allow) == 0, nil
}

// listed reports whether one of a user's accounts has an entry on the list.
func (u *users) listed(ctx context.Context, tx *sql.Conn, id string) (bool, error) {
	for _, handle := range u.allow {
		found, err := one(ctx, tx, "SELECT 1 FROM allowed JOIN accounts USING (x_id) WHERE handle = ? AND user_id = ?", handle, id)
		if err != nil || found != "" {
			return found != "", err
		}
	}
	return len(u.allow) == 0, nil
}

// unlink removes an account from a user, unless the user could not sign in without it.
func (u *users) unlink(ctx context.Context, id, xID string) error {
	return u.inTx(ctx, func(tx *sql.Conn) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM accounts WHERE x_id = ? AND user_id = ?", xID, id); err != nil {
			return err
		}
		left, err := one(ctx, tx, "SELECT x_id FROM accounts WHERE user_id = ? LIMIT 1", id)
		if err != nil {
			return err
		}
		if ok, err := u.listed(ctx, tx, id); err != nil || !ok || left == "" {
			return errors.Join(err, errLast)
		}
		return nil
	})
}

// linked is one of a user's accounts.
type linked struct{ XID, Username string }

func (u *users) accounts(ctx context.Context, id string) ([]linked, error) {
	rows, err := u.db.QueryContext(ctx, "SELECT x_id, username FROM accounts WHERE user_id = ? ORDER BY rowid", id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []linked
	for rows.Next() {
		var l linked
		if err := rows.Scan(&l.XID, &l.Username); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, rows.Err()
}

// name is the application's name for a user.
func (u *users) name(ctx context.Context, id string) (name string, err error) {
	err = u.db.QueryRowContext(ctx, "SELECT name FROM users WHERE id = ?", id).Scan(&name)
	return name, err
}

// inTx runs f in a transaction that locks for writing from its beginning. Otherwise two sign-ins
// with the same account could both find no user.
func (u *users) inTx(ctx context.Context, f func(tx *sql.Conn) error) error {
	conn, err := u.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := f(conn); err != nil {
		_, undone := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, undone)
	}
	if _, err = conn.ExecContext(ctx, "COMMIT"); err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

// one reads one value, or "" if there is no row.
func one(ctx context.Context, tx *sql.Conn, query string, args ...any) (value string, err error) {
	err = tx.QueryRowContext(ctx, query, args...).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}
