//go:build race

package acceptance_test

// walkEvery leaves out most walks with the race detector, which makes each ten times as long.
// The run without the detector has all of them. The number is prime, so each kind of fault
// occurs.
const walkEvery = 11
