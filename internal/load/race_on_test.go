//go:build race

package main

const (
	raced = true
	// kills are fewer where the race detector makes each several times as long. The run
	// without it has them all.
	kills = 8
)
