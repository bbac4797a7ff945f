package testkit

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin/tokenstore"
)

// TokenStore is a token store that can fail, and whose content tests can read.
type TokenStore struct {
	tokenstore.Store
	mu   sync.Mutex
	held map[tokenstore.Key][]byte
	// fail is the error of every call; nil for none.
	fail error
	gets int
}

func (s *TokenStore) failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail
}

// SetFail makes every later call fail with err; nil ends that.
func (s *TokenStore) SetFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// Value returns the stored value of key.
func (s *TokenStore) Value(key tokenstore.Key) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[key]
}

// Reads returns the number of reads of the store.
func (s *TokenStore) Reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets
}

// Keys returns the keys of the tokens.
func (s *TokenStore) Keys() []tokenstore.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []tokenstore.Key
	for k := range s.held {
		if !strings.HasPrefix(k.Provider, ".") {
			keys = append(keys, k)
		}
	}
	return keys
}

// Get implements tokenstore.Store.
func (s *TokenStore) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Entry, error) {
	s.mu.Lock()
	s.gets++
	s.mu.Unlock()
	if err := s.failing(); err != nil {
		return tokenstore.Entry{}, err
	}
	return s.Store.Get(ctx, key)
}

// Put implements tokenstore.Store.
func (s *TokenStore) Put(ctx context.Context, key tokenstore.Key, value []byte) (tokenstore.Version, error) {
	if err := s.failing(); err != nil {
		return "", err
	}
	return s.hold(key, value)(s.Store.Put(ctx, key, value))
}

// hold records what a write without an error has stored.
func (s *TokenStore) hold(key tokenstore.Key, value []byte) func(tokenstore.Version, error) (tokenstore.Version, error) {
	return func(v tokenstore.Version, err error) (tokenstore.Version, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err == nil {
			s.held[key] = bytes.Clone(value)
		}
		return v, err
	}
}

// Replace implements tokenstore.Store.
func (s *TokenStore) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	if err := s.failing(); err != nil {
		return "", err
	}
	return s.hold(key, value)(s.Store.Replace(ctx, key, v, value))
}

// List implements tokenstore.Store.
func (s *TokenStore) List(ctx context.Context, userID string) ([]tokenstore.Key, error) {
	if err := s.failing(); err != nil {
		return nil, err
	}
	return s.Store.List(ctx, userID)
}

// Delete implements tokenstore.Store.
func (s *TokenStore) Delete(ctx context.Context, key tokenstore.Key, v tokenstore.Version) error {
	if err := s.failing(); err != nil {
		return err
	}
	err := s.Store.Delete(ctx, key, v)
	if err == nil {
		s.mu.Lock()
		delete(s.held, key)
		s.mu.Unlock()
	}
	return err
}

// SessionStore is a session store that can fail.
type SessionStore struct {
	*memstore.MemStore
	mu   sync.Mutex
	fail error
}

func (s *SessionStore) failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail
}

// SetFail makes every later call fail with err; nil ends that.
func (s *SessionStore) SetFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// Find implements scs.Store.
func (s *SessionStore) Find(token string) ([]byte, bool, error) {
	if err := s.failing(); err != nil {
		return nil, false, err
	}
	return s.MemStore.Find(token)
}

// Commit implements scs.Store.
func (s *SessionStore) Commit(token string, b []byte, expiry time.Time) error {
	if err := s.failing(); err != nil {
		return err
	}
	return s.MemStore.Commit(token, b, expiry)
}

// Delete implements scs.Store.
func (s *SessionStore) Delete(token string) error {
	if err := s.failing(); err != nil {
		return err
	}
	return s.MemStore.Delete(token)
}
