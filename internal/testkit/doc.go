// Package testkit is what the tests of several packages share: a Site with the kit, a Browser,
// stores that can fail, a Watch that looks for secrets in the output, a FaultPlan that makes
// single calls fail, and the Adapter suite for the adapters of frameworks.
//
// It imports the whole kit. So only external tests (package foo_test) may import it: a
// package's internal tests would make a cycle.
package testkit
