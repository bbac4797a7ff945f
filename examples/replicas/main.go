// Command replicas runs three replicas of a site behind a proxy that gives each request to
// the next one. See README.md.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/localx"
	"github.com/xsignin/xsignin/examples/internal/storage"
)

// replicas is the number of replicas.
const replicas = 3

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, env func(string) string, stdout io.Writer) error {
	var faults []error
	at := storage.ReadPlace(env("DATABASE_URL"), env("REDIS_URL"), func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{name}, args...)...))
	})
	if at.Kind == storage.InMemory {
		faults = append(faults, errors.New("DATABASE_URL: is memory:, which replicas cannot share"))
	}
	lasting := env("DATABASE_URL") != "" || env("REDIS_URL") != ""
	if at.Shared() && env("SECRETS") == "" {
		faults = append(faults, errors.New("SECRETS: is missing: after a restart nobody could read what is stored. openssl rand -base64 32 makes one"))
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	if !lasting {
		dir, err := os.MkdirTemp("", "xsignin-replicas-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		at.At = filepath.Join(dir, "replicas.db")
	}

	var all []*replica
	err := localx.Run(ctx, env, stdout, func(cfg xsignin.Config) (http.Handler, *xsignin.Kit, error) {
		if len(cfg.Secrets) == 0 && !lasting {
			// All replicas use the same secrets. Otherwise one could not read data of another.
			cfg.Secrets = []string{rand.Text() + rand.Text()}
		}
		var err error
		if all, err = startAll(ctx, cfg, at); err != nil {
			return nil, nil, err
		}
		var urls []*url.URL
		for _, r := range all {
			urls = append(urls, r.url)
		}
		return newProxy(urls), all[0].kit, nil
	})
	return errors.Join(err, endAll(context.WithoutCancel(ctx), all))
}

// startAll starts the replicas. Each opens the database separately, as it would on a separate
// machine.
func startAll(ctx context.Context, cfg xsignin.Config, at storage.Place) ([]*replica, error) {
	var all []*replica
	for n := range replicas {
		store, err := storage.Open(ctx, at, cfg.Secrets, slog.Default())
		if err != nil {
			return nil, errors.Join(err, endAll(ctx, all))
		}
		r, err := startReplica(n+1, cfg, store)
		if err != nil {
			return nil, errors.Join(err, store.Close(), endAll(ctx, all))
		}
		all = append(all, r)
	}
	return all, nil
}

// endAll stops the replicas.
func endAll(ctx context.Context, all []*replica) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var errs []error
	for _, r := range all {
		errs = append(errs, r.end(ctx))
	}
	return errors.Join(errs...)
}
