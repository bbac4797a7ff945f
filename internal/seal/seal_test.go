package seal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func secret(b byte) []byte { return bytes.Repeat([]byte{b}, MinSecret) }

func box(t testing.TB, purpose string, secrets ...[]byte) *Box {
	t.Helper()
	b, err := New(secrets, purpose)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealOpen(t *testing.T) {
	b := box(t, "p", secret('a'))
	for _, plain := range []string{"", "x", strings.Repeat("long ", 20000)} {
		for _, ad := range []string{"", "ad"} {
			sealed := b.Seal([]byte(plain), ad)
			if got, want := len(sealed), len(plain)+33; got != want {
				t.Errorf("sealed %d bytes into %d, want %d", len(plain), got, want)
			}
			if bytes.Contains(sealed, []byte("long")) {
				t.Error("the sealed value shows its plaintext")
			}
			got, err := b.Open(sealed, ad)
			if err != nil || string(got) != plain {
				t.Errorf("Open = %.20q, %v", got, err)
			}
			if again := b.Seal([]byte(plain), ad); bytes.Equal(again, sealed) {
				t.Error("two seals of one value are equal: the nonce is not random")
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	b := box(t, "p", secret('a'), secret('b'))
	sealed := b.Seal([]byte("value"), "ad")
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		_, err := b.Open(bad, "ad")
		var unknown *UnknownKeyError
		if 1 <= i && i <= 4 {
			if !errors.As(err, &unknown) {
				t.Errorf("byte %d of the id changed: %v", i, err)
			}
		} else if !errors.Is(err, ErrOpen) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for n := range sealed {
		if _, err := b.Open(sealed[:n], "ad"); !errors.Is(err, ErrOpen) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := b.Open(sealed, "a"); !errors.Is(err, ErrOpen) {
		t.Errorf("other associated data: %v", err)
	}
	// The id of one secret in front of another's ciphertext.
	mixed := bytes.Clone(sealed)
	copy(mixed[1:5], b.keys[1].id[:])
	if _, err := b.Open(mixed, "ad"); !errors.Is(err, ErrOpen) {
		t.Errorf("id of another secret: %v", err)
	}
}

func TestRotation(t *testing.T) {
	older := box(t, "p", secret('a'))
	both := box(t, "p", secret('b'), secret('a'))
	newer := box(t, "p", secret('b'))
	sealed := older.Seal([]byte("v"))

	if got, err := both.Open(sealed); err != nil || string(got) != "v" {
		t.Errorf("with both secrets: %q, %v", got, err)
	}
	if both.Newest(sealed) || !older.Newest(sealed) || !both.Newest(both.Seal(nil)) || both.Newest(nil) {
		t.Error("Newest does not tell the newest secret from others")
	}
	_, err := newer.Open(sealed)
	var unknown *UnknownKeyError
	if !errors.As(err, &unknown) || len(unknown.ID) != 8 || !strings.Contains(err.Error(), unknown.ID) {
		t.Errorf("without the secret: %v", err)
	}
}

// Ids are four bytes, so two secrets may share one; each must open all the same.
func TestSharedID(t *testing.T) {
	b := box(t, "p", secret('a'), secret('b'))
	b.keys[1].id = b.keys[0].id
	sealed := (&Box{keys: b.keys[1:]}).Seal([]byte("v"))
	if got, err := b.Open(sealed); err != nil || string(got) != "v" {
		t.Errorf("Open = %q, %v", got, err)
	}
}

func TestPurposes(t *testing.T) {
	sealed := box(t, "one", secret('a')).Seal([]byte("v"))
	var unknown *UnknownKeyError
	if _, err := box(t, "two", secret('a')).Open(sealed); !errors.As(err, &unknown) {
		t.Errorf("another purpose opened it: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(nil, "p"); err == nil {
		t.Error("no secret is accepted")
	}
	_, err := New([][]byte{secret('a'), secret('b')[:31], nil}, "p")
	if err == nil || !strings.Contains(err.Error(), "secret 2 of 3 has 31 bytes") || !strings.Contains(err.Error(), "secret 3 of 3 has 0 bytes") {
		t.Errorf("short secrets: %v", err)
	}
}

func TestPrintsNoSecret(t *testing.T) {
	b := box(t, "p", secret('a'))
	for _, v := range []any{b, *b} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			if got := fmt.Sprintf(verb, v); got != "seal.Box(1 secrets)" {
				t.Errorf("%s prints %s", verb, got)
			}
		}
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "box", b)
	if !strings.Contains(out.String(), "seal.Box(1 secrets)") {
		t.Errorf("slog prints %s", out.String())
	}
}

func FuzzOpen(f *testing.F) {
	b := box(f, "p", secret('a'), secret('b'))
	f.Add(b.Seal([]byte("v"), "ad"), "ad")
	f.Add([]byte{1, 2, 3, 4, 5}, "")
	f.Fuzz(func(t *testing.T, sealed []byte, ad string) {
		if plain, err := b.Open(sealed, ad); err == nil && string(plain) != "v" {
			t.Errorf("a forged value opened: %x", sealed)
		}
		again, err := b.Open(b.Seal(sealed, ad), ad)
		if err != nil || !bytes.Equal(again, sealed) {
			t.Errorf("Open(Seal(%x)) = %x, %v", sealed, again, err)
		}
	})
}
