package main

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"
)

// contender does one piece of work, again and again.
type contender struct {
	name string
	op   func() error
}

// measured is what came of a contender.
type measured struct {
	name   string
	ns     []float64 // for one piece of work, by round
	allocs float64
	bytes  float64
}

func (m measured) median() float64 { return median(m.ns) }

// times is how many times as long as m the other takes: the median of the rounds' ratios.
func (m measured) times(other measured) float64 {
	ratios := make([]float64, len(m.ns))
	for i := range m.ns {
		ratios[i] = other.ns[i] / m.ns[i]
	}
	return median(ratios)
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return math.NaN()
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// repeat does n pieces of work.
func (c contender) repeat(n int) error {
	for range n {
		if err := c.op(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// timed returns the nanoseconds that one of n pieces of work takes.
func (c contender) timed(n int) (float64, error) {
	began := time.Now()
	err := c.repeat(n)
	return float64(time.Since(began).Nanoseconds()) / float64(n), err
}

// race lets contenders take turns, each for about the given time in each round.
func race(o options, slice time.Duration, contenders ...contender) ([]measured, error) {
	results := make([]measured, len(contenders))
	counts := make([]int, len(contenders))
	for i, c := range contenders {
		results[i].name = c.name
		if err := c.repeat(10); err != nil {
			return nil, err
		}
		ns, err := c.timed(20)
		if err != nil {
			return nil, err
		}
		// Once more, as twenty are few where one takes less than a microsecond.
		if ns, err = c.timed(max(1, int(float64(slice)/10/ns))); err != nil {
			return nil, err
		}
		counts[i] = max(1, int(float64(slice)/ns))
		if results[i].allocs, results[i].bytes, err = c.allocations(200); err != nil {
			return nil, err
		}
	}
	for round := range o.rounds {
		runtime.GC()
		for k := range contenders {
			i := (k + round) % len(contenders)
			ns, err := contenders[i].timed(counts[i])
			if err != nil {
				return nil, err
			}
			results[i].ns = append(results[i].ns, ns)
		}
	}
	for _, c := range contenders {
		if err := o.profiles.look(c); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// allocations returns how often and how much one of n pieces of work allocates: the least of
// several tries, since what else the process does counts as well.
func (c contender) allocations(n int) (count, bytes float64, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	count, bytes = math.Inf(1), math.Inf(1)
	var before, after runtime.MemStats
	for range 5 {
		if err := c.op(); err != nil {
			return 0, 0, err
		}
		runtime.ReadMemStats(&before)
		if err := c.repeat(n); err != nil {
			return 0, 0, err
		}
		runtime.ReadMemStats(&after)
		count = min(count, math.Floor(float64(after.Mallocs-before.Mallocs)/float64(n)))
		bytes = min(bytes, math.Floor(float64(after.TotalAlloc-before.TotalAlloc)/float64(n)))
	}
	return count, bytes, nil
}
