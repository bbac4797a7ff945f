package xtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// stateFile is what an X keeps between two runs.
type stateFile struct {
	path  string
	saved string // the content of the file
}

type savedState struct {
	Users     []User
	Approvals map[string]approval
	Grants    []savedGrant
	Tokens    map[string]savedToken
}

type savedGrant struct {
	User, Client string
	Scopes       []string
}

type savedToken struct {
	Kind, User, App string
	Secret          string `json:",omitempty"`
	ReadOnly        bool   `json:",omitempty"`
	Grant           int    // the number of its grant, from 1; 0: none
	Expires         time.Time
}

// KeepState makes this X keep its accounts, grants and tokens in a file: it reads the file if there is one, in place of
// the accounts of its Config, and writes it before each answer that changed something. So users stay signed in across restarts.
// Only the owner can read the file, which holds tokens. Sign-ins under way, nonces, limits and what extensions keep are
// not in it. Call it before the X serves requests.
func (x *X) KeepState(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("xtest: state: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	b, err := os.ReadFile(path)
	if err == nil {
		err = x.load(b)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("xtest: state in %s: %w (remove the file to start anew)", path, err)
	}
	x.state = stateFile{path: path, saved: string(b)}
	return x.save()
}

// load replaces accounts and tokens. x.mu must be held.
func (x *X) load(b []byte) error {
	var s savedState
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	x.users, x.order = map[string]*account{}, nil
	for _, u := range s.Users {
		x.users[u.ID] = &account{User: u}
		x.order = append(x.order, u.ID)
	}
	for id, a := range s.Approvals {
		x.approvals[id] = a
	}
	grants := make([]*grant, len(s.Grants))
	for i, g := range s.Grants {
		grants[i] = &grant{user: x.users[g.User], client: g.Client, scopes: g.Scopes}
	}
	for value, t := range s.Tokens {
		if t.Grant < 0 || t.Grant > len(grants) || t.Kind != kindApp && t.Kind != kindSpent && x.users[t.User] == nil {
			return errors.New("a token has no grant or no user")
		}
		kept := &token{kind: t.Kind, user: x.users[t.User], app: t.App, secret: t.Secret, readOnly: t.ReadOnly, expires: t.Expires}
		if t.Grant > 0 {
			kept.grant = grants[t.Grant-1]
		}
		x.tokens[value] = kept
	}
	return nil
}

// saveState writes the file if something changed. No lock is held.
func (x *X) saveState() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.state.path == "" {
		return
	}
	if err := x.save(); err != nil {
		x.cfg.Logger.Error("xtest: the state could not be saved", "error", err)
	}
}

// save writes a new file beside the old one, and renames it. x.mu must be held.
func (x *X) save() error {
	s := savedState{Approvals: x.approvals, Tokens: map[string]savedToken{}}
	for _, id := range x.order {
		s.Users = append(s.Users, x.users[id].User)
	}
	numbers := map[*grant]int{}
	for _, value := range slices.Sorted(maps.Keys(x.tokens)) {
		t := x.tokens[value]
		if g := t.grant; g != nil && numbers[g] == 0 {
			s.Grants = append(s.Grants, savedGrant{g.user.ID, g.client, g.scopes})
			numbers[g] = len(s.Grants)
		}
		saved := savedToken{Kind: t.kind, App: t.app, Secret: t.secret, ReadOnly: t.readOnly, Grant: numbers[t.grant], Expires: t.expires}
		if t.user != nil {
			saved.User = t.user.ID
		}
		s.Tokens[value] = saved
	}
	b, err := json.MarshalIndent(s, "", "\t")
	if err != nil || string(b) == x.state.saved {
		return err
	}
	// CreateTemp makes a file that only its owner can read.
	f, err := os.CreateTemp(filepath.Dir(x.state.path), filepath.Base(x.state.path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	x.state.saved = string(b)
	return os.Rename(f.Name(), x.state.path)
}
