// Package storetest tests whether a [tokenstore.Store] keeps its contract. Whoever
// writes a store calls [Test] from a test of its own; every store of this project
// passes it.
//
//	func TestStore(t *testing.T) {
//		storetest.Test(t, func(t *testing.T) storetest.Backend {
//			dir := t.TempDir()
//			return storetest.Backend{
//				Open: func(t *testing.T) tokenstore.Store { return filestore.New(dir) },
//			}
//		})
//	}
package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// Backend is where the entries of one subtest are kept: a new file, a database's
// table of its own, a prefix that nobody else uses. It is empty at first.
type Backend struct {
	// Open returns a handle on the backend as another replica of a program would have
	// it, with its own connections. It is called more than once, and all handles see
	// the same entries. A handle that needs closing is closed by t.Cleanup. Open is
	// called by the subtest's goroutine, and its stores are used by many. Required.
	Open func(t *testing.T) tokenstore.Store

	// Advance moves the clock that times the backend's leases forward by d, or back if d
	// is negative. It returns when all handles see the new time. If the clock cannot be
	// moved, move the ends of all granted leases by -d instead.
	//
	// Advance may be nil. The suite then takes leases of 50 ms and waits until they end.
	// It does not test how much of a lease remains after a part of it, nor a clock that is
	// set back.
	Advance func(t *testing.T, d time.Duration)
}

// Test runs a subtest for each rule of [tokenstore.Store], and for those of
// [tokenstore.Walker] if the store is one. Otherwise the log of these subtests says that
// they tested nothing. A subtest that fails prints the rule that the store broke. open
// returns a new, empty backend for the subtest that t belongs to.
//
// A subtest gives its store a minute. Stores are called by 64 goroutines at a time.
func Test(t *testing.T, open func(t *testing.T) Backend) {
	t.Helper()
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("rule broken: %s", r.text)
				}
			})
			r.test(newSubject(t, open(t)))
		})
	}
}

// rule is one sentence of the contract and its test.
type rule struct {
	name string // the subtest's
	text string // for the author of a store that breaks it
	test func(s *subject)
}

func rules() []rule {
	return slices.Concat(entryRules(), versionRules(), leaseRules(), endRules(), raceRules(), byteRules(), contextRules(), listRules(), walkerRules())
}
