package testkit

import (
	"context"
	"io"
	"regexp"
	"testing"
)

var ready = regexp.MustCompile(`^Ready: (http://127\.0\.0\.1:\d+) `)

// Start runs a command until the test ends, and returns its address and its first output. The
// command reads env and listens on a free port.
func Start(t *testing.T, env map[string]string, run func(ctx context.Context, getenv func(string) string, out io.Writer) error) (url, printed string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	getenv := func(name string) string {
		if name == "ADDR" {
			return "127.0.0.1:0"
		}
		return env[name]
	}
	go func() {
		err := run(ctx, getenv, pw)
		_ = pw.CloseWithError(err)
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the end: %v", err)
		}
	})
	b := make([]byte, 4096)
	n, err := pr.Read(b)
	address := ready.FindStringSubmatch(string(b[:n]))
	if err != nil || address == nil {
		t.Fatalf("the command printed %q: %v", b[:n], err)
	}
	return address[1], string(b[:n])
}
