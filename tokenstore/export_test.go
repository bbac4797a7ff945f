package tokenstore

import "time"

// AdvanceLeases makes d pass for the leases of m. Subtests of a conformance suite
// cannot run in a synctest bubble, where time.Now could be moved.
func (m *Memory) AdvanceLeases(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		e.leaseUntil = e.leaseUntil.Add(-d)
	}
}
