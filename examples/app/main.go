// Command app is a complete web application that signs users in with X. It shows their timeline,
// posts and followers, a form for posting, and their tokens.
//
// Without credentials it starts a local simulator of X. See README.md, or run it with -h.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/xsignin/xsignin/examples/internal/selfcheck"
	"github.com/xsignin/xsignin/examples/internal/storage"
)

func main() {
	flags := flag.NewFlagSet("app", flag.ContinueOnError)
	flags.Usage = func() { _, _ = io.WriteString(flags.Output(), usage) }
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	case flags.NArg() > 1 || (flags.NArg() == 1 && flags.Arg(0) != "reencrypt"):
		fmt.Fprintf(os.Stderr, "app: the only possible argument is reencrypt; -h explains it and lists the variables\n")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))

	do := run
	if flags.NArg() == 1 {
		do = reencrypt
	}
	err := do(ctx, os.Getenv, os.Stdout, log)
	var faults *configError
	switch {
	case errors.As(err, &faults):
		for line := range strings.Lines(faults.Error() + "\n") {
			fmt.Fprint(os.Stderr, "app: ", line)
		}
		os.Exit(2)
	case err != nil:
		log.Error("app: stopped", "err", err)
		os.Exit(1)
	}
}

const (
	// drainTime is the default of DRAIN. Load balancers check every few seconds.
	drainTime = 5 * time.Second
	// drainTimeout limits the wait for requests in progress. It is longer than their calls to X
	// may take. Remaining requests are cut off.
	drainTimeout = readTimeout + 5*time.Second
	// closeTimeout limits the wait for refreshes in progress afterwards.
	closeTimeout = 10 * time.Second
)

// openStorage opens the place of cfg. Its errors are errors of the environment.
func openStorage(ctx context.Context, cfg config, log *slog.Logger) (*storage.Storage, error) {
	store, err := storage.Open(ctx, cfg.place, cfg.keys, log)
	if err != nil {
		return nil, &configError{[]error{err}}
	}
	return store, nil
}

// drain waits until load balancers know that the application is about to end.
func drain(d time.Duration, served <-chan error) {
	select {
	case <-time.After(d):
	case <-served:
	}
}

// run serves until ctx ends. It writes one line to stdout when it serves browsers.
func run(ctx context.Context, env func(string) string, stdout io.Writer, log *slog.Logger) (err error) {
	cfg, err := readConfig(env)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", cfg.addr)
	if err != nil {
		return &configError{[]error{fmt.Errorf("ADDR: %w", err)}}
	}
	defer func() { _ = l.Close() }()
	note := ""
	// The port of an ADDR such as 127.0.0.1:0 is known only now.
	if at := "http://" + reachable(cfg.addr, l.Addr()); cfg.publicURL == "" {
		cfg.publicURL = at
	} else {
		note = ", listening at " + at
	}
	var debug net.Listener
	if cfg.debugAddr != "" {
		if debug, err = net.Listen("tcp", cfg.debugAddr); err != nil {
			return &configError{[]error{fmt.Errorf("DEBUG_ADDR: %w", err)}}
		}
		defer func() { _ = debug.Close() }()
		note += ", counters at http://" + debug.Addr().String() + "/debug/vars"
	}
	store, err := openStorage(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	note += ", with sessions and tokens in " + store.Where
	if cfg.local() {
		var stop func() error
		if cfg, stop, err = startSimulator(cfg); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
		note += ", with a local simulator of X at " + cfg.simulator + ", since neither X_CLIENT_ID nor X_CONSUMER_KEY is set: nothing reaches X"
	}

	a, err := newApp(cfg, store, log)
	if err != nil {
		return err
	}
	if debug != nil {
		go a.serveDebug(debug, log)
	}
	storage.TryKeys(ctx, store, log)
	defer selfcheck.Start(ctx, cfg.check, a.kit, log)()
	return a.serve(ctx, l, func() { _, _ = fmt.Fprintf(stdout, "Ready: %s%s\n", cfg.publicURL, note) })
}

// serve answers requests until ctx ends, and calls ready when it does so.
func (a *app) serve(ctx context.Context, l net.Listener, ready func()) error {
	srv := &http.Server{
		Handler:           a,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	ready()

	var failed error
	select {
	case failed = <-served:
	case <-ctx.Done():
	}
	a.stopping.Store(true)
	if failed == nil {
		drain(a.cfg.drain, served)
	}
	// Shut the server down first: a refresh that a request began must still be saved.
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := srv.Shutdown(draining); err != nil {
		a.log.Warn("app: requests were cut off at the shutdown", "err", err)
		_ = srv.Close()
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return errors.Join(failed, a.kit.Close(closing))
}
