// Package clients tests that widely used clients of X work with the local X: libraries of Node
// and Python, goth's two providers, and gologin's handlers. They are unchanged, and call X's own
// hosts; node/hook.cjs and python/sitecustomize.py lead their connections to the test. Each
// signs in, and also posts, refreshes and revokes if the library can.
//
// npm ci in this directory installs the libraries of Node; those of Python are Debian's. A
// test skips where they are missing, and fails instead if XSIGNIN_TEST_REQUIRE_ALL or CI is
// set. arctic's revocation is left out: it sends no token_type_hint, which X refuses too.
package clients
