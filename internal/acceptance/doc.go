// Package acceptance holds the tests that use the whole kit through xsignin.Kit: journeys of
// visitors and programs, failures at each step, and attacks. It has no code besides these
// tests. CONTRIBUTING.md says which file tests which package.
package acceptance
