package main

import (
	"fmt"
	"os"
)

// host stands in for a test, which [testservers] starts servers for.
type host struct{ cleanups []func() }

type hostFault struct{ text string }

type hostSkip struct{ text string }

func (h *host) Helper() {}

func (h *host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

func (h *host) Fatalf(format string, args ...any) { panic(hostFault{fmt.Sprintf(format, args...)}) }

func (h *host) Skipf(format string, args ...any) { panic(hostSkip{fmt.Sprintf(format, args...)}) }

func (h *host) end() {
	for i := len(h.cleanups) - 1; i >= 0; i-- {
		h.cleanups[i]()
	}
}

// hosted runs a row that needs servers. Without them the row is left out, and says so.
func hosted(f func(h *host) (report, error)) (rep report, err error) {
	h := new(host)
	defer h.end()
	defer func() {
		switch v := recover().(type) {
		case nil:
		case hostFault:
			err = fmt.Errorf("%s", v.text)
		case hostSkip:
			fmt.Fprintln(os.Stderr, "bench: left out:", v.text)
			rep = report{verdicts: []verdict{{reach: "left out", got: v.text, leftOut: true}}}
		default:
			panic(v)
		}
	}()
	return f(h)
}
