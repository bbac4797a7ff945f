package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/provider"
)

var _ scs.IterableStore = (*memory)(nil)

func TestMemoryIsLikeAMap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, model := &memory{}, map[string]memorySession{}
		random := rand.New(rand.NewPCG(1, 2))
		for step := range 50_000 {
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
			key := fmt.Sprint(random.IntN(3000))
			switch random.IntN(4) {
			case 0:
				data := []byte(strings.Repeat("x", random.IntN(5)) + fmt.Sprint(step))
				end := time.Now().Add(time.Duration(random.IntN(100)) * time.Second)
				_ = m.Commit(key, data, end)
				model[key] = memorySession{data, end.UnixMilli()}
			case 1:
				_ = m.Delete(key)
				delete(model, key)
			default:
				want, ok := model[key]
				ok = ok && !want.expired(time.Now())
				if got, found, _ := m.Find(key); found != ok || found && !bytes.Equal(got, want.data) {
					t.Fatalf("step %d: %q, %t, want %q, %t", step, got, found, want.data, ok)
				}
			}
		}
	})
}

func TestMemoryDropsWhatHasExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		for i := range 1000 {
			_ = m.Commit(fmt.Sprint("first", i), []byte("x"), time.Now().Add(time.Hour))
		}
		time.Sleep(2 * time.Hour)
		_ = m.Commit("second", []byte("x"), time.Now().Add(time.Hour))
		if n := len(m.sessions); n != 1 {
			t.Errorf("%d entries for one session", n)
		}
	})
}

func TestMemoryAsAStore(t *testing.T) {
	t.Parallel()
	m := &memory{}
	end := time.Now().Add(time.Hour)
	hash := keyOf("token")
	for _, key := range []string{hash, "", "short", strings.Repeat("k", 300)} {
		data := []byte("data of " + key)
		if err := m.Commit(key, data, end); err != nil {
			t.Fatal(err)
		}
		data[0] = '!'
		if b, found, err := m.Find(key); !found || err != nil || string(b) != "data of "+key {
			t.Errorf("%q: %q, %t, %v", key, b, found, err)
		}
	}
	if all, err := m.All(); err != nil || len(all) != 4 || string(all[hash]) != "data of "+hash {
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
	if all, _ := m.All(); len(all) != 3 {
		t.Errorf("%d are left", len(all))
	}
	if err := m.Commit(hash, nil, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Error(err)
	}
}

func TestMemoryIsShared(t *testing.T) {
	t.Parallel()
	m := &memory{}
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
}

// TestASessionTakesLittleMemory: [Config.Store] promises so.
func TestASessionTakesLittleMemory(t *testing.T) {
	user := provider.User{
		Provider: "x", AccountID: "1529384756102938475", ID: "1529384756102938475", Username: "somebody_here", Name: "Somebody Here",
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
	// 125,000 sessions fill the map to the same share as a million.
	const n = 125_000
	before := heap()
	m := &memory{}
	for i := range n {
		key := hashKey("", fmt.Sprint(i))
		_ = m.Commit(string(key[:]), record, time.Now().Add(time.Hour))
	}
	each := float64(heap()-before) / n
	t.Logf("%.0f bytes a session, with a record of %d", each, len(record))
	if each > 380 {
		t.Errorf("%.0f bytes a session", each)
	}
	runtime.KeepAlive(m)
}
