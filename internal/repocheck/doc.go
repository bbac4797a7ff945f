// Package repocheck holds the tests of the repository itself: which package may import which,
// the licences of the modules, and what the documents say about the code. It has no code
// besides these tests.
package repocheck
