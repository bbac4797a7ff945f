// Command xpost posts to X, and reads from X, on the command line. It uses the kit's packages
// without the web handlers. Users sign in by PIN or through a redirect to this machine. Their
// tokens are stored sealed in a file for the next command.
//
// "xpost demo" needs no credentials. See README.md, or run it with -h.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(start()) }

func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first Ctrl-C ends running work in order; a second one ends the process.
	context.AfterFunc(ctx, stop)
	return run(ctx, realWorld(), os.Args[1:])
}
