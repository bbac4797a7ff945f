// Package adding holds a small program before and after a sign-in with X is added to it, for
// each framework. docs/adding-sign-in.md shows the differences; a test keeps the two the
// same and runs the programs.
package adding
