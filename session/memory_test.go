package session

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin/provider"
)

// TestASessionTakesLittleMemory: [Config.Store] promises so.
func TestASessionTakesLittleMemory(t *testing.T) {
	user := provider.User{
		Provider: "x", AccountID: "1529384756102938475", ID: "1529384756102938475", Username: "somebody_here", Name: "Somebody Here",
		AvatarURL: "https://pbs.twimg.com/profile_images/1529384756102938475/a1B2c3D4_normal.jpg", SignedInAt: time.Now(),
	}
	values := map[string]any{identityKey: identity{user: user, id: "123456789012", key: "12345678", stamp: time.Now().UnixMilli()}}
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
	m := memstore.NewWithCleanupInterval(0)
	size := 0
	for i := range n {
		record, err := codec{}.Encode(time.Now().Add(time.Hour), values)
		if err != nil {
			t.Fatal(err)
		}
		size = len(record)
		_ = m.Commit(keyOf(fmt.Sprint(i)), record, time.Now().Add(time.Hour))
	}
	each := float64(heap()-before) / n
	t.Logf("%.0f bytes a session, with a record of %d", each, size)
	if each > 380 {
		t.Errorf("%.0f bytes a session", each)
	}
	runtime.KeepAlive(m)
}
