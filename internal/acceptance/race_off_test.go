//go:build !race

package acceptance_test

const walkEvery = 1
