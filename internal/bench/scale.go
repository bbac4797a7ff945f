package main

import (
	"context"
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
	if rep.measured, err = race(o.rounds, o.slice, all...); err != nil {
		return rep, err
	}
	times := 1 / rep.measured[0].times(rep.measured[1])
	rep.want(bytes <= 300, "at most 300 B each", "%.0f B", bytes)
	rep.want(times <= 3, "lookup within 3 times that of 1,000", "%.2f times", times)
	return rep, nil
}

// runCores has one goroutine for each core ask for users of its own choice.
func runCores(o options) (rep report, err error) {
	for _, idle := range []time.Duration{0, time.Hour} {
		kit, err := newKit(func(c *xsignin.Config) { c.SessionIdle = idle })
		if err != nil {
			return rep, err
		}
		h := kit.RequireUser(http.HandlerFunc(greet))
		cookies, each, err := crowd(kit.Sessions(), 1000)
		if err != nil {
			return rep, err
		}
		// parallel has each of n goroutines send one request to each user.
		parallel := func(n int) func() error {
			return func() error {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
				errs := make([]error, n)
				var wg sync.WaitGroup
				for g := range n {
					wg.Go(func() {
						w, r := newAnswer(), get("/", "")
						header := make([]string, 1)
						for k := range 20_000 {
							i := each * ((k*7 + g*500) % 1000)
							header[0] = string(cookies[i : i+each])
							r.Header["Cookie"] = header
							w.reset()
							if h.ServeHTTP(w, r); w.status != http.StatusOK {
								errs[g] = errNobody
							}
						}
					})
				}
				wg.Wait()
				for _, err := range errs {
					if err != nil {
						return err
					}
				}
				return nil
			}
		}
		suffix := ""
		if idle > 0 {
			suffix = ", idle timeout"
		}
		one, two := contender{"1 core" + suffix, parallel(1)}, contender{"2 cores, twice the requests" + suffix, parallel(2)}
		got := make([]measured, 2)
		for i, c := range []contender{one, two} {
			got[i].name = c.name
			if err := c.op(); err != nil {
				return rep, err
			}
		}
		for round := range o.rounds {
			for k := range 2 {
				i := (k + round) % 2
				ns, err := []contender{one, two}[i].timed(1)
				if err != nil {
					return rep, err
				}
				got[i].ns = append(got[i].ns, ns/20_000)
			}
		}
		rep.measured = append(rep.measured, got...)
		times := 2 / got[0].times(got[1])
		rep.want(times >= 1.7 || runtime.NumCPU() < 2, "at least 1.7 times the requests"+suffix, "%.2f times", times)
	}
	return rep, nil
}
