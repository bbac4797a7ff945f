package storage

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/xsignin/xsignin/tokenstore"
)

// MinKey is how many bytes a secret has at least.
const MinKey = 32

// KeysSuffix makes a database file's name that of the file with its keys.
const KeysSuffix = ".keys"

// keysBeside reads the secrets that seal what is in a database file from the file beside
// it, newest first, one on a line. At the first start it makes that.
func keysBeside(database string, log *slog.Logger) ([]string, error) {
	path, err := filepath.Abs(database + KeysSuffix)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKeys(path); err == nil {
			log.Info("storage: there is a new key file, without which nobody can read the tokens in the database", "file", path)
			b, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key file cannot be used: %w. Mend that, or set the variable", err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		log.Warn("storage: others on this machine can read the key file: chmod 600 it", "file", path)
	}
	keys := strings.Fields(string(b))
	for _, key := range keys {
		if len(key) < MinKey {
			return nil, fmt.Errorf("the key file %s holds something shorter than %d bytes: put it back as it was, or delete it and sign in again", path, MinKey)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("the key file %s is empty: put it back as it was, or delete it and sign in again", path)
	}
	return keys, nil
}

// makeKeys writes a new secret, whole or not at all, and leaves a file alone that another
// process has made meanwhile.
func makeKeys(path string) error {
	var secret [32]byte
	_, _ = rand.Read(secret[:])                                           // never fails
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = fmt.Fprintln(f, base64.StdEncoding.EncodeToString(secret[:]))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	// A rename would replace another's file.
	err = os.Link(f.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
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
