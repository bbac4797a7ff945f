package tokenstore

import "time"

// AdvanceLeases moves the clock of m's leases by d. Subtests of a conformance suite cannot
// run in a synctest bubble, where time.Now could be moved.
func (m *Memory) AdvanceLeases(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		e.leaseUntil = e.leaseUntil.Add(-d)
	}
}
