package tokenstore

import "time"

// AdvanceLeases moves the clock of a memory's leases by d. Subtests of a conformance suite
// cannot run in a synctest bubble, where time.Now could be moved.
func AdvanceLeases(s Store, d time.Duration) {
	m := s.(*memory)
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, e := range m.entries {
		e.until = e.until.Add(-d)
		m.entries[key] = e
	}
}
