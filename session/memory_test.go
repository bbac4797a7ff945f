package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/provider"
)

var _ scs.IterableStore = (*memory)(nil)

// used is how many entries m holds, expired or not.
func (m *memory) used() (n, room int) {
	for i := range m.shards {
		n += m.shards[i].used
		room += len(m.shards[i].slots)
	}
	return n, room
}

// check looks whether every entry is found where it is.
func (m *memory) check(t *testing.T) {
	t.Helper()
	for i := range m.shards {
		s, n := &m.shards[i], 0
		for at, slot := range s.slots {
			if slot.entry == nil {
				continue
			}
			n++
			k := memoryKey(slot.entry)
			if found, ok := s.place(&k, slot.hash); !ok || found != at {
				t.Fatalf("an entry at %d of %d is found at %d, %t", at, len(s.slots), found, ok)
			}
		}
		if n != s.used {
			t.Fatalf("%d entries, counted as %d", n, s.used)
		}
	}
}

func TestMemoryIsLikeAMap(t *testing.T) {
	t.Parallel()
	type entry struct {
		data string
		end  time.Time
	}
	m, model := newMemory(), map[string]entry{}
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Now()
	for step := range 50_000 {
		now = now.Add(time.Duration(random.IntN(20)) * time.Millisecond)
		key := hash43(hashToken(fmt.Sprint(random.IntN(3000))))
		k := keyOf(key)
		switch random.IntN(4) {
		case 0:
			data := strings.Repeat("x", random.IntN(5)) + fmt.Sprint(step)
			end := now.Add(time.Duration(random.IntN(100)) * time.Second)
			m.commit(&k, []byte(data), end, now)
			model[key] = entry{data, end}
		case 1:
			m.delete(&k)
			delete(model, key)
		default:
			want, ok := model[key]
			ok = ok && !now.After(want.end)
			if got, found := m.find(&k, now); found != ok || found && string(got) != want.data {
				t.Fatalf("step %d: %q, %t, want %q, %t", step, got, found, want.data, ok)
			}
		}
		if step%5000 == 0 {
			m.check(t)
		}
	}
}

func TestMemoryDropsWhatHasExpired(t *testing.T) {
	t.Parallel()
	m := newMemory()
	now := time.Now()
	fill := func(name string, n int) {
		for i := range n {
			k := keyOf(hash43(hashToken(fmt.Sprint(name, i))))
			m.commit(&k, []byte("x"), now.Add(time.Hour), now)
		}
	}
	fill("first", 20_000)
	now = now.Add(2 * time.Hour)
	fill("second", 10_000)
	if n, _ := m.used(); n > 11_000 {
		t.Errorf("%d entries for 10,000 sessions", n)
	}
	now = now.Add(2 * time.Hour)
	fill("third", 20_000)
	for i := range 20_000 {
		k := keyOf(hash43(hashToken(fmt.Sprint("third", i))))
		m.delete(&k)
	}
	m.check(t)
	if n, room := m.used(); n > 200 || room > 4000 {
		t.Errorf("%d entries in %d places after the rush", n, room)
	}
}

func TestMemoryAsAStore(t *testing.T) {
	t.Parallel()
	m := newMemory()
	end := time.Now().Add(time.Hour)
	hash := hash43(hashToken("token"))
	// The last is no hash, though as long as one.
	for _, key := range []string{hash, "", "short", strings.Repeat("k", 300), strings.Repeat("!", tokenLength), strings.Repeat("A", tokenLength-1) + "B"} {
		data := []byte("data of " + key)
		if err := m.Commit(key, data, end); err != nil {
			t.Fatal(err)
		}
		data[0] = '!'
		if b, found, err := m.Find(key); !found || err != nil || string(b) != "data of "+key {
			t.Errorf("%q: %q, %t, %v", key, b, found, err)
		}
	}
	if all, err := m.All(); err != nil || len(all) != 6 || string(all[hash]) != "data of "+hash {
		t.Errorf("%v, %v", all, err)
	}
	for range 2 {
		if err := m.Delete(hash); err != nil {
			t.Error(err)
		}
	}
	if _, found, _ := m.Find(hash); found {
		t.Error("still there")
	}
	if err := m.Commit(hash, nil, time.Now().Add(-time.Second)); err != nil {
		t.Error(err)
	}
	if _, found, _ := m.Find(hash); found {
		t.Error("found after its end")
	}
	if all, _ := m.All(); len(all) != 5 {
		t.Errorf("%d are left", len(all))
	}
	if err := m.Commit(hash, nil, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Error(err)
	}
}

func TestMemoryIsShared(t *testing.T) {
	t.Parallel()
	m := newMemory()
	end := time.Now().Add(time.Hour)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 3000 {
				own, all := fmt.Sprint("own ", g), fmt.Sprint("key ", i%50)
				_ = m.Commit(own, []byte(own), end)
				_ = m.Commit(all, []byte(all), end)
				if b, found, _ := m.Find(own); !found || string(b) != own {
					t.Errorf("%q, %t", b, found)
				}
				if b, found, _ := m.Find(all); found && string(b) != all {
					t.Errorf("%q", b)
				}
				if i%10 == 0 {
					_ = m.Delete(all)
					_, _ = m.All()
				}
			}
		})
	}
	wg.Wait()
	m.check(t)
}

// TestASessionTakesLittleMemory: [Config.Store] promises so.
func TestASessionTakesLittleMemory(t *testing.T) {
	user := provider.User{
		Provider: "x", ID: "1529384756102938475", Subject: "1529384756102938475", Username: "somebody_here", Name: "Somebody Here",
		AvatarURL: "https://pbs.twimg.com/profile_images/1529384756102938475/a1B2c3D4_normal.jpg", SignedInAt: time.Now(),
	}
	record, err := codec{}.Encode(time.Now().Add(time.Hour), map[string]any{identityKey: identity{user: user}})
	if err != nil {
		t.Fatal(err)
	}
	record = bytes.Clone(record)
	heap := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	const n = 200_000
	before := heap()
	m := newMemory()
	for i := range n {
		k := memoryKey(hashToken(fmt.Sprint(i)))
		m.commit(&k, record, time.Now().Add(time.Hour), time.Now())
	}
	each := float64(heap()-before) / n
	t.Logf("%.0f bytes a session, with a record of %d", each, len(record))
	if each > 300 {
		t.Errorf("%.0f bytes a session", each)
	}
	runtime.KeepAlive(m)
}
