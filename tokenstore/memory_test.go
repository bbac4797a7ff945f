package tokenstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemory(t *testing.T) {
	testStore(t, func(*testing.T) Store { return NewMemory() })
}

var key = Key{Provider: "x", UserID: "12"}

// put and get fail the test on an error.
func put(t *testing.T, s Store, k Key, value string) Version {
	t.Helper()
	v, err := s.Put(t.Context(), k, []byte(value))
	if err != nil || v == "" {
		t.Fatalf("Put = %q, %v", v, err)
	}
	return v
}

func get(t *testing.T, s Store, k Key) (string, Version) {
	t.Helper()
	e, err := s.Get(t.Context(), k)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	return string(e.Value), e.Version
}

func absent(t *testing.T, s Store, k Key) {
	t.Helper()
	if e, err := s.Get(t.Context(), k); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get = %q, %v, want ErrNotFound", e.Value, err)
	}
}

// testStore tests the contract in [Store]'s comment. open returns an empty store.
func testStore(t *testing.T, open func(t *testing.T) Store) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"a key without an entry is not found", func(t *testing.T, s Store) {
			absent(t, s, key)
			if _, err := s.Replace(t.Context(), key, "1", nil); !errors.Is(err, ErrConflict) {
				t.Errorf("Replace: %v", err)
			}
			if _, err := s.Lease(t.Context(), key, "1", time.Second); !errors.Is(err, ErrConflict) {
				t.Errorf("Lease: %v", err)
			}
			if err := s.Delete(t.Context(), key); err != nil {
				t.Errorf("Delete: %v", err)
			}
			if err := s.Release(t.Context(), key, ""); err != nil {
				t.Errorf("Release: %v", err)
			}
		}},
		{"a write replaces what was there", func(t *testing.T, s Store) {
			v1 := put(t, s, key, "one")
			v2 := put(t, s, key, "two")
			if value, v := get(t, s, key); value != "two" || v != v2 || v1 == v2 {
				t.Errorf("Get = %q in %q after %q and %q", value, v, v1, v2)
			}
		}},
		{"values are copied in and out", func(t *testing.T, s Store) {
			b := []byte("value")
			if _, err := s.Put(t.Context(), key, b); err != nil {
				t.Fatal(err)
			}
			b[0] = 'X'
			e, _ := s.Get(t.Context(), key)
			e.Value[1] = 'X'
			if value, _ := get(t, s, key); value != "value" {
				t.Errorf("stored %q", value)
			}
		}},
		{"a conditional write takes the version read", func(t *testing.T, s Store) {
			v1 := put(t, s, key, "one")
			v2, err := s.Replace(t.Context(), key, v1, []byte("two"))
			if err != nil || v2 == v1 {
				t.Fatalf("Replace = %q, %v", v2, err)
			}
			if _, err := s.Replace(t.Context(), key, v1, []byte("late")); !errors.Is(err, ErrConflict) {
				t.Errorf("late Replace: %v", err)
			}
			if value, v := get(t, s, key); value != "two" || v != v2 {
				t.Errorf("Get = %q in %q", value, v)
			}
		}},
		{"a late writer brings nothing back", func(t *testing.T, s Store) {
			v := put(t, s, key, "one")
			if err := s.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Replace(t.Context(), key, v, []byte("late")); !errors.Is(err, ErrConflict) {
				t.Errorf("Replace: %v", err)
			}
			absent(t, s, key)
		}},
		{"a version does not come again", func(t *testing.T, s Store) {
			seen := map[Version]bool{}
			for range 10 {
				v := put(t, s, key, "same")
				if seen[v] {
					t.Fatalf("version %q came twice", v)
				}
				seen[v] = true
				if err := s.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
			put(t, s, key, "same")
			for v := range seen {
				if _, err := s.Replace(t.Context(), key, v, []byte("late")); !errors.Is(err, ErrConflict) {
					t.Fatalf("Replace of an older version: %v", err)
				}
			}
		}},
		{"a lease keeps others out until it ends", func(t *testing.T, s Store) {
			v := put(t, s, key, "one")
			id, err := s.Lease(t.Context(), key, v, time.Minute)
			if err != nil || id == "" {
				t.Fatalf("Lease = %q, %v", id, err)
			}
			if value, now := get(t, s, key); value != "one" || now != v {
				t.Error("a lease changed the entry")
			}
			time.Sleep(20 * time.Second)
			var leased *LeasedError
			_, err = s.Lease(t.Context(), key, v, time.Minute)
			if !errors.As(err, &leased) || !errors.Is(err, ErrLeased) || leased.Remaining != 40*time.Second || err.Error() == "" {
				t.Errorf("second Lease: %v", err)
			}
			time.Sleep(40 * time.Second)
			if _, err := s.Lease(t.Context(), key, v, time.Minute); err != nil {
				t.Errorf("Lease after the first ended: %v", err)
			}
			if _, err := s.Replace(t.Context(), key, v, nil); err != nil {
				t.Errorf("Replace without a lease: %v", err)
			}
		}},
		{"a lease is given back", func(t *testing.T, s Store) {
			v := put(t, s, key, "one")
			id, _ := s.Lease(t.Context(), key, v, time.Minute)
			if err := s.Release(t.Context(), key, "other"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Lease(t.Context(), key, v, time.Minute); !errors.Is(err, ErrLeased) {
				t.Errorf("somebody else's Release ended the lease: %v", err)
			}
			if err := s.Release(t.Context(), key, id); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Lease(t.Context(), key, v, time.Minute); err != nil {
				t.Errorf("Lease after Release: %v", err)
			}
		}},
		{"a late release leaves the next holder alone", func(t *testing.T, s Store) {
			v := put(t, s, key, "one")
			first, _ := s.Lease(t.Context(), key, v, time.Second)
			time.Sleep(time.Second)
			if _, err := s.Lease(t.Context(), key, v, time.Minute); err != nil {
				t.Fatal(err)
			}
			if err := s.Release(t.Context(), key, first); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Lease(t.Context(), key, v, time.Minute); !errors.Is(err, ErrLeased) {
				t.Errorf("the second lease is gone: %v", err)
			}
		}},
		{"a write ends the lease", func(t *testing.T, s Store) {
			v := put(t, s, key, "one")
			if _, err := s.Lease(t.Context(), key, v, time.Minute); err != nil {
				t.Fatal(err)
			}
			v2 := put(t, s, key, "two")
			if _, err := s.Lease(t.Context(), key, v, time.Minute); !errors.Is(err, ErrConflict) {
				t.Errorf("Lease of the old version: %v", err)
			}
			if _, err := s.Lease(t.Context(), key, v2, time.Minute); err != nil {
				t.Errorf("Lease after Put: %v", err)
			}
			v3, err := s.Replace(t.Context(), key, v2, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Lease(t.Context(), key, v3, time.Minute); err != nil {
				t.Errorf("Lease after Replace: %v", err)
			}
		}},
		{"a lease is not for nothing", func(t *testing.T, s Store) {
			v := put(t, s, key, "one")
			if _, err := s.Lease(t.Context(), key, v, 0); err == nil {
				t.Error("a lease of no time is accepted")
			}
		}},
		{"one of many wins", func(t *testing.T, s Store) {
			v := put(t, s, key, "one")
			var leases, writes atomic.Int32
			var all sync.WaitGroup
			for i := range 64 {
				all.Go(func() {
					if _, err := s.Lease(t.Context(), key, v, time.Minute); err == nil {
						leases.Add(1)
					} else if !errors.Is(err, ErrLeased) && !errors.Is(err, ErrConflict) {
						t.Errorf("Lease: %v", err)
					}
				})
				all.Go(func() {
					if _, err := s.Replace(t.Context(), key, v, fmt.Append(nil, i)); err == nil {
						writes.Add(1)
					} else if !errors.Is(err, ErrConflict) {
						t.Errorf("Replace: %v", err)
					}
				})
			}
			all.Wait()
			if leases.Load() > 1 || writes.Load() != 1 {
				t.Errorf("%d leases and %d writes of one version", leases.Load(), writes.Load())
			}
		}},
		{"an ended context ends the call", func(t *testing.T, s Store) {
			v := put(t, s, key, "one")
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, e1 := s.Get(ctx, key)
			_, e2 := s.Put(ctx, key, nil)
			_, e3 := s.Replace(ctx, key, v, nil)
			e4 := s.Delete(ctx, key)
			_, e5 := s.Lease(ctx, key, v, time.Minute)
			e6 := s.Release(ctx, key, "")
			for i, err := range []error{e1, e2, e3, e4, e5, e6} {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("call %d: %v", i+1, err)
				}
			}
			if value, now := get(t, s, key); value != "one" || now != v {
				t.Error("an ended call changed the entry")
			}
		}},
		{"values are long and hold any byte", func(t *testing.T, s Store) {
			long := make([]byte, 64<<10)
			for i := range long {
				long[i] = byte(i * 7)
			}
			for _, value := range []string{"", "\x00\xff", string(long)} {
				put(t, s, key, value)
				if got, _ := get(t, s, key); got != value {
					t.Errorf("a value of %d bytes came back changed", len(value))
				}
			}
		}},
		{"keys hold any byte and are kept apart", func(t *testing.T, s Store) {
			keys := []Key{
				{"a", "bc"}, {"ab", "c"}, {"", "abc"}, {"abc", ""}, {"", ""}, {"a:b", "c"}, {"a", "b:c"},
				{"a\x00b", "c"}, {"a", "\x00bc"}, {"\xff\xfe", "'\";--"}, {"%", "_"}, {"A", "BC"}, {"ä", "漢"}, {"a ", "bc"},
				{"x", string(bytes.Repeat([]byte("long"), 50))},
			}
			for i, k := range keys {
				put(t, s, k, fmt.Sprint(i))
			}
			for i, k := range keys {
				if value, _ := get(t, s, k); value != fmt.Sprint(i) {
					t.Errorf("%q holds %s, want %d", k, value, i)
				}
			}
			if err := s.Delete(t.Context(), keys[0]); err != nil {
				t.Fatal(err)
			}
			absent(t, s, keys[0])
			get(t, s, keys[1])
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test.run(t, open(t)) })
		})
	}
}
