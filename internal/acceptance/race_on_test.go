//go:build race

package acceptance_test

// walkEvery leaves out most walks where the race detector makes each ten times as long. The
// run without it has them all. It is prime, so that each kind of fault has its turn.
const walkEvery = 11
