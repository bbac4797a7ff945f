package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/xsignin/xsignin/examples/internal/keyfile"
	"github.com/xsignin/xsignin/tokenstore"
)

// keysBeside reads the secrets that seal a database file from the file beside it, newest first.
// At the first start it creates that file.
func keysBeside(database string, log *slog.Logger) ([]string, error) {
	path, err := filepath.Abs(database + keyfile.Suffix)
	if err != nil {
		return nil, err
	}
	keys, made, err := keyfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("%w. Fix that, or set the variable", err)
	}
	if made {
		log.Info("storage: created a key file, which is needed to read the tokens in the database", "file", path)
	}
	if keyfile.Open(path) {
		log.Warn("storage: others on this machine can read the key file: chmod 600 it", "file", path)
	}
	return keys, nil
}

// TryKeys warns at the start if a stored token does not open, for example after a key file was
// lost. Nothing is deleted. The token opens again with the secret that the error names.
func TryKeys(ctx context.Context, store *Storage, log *slog.Logger) {
	vault, err := store.Vault()
	if err != nil {
		return // the kit reports it
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	// A few are enough. This only reports early what every page would report later.
	enough, n := errors.New("enough"), 0
	err = store.Tokens.Walk(ctx, func(key tokenstore.Key) error {
		if n++; n > 16 {
			return enough
		}
		_, _, err := vault.Get(ctx, key)
		if errors.Is(err, tokenstore.ErrNotFound) { // deleted, or a record of the kit
			return nil
		}
		return err
	})
	if err != nil && !errors.Is(err, enough) {
		log.WarnContext(ctx, "storage: tokens in the database cannot be opened; they are kept", "err", err)
	}
}
