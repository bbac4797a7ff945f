//go:build !race

package fleet

const rounds = 50
