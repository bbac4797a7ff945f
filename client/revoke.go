package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/tokenstore"
)

// Revoke ends the application's hold on the user's account: the token is deleted
// here and revoked at the provider. A key without a token is not an error.
//
// It takes the token out of the store first, in one step that a refresh under way
// cannot survive, here or in another process: that refresh's result is revoked as
// well. Then it asks the provider, for at most two seconds and whatever comes of
// it; see [event.RevokeFailed]. A process that dies between leaves a token that
// lives at X, but that nobody has.
//
// Its error means that the token may still be stored; the provider was asked all
// the same if the token was known. Once begun, Revoke does not stop when ctx ends.
func (p *Manager) Revoke(ctx context.Context, key tokenstore.Key) error {
	if p.closed.Load() {
		return ErrClosed
	}
	ctx = context.WithoutCancel(ctx)
	var tokens []tokenstore.Token
	if s := p.users.find(key); s != nil {
		known := s.cur.Load()
		s.drop()
		// A request in between may have read the entry again.
		defer s.drop()
		if u := s.abandon(); u != nil {
			tokens = append(tokens, u.token)
		} else if known != nil && known.again == nil {
			tokens = append(tokens, known.token)
		}
	}
	stored, unread, err := p.take(ctx, key)
	if stored.AccessToken != "" && (len(tokens) == 0 || tokens[0].AccessToken != stored.AccessToken) {
		tokens = append(tokens, stored)
	}
	end, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	for _, t := range tokens {
		_ = p.revokeAt(end, key, t)
	}
	if unread != nil && len(tokens) == 0 {
		p.tell(ctx, event.RevokeFailed, key, 0, &storeTrouble{unread})
	}
	if err != nil {
		return fmt.Errorf("client: the token was not deleted: %w", unavailable(err))
	}
	return nil
}

// tombstone stands in an entry between the taking of its token and its removal.
// Having no ObtainedAt, it is not the mark of a refusal that settle may overwrite.
var tombstone = tokenstore.Token{NeedsReauth: true}

// take removes the entry and returns the token that was in it when it went: with
// Get and Delete alone, a refresh could store another token in between, which
// would be deleted and never revoked. unread is why the token is not known, err why
// it may still be there.
func (p *Manager) take(ctx context.Context, key tokenstore.Key) (t tokenstore.Token, unread, err error) {
	var v tokenstore.Version
	for range 5 {
		t, v, err = p.get(ctx, key)
		unread = err
		if err != nil || t.NeedsReauth {
			break
		}
		var taken tokenstore.Version
		call(ctx, p.storeTimeout(), func(ctx context.Context) { taken, err = p.vault.Replace(ctx, key, v, tombstone) })
		if err == nil {
			v = taken
		}
		if !errors.Is(err, tokenstore.ErrConflict) {
			break
		}
	}
	if errors.Is(err, tokenstore.ErrConflict) {
		// Whatever is there now, it has to go.
		t, v, err = p.get(ctx, key)
		unread = err
	}
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return tokenstore.Token{}, nil, nil
	case v == "":
		return t, unread, err
	}
	call(ctx, p.storeTimeout(), func(ctx context.Context) { err = p.vault.Delete(ctx, key, v) })
	return t, unread, err
}

// get reads the store on behalf of a caller that waits.
func (p *Manager) get(ctx context.Context, key tokenstore.Key) (tokenstore.Token, tokenstore.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, p.storeTimeout())
	defer cancel()
	return p.vault.Get(ctx, key)
}

// put writes to the store on behalf of a caller that waits.
func (p *Manager) put(ctx context.Context, key tokenstore.Key, t tokenstore.Token) error {
	ctx, cancel := context.WithTimeout(ctx, p.storeTimeout())
	defer cancel()
	_, err := p.vault.Put(ctx, key, t)
	return err
}

func call(ctx context.Context, d time.Duration, f func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	f(ctx)
}

// abandon stops the saving of a token, and returns it if there was one.
func (s *slot) abandon() *unsaved {
	s.mu.Lock()
	u := s.unsaved
	s.mu.Unlock()
	if u == nil {
		return nil
	}
	u.lock()
	defer u.unlock()
	if u.how != unsettled {
		return nil
	}
	u.how = lost
	s.mu.Lock()
	s.unsaved = nil
	s.mu.Unlock()
	return u
}
