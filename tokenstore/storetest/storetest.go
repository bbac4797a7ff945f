// Package storetest tests whether a [tokenstore.Store] keeps its contract. A store's own
// test calls [Test]. Every store of this project passes it.
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

// Backend keeps the entries of one subtest: a new file, a separate table, an unused
// prefix. It is empty at first.
type Backend struct {
	// Open returns a handle on the backend with separate connections, like another replica
	// of a program. It is called more than once, and all handles see the same entries. Use
	// t.Cleanup to close a handle. The subtest's goroutine calls Open, and many goroutines
	// use the store. Required.
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

// Test runs a subtest for each rule of [tokenstore.Store]. A subtest that fails prints the
// rule that the store broke. open returns a new, empty backend for the subtest that t belongs
// to.
//
// Each subtest has five minutes. Up to 64 goroutines call a store at a time.
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
	return slices.Concat(entryRules(), versionRules(), leaseRules(), endRules(), raceRules(), byteRules(), contextRules(), listRules(), walkRules())
}
