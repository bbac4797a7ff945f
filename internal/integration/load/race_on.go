//go:build race

package main

// raced is whether this was built with the race detector. Then so is the application.
const raceEnabled = true
