//go:build race

package fleet

// rounds is smaller with the race detector, which makes each round ten times as long. The run
// without the detector has all rounds.
const rounds = 5
