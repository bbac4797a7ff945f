// Package e2e tries the examples in Chromium: a process of the example, a browser
// without a window, and what a person would do. It has tests only.
//
// They need Chromium (Debian's package chromium) and axe-core, which checks pages for
// accessibility:
//
//	npm ci --prefix internal/integration/e2e
//	go test ./internal/integration/e2e
//
// What is missing skips the tests that need it, and fails them where
// XSIGNIN_TEST_REQUIRE_ALL is set.
package e2e
