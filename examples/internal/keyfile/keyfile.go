// Package keyfile keeps the secrets of an example in a file beside its database, for one user
// of one machine.
package keyfile

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	// Suffix makes a database file's name that of the file with its keys.
	Suffix = ".keys"
	// Min is how many bytes a secret has at least.
	Min = 32
)

// Read reads the secrets in a file, newest first, one on a line. Where there is no file it
// makes one with a new secret: whoever lost theirs is told so when a token does not open.
func Read(path string) (keys []string, made bool, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = write(path); err == nil {
			made = true
			b, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, false, fmt.Errorf("the key file cannot be used: %w", err)
	}
	keys = strings.Fields(string(b))
	for _, key := range keys {
		if len(key) < Min {
			return nil, false, fmt.Errorf("the key file %s holds something shorter than %d bytes: put it back as it was, or delete it and sign in again", path, Min)
		}
	}
	if len(keys) == 0 {
		return nil, false, fmt.Errorf("the key file %s is empty: put it back as it was, or delete it and sign in again", path)
	}
	return keys, made, nil
}

// Open reports whether others on this machine can read the file.
func Open(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows"
}

// write writes a new secret, whole or not at all, and leaves a file alone that another
// process has made meanwhile.
func write(path string) error {
	var secret [Min]byte
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
