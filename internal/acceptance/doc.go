// Package acceptance tests the whole kit through xsignin.Kit: sign-ins of visitors and programs,
// failures at each step, and attacks. It has only tests. CONTRIBUTING.md says which file tests
// which package.
package acceptance
