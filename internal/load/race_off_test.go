//go:build !race

package main

const (
	raced = false
	kills = 50
)
