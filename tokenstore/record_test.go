package tokenstore

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestVaultRecords(t *testing.T) {
	m := NewMemory()
	v := vault(t, m, secret('a'))
	k := Key{Provider: ".sessions", UserID: "12"}
	if _, _, err := v.GetRecord(t.Context(), k); !errors.Is(err, ErrNotFound) {
		t.Errorf("GetRecord: %v", err)
	}
	v1, err := v.ReplaceRecord(t.Context(), k, "", []byte("a secret list"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.ReplaceRecord(t.Context(), k, "", []byte("late")); !errors.Is(err, ErrConflict) {
		t.Errorf("a second creation: %v", err)
	}
	got, version, err := v.GetRecord(t.Context(), k)
	if err != nil || string(got) != "a secret list" || version != v1 {
		t.Errorf("GetRecord = %q in %q, %v", got, version, err)
	}
	if e := entry(t, m, k); bytes.Contains(e.Value, []byte("secret")) {
		t.Error("the store holds the record in clear")
	}
	other := Key{Provider: ".sessions", UserID: "13"}
	if _, err := m.Put(t.Context(), other, entry(t, m, k).Value); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.GetRecord(t.Context(), other); !errors.Is(err, ErrUnreadable) {
		t.Errorf("a record that was copied to another user: %v", err)
	}
	if err := reencrypts(t, m, Reencrypted{Reencrypted: 1, Unreadable: 1}); err != nil {
		t.Error(err)
	}
	got, _, err = vault(t, m, secret('b')).GetRecord(t.Context(), k)
	if err != nil || string(got) != "a secret list" {
		t.Errorf("after Reencrypt: %q, %v", got, err)
	}
	if _, err := v.ReplaceRecord(t.Context(), k, v1, nil); !errors.Is(err, ErrConflict) {
		t.Errorf("deleting an old version: %v", err)
	}
	_, version, _ = v.GetRecord(t.Context(), k)
	if _, err := v.ReplaceRecord(t.Context(), k, version, nil); err != nil {
		t.Errorf("deleting: %v", err)
	}
	if _, _, err := v.GetRecord(t.Context(), k); !errors.Is(err, ErrNotFound) {
		t.Errorf("after it was deleted: %v", err)
	}
	for _, k := range []Key{key, {Provider: ".owner", UserID: "x:7"}, {}} {
		_, _, err1 := v.GetRecord(t.Context(), k)
		_, err2 := v.ReplaceRecord(t.Context(), k, "", nil)
		for _, err := range []error{err1, err2} {
			if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) {
				t.Errorf("%q is taken for a record: %v", k, err)
			}
		}
	}
}

// TestVaultDeletesWhatItCannotRead: the version comes with the error.
func TestVaultDeletesWhatItCannotRead(t *testing.T) {
	m := NewMemory()
	v := vault(t, m, secret('a'))
	record := Key{Provider: ".sessions", UserID: "12"}
	for name, damage := range map[string]func(k Key) []byte{
		"damaged":           func(Key) []byte { return []byte("junk") },
		"an unknown secret": func(k Key) []byte { return vault(t, m, secret('b')).box.Seal(nil, k.Provider, k.UserID, k.AccountID) },
		"a newer format":    func(k Key) []byte { return v.box.Seal([]byte{9}, k.Provider, k.UserID, k.AccountID) },
	} {
		want, err := m.Put(t.Context(), key, damage(key))
		if err != nil {
			t.Fatal(err)
		}
		_, version, err := v.Get(t.Context(), key)
		if err == nil || version != want {
			t.Errorf("%s: version %q with error %v, want %q", name, version, err, want)
		}
		if err := v.Delete(t.Context(), key, version); err != nil {
			t.Errorf("%s: Delete: %v", name, err)
		}
		if _, _, err := v.Get(t.Context(), key); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: Get after Delete: %v", name, err)
		}
		if name == "a newer format" {
			continue // a record has none
		}
		if want, err = m.Put(t.Context(), record, damage(record)); err != nil {
			t.Fatal(err)
		}
		if _, version, err = v.GetRecord(t.Context(), record); err == nil || version != want {
			t.Errorf("%s: record version %q with error %v, want %q", name, version, err, want)
		}
		if _, err := v.ReplaceRecord(t.Context(), record, version, nil); err != nil {
			t.Errorf("%s: ReplaceRecord: %v", name, err)
		}
	}
}

func TestVaultOwners(t *testing.T) {
	m := NewMemory()
	v := vault(t, m, secret('a'))
	if _, _, err := v.Owner(t.Context(), "x", "7"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Owner: %v", err)
	}
	v1, err := v.ReplaceOwner(t.Context(), "x", "7", "", Owner{UserID: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.ReplaceOwner(t.Context(), "x", "7", "", Owner{UserID: "bob"}); !errors.Is(err, ErrConflict) {
		t.Errorf("another user takes the account: %v", err)
	}
	if _, err := v.ReplaceOwner(t.Context(), "github", "7", "", Owner{UserID: "bob"}); err != nil {
		t.Errorf("the account of another provider: %v", err)
	}
	// A lost secret locks nobody out.
	got, version, err := vault(t, m, secret('b')).Owner(t.Context(), "x", "7")
	if err != nil || got.UserID != "alice" || len(got.Former) != 0 || version != v1 {
		t.Errorf("Owner = %v in %q, %v", got, version, err)
	}
	if got := string(entry(t, m, Key{Provider: ".owner", UserID: "x:7"}).Value); got != "5:alice" {
		t.Errorf("the entry holds %q", got)
	}
	v2, err := v.ReplaceOwner(t.Context(), "x", "7", v1, Owner{UserID: "carol", Former: []string{"alice", "1:b"}})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err = v.Owner(t.Context(), "x", "7")
	if err != nil || got.UserID != "carol" || !slices.Equal(got.Former, []string{"alice", "1:b"}) {
		t.Errorf("Owner = %q, %v", got, err)
	}
	for _, value := range []string{"", "alice", "5:alic", "5:alice:", "0:", "-1:a", "5:alice9:b"} {
		if o, err := parseOwner([]byte(value)); err == nil {
			t.Errorf("the value %q names %q", value, o)
		}
	}
	if _, err := v.ReplaceOwner(t.Context(), "x", "7", v1, Owner{}); !errors.Is(err, ErrConflict) {
		t.Errorf("ReplaceOwner by none, of an old version: %v", err)
	}
	if _, err := v.ReplaceOwner(t.Context(), "x", "7", v2, Owner{}); err != nil {
		t.Error(err)
	}
	if _, _, err := v.Owner(t.Context(), "x", "7"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Owner after ReplaceOwner by none: %v", err)
	}
	for _, account := range [][2]string{{"", "7"}, {"x", ""}, {"x:1", "7"}, {strings.Repeat("p", 257), "7"}, {"x", strings.Repeat("7", 257)}} {
		if _, err := v.ReplaceOwner(t.Context(), account[0], account[1], "", Owner{UserID: "alice"}); err == nil {
			t.Errorf("an account of %.5q and %.5q has an owner", account[0], account[1])
		}
	}
	for _, user := range []string{"", strings.Repeat("u", 1025)} {
		if _, err := v.ReplaceOwner(t.Context(), "x", "7", "", Owner{UserID: "alice", Former: []string{user}}); err == nil || !strings.Contains(err.Error(), "UserID") {
			t.Errorf("an owner's id of %d bytes: %v", len(user), err)
		}
	}
}

func TestVaultRefusesLongKeysByName(t *testing.T) {
	v := vault(t, NewMemory(), secret('a'))
	long := func(n int) string { return strings.Repeat("a", n) }
	for part, k := range map[string]Key{
		"Provider":  {long(257), "12", "7"},
		"UserID":    {"x", long(1025), "7"},
		"AccountID": {"x", "12", long(257)},
	} {
		_, err := v.Put(t.Context(), k, Token{AccessToken: "a"})
		if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "aaa") {
			t.Errorf("Put with a long %s: %v", part, err)
		}
	}
	longest := Key{long(256), long(1024), long(256)}
	if _, err := v.Put(t.Context(), longest, Token{AccessToken: "a"}); err != nil {
		t.Errorf("Put with the longest parts: %v", err)
	}
	if _, err := v.ReplaceOwner(t.Context(), long(256), long(256), "", Owner{UserID: long(1024)}); err != nil {
		t.Errorf("ReplaceOwner with the longest parts: %v", err)
	}
}

// TestVaultDeletesAUser: what other callers change or delete meanwhile is read again.
func TestVaultDeletesAUser(t *testing.T) {
	memory := NewMemory()
	changed := false
	m := &meddling{Store: memory, before: func(op string, k Key) error {
		if op == "Delete" && k == of("12") && !changed {
			changed = true
			put(t, memory, k, 'a')
		}
		return nil
	}}
	v := vault(t, m, secret('a'))
	list := Key{Provider: ".sessions", UserID: "12"}
	for _, k := range []Key{of("12"), of("13"), {Provider: "x-oauth1", UserID: "12", AccountID: "8"}} {
		put(t, memory, k, 'b') // a secret that the vault does not have
	}
	if _, err := v.ReplaceRecord(t.Context(), list, "", []byte("list")); err != nil {
		t.Fatal(err)
	}
	for account, o := range map[string]Owner{"7": {UserID: "12"}, "8": {UserID: "13", Former: []string{"12"}}, "9": {UserID: "13"}} {
		if _, err := v.ReplaceOwner(t.Context(), "x", account, "", o); err != nil {
			t.Fatal(err)
		}
	}
	// The key of an account's owner is not the user whose id looks the same.
	damaged := Key{Provider: ".owner", UserID: "12"}
	if _, err := memory.Put(t.Context(), damaged, []byte("12")); err != nil {
		t.Fatal(err)
	}
	var released []string
	err := v.DeleteUser(t.Context(), "12", func(space, account string) error {
		released = append(released, space+" "+account)
		return nil
	})
	slices.Sort(released)
	if err != nil || !slices.Equal(released, []string{"x 7", "x 8"}) || !changed {
		t.Errorf("%v, released %q", err, released)
	}
	left := 0
	if err := memory.Walk(t.Context(), func(k Key) error {
		left++
		if k.UserID == "12" && k != damaged {
			t.Errorf("%v is left", k)
		}
		return nil
	}); err != nil || left != 5 {
		t.Errorf("%d entries are left, %v", left, err)
	}
	wrong := errors.New("wrong")
	if err := v.DeleteUser(t.Context(), "12", func(string, string) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("the error of release: %v", err)
	}
}
