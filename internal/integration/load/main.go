// Command load puts signed-in clients on examples/app. It checks that every answer is for the
// user who sent the request. See README.md. Run it in the repository's root:
//
//	go run ./internal/integration/load -clients 200 -requests 100000 -time 5m -store all -plot load.html
//
// The command builds the application and starts its replicas, PostgreSQL and Redis. It uses
// 127.0.0.1 only. The exit status is 1 if anything was wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// Limits of the flags, so that a typing error does not start a very long run.
const (
	maxClients  = 2000
	maxRequests = 10_000_000
	maxTime     = 2 * time.Hour
)

func command(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	o := options{}
	flags.IntVar(&o.clients, "clients", 200, "signed-in clients at the same time, at most 2000")
	flags.Int64Var(&o.requests, "requests", 100_000, "end after this many answers for each store, at most 10000000")
	flags.DurationVar(&o.time, "time", 5*time.Minute, "end after this time for each store, at most 2h")
	flags.DurationVar(&o.life, "life", 10*time.Second, "lifetime of X's access tokens, at least 5s; they are refreshed halfway")
	flags.Uint64Var(&o.seed, "seed", 0, "seed of the clients' random actions; 0 means a random seed")
	store := flags.String("store", "all", "memory, sqlite, postgres, redis or all")
	plotFile := flags.String("plot", "", "write a plot of the latencies to this HTML file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || o.clients < 1 || o.clients > maxClients || o.requests < 1 || o.requests > maxRequests ||
		o.time <= 0 || o.time > maxTime || o.life < 5*time.Second {
		return errors.New("a flag is out of its limits (-h lists them)")
	}
	for o.seed == 0 {
		o.seed = rand.Uint64()
	}
	kinds := []string{*store}
	if *store == "all" {
		kinds = []string{inMemory, inSQLite, inPostgres, inRedis}
	}
	if *plotFile != "" {
		o.plot = newPlot()
	}
	m := &environment{}
	defer m.end()
	_, _ = fmt.Fprintf(out, "seed %d, %d cores, %s\n", o.seed, runtime.NumCPU(), runtime.Version())
	var bad []error
	for _, kind := range kinds {
		p, err := m.backend(kind)
		if errors.Is(err, errMissing) && *store == "all" {
			_, _ = fmt.Fprintf(out, "%s: skipped: %v\n", kind, err)
			continue
		}
		if err != nil {
			return err
		}
		app, err := m.app(ctx)
		if err != nil {
			return err
		}
		r, err := load(ctx, app, p, o)
		if err != nil {
			return err
		}
		r.print(out)
		if err := r.bad(); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", kind, err))
		}
	}
	if o.plot != nil {
		bad = append(bad, writePlot(*plotFile, o.plot))
	}
	return errors.Join(bad...)
}
