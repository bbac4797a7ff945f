// Package e2e tests the examples and the kit's pages in browsers: Chromium, Firefox, and for the
// main flows WebKit and the text browser Lynx. It has tests only.
//
// The tests need Debian's packages chromium, firefox-esr, lynx, webkit2gtk-driver and xvfb, and
// axe-core, which checks pages for accessibility:
//
//	npm ci --prefix internal/integration/e2e
//	go test ./internal/integration/e2e
//
// Tests skip if a program that they need is missing. If XSIGNIN_TEST_REQUIRE_ALL is set, they
// fail.
package e2e
