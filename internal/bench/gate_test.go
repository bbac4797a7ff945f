package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/session"
)

// least is what a contender allocates. The clock's own work and the list of sign-outs, which
// is read every two seconds, are not the contender's: the least of several tries counts.
func least(t *testing.T, c contender, err error) (count, bytes float64) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.repeat(5); err != nil {
		t.Fatal(err)
	}
	count, bytes, err = c.allocations(50)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %.0f allocations, %.0f bytes", c.name, count, bytes)
	return count, bytes
}

// within fails above a stated number, where it can be counted.
func within(t *testing.T, what string, got, most float64) {
	t.Helper()
	if counting && got > most {
		t.Errorf("%s: %.0f, and at most %.0f is stated", what, got, most)
	}
}

func TestASignedInRequestAllocates(t *testing.T) {
	all, err := variants()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		count, bytes := least(t, c, nil)
		within(t, c.name+", allocations", count, 2)
		within(t, c.name+", bytes", bytes, 700)
	}
}

// TestASessionInMemoryTakes what a kit without a store promises, among many.
func TestASessionInMemoryTakes(t *testing.T) {
	const n = 50_000
	m, err := session.New(session.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	cookies, _, err := crowd(m, n)
	if err != nil {
		t.Fatal(err)
	}
	each := (heap() - before - float64(cap(cookies))) / n
	t.Logf("%.0f bytes", each)
	within(t, "a session in memory, bytes", each, 300)
	runtime.KeepAlive(m)
}

// TestARequestOverAStoreAllocates: what the driver does for itself does not count.
func TestARequestOverAStoreAllocates(t *testing.T) {
	for name, connect := range map[string]func(*host) (database, error){"Redis": redisDatabase, "PostgreSQL": postgresDatabase} {
		t.Run(name, func(t *testing.T) {
			h := new(host)
			defer h.end()
			defer func() {
				switch v := recover().(type) {
				case nil:
				case hostSkip:
					t.Skip(v.text)
				case hostFault:
					t.Fatal(v.text)
				default:
					panic(v)
				}
			}()
			db, err := connect(h)
			if err != nil {
				t.Fatal(err)
			}
			store, err := db.open(nil)
			if err != nil {
				t.Fatal(err)
			}
			kit, err := newKit(func(c *xsignin.Config) { c.SessionStore = store })
			if err != nil {
				t.Fatal(err)
			}
			r, err := signedIn(kit)
			if err != nil {
				t.Fatal(err)
			}
			key, err := db.key()
			driver, _ := least(t, contender{"the driver", func() error { return db.read(key) }}, err)
			guarded := kit.RequireUser(http.HandlerFunc(greet))
			ours, _ := least(t, asking("xsignin", guarded, r), nil)
			within(t, "more than the driver", ours-driver, overDriver[name])
			// As from net/http, where the visitor may leave.
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ours, _ = least(t, asking("xsignin, a request that can be canceled", guarded, r.WithContext(ctx)), nil)
			within(t, "more than the driver, a request that can be canceled", ours-driver, overDriver[name])
		})
	}
}

// overDriver is how often a request allocates besides the driver.
var overDriver = map[string]float64{"Redis": 6, "PostgreSQL": 3}

func TestASignInAllocates(t *testing.T) {
	c, err := kitSignIn2("xsignin", new(fakeX))
	ours, _ := least(t, c, err)
	c, err = handSignIn2("by hand", new(fakeX))
	theirs, _ := least(t, c, err)
	within(t, "OAuth 2.0, more than by hand", ours-theirs, 70)

	c, err = kitSignIn1("xsignin", new(fakeX))
	ours, _ = least(t, c, err)
	c, err = gologinSignIn1("gologin", new(fakeX))
	theirs, _ = least(t, c, err)
	within(t, "OAuth 1.0a, more than gologin", ours-theirs, 0)
}

func TestACallOfTheAPIAllocates(t *testing.T) {
	x := new(fakeX)
	made, kept, err := kitCalls(x)
	perRequest, _ := least(t, made, err)
	keptOne, _ := least(t, kept, nil)
	theirs, _ := least(t, sharedSource("x/oauth2", x), nil)
	within(t, "a client that is kept, more than x/oauth2's", keptOne-theirs, -1)
	within(t, "the request's client, more than x/oauth2's", perRequest-theirs, 0)
}

// TestProfiles: each of them is there, and a name that nobody has is an error.
func TestProfiles(t *testing.T) {
	dir := t.TempDir()
	p := profiles{
		contender: nameJWT, each: time.Millisecond,
		cpu: filepath.Join(dir, "cpu"), mem: filepath.Join(dir, "mem"), mutex: filepath.Join(dir, "mutex"), block: filepath.Join(dir, "block"),
	}
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	o := options{rounds: 1, slice: time.Millisecond, profiles: &p}
	if err := run(io.Discard, o, "signed-in", "", ""); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{p.cpu, p.mem, p.mutex, p.block} {
		if b, err := os.ReadFile(path); err != nil || len(b) == 0 {
			t.Errorf("%v, %d bytes", err, len(b))
		}
	}
	for _, name := range []string{"", "nobody"} {
		o.profiles = &profiles{contender: name, mem: p.mem}
		if err := run(io.Discard, o, "signed-in", "", ""); err == nil {
			t.Errorf("%q has a profile", name)
		}
	}
}

// TestEveryRowRuns: quickly, for the code and not for the numbers.
func TestEveryRowRuns(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	dir := t.TempDir()
	md, svg := filepath.Join(dir, "t.md"), filepath.Join(dir, "t.svg")
	if err := os.WriteFile(md, []byte("before\n"+beginMark+"old\n"+endMark+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(&out, options{rounds: 1, slice: time.Millisecond, many: 5000}, "", md, svg); err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	text, err := os.ReadFile(md)
	if err != nil || !strings.HasPrefix(string(text), "before\n") || !strings.HasSuffix(string(text), "\nafter\n") || strings.Contains(string(text), "old\n") {
		t.Errorf("%v\n%s", err, text)
	}
	for _, r := range rows() {
		if !strings.Contains(out.String(), r.title) {
			t.Errorf("no row %s", r.name)
		}
	}
	for _, what := range []string{"one round trip, no write | 1.00, 0 | reached", "one upstream call fewer | 1 fewer | reached", "[5 5 5 5] | reached"} {
		if !strings.Contains(out.String(), what) && !strings.Contains(out.String(), "not measured") {
			t.Errorf("not there: %s", what)
		}
	}
	picture, err := os.ReadFile(svg)
	if err != nil || !strings.Contains(string(picture), "<svg") || !strings.Contains(string(picture), nameJWT) {
		t.Errorf("%v, %d bytes", err, len(picture))
	}
	if err := run(&out, options{}, "nothing", "", ""); err == nil {
		t.Error("a row of no name runs")
	}
}
