// Package adding holds a small program for each framework, before and after a sign-in with X is
// added. docs/adding-sign-in.md shows the differences. A test compares the page with the
// programs, and runs them.
package adding
