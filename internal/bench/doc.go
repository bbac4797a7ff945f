// Command bench measures the kit beside the libraries that do the same work, in one run.
//
//	go run ./internal/bench                 # every row; a few minutes
//	go run ./internal/bench -rows signed-in,api -rounds 12
//	go run ./internal/bench -md internal/bench/TABLE.md -svg docs/bench.svg
//
// Contenders of a row take turns, in another order each round; a ratio is that of two times
// of one round, and what is shown is the median of all rounds. So what slows the machine
// down for a while slows all of them.
//
// Times are shown. What must not get worse is how often the kit allocates, which does not
// depend on the machine: the tests of this package fail above the stated numbers.
package main
