package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/xsignin/xsignin/examples/internal/keyfile"
	"github.com/xsignin/xsignin/tokenstore"
)

// keysBeside reads the secrets that seal what is in a database file from the file beside
// it, newest first. At the first start it makes that.
func keysBeside(database string, log *slog.Logger) ([]string, error) {
	path, err := filepath.Abs(database + keyfile.Suffix)
	if err != nil {
		return nil, err
	}
	keys, made, err := keyfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("%w. Mend that, or set the variable", err)
	}
	if made {
		log.Info("storage: there is a new key file, without which nobody can read the tokens in the database", "file", path)
	}
	if keyfile.Open(path) {
		log.Warn("storage: others on this machine can read the key file: chmod 600 it", "file", path)
	}
	return keys, nil
}

// TryKeys warns at the start where a stored token does not open, as after a key file was
// lost. Nothing is deleted: it opens again with the secret that the error names.
func TryKeys(ctx context.Context, store *Storage, log *slog.Logger) {
	w, ok := store.Tokens.(tokenstore.Walker)
	if !ok {
		return
	}
	vault, err := store.Vault()
	if err != nil {
		return // the kit says it
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	// A few will do: this only says early what every page would say later.
	keys, _, err := w.Walk(ctx, "", 16)
	for _, key := range keys {
		if strings.HasPrefix(key.Provider, ".") {
			continue // a note of the kit's, and no token
		}
		if _, _, err = vault.Get(ctx, key); err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
			break
		}
	}
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		log.WarnContext(ctx, "storage: tokens in the database cannot be opened; they are kept", "err", err)
	}
}
