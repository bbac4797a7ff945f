// Package testkit is shared by the tests of several packages. It has a Site with the kit, a
// Browser, and stores that can fail. A Watch searches the output for secrets, a FaultPlan makes
// single calls fail, and Adapter is the suite for the adapters of frameworks.
//
// It imports the whole kit. So only external tests (package foo_test) may import it: a package's
// internal tests would create an import cycle.
package testkit
