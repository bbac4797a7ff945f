package tokenstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

var key = Key{Provider: "x", UserID: "12", AccountID: "2244994945"}

func secret(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func vault(t testing.TB, s Store, secrets ...[]byte) *Vault {
	t.Helper()
	v, err := NewVault(s, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func oauth2Token() Token {
	return Token{
		AccessToken: "access-secret", RefreshToken: "refresh-secret",
		Expiry: time.Date(2026, 8, 22, 12, 0, 0, 123e6, time.UTC), Scopes: []string{"tweet.read", "offline.access"},
		AccountID: "2244994945", Username: "XDevelopers", Name: "Developers at X", ObtainedAt: time.Date(2026, 8, 22, 10, 0, 0, 5e6, time.UTC),
	}
}

func TestVaultKeepsTokens(t *testing.T) {
	m := NewMemory()
	v := vault(t, m, secret('a'))
	for name, want := range map[string]Token{
		"little":        {AccessToken: "a"},
		"OAuth 2.0":     oauth2Token(),
		"OAuth 1.0a":    {AccessToken: "12-a", TokenSecret: "s", AccountID: "12"},
		"sign in again": {NeedsReauth: true, AccountID: "12", Scopes: []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			version, err := v.Put(t.Context(), key, want)
			if err != nil {
				t.Fatal(err)
			}
			got, gotVersion, err := v.Get(t.Context(), key)
			if err != nil || gotVersion != version || !reflect.DeepEqual(got, want) {
				t.Errorf("Get = %+v in %q, %v", got, gotVersion, err)
			}
			e, _ := m.Get(t.Context(), key)
			if bytes.Contains(e.Value, []byte("secret")) || bytes.Contains(e.Value, []byte("read")) {
				t.Error("the store holds the token in clear")
			}
		})
	}
}

func TestVaultLocalTimes(t *testing.T) {
	v := vault(t, NewMemory(), secret('a'))
	want := oauth2Token()
	want.Expiry = time.Now().Truncate(time.Millisecond).In(time.FixedZone("", 3600))
	if _, err := v.Put(t.Context(), key, want); err != nil {
		t.Fatal(err)
	}
	if got, _, err := v.Get(t.Context(), key); err != nil || !got.Expiry.Equal(want.Expiry) {
		t.Errorf("Expiry = %v, %v, want %v", got.Expiry, err, want.Expiry)
	}
}

func TestVaultPassesOn(t *testing.T) {
	v := vault(t, NewMemory(), secret('a'))
	if _, _, err := v.Get(t.Context(), key); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	v1, err := v.Put(t.Context(), key, oauth2Token())
	if err != nil {
		t.Fatal(err)
	}
	id, err := v.Lease(t.Context(), key, v1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Lease(t.Context(), key, v1, time.Minute); !errors.Is(err, ErrLeased) {
		t.Errorf("Lease: %v", err)
	}
	if err := v.Release(t.Context(), key, id); err != nil {
		t.Error(err)
	}
	v2, err := v.Replace(t.Context(), key, v1, Token{AccessToken: "new"})
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []Version{v1, ""} {
		if _, err := v.Replace(t.Context(), key, old, Token{AccessToken: "newer"}); !errors.Is(err, ErrConflict) {
			t.Errorf("Replace of version %q: %v", old, err)
		}
	}
	if got, version, _ := v.Get(t.Context(), key); got.AccessToken != "new" || version != v2 {
		t.Errorf("Get = %q in %q", got.AccessToken, version)
	}
	if err := v.Delete(t.Context(), key, v1); !errors.Is(err, ErrConflict) {
		t.Errorf("Delete of an old version: %v", err)
	}
	if err := v.Delete(t.Context(), key, v2); err != nil {
		t.Error(err)
	}
	if _, _, err := v.Get(t.Context(), key); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get after Delete: %v", err)
	}
}

func TestVaultMovedEntry(t *testing.T) {
	for _, to := range []Key{
		{"x", "13", "2244994945"}, {"y", "12", "2244994945"}, {"x", "12", "7"}, {"x", "12", ""},
		{"x1", "2", "2244994945"}, {"x", "122", "244994945"}, {"x12", "", "2244994945"}, {"", "x12", "2244994945"},
	} {
		m := NewMemory()
		v := vault(t, m, secret('a'))
		if _, err := v.Put(t.Context(), key, oauth2Token()); err != nil {
			t.Fatal(err)
		}
		e, _ := m.Get(t.Context(), key)
		if _, err := m.Put(t.Context(), to, e.Value); err != nil {
			t.Fatal(err)
		}
		if _, _, err := v.Get(t.Context(), to); !errors.Is(err, ErrUnreadable) {
			t.Errorf("an entry moved to %q opens: %v", to, err)
		}
		record := Key{Provider: ".sessions", UserID: "12", AccountID: key.AccountID}
		if _, err := m.Put(t.Context(), record, e.Value); err != nil {
			t.Fatal(err)
		}
		if _, _, err := v.GetRecord(t.Context(), record); !errors.Is(err, ErrUnreadable) {
			t.Errorf("a token opens as a record: %v", err)
		}
	}
}

// What is sealed for one key opens for no other.
func TestVaultKeysApart(t *testing.T) {
	v := vault(t, NewMemory(), secret('a'))
	pairs := [][2]Key{
		{{"x", "12", ""}, {"x1", "2", ""}}, {{"x", "1", "2"}, {"x", "12", ""}}, {{"x", "1", "2"}, {"x", "", "12"}},
		{{"x", "\x00", ""}, {"x\x01", "", ""}}, {{"", "\x00", ""}, {"\x00", "", ""}}, {{"", "", "\x00"}, {"", "\x00", ""}},
		{{"a", "", ""}, {"", "a", ""}}, {{"\x01a", "b", ""}, {"", "\x01a\x01b", ""}},
	}
	for _, p := range pairs {
		value, err := v.seal(p[0], []byte("value"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.open(p[1], value); !errors.Is(err, ErrUnreadable) {
			t.Errorf("what was sealed for %q opens for %q: %v", p[0], p[1], err)
		}
	}
}

func TestVaultDamagedEntry(t *testing.T) {
	m := NewMemory()
	v := vault(t, m, secret('a'))
	for name, value := range map[string][]byte{
		"empty":          {},
		"random":         []byte(strings.Repeat("junk", 20)),
		"sealed nothing": v.box.Seal(nil, key.Provider, key.UserID, key.AccountID),
		"sealed half":    v.box.Seal([]byte("\x04\x00secret"), key.Provider, key.UserID, key.AccountID),
	} {
		if _, err := m.Put(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
		if _, _, err := v.Get(t.Context(), key); !errors.Is(err, ErrUnreadable) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.Put(t.Context(), key, v.box.Seal([]byte("\x05new"), key.Provider, key.UserID, key.AccountID)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Get(t.Context(), key); err == nil || errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), "format 5") {
		t.Errorf("a newer format: %v", err)
	}
}

func TestVaultRotation(t *testing.T) {
	m := NewMemory()
	older, both, newer := vault(t, m, secret('a')), vault(t, m, secret('b'), secret('a')), vault(t, m, secret('b'))
	v1, err := older.Put(t.Context(), key, oauth2Token())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = newer.Get(t.Context(), key)
	var unknown *UnknownKeyError
	if !errors.As(err, &unknown) || len(unknown.ID) != 8 || strings.Count(err.Error(), unknown.ID) != 2 || errors.Is(err, ErrUnreadable) {
		t.Errorf("without the secret: %v", err)
	}
	if _, _, err := both.Get(t.Context(), key); err != nil {
		t.Errorf("with both: %v", err)
	}
	if _, err := both.Replace(t.Context(), key, v1, oauth2Token()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := newer.Get(t.Context(), key); err != nil {
		t.Errorf("after a write the newest secret does not open it: %v", err)
	}
}

func TestVaultRefusesTokens(t *testing.T) {
	v := vault(t, NewMemory(), secret('a'))
	for name, token := range map[string]Token{
		"not UTF-8": {AccessToken: "secret\xff"},
		"a scope":   {Scopes: []string{"\xff"}},
		"too long":  {AccessToken: strings.Repeat("secret", 11000)},
	} {
		_, err := v.Put(t.Context(), key, token)
		if err == nil || !strings.HasPrefix(err.Error(), "tokenstore: ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: Put: %v", name, err)
		}
		if _, err := v.Replace(t.Context(), key, "1", token); err == nil || errors.Is(err, ErrConflict) {
			t.Errorf("%s: Replace: %v", name, err)
		}
	}
}

func TestNewVaultRefuses(t *testing.T) {
	if _, err := NewVault(nil, secret('a')); err == nil {
		t.Error("no store is accepted")
	}
	for _, secrets := range [][][]byte{nil, {[]byte("short")}} {
		if _, err := NewVault(NewMemory(), secrets...); err == nil || !strings.Contains(err.Error(), "32") {
			t.Errorf("%d secrets: %v", len(secrets), err)
		}
	}
}

func TestPrintsNoSecret(t *testing.T) {
	v := vault(t, NewMemory(), secret('a'))
	tokens := []any{oauth2Token(), &Token{AccessToken: "access-secret", TokenSecret: "token-secret"}}
	for _, value := range append(tokens, v, *v) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			got := fmt.Sprintf(verb, value)
			if strings.Contains(got, "secret") || strings.Contains(got, "aaaa") || !strings.Contains(got, "oken") {
				t.Errorf("%s of %T prints %s", verb, value, got)
			}
		}
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", value)
		b, err := json.Marshal(value)
		if err != nil || strings.Contains(out.String()+string(b), "secret") {
			t.Errorf("%T logs %s and marshals to %s, %v", value, out.String(), b, err)
		}
	}
}

func TestRedacted(t *testing.T) {
	for _, token := range []Token{oauth2Token(), {AccessToken: "a", TokenSecret: "s"}, {AccessToken: "a"}} {
		r := token.Redacted().Redacted()
		if r.AccessToken != "" || r.TokenSecret != "" || r.RefreshToken != "" {
			t.Error("a secret is left")
		}
		if r.IsOAuth1() != token.IsOAuth1() || r.Refreshable() != token.Refreshable() || fmt.Sprint(r) != fmt.Sprint(token) {
			t.Errorf("%v became %v", token, r)
		}
	}
	if t2 := oauth2Token(); !t2.HasScopes() || !t2.HasScopes("offline.access", "tweet.read") || t2.HasScopes("tweet.read", "dm.read") {
		t.Error("HasScopes")
	}
}

func FuzzVaultGet(f *testing.F) {
	m := NewMemory()
	v := vault(f, m, secret('a'))
	if _, err := v.Put(f.Context(), key, oauth2Token()); err != nil {
		f.Fatal(err)
	}
	e, _ := m.Get(f.Context(), key)
	f.Add(e.Value)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, value []byte) {
		if _, err := m.Put(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
		got, _, err := v.Get(t.Context(), key)
		if err == nil && !reflect.DeepEqual(got, oauth2Token()) {
			t.Errorf("a forged entry opened: %x", value)
		}
	})
}

func FuzzDecodeToken(f *testing.F) {
	b, err := encodeToken(oauth2Token())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		token, err := decodeToken(b)
		if err != nil {
			return
		}
		again, err := encodeToken(token)
		if err != nil {
			return // a text that is not UTF-8
		}
		if got, err := decodeToken(again); err != nil || !got.Expiry.Equal(token.Expiry) || got.AccessToken != token.AccessToken || got.NeedsReauth != token.NeedsReauth {
			t.Errorf("%x came back as %x, %v", b, again, err)
		}
	})
}

// TestAVaultLeavesNotesAlone: a key may be made of what a visitor has sent.
func TestAVaultLeavesNotesAlone(t *testing.T) {
	m := NewMemory()
	v := vault(t, m, secret('a'))
	note := Key{Provider: ".sessions", UserID: "head"}
	version, err := m.Put(t.Context(), note, []byte("list"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Get(t.Context(), note); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if _, err := v.Put(t.Context(), note, oauth2Token()); err == nil {
		t.Error("Put: no error")
	}
	if _, err := v.Replace(t.Context(), note, version, oauth2Token()); !errors.Is(err, errReserved) {
		t.Errorf("Replace: %v", err)
	}
	if _, err := v.Lease(t.Context(), note, version, time.Minute); !errors.Is(err, ErrConflict) {
		t.Errorf("Lease: %v", err)
	}
	lease, err := m.Lease(t.Context(), note, version, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(v.Release(t.Context(), note, lease), v.Delete(t.Context(), note, version)); err != nil {
		t.Errorf("Release and Delete: %v", err)
	}
	if e, err := m.Get(t.Context(), note); err != nil || e.Version != version || string(e.Value) != "list" {
		t.Errorf("the note is %q in %q, %v", e.Value, e.Version, err)
	}
	if _, err := m.Lease(t.Context(), note, version, time.Minute); !errors.Is(err, ErrLeased) {
		t.Errorf("its lease: %v", err)
	}
}

// TestPutRefusesWhatNobodyCouldUse: no write reaches the store.
func TestPutRefusesWhatNobodyCouldUse(t *testing.T) {
	store := NewMemory()
	v := vault(t, store, secret(1))
	good, token := Key{Provider: "x", UserID: "1", AccountID: "7"}, Token{AccessToken: "a"}
	for name, tt := range map[string]struct {
		key   Key
		token Token
		want  string
	}{
		"nothing at all":          {want: "lacks its provider"},
		"no provider":             {Key{UserID: "1"}, token, "lacks its provider"},
		"no user":                 {Key{Provider: "x"}, token, "or its user"},
		"no account":              {Key{Provider: "x", UserID: "1"}, token, "Kit.Accounts"},
		"the zero token":          {good, Token{}, "no access token"},
		"a token without secrets": {good, token.Redacted(), "Redacted"},
	} {
		_, put := v.Put(t.Context(), tt.key, tt.token)
		_, replace := v.Replace(t.Context(), tt.key, "", tt.token)
		for _, err := range []error{put, replace} {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := store.Get(t.Context(), tt.key); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: stored, %v", name, err)
		}
	}
	for _, token := range []Token{token, {NeedsReauth: true}} {
		if _, err := v.Put(t.Context(), good, token); err != nil {
			t.Error(err)
		}
	}
}
