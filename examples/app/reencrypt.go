package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/xsignin/xsignin/examples/internal/storage"
)

// reencrypt seals every stored token again with the newest secret, while replicas serve. It
// needs neither a listener nor X, so it uses no kit. A program with a kit calls its
// ReencryptTokens.
func reencrypt(ctx context.Context, env func(string) string, stdout io.Writer, log *slog.Logger) (err error) {
	cfg, err := readConfig(env)
	if err != nil {
		return err
	}
	if cfg.place.Kind == storage.InMemory {
		return &configError{[]error{errors.New("DATABASE_URL: is memory:, but tokens in another process's memory cannot be sealed again")}}
	}
	store, err := openStorage(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	vault, err := store.Vault()
	if err != nil {
		return err
	}
	n, err := vault.Reencrypt(ctx)
	_, _ = fmt.Fprintf(stdout, "Sealed again with the newest secret: %d. Already sealed with it: %d. Unchanged: %d busy, %d with a missing secret, %d damaged\n",
		n.Reencrypted, n.Newest, n.Busy, n.UnknownKey, n.Unreadable)
	return err
}
