//go:build race

package main

// raced reports whether this program and the application use the race detector.
const raced = true
