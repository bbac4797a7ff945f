// Package proxies runs the configurations in docs/deploy: nginx, HAProxy, Caddy, Apache and
// PgBouncer as packaged by Debian, and the Redis user. The tests change ports, paths, the user
// of the process and one timeout. The package has tests only.
//
// Behind a proxy run replicas of an application. They are processes of the test's own binary,
// which share Redis or PostgreSQL. A test skips if a program is missing, and fails if
// XSIGNIN_TEST_REQUIRE_ALL is set or CI is true. Everything listens on 127.0.0.1 and ends with
// the test. The go command does not notice changes of the files, so run it with -count=1.
package proxies
