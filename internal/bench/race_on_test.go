//go:build race

package main

// counting is whether allocations can be counted: the race detector adds its own.
const counting = false
