//go:build !race

package xsignin_test

const walkEvery = 1
