package tokenstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// meddling is a Store in which something happens before a call.
type meddling struct {
	Store
	before func(op string, k Key) error
}

func (m *meddling) Get(ctx context.Context, k Key) (Entry, error) {
	if err := m.before("Get", k); err != nil {
		return Entry{}, err
	}
	return m.Store.Get(ctx, k)
}

func (m *meddling) Lease(ctx context.Context, k Key, v Version, d time.Duration) (LeaseID, error) {
	if err := m.before("Lease", k); err != nil {
		return "", err
	}
	return m.Store.Lease(ctx, k, v, d)
}

func (m *meddling) Replace(ctx context.Context, k Key, v Version, value []byte) (Version, error) {
	if err := m.before("Replace", k); err != nil {
		return "", err
	}
	return m.Store.Replace(ctx, k, v, value)
}

func (m *meddling) Delete(ctx context.Context, k Key, v Version) error {
	if err := m.before("Delete", k); err != nil {
		return err
	}
	return m.Store.Delete(ctx, k, v)
}

func of(user string) Key { return Key{Provider: "x", UserID: user, AccountID: "7"} }

// put seals a token with the secrets of letters.
func put(t *testing.T, s Store, k Key, secrets ...byte) Version {
	t.Helper()
	var all [][]byte
	for _, b := range secrets {
		all = append(all, secret(b))
	}
	v, err := vault(t, s, all...).Put(t.Context(), k, Token{AccessToken: "token of " + k.UserID})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func entry(t *testing.T, s Store, k Key) Entry {
	t.Helper()
	e, err := s.Get(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// reencrypts checks what a Reencrypt with secrets b, the newest, and a counts.
func reencrypts(t *testing.T, s Store, want Reencrypted) error {
	t.Helper()
	got, err := vault(t, s, secret('b'), secret('a')).Reencrypt(t.Context())
	if got != want {
		t.Errorf("Reencrypt counts %+v, want %+v", got, want)
	}
	return err
}

// opens checks that the newest secret opens the entry.
func opens(t *testing.T, s Store, k Key) {
	t.Helper()
	got, _, err := vault(t, s, secret('b')).Get(t.Context(), k)
	if err != nil || got.AccessToken != "token of "+k.UserID {
		t.Errorf("%q: the newest secret opens %q, %v", k, got.AccessToken, err)
	}
}

func TestReencrypt(t *testing.T) {
	m := NewMemory()
	old, old1 := of("old"), Key{Provider: "x-oauth1", UserID: "old", AccountID: "7"}
	put(t, m, old, 'a')
	put(t, m, old1, 'a')
	same := map[Key]Entry{}
	keep := func(k Key) { same[k] = entry(t, m, k) }
	put(t, m, of("new"), 'b')
	keep(of("new"))
	for _, letter := range []byte("cdc") {
		k := of(fmt.Sprintf("missing %c %d", letter, len(same)))
		put(t, m, k, letter)
		keep(k)
	}
	owner := Key{Provider: ".owner", UserID: "x:7"}
	for k, value := range map[Key][]byte{of("moved"): entry(t, m, old).Value, of("empty"): nil, of("junk"): []byte("junk"), owner: []byte("old")} {
		if _, err := m.Put(t.Context(), k, value); err != nil {
			t.Fatal(err)
		}
		keep(k)
	}

	err := reencrypts(t, m, Reencrypted{Reencrypted: 2, Newest: 1, UnknownKey: 3, Unreadable: 3})
	ids := make(map[string]bool)
	for _, letter := range []byte("cd") {
		_, _, err := vault(t, m, secret('b')).Get(t.Context(), of(fmt.Sprintf("missing %c %d", letter, letter-'c'+1)))
		var unknown *UnknownKeyError
		if !errors.As(err, &unknown) {
			t.Fatal(err)
		}
		ids[unknown.ID] = true
	}
	for id := range ids {
		if err == nil || !strings.Contains(err.Error(), id) {
			t.Errorf("the error does not name %s: %v", id, err)
		}
	}
	if !errors.As(err, new(*UnknownKeyError)) || len(ids) != 2 || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("Reencrypt: %v", err)
	}
	opens(t, m, old)
	opens(t, m, old1)
	for k, want := range same {
		if got := entry(t, m, k); got.Version != want.Version || !bytes.Equal(got.Value, want.Value) {
			t.Errorf("the entry of %q was changed", k)
		}
	}
	// With the secrets back there is nothing to complain of.
	if got, err := vault(t, m, secret('b'), secret('a'), secret('c'), secret('d')).Reencrypt(t.Context()); err != nil || got.Reencrypted != 3 {
		t.Errorf("with all secrets: %+v, %v", got, err)
	}
	if err := reencrypts(t, m, Reencrypted{Newest: 6, Unreadable: 3}); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestReencryptNamesFewOfManyMissingSecrets(t *testing.T) {
	m := NewMemory()
	for i := range 20 {
		put(t, m, of(fmt.Sprint(i)), byte(100+i))
	}
	err := reencrypts(t, m, Reencrypted{UnknownKey: 20})
	if err == nil || strings.Count(err.Error(), "\n") != maxNamed-1 {
		t.Errorf("Reencrypt: %v", err)
	}
}

// A newer program's token keeps what this one does not know.
func TestReencryptDoesNotDecode(t *testing.T) {
	m := NewMemory()
	newer := []byte("\x02something new")
	if _, err := m.Put(t.Context(), key, vault(t, m, secret('a')).box.Seal(newer, key.Provider, key.UserID, key.AccountID)); err != nil {
		t.Fatal(err)
	}
	if err := reencrypts(t, m, Reencrypted{Reencrypted: 1}); err != nil {
		t.Error(err)
	}
	if got, err := vault(t, m, secret('b')).open(key, entry(t, m, key).Value); err != nil || !bytes.Equal(got, newer) {
		t.Errorf("opened %q, %v", got, err)
	}
}

func TestReencryptWaitsForLeases(t *testing.T) {
	const many = 1024
	for _, test := range []struct {
		lease time.Duration
		want  Reencrypted
		took  time.Duration
	}{
		{30 * time.Second, Reencrypted{Reencrypted: many + 1}, 30 * time.Second},
		{10 * time.Minute, Reencrypted{Busy: many, Reencrypted: 1}, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := NewMemory()
			for i := range many + 1 {
				k := of(fmt.Sprint(i))
				if v := put(t, m, k, 'a'); i > 0 {
					if _, err := m.Lease(t.Context(), k, v, test.lease); err != nil {
						t.Fatal(err)
					}
				}
			}
			began := time.Now()
			err := reencrypts(t, m, test.want)
			if took := time.Since(began); took < test.took || took > test.took+2*reencryptWait {
				t.Errorf("a lease of %v is waited for %v", test.lease, took)
			}
			if (err != nil) != (test.want.Busy > 0) || err != nil && !strings.Contains(err.Error(), fmt.Sprint(many)) {
				t.Errorf("Reencrypt: %v", err)
			}
			opens(t, m, of("0"))
		})
	}
}

func TestReencryptMeetsOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &meddling{Store: NewMemory()}
		for _, user := range []string{"deleted", "signed in", "refreshed", "written always"} {
			put(t, s, of(user), 'a')
		}
		once := make(map[string]bool)
		s.before = func(op string, k Key) error {
			first := !once[op+k.UserID]
			once[op+k.UserID] = true
			switch {
			case k.UserID == "deleted" && op == "Get":
				return s.Store.Delete(t.Context(), k, entry(t, s.Store, k).Version)
			case k.UserID == "signed in" && op == "Lease" && first:
				put(t, s.Store, k, 'b')
			case k.UserID == "refreshed" && op == "Replace" && first, k.UserID == "written always" && op == "Replace":
				put(t, s.Store, k, 'a')
			}
			return nil
		}
		if err := reencrypts(t, s, Reencrypted{Gone: 1, Newest: 1, Reencrypted: 1, Busy: 1}); err == nil {
			t.Error("what is busy is no error")
		}
	})
}

func TestReencryptStopsWhenTheStoreFails(t *testing.T) {
	for _, op := range []string{"Get", "Lease", "Replace"} {
		s := &meddling{Store: NewMemory()}
		for i := range 3 {
			put(t, s, of(fmt.Sprint(i)), 'a')
		}
		away := errors.New("away")
		s.before = func(now string, k Key) error {
			if now == op && k.UserID == "1" {
				return away
			}
			return nil
		}
		if err := reencrypts(t, s, Reencrypted{Reencrypted: 1}); !errors.Is(err, away) {
			t.Errorf("%s fails: %v", op, err)
		}
		// Nobody waits for a lease that is left over.
		if _, err := s.Store.Lease(t.Context(), of("1"), entry(t, s.Store, of("1")).Version, time.Second); err != nil {
			t.Errorf("%s failed: %v", op, err)
		}
	}
}

func TestReencryptEndsBetweenTwoEntries(t *testing.T) {
	for _, op := range []string{"Get", "Lease", "Replace"} {
		s := &meddling{Store: NewMemory()}
		for i := range 3 {
			put(t, s, of(fmt.Sprint(i)), 'a')
		}
		ctx, cancel := context.WithCancel(t.Context())
		s.before = func(now string, k Key) error {
			if now == op && k.UserID == "1" {
				cancel()
			}
			return nil
		}
		got, err := vault(t, s, secret('b'), secret('a')).Reencrypt(ctx)
		if !errors.Is(err, context.Canceled) || got.Reencrypted != 2 {
			t.Errorf("cancelled in %s: %+v, %v", op, got, err)
		}
		opens(t, s.Store, of("1"))
	}
	// While it waits too.
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		if _, err := m.Lease(t.Context(), key, put(t, m, key, 'a'), time.Hour); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := vault(t, m, secret('b'), secret('a')).Reencrypt(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 10*time.Second {
			t.Errorf("Reencrypt ends after %v: %v", time.Since(began), err)
		}
	})
}

func TestVaultListOmitsReservedKeys(t *testing.T) {
	m := NewMemory()
	for _, provider := range []string{".sessions", "x", "", "x.", "x-oauth1"} {
		if _, err := m.Put(t.Context(), Key{Provider: provider, UserID: "12"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	put(t, m, of("13"), 'a')
	v := vault(t, m, secret('a'))
	want := []Key{{"", "12", ""}, {"x", "12", ""}, {"x-oauth1", "12", ""}, {"x.", "12", ""}}
	if got, err := v.List(t.Context(), "12"); err != nil || !slices.Equal(got, want) {
		t.Errorf("List = %q, %v, want %q", got, err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := v.List(ctx, "12"); got != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("List = %q, %v", got, err)
	}
}
