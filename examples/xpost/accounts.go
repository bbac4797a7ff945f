package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// accountsTable has the data about signed-in accounts except their tokens. None of it is secret.
const accountsTable = `CREATE TABLE IF NOT EXISTS xpost_accounts (
	provider TEXT NOT NULL, user_id TEXT NOT NULL, username TEXT NOT NULL, name TEXT NOT NULL,
	api TEXT NOT NULL, signed_in_at INTEGER NOT NULL, PRIMARY KEY (provider, user_id))`

// account is an account that signed in by one protocol.
type account struct {
	provider, id, username, name string
	// api is the API that issued the token. The token is sent nowhere else.
	api        string
	signedInAt time.Time
}

func (a account) key() tokenstore.Key { return a.user().Key() }

func (a account) user() provider.User {
	return provider.User{Provider: a.provider, ID: a.id, AccountID: a.id}
}

func (s *storage) remember(ctx context.Context, u provider.User, api string) error {
	_, err := s.db.ExecContext(ctx, `INSERT OR REPLACE INTO xpost_accounts VALUES (?, ?, ?, ?, ?, ?)`,
		u.Provider, u.AccountID, u.Username, u.Name, api, u.SignedInAt.UnixNano())
	return err
}

func (s *storage) forget(ctx context.Context, key tokenstore.Key) error {
	for _, table := range []string{"xpost_accounts", "xpost_imports"} {
		if _, err := s.db.ExecContext(ctx, "DELETE FROM "+table+" WHERE provider = ? AND user_id = ?", key.Provider, key.UserID); err != nil {
			return err
		}
	}
	return nil
}

// accounts lists the signed-in accounts, the latest first.
func (s *storage) accounts(ctx context.Context) (all []account, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT provider, user_id, username, name, api, signed_in_at
		FROM xpost_accounts ORDER BY signed_in_at DESC, provider, user_id`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var a account
		var at int64
		if err := rows.Scan(&a.provider, &a.id, &a.username, &a.name, &a.api, &at); err != nil {
			return nil, err
		}
		a.signedInAt = time.Unix(0, at)
		all = append(all, a)
	}
	return all, rows.Err()
}

// account returns the account for the command: the latest sign-in of the candidates.
func (c *call) account(ctx context.Context) (account, error) {
	all, err := c.candidates(ctx)
	if err != nil {
		return account{}, err
	}
	return all[0], nil
}

// candidates returns the accounts that match the flags and whose tokens can be used, the latest
// sign-in first. It returns at least one account, or an error. If there are imported tokens,
// only their accounts match, unless -account names another one.
func (c *call) candidates(ctx context.Context) ([]account, error) {
	if err := c.adopt(ctx); err != nil {
		return nil, err
	}
	all, err := c.accounts(ctx)
	if err != nil {
		return nil, err
	}
	wanted := strings.TrimPrefix(c.opt.account, "@")
	all = slices.DeleteFunc(all, func(a account) bool {
		return wanted != "" && a.id != wanted && !strings.EqualFold(a.username, wanted) ||
			wanted == "" && len(c.adopted) > 0 && !slices.Contains(c.adopted, a.key()) ||
			c.opt.oauth1 && a.provider != oauth1Name || c.opt.oauth2 && a.provider != oauth2Name
	})
	usable := slices.DeleteFunc(slices.Clone(all), func(a account) bool { return c.usable(a) != nil })
	switch {
	case len(usable) > 0:
		return usable, nil
	case len(all) > 0:
		return nil, c.usable(all[0])
	case wanted != "":
		return nil, &notSignedIn{fmt.Sprintf("%q is not signed in here: xpost accounts lists the accounts, and xpost login adds one", c.opt.account)}
	case c.opt.oauth1:
		return nil, &notSignedIn{"nobody is signed in by OAuth 1.0a: run xpost -oauth1 login"}
	case c.opt.oauth2:
		return nil, &notSignedIn{"nobody is signed in by OAuth 2.0: run xpost -oauth2 login"}
	}
	return nil, &notSignedIn{"nobody is signed in: run xpost login"}
}

// The kit's names for its providers.
const (
	oauth2Name = "x"
	oauth1Name = "x-oauth1"
)

func protocol(provider string) string {
	if provider == oauth1Name {
		return "OAuth 1.0a"
	}
	return "OAuth 2.0"
}

// notSignedIn is the error for a missing account.
type notSignedIn struct{ text string }

func (e *notSignedIn) Error() string { return e.text }

// usable returns why a's token cannot be used with this configuration.
func (c *call) usable(a account) error {
	switch {
	case a.provider == oauth2Name && c.oauth2 == nil:
		return &notSignedIn{"@" + a.username + " signed in by OAuth 2.0: set X_CLIENT_ID, or run xpost login"}
	case a.provider == oauth1Name && c.oauth1 == nil:
		return &notSignedIn{"@" + a.username + " signed in by OAuth 1.0a: set X_CONSUMER_KEY and X_CONSUMER_SECRET, or run xpost login"}
	case a.api != c.cfg.apiURL:
		return &notSignedIn{fmt.Sprintf("@%s signed in at %s, but X_API_URL is now %s, and the token is not sent there: run xpost login, or set X_API_URL back", a.username, a.api, c.cfg.apiURL)}
	}
	return nil
}

// described is an account, as -json shows it.
type described struct {
	ID          string    `json:"id"`
	Username    string    `json:"username"`
	Name        string    `json:"name,omitempty"`
	Protocol    string    `json:"protocol"`
	Scopes      []string  `json:"scopes,omitempty"`
	SignedInAt  time.Time `json:"signed_in_at"`
	Expires     time.Time `json:"expires,omitzero"`
	Refreshable bool      `json:"refreshable"`
	Current     bool      `json:"current"`
	// Problem is why it cannot be used.
	Problem string `json:"problem,omitempty"`
}

func (c *call) describe(ctx context.Context, a account) described {
	d := described{
		ID: a.id, Username: a.username, Name: a.name, Protocol: protocol(a.provider), SignedInAt: a.signedInAt.UTC().Truncate(time.Second),
	}
	if err := c.usable(a); err != nil {
		d.Problem = err.Error()
		return d
	}
	t, err := c.clients.Token(ctx, a.key())
	if err == nil && t.NeedsReauth {
		err = client.ErrReauthRequired
	}
	if err != nil {
		d.Problem = c.explain(err).Message
		return d
	}
	d.Scopes, d.Expires, d.Refreshable = t.Scopes, t.Expiry, t.Refreshable()
	slices.Sort(d.Scopes)
	return d
}

func (d described) write(w io.Writer) {
	who := "@" + d.Username
	if d.Name != "" {
		who += " (" + plain(d.Name) + ")"
	}
	fmt.Fprintf(w, "%s, id %s, by %s\n", who, d.ID, d.Protocol)
	switch {
	case d.Problem != "":
		fmt.Fprintf(w, "  %s\n", d.Problem)
	case d.Expires.IsZero():
		fmt.Fprintln(w, "  the token does not expire")
	case d.Refreshable:
		fmt.Fprintf(w, "  the token is valid until %s, and is then refreshed\n", d.Expires.Local().Format("15:04 on 2 Jan"))
	default:
		fmt.Fprintf(w, "  the token is valid until %s; then run xpost login\n", d.Expires.Local().Format("15:04 on 2 Jan"))
	}
	if len(d.Scopes) > 0 {
		fmt.Fprintf(w, "  scopes: %s\n", strings.Join(d.Scopes, " "))
	}
}

func whoami(ctx context.Context, c *call) (result, error) {
	a, err := c.account(ctx)
	if err != nil {
		return result{}, err
	}
	// In contrast to a list, the command is about this account, so a problem with it is an
	// error.
	if _, err := c.clients.Token(ctx, a.key()); err != nil {
		return result{}, err
	}
	d := c.describe(ctx, a)
	d.Current = true
	return result{document: d, write: d.write}, nil
}

func listAccounts(ctx context.Context, c *call) (result, error) {
	all, err := c.accounts(ctx)
	if err != nil {
		return result{}, err
	}
	current, _ := c.account(ctx)
	list := []described{}
	for _, a := range all {
		d := c.describe(ctx, a)
		d.Current = a.key() == current.key()
		list = append(list, d)
	}
	return result{document: list, write: func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "Nobody is signed in. xpost login signs in.")
		}
		for _, d := range list {
			d.write(w)
		}
	}}, nil
}
