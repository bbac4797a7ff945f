//go:build !race

package bench

import (
	"context"
	"testing"

	"github.com/xsignin/xsignin"
)

// The tests of this file fail when the kit allocates more than is promised. The race
// detector allocates by itself, so they are not built with it.

// atMost fails the test if got is above the promised limit.
func atMost(t *testing.T, what string, got, limit int) {
	t.Helper()
	if got > limit {
		t.Errorf("%s: %d, promised are at most %d", what, got, limit)
	}
}

func TestASignedInRequestAllocates(t *testing.T) {
	for _, r := range kitVariants(t) {
		got := testing.Benchmark(r.bench)
		t.Logf("%s: %d allocations, %d bytes", r.name, got.AllocsPerOp(), got.AllocedBytesPerOp())
		if got.N == 0 {
			t.Fatalf("%s fails", r.name)
		}
		atMost(t, r.name+", allocations", int(got.AllocsPerOp()), 5)
		atMost(t, r.name+", bytes", int(got.AllocedBytesPerOp()), 750)
	}
}

func TestASessionInMemoryTakes(t *testing.T) {
	m := newSessions(t)
	_, bytes := newUsers(t, m, 1_000_000)
	t.Logf("%.0f bytes", bytes)
	atMost(t, "a session in memory, bytes", int(bytes), 380)
}

func TestARequestOverAStoreAllocates(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			store := db.sessions(nil)
			kit := newKit(t, func(c *xsignin.Config) { c.Session.Store = store })
			h, r := guarded(kit), signIn(t, kit)
			driver := db.driverRead(t).allocations(t)
			atMost(t, "more than the driver", request("xsignin", h, r).allocations(t)-driver, 12)

			// net/http cancels the context of a request when the visitor leaves.
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cancelable := request("xsignin, a cancelable request", h, r.WithContext(ctx))
			atMost(t, "more than the driver", cancelable.allocations(t)-driver, 12)
		})
	}
}

func TestARequestOverAStoreMakesOneRoundTrip(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			const n = 50
			var counted trips
			store := start(t).sessions(&counted)
			kit := newKit(t, func(c *xsignin.Config) { c.Session.Store = store })
			r := request("xsignin", guarded(kit), signIn(t, kit))
			all, writes := counted.all.Load(), counted.writes.Load()
			if all == 0 || writes == 0 {
				t.Fatalf("the sign-in made %d round trips and %d writes", all, writes)
			}
			for range n {
				if err := r.op(); err != nil {
					t.Fatal(err)
				}
			}
			if got := counted.all.Load() - all; got != n {
				t.Errorf("%d requests made %d round trips", n, got)
			}
			if got := counted.writes.Load() - writes; got != 0 {
				t.Errorf("%d requests wrote %d times", n, got)
			}
		})
	}
}

func TestASignInAllocates(t *testing.T) {
	kit2, byHand := kitSignIn2(t, new(fakeX)), handSignIn2(t, new(fakeX))
	atMost(t, "OAuth 2.0, more than by hand", kit2.allocations(t)-byHand.allocations(t), 70)

	kit1, gologin := kitSignIn1(t, new(fakeX)), gologinSignIn1(t, new(fakeX))
	atMost(t, "OAuth 1.0a, more than gologin", kit1.allocations(t)-gologin.allocations(t), 0)
}

func TestASignInByOAuth1MakesOneCallFewer(t *testing.T) {
	x, gologinX := new(fakeX), new(fakeX)
	for _, r := range []rival{kitSignIn1(t, x), gologinSignIn1(t, gologinX)} {
		if err := r.op(); err != nil {
			t.Fatal(err)
		}
	}
	if kit, gologin := x.calls.Load(), gologinX.calls.Load(); kit != gologin-1 {
		t.Errorf("the kit called X %d times, gologin %d times", kit, gologin)
	}
}

func TestACallOfTheAPIAllocates(t *testing.T) {
	x := new(fakeX)
	oauth2 := oauth2APIRequest(x).allocations(t)
	for _, r := range kitAPIRequests(t, x) {
		atMost(t, r.name+", more than x/oauth2", r.allocations(t)-oauth2, 10)
	}
}
