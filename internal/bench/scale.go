package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/session"
)

func heap() float64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc)
}

// crowd signs n users in to a manager, and returns their cookies one after the other in one
// piece of memory, so that the bench's own part can be told from the sessions'.
func crowd(m *session.Manager, n int) (cookies []byte, each int, err error) {
	w, r := newAnswer(), get("/", "")
	for i := range n {
		w.reset()
		user := person
		user.ID = fmt.Sprintf("1529384756%09d", i)
		user.Subject = user.ID
		if err := m.SignIn(w, r, user); err != nil {
			return nil, 0, err
		}
		c := w.cookies()
		if cookies == nil {
			each = len(c)
			cookies = make([]byte, 0, n*each)
		}
		cookies = append(cookies, c...)
	}
	return cookies, each, nil
}

// looking is a contender that asks who one of a crowd is.
func looking(name string, m *session.Manager, cookies []byte, each int) contender {
	random := rand.New(rand.NewPCG(1, 2))
	ctx, r := context.Background(), get("/", "")
	header := make([]string, 1)
	return contender{name, func() error {
		i := each * random.IntN(len(cookies)/each)
		header[0] = string(cookies[i : i+each])
		r.Header["Cookie"] = header
		_, ok, err := m.Read(ctx, r)
		if err == nil && !ok {
			err = errNobody
		}
		return err
	}}
}

func runMillion(o options) (rep report, err error) {
	many, few := o.many, 1000
	var all []contender
	var bytes float64
	for _, n := range []int{many, few} {
		m, err := session.New(session.Config{Logger: quiet})
		if err != nil {
			return rep, err
		}
		before := heap()
		cookies, each, err := crowd(m, n)
		if err != nil {
			return rep, err
		}
		if n == many {
			bytes = (heap() - before - float64(cap(cookies))) / float64(many)
		}
		all = append(all, looking(fmt.Sprintf("one of %d sessions", n), m, cookies, each))
	}
	if rep.measured, err = race(o, o.slice, all...); err != nil {
		return rep, err
	}
	times := 1 / rep.measured[0].times(rep.measured[1])
	rep.want(bytes <= 380, "at most 380 B each", "%.0f B", bytes)
	rep.want(times <= 3, "lookup within 3 times that of 1,000", "%.2f times", times)
	return rep, nil
}

// coresOps is how many pieces of work a goroutine does at a time.
const coresOps = 20_000

// onCores is work that goroutines do at the same time, each coresOps pieces of it.
type onCores struct {
	name string
	// begin returns what goroutine g does for piece k, with whatever is its own.
	begin func(g int) func(k int) error
}

// on has n goroutines work, on a core each.
func (c onCores) on(n int) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	errs := make([]error, n)
	var wg sync.WaitGroup
	for g := range n {
		wg.Go(func() {
			work := c.begin(g)
			for k := range coresOps {
				if err := work(k); err != nil {
					errs[g] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

const nameHashing, nameAllocating = "hashing", "allocating as much"

// controls share nothing, and tell what a second core is worth on this machine: one hashes
// for about as long as a request takes, the other hashes and allocates what one allocates.
func controls() []onCores {
	hashing := func(times int, also func()) func(int) func(int) error {
		return func(int) func(int) error {
			var buf [64]byte
			return func(int) error {
				for range times {
					sum := sha256.Sum256(buf[:])
					copy(buf[:], sum[:])
				}
				also()
				return nil
			}
		}
	}
	return []onCores{
		{nameHashing, hashing(9, func() {})},
		{nameAllocating, func(g int) func(int) error {
			kept := new(struct {
				request *[512]byte
				user    *[160]byte
				_       [64]byte
			})
			return hashing(7, func() { kept.request, kept.user = new([512]byte), new([160]byte) })(g)
		}},
	}
}

// visitors are signed-in users, each of whom sends a request, to one kit or to one for each
// goroutine.
func visitors(name string, kits int, idle time.Duration) (onCores, error) {
	const users = 1000
	type site struct {
		h       http.Handler
		cookies []byte
		each    int
	}
	var sites []site
	for range kits {
		kit, err := newKit(func(c *xsignin.Config) { c.SessionIdle = idle })
		if err != nil {
			return onCores{}, err
		}
		s := site{h: kit.RequireUser(http.HandlerFunc(greet))}
		if s.cookies, s.each, err = crowd(kit.Sessions(), users); err != nil {
			return onCores{}, err
		}
		sites = append(sites, s)
	}
	return onCores{name, func(g int) func(int) error {
		s := sites[g%kits]
		w, r := newAnswer(), get("/", "")
		header := make([]string, users)
		for i := range header {
			header[i] = string(s.cookies[i*s.each : (i+1)*s.each])
		}
		return func(k int) error {
			i := (k*7 + g*users/2) % users
			r.Header["Cookie"] = header[i : i+1]
			w.reset()
			if s.h.ServeHTTP(w, r); w.status != http.StatusOK {
				return errNobody
			}
			return nil
		}
	}}, nil
}

// coresMeasured is work on one core and on two.
type coresMeasured struct {
	onCores
	one, two measured
	gains    []float64 // by the clock, for each round
	cpuGains []float64
}

// gain is how many times as much two cores do.
func (c coresMeasured) gain() string {
	return fmt.Sprintf("%.2f (by CPU time %.2f)", median(c.gains), median(c.cpuGains))
}

// round measures both.
func (c *coresMeasured) round(twoFirst bool) error {
	var ns, cpu [3]float64
	order := []int{1, 2}
	if twoFirst {
		order = []int{2, 1}
	}
	for _, n := range order {
		runtime.GC()
		began, cpuBegan := time.Now(), cpuTime()
		if err := c.on(n); err != nil {
			return err
		}
		ns[n], cpu[n] = float64(time.Since(began).Nanoseconds())/coresOps, cpuTime()-cpuBegan
	}
	c.one.ns, c.two.ns = append(c.one.ns, ns[1]), append(c.two.ns, ns[2])
	c.gains, c.cpuGains = append(c.gains, 2*ns[1]/ns[2]), append(c.cpuGains, 4*cpu[1]/cpu[2])
	return nil
}

// runCores has one goroutine for each core ask for users of its own choice.
//
// The machine may have less than two cores to give. CPU time tells what the requests
// themselves lose by each other, and work that shares nothing what anything would gain.
func runCores(o options) (rep report, err error) {
	works := controls()
	for _, v := range []struct {
		name string
		kits int
		idle time.Duration
	}{{"xsignin, a kit for each core", 2, 0}, {"xsignin", 1, 0}, {"xsignin, idle timeout", 1, time.Hour}} {
		w, err := visitors(v.name, v.kits, v.idle)
		if err != nil {
			return rep, err
		}
		works = append(works, w)
	}
	all := make([]coresMeasured, len(works))
	for i, w := range works {
		all[i].onCores = w
		all[i].one.name, all[i].two.name = w.name+", 1 core", w.name+", 2 cores, twice as often"
		if err := all[i].round(false); err != nil {
			return rep, err
		}
		all[i].one.ns, all[i].two.ns, all[i].gains, all[i].cpuGains = nil, nil, nil, nil
	}
	for round := range o.rounds {
		for k := range all {
			if err := all[(k+round)%len(all)].round(round%2 == 1); err != nil {
				return rep, err
			}
		}
	}
	const nothingShared = 3 // the first ones
	for i, c := range all {
		rep.measured = append(rep.measured, c.one, c.two)
		for n, m := range map[int]measured{1: c.one, 2: c.two} {
			if err := o.profiles.look(contender{m.name, func() error { return c.on(n) }}); err != nil {
				return rep, err
			}
		}
		if i < nothingShared {
			rep.compare(c.name+", where nothing is shared", "%s", c.gain())
		}
	}
	for _, c := range all[nothingShared:] {
		rep.want(median(c.gains) >= 1.7 || runtime.NumCPU() < 2, "at least 1.7 times the requests: "+c.name, "%s", c.gain())
	}
	return rep, nil
}
