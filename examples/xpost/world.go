package main

import (
	"context"
	"io"
	"net"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// world has everything that a command uses except X and its files.
type world struct {
	env            func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	// terminal says that stderr is a terminal, so that bars may be drawn there.
	terminal bool
	listen   func(network, address string) (net.Listener, error)
	// browse gets the address of a consent page, which is also printed. Nil: a person opens it.
	browse func(ctx context.Context, address string)
	// after is the clock between questions whether X has processed a file. Nil: the machine's.
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
