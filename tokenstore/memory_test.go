package tokenstore_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/storetest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Test(t, func(*testing.T) storetest.Backend {
		m := tokenstore.NewMemory()
		return storetest.Backend{
			Open:    func(*testing.T) tokenstore.Store { return m },
			Advance: func(_ *testing.T, d time.Duration) { tokenstore.AdvanceLeases(m, d) },
		}
	})
}

func TestMemoryLeasesRunByTimeNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, key := tokenstore.NewMemory(), tokenstore.Key{Provider: "x", UserID: "12", AccountID: "7"}
		v, err := m.Put(t.Context(), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Lease(t.Context(), key, v, time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		_, err = m.Lease(t.Context(), key, v, time.Minute)
		var leased *tokenstore.LeasedError
		if !errors.As(err, &leased) || leased.Remaining != 40*time.Second || err.Error() == "" {
			t.Errorf("after 20 of 60 seconds: %v", err)
		}
		time.Sleep(40 * time.Second)
		if _, err := m.Lease(t.Context(), key, v, time.Minute); err != nil {
			t.Errorf("after 60 of 60 seconds: %v", err)
		}
	})
}
