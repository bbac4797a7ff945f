package storetest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/storetest"
)

// whole is a store whose clock cannot be moved.
type whole struct{ tokenstore.Store }

func TestTheSuitePassesAStoreWithoutOptionalAbilities(t *testing.T) {
	storetest.Test(t, func(*testing.T) storetest.Backend {
		m := tokenstore.NewMemory()
		return storetest.Backend{Open: func(*testing.T) tokenstore.Store { return whole{m} }}
	})
}

// inside is set in the process that runs the suite on broken stores: its tests fail,
// and these read how.
const inside = "XSIGNIN_STORETEST_BROKEN"

func TestTheSuiteFindsWhatIsBroken(t *testing.T) {
	if os.Getenv(inside) != "" {
		for _, f := range faults() {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				storetest.Test(t, f.open)
			})
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The stores mostly wait for leases to end.
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.parallel=16", "-test.timeout=9m")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatal("the suite passes broken stores")
	}
	text := string(out)
	for _, crash := range []string{"panic: ", "fatal error: ", "DATA RACE"} {
		if _, after, found := strings.Cut(text, crash); found {
			t.Fatalf("%s%.2000s", crash, after)
		}
	}
	failed := func(store, rule string) bool {
		name := t.Name() + "/" + store + "/" + rule
		return strings.Contains(text, "--- FAIL: "+strings.ReplaceAll(name, " ", "_")+" (")
	}
	found := make(map[string]bool)
	for _, f := range faults() {
		if !failed(f.name, f.breaks) {
			t.Errorf("a store where %s keeps the rule %q", f.name, f.breaks)
		}
		found[f.breaks] = true
	}
	// The log of every failure ends with the rule.
	if got, want := strings.Count(text, "rule broken: "), strings.Count(text, "        --- FAIL: "); got != want || got == 0 {
		t.Errorf("%d rules are printed for %d failures", got, want)
	}
	// A rule that no store here breaks may be one that cannot fail.
	for _, rule := range ruleNames(t) {
		if !found[rule] {
			t.Errorf("no store breaks the rule %q", rule)
		}
	}
}

// ruleNames asks the suite for its subtests.
func ruleNames(t *testing.T) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const test = "TestTheSuitePassesAStoreWithoutOptionalAbilities"
	out, err := exec.Command(self, "-test.run=^"+test+"$", "-test.v").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(line, "=== RUN   "+test+"/"); ok {
			names = append(names, strings.ReplaceAll(strings.TrimSpace(name), "_", " "))
		}
	}
	if len(names) < 30 || !strings.Contains(string(out), "not tested: ") {
		t.Fatalf("%d rules; optional ones are skipped aloud:\n%s", len(names), out)
	}
	return names
}

// store is a Store in memory, some of whose methods are others.
type store struct {
	tokenstore.Store
	serial  *sync.Mutex // held by each call, unless nil
	get     func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error)
	put     func(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error)
	replace func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error)
	remove  func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error
	lease   func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error)
	release func(ctx context.Context, k tokenstore.Key, id tokenstore.LeaseID) error
	list    func(ctx context.Context, userID string) ([]tokenstore.Key, error)
	walk    func(ctx context.Context, visit func(tokenstore.Key) error) error
}

func (s *store) alone() (done func()) {
	if s.serial == nil {
		return func() {}
	}
	s.serial.Lock()
	return s.serial.Unlock
}

func (s *store) Get(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
	defer s.alone()()
	if s.get != nil {
		return s.get(ctx, k)
	}
	return s.Store.Get(ctx, k)
}

func (s *store) Put(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error) {
	defer s.alone()()
	if s.put != nil {
		return s.put(ctx, k, value)
	}
	return s.Store.Put(ctx, k, value)
}

func (s *store) Replace(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	defer s.alone()()
	if s.replace != nil {
		return s.replace(ctx, k, v, value)
	}
	return s.Store.Replace(ctx, k, v, value)
}

func (s *store) Delete(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
	defer s.alone()()
	if s.remove != nil {
		return s.remove(ctx, k, v)
	}
	return s.Store.Delete(ctx, k, v)
}

func (s *store) Lease(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
	defer s.alone()()
	if s.lease != nil {
		return s.lease(ctx, k, v, d)
	}
	return s.Store.Lease(ctx, k, v, d)
}

func (s *store) Release(ctx context.Context, k tokenstore.Key, id tokenstore.LeaseID) error {
	defer s.alone()()
	if s.release != nil {
		return s.release(ctx, k, id)
	}
	return s.Store.Release(ctx, k, id)
}

func (s *store) List(ctx context.Context, userID string) ([]tokenstore.Key, error) {
	defer s.alone()()
	if s.list != nil {
		return s.list(ctx, userID)
	}
	return s.Store.List(ctx, userID)
}

func (s *store) Walk(ctx context.Context, visit func(tokenstore.Key) error) error {
	if s.walk != nil {
		return s.walk(ctx, visit)
	}
	return s.Store.Walk(ctx, visit)
}
