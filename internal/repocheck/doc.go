// Package repocheck tests the repository itself: which package may import which, the licences of
// the modules, and what the documents say about the code. It has only tests.
package repocheck
