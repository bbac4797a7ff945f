//go:build race

package main

// raceEnabled reports whether this program, and the application, use the race detector.
const raceEnabled = true
