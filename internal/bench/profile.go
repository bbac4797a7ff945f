package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

// profiles are files to write the profiles of one contender to, which works alone for that
// once it has been measured. None is written to "".
type profiles struct {
	contender              string
	cpu, mem, mutex, block string
	each                   time.Duration // how long it works for each of them

	found bool
}

func (p *profiles) wanted() bool {
	return p != nil && (p.cpu != "" || p.mem != "" || p.mutex != "" || p.block != "")
}

// prepare leaves out of the profile of allocations what is allocated before.
func (p *profiles) prepare() error {
	if !p.wanted() {
		return nil
	}
	if p.contender == "" {
		return errors.New("a profile is that of one contender: name it with -contender, as the table does")
	}
	runtime.MemProfileRate = 0
	return nil
}

// done tells of a contender that was not there.
func (p *profiles) done() error {
	if p.wanted() && !p.found {
		return fmt.Errorf("no contender is called %q", p.contender)
	}
	return nil
}

// look profiles c if it is the one that was asked for.
func (p *profiles) look(c contender) error {
	if !p.wanted() || c.name != p.contender {
		return nil
	}
	p.found = true
	for _, kind := range []struct {
		path, name string
		begin, end func()
	}{
		{p.mem, "allocs", func() { runtime.MemProfileRate = 1 }, func() { runtime.MemProfileRate = 0; runtime.GC(); runtime.GC() }},
		{p.mutex, "mutex", func() { runtime.SetMutexProfileFraction(1) }, func() { runtime.SetMutexProfileFraction(0) }},
		{p.block, "block", func() { runtime.SetBlockProfileRate(1) }, func() { runtime.SetBlockProfileRate(0) }},
	} {
		if kind.path == "" {
			continue
		}
		kind.begin()
		err := c.lasting(p.each)
		kind.end()
		if err == nil {
			err = write(kind.path, func(f *os.File) error { return pprof.Lookup(kind.name).WriteTo(f, 0) })
		}
		if err != nil {
			return err
		}
	}
	if p.cpu == "" {
		return nil
	}
	return write(p.cpu, func(f *os.File) error {
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
		return c.lasting(p.each)
	})
}

// lasting does pieces of work for about d.
func (c contender) lasting(d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := c.repeat(10); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, content func(*os.File) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := content(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
