package xtest

import (
	"sync"
	"time"
)

// clock has a lock apart from X.mu, so that Now can be called while X.mu is held.
type clock struct {
	mu     sync.Mutex
	base   func() time.Time
	offset time.Duration
}

// Advance moves the clock of this X on by d, or back when d is negative. It touches no other clock.
func (x *X) Advance(d time.Duration) {
	x.clock.mu.Lock()
	defer x.clock.mu.Unlock()
	x.clock.offset += d
}

// SetNow stops the clock of this X at t. From then on only SetNow and [X.Advance] move it.
func (x *X) SetNow(t time.Time) {
	x.clock.mu.Lock()
	defer x.clock.mu.Unlock()
	x.clock.base, x.clock.offset = func() time.Time { return t }, 0
}

// Now is the present moment of this X's clock.
func (x *X) Now() time.Time {
	x.clock.mu.Lock()
	defer x.clock.mu.Unlock()
	return x.clock.base().Add(x.clock.offset)
}
