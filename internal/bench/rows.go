package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/xsignin/xsignin"
)

// options are how much is measured.
type options struct {
	rounds int
	slice  time.Duration // for one contender in one round
	many   int           // sessions, where there are to be many

	profiles *profiles // nil where none are wanted
}

// row is a line of the table of what is to be reached.
type row struct {
	name  string // for -rows
	title string
	run   func(options) (report, error)
}

// report is what came of a row.
type report struct {
	measured []measured
	verdicts []verdict
}

// verdict is one figure that is to be reached.
type verdict struct {
	reach, got string
	reached    bool
	leftOut    bool // a server is missing
	control    bool // there is nothing to reach
}

func (r *report) want(reached bool, reach, format string, args ...any) {
	r.verdicts = append(r.verdicts, verdict{reach, fmt.Sprintf(format, args...), reached, false, false})
}

// compare adds a figure that tells what another one is worth.
func (r *report) compare(what, format string, args ...any) {
	r.verdicts = append(r.verdicts, verdict{reach: "for comparison: " + what, got: fmt.Sprintf(format, args...), control: true})
}

// find returns what was measured under a name.
func (r *report) find(name string) measured {
	for _, m := range r.measured {
		if m.name == name {
			return m
		}
	}
	panic("nothing is called " + name)
}

func rows() []row {
	return []row{
		{"signed-in", "`RequireUser` and `User(ctx)`, in process, sessions in memory", runSignedIn},
		{"loopback", "the same through `net/http` on loopback", runLoopback},
		{"redis", "the same over Redis", runRedis},
		{"postgres", "the same over PostgreSQL", runPostgres},
		{"oauth2", "OAuth 2.0 sign-in, session made, token sealed and saved", runSignIn2},
		{"oauth1", "OAuth 1.0a sign-in, likewise", runSignIn1},
		{"api", "an API call by the signed-in client, bearer", runAPI},
		{"million", "1,000,000 sessions in memory", runMillion},
		{"cores", "2 cores against 1", runCores},
		{"replicas", "1, 2, 4, 8 replicas on one store", runReplicas},
	}
}

// variants are the kit in the four ways that have to be equally quick.
func variants() (all []contender, err error) {
	for _, keys := range []int{1, 10} {
		for _, idle := range []time.Duration{0, time.Hour} {
			name := fmt.Sprintf("xsignin, %d key(s)", keys)
			if idle > 0 {
				name += ", idle timeout"
			}
			c, err := requireUser(name, func(c *xsignin.Config) {
				c.SessionIdle, c.Keys = idle, nil
				for i := range keys {
					c.Keys = append(c.Keys, key(i))
				}
			})
			if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	return all, nil
}

const (
	nameSCS    = "scs, gob"
	nameGothic = "goth's gothic"
	nameJWT    = "golang-jwt, HS256"
)

func runSignedIn(o options) (rep report, err error) {
	all, err := variants()
	if err != nil {
		return rep, err
	}
	ours := len(all)
	add := func(c contender, err2 error) {
		all = append(all, c)
		if err == nil {
			err = err2
		}
	}
	add(behindSCS(nameSCS, nil, 0))
	add(behindGorilla("gorilla/sessions, signed", secret('s')))
	add(behindGorilla("gorilla/sessions, encrypted", secret('s'), secret('e')))
	add(behindGothic(nameGothic))
	add(behindPkgz("go-pkgz/auth"))
	add(behindAuthboss("authboss"))
	add(behindJWT(nameJWT))
	if err != nil {
		return rep, err
	}
	if rep.measured, err = race(o, o.slice, all...); err != nil {
		return rep, err
	}
	var allocs, bytes float64
	for _, m := range rep.measured[:ours] {
		allocs, bytes = max(allocs, m.allocs), max(bytes, m.bytes)
	}
	rep.want(allocs <= 5 && bytes <= 700, "at most 5 allocations and 700 B", "%.0f, %.0f B", allocs, bytes)
	for _, w := range []struct {
		name  string
		times float64
	}{{nameSCS, 15}, {nameGothic, 30}, {nameJWT, 6}} {
		least := 1e9
		for _, m := range rep.measured[:ours] {
			least = min(least, m.times(rep.find(w.name)))
		}
		rep.want(least >= w.times, fmt.Sprintf("at least %.0f times faster than %s", w.times, w.name), "%.1f times", least)
	}
	return rep, nil
}

func runSignIn2(o options) (rep report, err error) {
	x := new(fakeX)
	const ours, theirs = "xsignin", "x/oauth2 by hand, which saves nothing"
	a, err := kitSignIn2(ours, x)
	if err != nil {
		return rep, err
	}
	b, err := handSignIn2(theirs, x)
	if err != nil {
		return rep, err
	}
	if rep.measured, err = race(o, o.slice, a, b); err != nil {
		return rep, err
	}
	times, more := rep.find(ours).times(rep.find(theirs)), rep.find(ours).allocs-rep.find(theirs).allocs
	rep.want(times >= 1, "no slower than x/oauth2 by hand", "%.2f times as fast", times)
	rep.want(more <= 70, "at most 70 allocations more", "%+.0f", more)
	return rep, nil
}

func runSignIn1(o options) (rep report, err error) {
	const ours, theirs = "xsignin", "gologin, which saves nothing"
	x, theirX := new(fakeX), new(fakeX)
	a, err := kitSignIn1(ours, x)
	if err != nil {
		return rep, err
	}
	b, err := gologinSignIn1(theirs, theirX)
	if err != nil {
		return rep, err
	}
	for _, c := range []contender{a, b} {
		if err := c.op(); err != nil {
			return rep, err
		}
	}
	fewer := theirX.calls.Load() - x.calls.Load()
	if rep.measured, err = race(o, o.slice, a, b); err != nil {
		return rep, err
	}
	times := rep.find(ours).times(rep.find(theirs))
	rep.want(times >= 1, "at least as fast as gologin's", "%.2f times as fast", times)
	rep.want(fewer == 1, "one upstream call fewer", "%d fewer", fewer)
	return rep, nil
}

func runAPI(o options) (rep report, err error) {
	x := new(fakeX)
	made, kept, err := kitCalls(x)
	if err != nil {
		return rep, err
	}
	const theirs = "x/oauth2, a shared source"
	if rep.measured, err = race(o, o.slice, made, kept, sharedSource(theirs, x)); err != nil {
		return rep, err
	}
	for _, c := range []contender{made, kept} {
		times := rep.find(c.name).times(rep.find(theirs))
		rep.want(times >= 1, "no slower than x/oauth2's transport: "+c.name, "%.2f times as fast", times)
	}
	return rep, nil
}

func runLoopback(o options) (rep report, err error) {
	kit, err := newKit(nil)
	if err != nil {
		return rep, err
	}
	r, err := signedIn(kit)
	if err != nil {
		return rep, err
	}
	const ours, theirs = "xsignin", "a bare handler"
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(person.Username)) })
	var ends []func()
	defer func() {
		for _, end := range ends {
			end()
		}
	}()
	var all []contender
	for _, c := range []struct {
		name string
		h    http.Handler
	}{{ours, kit.RequireUser(http.HandlerFunc(greet))}, {theirs, bare}} {
		one, end, err := overLoopback(c.name, c.h, r.Header.Get("Cookie"))
		if err != nil {
			return rep, err
		}
		all, ends = append(all, one), append(ends, end)
	}
	if rep.measured, err = race(o, o.slice, all...); err != nil {
		return rep, err
	}
	share := 100 * (1/rep.find(ours).times(rep.find(theirs)) - 1)
	rep.want(share <= 10, "within 10 % of a bare handler", "%+.1f %%", share)
	return rep, nil
}
