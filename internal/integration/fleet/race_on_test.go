//go:build race

package fleet

// rounds is less where the race detector makes each ten times as long. The run without
// it has them all.
const rounds = 5
