// Command load sends requests of signed-in clients to examples/app, and checks every answer
// against the user who sent the request. See README.md. From the repository's root:
//
//	go run ./internal/integration/load -clients 200 -requests 100000 -time 5m -store all -svg load.svg
//
// It builds the application, and starts its replicas, PostgreSQL and Redis. It uses only
// 127.0.0.1. The status is 1 if an answer was wrong.
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

// Limits of the flags, against typing errors.
const (
	maxClients  = 2000
	maxRequests = 10_000_000
	maxTime     = 2 * time.Hour
)

func command(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	o := options{}
	flags.IntVar(&o.clients, "clients", 200, "signed-in clients at the same time, at most 2000")
	flags.Int64Var(&o.requests, "requests", 100_000, "end after so many answers for each store, at most 10000000")
	flags.DurationVar(&o.time, "time", 5*time.Minute, "end after this time for each store, at most 2h")
	flags.DurationVar(&o.life, "life", 10*time.Second, "how long X's access tokens work, at least 5s; they are refreshed after half of it")
	flags.Uint64Var(&o.seed, "seed", 0, "of the random choices of the clients; 0 means a random seed")
	store := flags.String("store", "all", "memory, sqlite, postgres, redis or all")
	svg := flags.String("svg", "", "draw the results to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || o.clients < 1 || o.clients > maxClients || o.requests < 1 || o.requests > maxRequests ||
		o.time <= 0 || o.time > maxTime || o.life < 5*time.Second {
		return errors.New("a flag is out of range: -h lists the limits")
	}
	for o.seed == 0 {
		o.seed = rand.Uint64()
	}
	kinds := []string{*store}
	if *store == "all" {
		kinds = []string{inMemory, inSQLite, inPostgres, inRedis}
	}
	m := &machine{}
	defer m.end()
	_, _ = fmt.Fprintf(out, "seed %d, %d cores, %s\n", o.seed, runtime.NumCPU(), runtime.Version())
	var results []*result
	var bad []error
	for _, kind := range kinds {
		p, err := m.place(kind)
		if errors.Is(err, errMissing) && *store == "all" {
			_, _ = fmt.Fprintf(out, "%s: left out: %v\n", kind, err)
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
		results = append(results, r)
		if err := r.bad(); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", kind, err))
		}
	}
	if *svg != "" {
		bad = append(bad, drawResults(*svg, results))
	}
	return errors.Join(bad...)
}
