package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// garbage returns a random query for a callback.
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

// TestGarbageLeavesNothing checks that stores and processes do not grow by 10,000 callbacks
// that belong to no sign-in and 10,000 logins that nobody completes.
func TestGarbageLeavesNothing(t *testing.T) {
	const most = 10_000
	eachStore(t, allStores(), func(t *testing.T, p backend) {
		n := most
		if raceEnabled {
			n = most / 10
		}
		x, s := startOne(t, p, 2)
		d := newBalancer(newTally("", nil))
		d.setReplicas(s)
		honest := newVisitor(userID(0), x, d, 1)
		signedIn := func() {
			t.Helper()
			if err := honest.signIn(); err != nil {
				t.Fatal(err)
			}
			if _, err := honest.get(t.Context(), "/timeline"); err != nil {
				t.Fatal(err)
			}
		}
		signedIn()
		// Warm up, so that pools and caches have grown before the first measurement.
		hit(t, d, n/10)
		d.base.CloseIdleConnections()
		before := statsOf(t, s)
		hit(t, d, n)
		d.base.CloseIdleConnections()
		after := statsOf(t, s)
		// Goroutines of closed connections may still be running.
		for began := time.Now(); grownBy(before, after) > heapNoise && time.Since(began) < time.Minute; {
			after = statsOf(t, s)
		}
		t.Logf("%d callbacks and logins: %d MiB before, %d MiB after, at most %d MiB; the heap grew by %d objects and %d KiB", n, before.RSS>>20, after.RSS>>20,
			after.MaxRSS>>20, grownBy(before, after), (int64(after.Memstats.HeapAlloc)-int64(before.Memstats.HeapAlloc))>>10)
		if sessions, tokens, ok := recordsOf(t, p); ok && (sessions != 1 || tokens != 1) {
			t.Errorf("%d sessions and %d tokens are stored for one signed-in user", sessions, tokens)
		}
		if grown := grownBy(before, after); grown > heapNoise {
			t.Errorf("the heap grew by %d objects", grown)
		}
		if done := after.Events["sign_in_begun"]; done < n {
			t.Errorf("%d logins began, want %d", done, n)
		}
		if _, err := honest.get(t.Context(), "/me"); err != nil {
			t.Errorf("the signed-in user: %v", err)
		}
		if err := honest.signOut(t.Context()); err != nil {
			t.Error(err)
		}
		signedIn()
		d.base.CloseIdleConnections()
	})
}

// heapNoise is how many objects the heap may grow by, because of connections. If records stayed
// in memory, each would be an object or more.
const heapNoise = 5000

// grownBy returns by how many objects the heap grew.
func grownBy(before, after stats) int64 {
	return int64(after.Memstats.HeapObjects) - int64(before.Memstats.HeapObjects)
}

// hit sends n callbacks with garbage and n logins of each protocol. It sends them as several
// strangers, half of whom keep cookies.
func hit(t *testing.T, d *balancer, n int) {
	t.Helper()
	const strangers = 20
	var wg sync.WaitGroup
	for i := range strangers {
		c := &http.Client{
			Transport: d, Timeout: time.Minute,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		if i%2 == 0 {
			c.Jar, _ = cookiejar.New(nil)
		}
		attacker := vegeta.NewAttacker(vegeta.Client(c), vegeta.Workers(1), vegeta.MaxWorkers(1))
		wg.Go(func() {
			for r := range attacker.Attack(strange(uint64(i)), hits(2*n/strangers), 0, "") {
				want := http.StatusBadRequest
				if strings.HasPrefix(r.URL, loginURL) {
					want = http.StatusSeeOther
				}
				if int(r.Code) != want {
					t.Errorf("%.80q: status %d, want %d (%s)", r.URL, r.Code, want, r.Error)
					attacker.Stop()
				}
			}
		})
	}
	wg.Wait()
}

const loginURL = publicURL + "/auth/login"

// strange returns the requests of a stranger: callbacks with garbage and logins, in turn.
func strange(seed uint64) vegeta.Targeter {
	random := rand.New(rand.NewPCG(seed, 2))
	turn := 0
	return func(target *vegeta.Target) error {
		target.Method = http.MethodGet
		switch turn++; turn % 4 {
		case 0:
			target.URL = loginURL
		case 2:
			target.URL = loginURL + "/x-oauth1"
		default:
			target.URL = publicURL + "/auth/callback?" + garbage(random)
		}
		return nil
	}
}

// hits is a [vegeta.Pacer] that stops after so many requests and does not pause.
type hits uint64

// Pace implements [vegeta.Pacer].
func (h hits) Pace(_ time.Duration, n uint64) (time.Duration, bool) { return 0, n >= uint64(h) }

// Rate implements [vegeta.Pacer].
func (hits) Rate(time.Duration) float64 { return math.Inf(1) }
