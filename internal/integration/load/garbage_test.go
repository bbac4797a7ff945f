package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// garbage creates the query of a callback that belongs to no sign-in.
func garbage(r *rand.Rand) string {
	text := func() string {
		b := make([]byte, r.IntN(60))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return url.QueryEscape(string(b))
	}
	switch r.IntN(8) {
	case 0:
		return ""
	case 1:
		return "state=" + text() + "&code=" + text()
	case 2:
		return "oauth_token=" + text() + "&oauth_verifier=" + text()
	case 3:
		return "denied=" + text()
	case 4:
		return "error=access_denied&state=" + text()
	case 5:
		return "state=" + text() + "&state=" + text() + "&code=" + text()
	case 6:
		return "%zz=" + text() + ";" + text()
	}
	return "state=" + text() + "&code=" + fmt.Sprintf("%05000d", r.IntN(1000))
}

// TestGarbageLeavesNothing: 10,000 callbacks without a sign-in and 10,000 abandoned logins add
// nothing to any store or process.
func TestGarbageLeavesNothing(t *testing.T) {
	const hits = 10_000
	eachStore(t, allStores(), func(t *testing.T, p place) {
		n := hits
		if raced {
			n = hits / 10
		}
		x, s := oneOf(t, p, 2)
		d := newDoor(newTally())
		d.open(s)
		honest := newVisitor(userID(0), x, d, 1)
		signedIn := func() {
			t.Helper()
			if err := honest.signIn(); err != nil {
				t.Fatal(err)
			}
			if _, err := honest.ask(t.Context(), "/timeline"); err != nil {
				t.Fatal(err)
			}
		}
		signedIn()
		// Make so many hits first that one-time growth is over.
		hit(t, d, n/10)
		d.base.CloseIdleConnections()
		before := statsOf(t, s)
		hit(t, d, n)
		d.base.CloseIdleConnections()
		after := statsOf(t, s)
		// Objects that end with their connection may still be there.
		for began := time.Now(); grownBy(before, after) > few && time.Since(began) < 20*time.Second; {
			after = statsOf(t, s)
		}
		t.Logf("%d hits of each kind: %d MiB, then %d MiB, at most %d MiB; the heap has grown by %d objects and %d KiB", n, before.RSS>>20, after.RSS>>20,
			after.MaxRSS>>20, grownBy(before, after), (int64(after.Memstats.HeapAlloc)-int64(before.Memstats.HeapAlloc))>>10)
		if sessions, tokens, ok := recordsOf(t, p); ok && (sessions != 1 || tokens != 1) {
			t.Errorf("one user is signed in, and %d sessions and %d tokens are stored", sessions, tokens)
		}
		if grown := grownBy(before, after); grown > few {
			t.Errorf("the heap has grown by %d objects", grown)
		}
		if done := after.Events["sign_in_begun"]; done < n {
			t.Errorf("%d logins were begun, want %d: the others were no hits", done, n)
		}
		if _, err := honest.ask(t.Context(), "/me"); err != nil {
			t.Errorf("who is signed in: %v", err)
		}
		if err := honest.signOut(t.Context()); err != nil {
			t.Error(err)
		}
		signedIn()
		d.base.CloseIdleConnections()
	})
}

// few allows for objects that come and go with connections. Records in memory, whose number
// cannot be read from outside, would need at least one object each.
const few = 5000

// grownBy is the growth of the number of objects in the heap.
func grownBy(before, after stats) int64 {
	return int64(after.Memstats.HeapObjects) - int64(before.Memstats.HeapObjects)
}

// hit makes n garbage callbacks and n logins of each protocol. A few strangers send them, and
// some of these keep cookies.
func hit(t *testing.T, d *door, n int) {
	t.Helper()
	const strangers = 20
	var wg sync.WaitGroup
	for i := range strangers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 2))
			c := &http.Client{Transport: d, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			if i%2 == 0 {
				c.Jar, _ = cookiejar.New(nil)
			}
			for j := range n / strangers {
				login := "/auth/login"
				if j%2 == 0 {
					login += "/x-oauth1"
				}
				for path, want := range map[string]int{"/auth/callback?" + garbage(r): http.StatusBadRequest, login: http.StatusSeeOther} {
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, publicURL, http.NoBody)
					if err != nil {
						t.Error(err)
						return
					}
					req.URL.Path, req.URL.RawQuery, _ = strings.Cut(path, "?")
					resp, err := c.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if resp.StatusCode != want {
						t.Errorf("%.80q: status %d, want %d", path, resp.StatusCode, want)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}
