package testservers

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Postgres starts a PostgreSQL server for the test. It returns the URL of an empty database
// whose superuser needs no password.
func Postgres(t T) (dsn string) {
	t.Helper()
	return NewPostgres(t).URL
}

// NewPostgres is [Postgres] for tests that stop the server. Committed rows survive a stop of the
// server, but not a crash of the machine, because fsync is off.
func NewPostgres(t T) *Server {
	t.Helper()
	bin := postgresBin()
	if bin == "" {
		missing(t, "PostgreSQL", "postgresql")
		return nil
	}
	dir := tempDir(t, "postgres")
	attr, err := unprivileged(dir, syscall.SIGQUIT)
	if err != nil {
		t.Fatalf("testservers: PostgreSQL does not run as root: %v", err)
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.SysProcAttr = attr
		cmd.Dir = dir // the test's own directory may be closed to that user
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C", "TZ=UTC"}
		return cmd
	}
	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "--pgdata="+data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("testservers: initdb: %v\n%s", err, out)
	}
	return begin(t, kind{
		name: "PostgreSQL",
		dir:  data,
		command: func(port string) *exec.Cmd {
			return command("postgres", "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1",
				// Use TCP: a socket's path has a short length limit.
				"-c", "unix_socket_directories=",
				"-c", "fsync=off", "-c", "full_page_writes=off",
				"-c", "max_connections=200")
		},
		ready: "database system is ready to accept connections",
		stop:  syscall.SIGINT,
		url:   "postgres://postgres@%s/postgres?sslmode=disable",
	})
}

// postgresBin returns the directory of the newest PostgreSQL's programs, or "".
// Debian keeps them outside of PATH.
func postgresBin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(release(a), release(b)) }))
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return ""
	}
	return filepath.Dir(path)
}

// release is the number in .../15/bin/initdb.
func release(path string) float64 {
	n, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(filepath.Dir(path))), 64)
	return n
}
