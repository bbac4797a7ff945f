package session

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// spentTime is how long a spent handle is remembered: as long as its cookie can
	// be young enough, counted from when it was spent.
	spentTime = PendingLifetime + pendingSkew
	// maxSpent bounds the memory for them: about 100 sign-ins a second, all the
	// time, and a few megabytes.
	maxSpent = 1 << 16
)

// spent remembers the handles that this process has taken.
type replayGuard struct {
	mu    sync.Mutex // guards what follows
	known map[[sha256.Size]byte]struct{}
	// order holds known's keys, oldest first.
	order []spentHandle
	max   int
}

type spentHandle struct {
	sum   [sha256.Size]byte
	until time.Time
}

func newSpent(max int) *replayGuard {
	return &replayGuard{known: make(map[[sha256.Size]byte]struct{}), max: max}
}

// add reports whether handle was not spent before. Of several callers with one
// handle exactly one gets true.
func (s *replayGuard) add(handle string, now time.Time) bool {
	sum := hashToken(handle)
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.order) > 0 && now.After(s.order[0].until) {
		s.drop()
	}
	if _, ok := s.known[sum]; ok {
		return false
	}
	if len(s.known) >= s.max {
		s.drop()
	}
	s.known[sum] = struct{}{}
	s.order = append(s.order, spentHandle{sum, now.Add(spentTime)})
	return true
}

func (s *replayGuard) drop() {
	delete(s.known, s.order[0].sum)
	s.order = s.order[1:]
}
