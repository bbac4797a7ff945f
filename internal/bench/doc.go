// Package bench compares the kit with libraries that do the same work. It has tests only.
//
// The benchmarks measure time. The script compare runs them and prints the comparison, and
// README.md has the figures. The tests in gate_test.go limit the allocations, which do not
// depend on the machine.
package bench
