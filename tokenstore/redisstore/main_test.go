package redisstore_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/xsignin/xsignin/internal/testservers"
)

// TestMain starts the server of the example, which has no [testing.T] to start one by.
func TestMain(m *testing.M) {
	flag.Parse()
	var run wholeRun
	addr := run.redis()
	if run.failed != "" {
		fmt.Fprintln(os.Stderr, run.failed)
		os.Exit(1)
	}
	if addr == "" { // the tests skip and say why
		if err := flag.Set("test.skip", "^Example$"); err != nil {
			panic(err)
		}
	}
	os.Setenv("REDIS_ADDR", addr)
	code := m.Run()
	run.end()
	os.Exit(code)
}

// wholeRun is a [testservers.T] for all tests together.
type wholeRun struct {
	failed   string
	cleanups []func()
}

func (r *wholeRun) Helper()              {}
func (r *wholeRun) Cleanup(f func())     { r.cleanups = append(r.cleanups, f) }
func (r *wholeRun) Skipf(string, ...any) { runtime.Goexit() }
func (r *wholeRun) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// redis returns the address of a server, or "".
func (r *wholeRun) redis() (addr string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		addr = testservers.Redis(r)
	}()
	<-done
	return addr
}

func (r *wholeRun) end() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}
