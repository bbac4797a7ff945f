// Package e2e tries the examples and the kit's pages in browsers, as people do: Chromium,
// Firefox, and for the main ways WebKit. It has tests only.
//
// They need Debian's packages chromium, firefox-esr, webkit2gtk-driver and xvfb, and axe-core,
// which checks pages for accessibility:
//
//	npm ci --prefix internal/integration/e2e
//	go test ./internal/integration/e2e
//
// What is missing skips the tests that need it, and fails them where
// XSIGNIN_TEST_REQUIRE_ALL is set.
package e2e
