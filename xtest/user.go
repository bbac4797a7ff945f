package xtest

import (
	"fmt"
	"maps"
	"strings"
)

// approval is what a user has allowed the app under OAuth 1.0a.
type approval struct{ ReadOnly bool }

// AddUser adds an account. It panics when the id is not 1 to 19 decimal digits, the username is empty, or either is
// taken. A zero CreatedAt becomes the present.
func (x *X) AddUser(u User) {
	if u.ID == "" || len(u.ID) > 19 || strings.Trim(u.ID, "0123456789") != "" {
		panic(fmt.Sprintf("xtest: user id %q is not 1 to 19 decimal digits", u.ID))
	}
	if u.Username == "" {
		panic("xtest: user " + u.ID + " has no username")
	}
	if u.CreatedAt.IsZero() {
		u.CreatedAt = x.Now()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.users[u.ID] != nil {
		panic("xtest: user id " + u.ID + " is taken")
	}
	if x.byName(u.Username) != nil {
		panic("xtest: username " + u.Username + " is taken")
	}
	x.users[u.ID] = &account{User: u}
	x.order = append(x.order, u.ID)
}

// RenameUser gives an account another handle, as people do on X; the id stays. It fails when there is no such account
// or another one has the handle.
func (x *X) RenameUser(userID, username string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	a, other := x.users[userID], x.byName(username)
	switch {
	case a == nil:
		return fmt.Errorf("xtest: no user with id %q", userID)
	case username == "":
		return fmt.Errorf("xtest: cannot rename user %s: empty username", userID)
	case other != nil && other != a:
		return fmt.Errorf("xtest: cannot rename user %s: username %q is taken", userID, username)
	}
	a.Username = username
	return nil
}

// Suspend suspends an account, or lifts that: calls with its tokens are refused, and others do not find it. Unknown
// users are ignored.
func (x *X) Suspend(userID string, suspended bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if a := x.users[userID]; a != nil {
		a.Suspended = suspended
	}
}

// Users lists the accounts in the order in which they were added.
func (x *X) Users() []User {
	x.mu.Lock()
	defer x.mu.Unlock()
	us := make([]User, 0, len(x.order))
	for _, id := range x.order {
		us = append(us, x.users[id].User)
	}
	return us
}

// RevokeApp does what a user does in X's settings under "Connected apps": every token of the app for this user dies,
// of OAuth 1.0a and 2.0, and the app needs a new approval. Unknown users are ignored.
func (x *X) RevokeApp(userID string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.approvals, userID)
	is := func(a *account) bool { return a != nil && a.ID == userID }
	maps.DeleteFunc(x.tokens, func(_ string, t *token) bool { return is(t.user) })
	maps.DeleteFunc(x.codes, func(_ string, c *code) bool { return is(c.user) })
	maps.DeleteFunc(x.requestTokens, func(_ string, t *requestToken) bool { return is(t.user) })
}

// byName finds an account by its handle, in which case does not count. mu is held.
func (x *X) byName(username string) *account {
	for _, id := range x.order {
		if a := x.users[id]; strings.EqualFold(a.Username, username) {
			return a
		}
	}
	return nil
}

// UserByID finds an account and returns a copy of it, or nil.
func (x *X) UserByID(id string) *User {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.users[id].copied()
}

// UserByName finds an account by its handle, in which case does not count, and returns a copy of it, or nil.
func (x *X) UserByName(username string) *User {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.byName(username).copied()
}

func (a *account) copied() *User {
	if a == nil {
		return nil
	}
	u := a.User
	return &u
}
