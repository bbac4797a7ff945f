package main

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

// keysSuffix makes a database file's name that of the file with its keys.
const keysSuffix = ".keys"

const minKey = 32

// keysIn reads the secrets that seal the tokens, newest first, one on a line. Where there
// is no file it makes one: whoever lost theirs is told so when a token does not open.
func keysIn(path string) ([][]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKeys(path); err == nil {
			b, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key file cannot be used: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("others on this machine can read the key file: run chmod 600 %s", path)
	}
	var keys [][]byte
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			keys = append(keys, []byte(line))
		}
		if line != "" && len(line) < minKey {
			return nil, fmt.Errorf("the key file %s holds something shorter than %d bytes: put it back as it was, or delete it and sign in again", path, minKey)
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
