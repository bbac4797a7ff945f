package session

import (
	"context"
	"errors"
	"time"

	"github.com/alexedwards/scs/v2"
)

// load puts the session of a token into ctx, or a new one if there is none or its
// record does not decode. seen is set to what was read.
//
// scs's own Load marks every session as modified when there is an idle timeout, and
// fails where a record does not decode. A copy of the manager, which shares scs's
// key in the context, has no idle timeout and a codec that tells us more.
func (m *Manager) load(ctx context.Context, token string, s *seen) (context.Context, error) {
	if token == "" {
		*s = seen{}
		return m.sm.Load(ctx, "")
	}
	c := &loadCodec{Codec: m.sm.Codec, m: m}
	sm := *m.sm
	sm.IdleTimeout = 0
	sm.Codec = c
	loaded, err := sm.Load(ctx, token)
	*s = c.seen
	if c.seen.unreadable {
		m.logUnreadable(ctx)
		return sm.Load(ctx, "")
	}
	return loaded, err
}

// seen is a record as it was read, and when its use was last recorded.
type seen struct {
	raw        []byte
	touched    time.Time
	unreadable bool
}

// loadCodec notes what a record says besides its values.
type loadCodec struct {
	scs.Codec
	m    *Manager
	seen seen
}

func (c *loadCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	deadline, values, err := c.Codec.Decode(b)
	if err != nil {
		c.seen.unreadable = true
		return time.Time{}, nil, err
	}
	if values == nil {
		// scs would panic on the first Put.
		values = make(map[string]any)
	}
	c.seen = seen{raw: b, touched: c.m.touchedTime(b, values)}
	return deadline, values, nil
}

// save writes the session that ctx holds. It returns an empty token if the session
// has ended meanwhile: then there is nothing to tell the browser, which has a newer
// cookie or none.
func (m *Manager) save(ctx context.Context) (token string, expiry time.Time, err error) {
	if !m.own && m.sm.IdleTimeout > 0 {
		m.putIdentity(ctx, m.identityIn(ctx))
	}
	token, expiry, err = m.sm.Commit(reportEnded(ctx))
	if errors.Is(err, errEnded) {
		return "", time.Time{}, nil
	}
	return token, expiry, err
}
