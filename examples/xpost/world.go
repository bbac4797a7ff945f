package main

import (
	"context"
	"io"
	"net"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// world is all that a command touches besides X and its files.
type world struct {
	env            func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	// terminal says that a person looks at stderr, so that bars may be drawn there.
	terminal bool
	listen   func(network, address string) (net.Listener, error)
	// browse is told the address of a consent page, besides being printed. Nil: a person
	// opens it.
	browse func(ctx context.Context, address string)
	// after is the clock for questions whether X has processed a file. Nil: the machine's.
	after func(time.Duration) <-chan time.Time
}

func realWorld() world {
	return world{
		env:   os.Getenv,
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		terminal: isatty.IsTerminal(os.Stderr.Fd()),
		listen:   net.Listen,
	}
}
