// Package keyfile keeps the secrets of an example in a file beside its database, for one user of
// one machine.
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
	// Suffix is added to a database file's name to get the name of its key file.
	Suffix = ".keys"
	// Min is the minimum length of a secret in bytes.
	Min = 32
)

// Read reads the secrets in a file, newest first, one on each line. If there is no file, it
// creates one with a new secret. A user who has lost the file learns of it when a token does not
// open.
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
			return nil, false, fmt.Errorf("the key file %s has a key shorter than %d bytes: restore the file, or delete it and sign in again", path, Min)
		}
	}
	if len(keys) == 0 {
		return nil, false, fmt.Errorf("the key file %s is empty: restore it, or delete it and sign in again", path)
	}
	return keys, made, nil
}

// Open reports whether other users of this machine can read the file.
func Open(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows"
}

// write writes a new secret, all or nothing. If another process has created the file meanwhile,
// write does not change that file.
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
	// A rename would replace another process's file.
	err = os.Link(f.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
