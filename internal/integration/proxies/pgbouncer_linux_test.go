package proxies

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/xsignin/xsignin/internal/testservers"
)

// TestBehindPgBouncer runs the kit on a PostgreSQL behind PgBouncer in transaction mode.
func TestBehindPgBouncer(t *testing.T) {
	bin := program(t, "pgbouncer", "pgbouncer")
	server := testservers.NewPostgres(t)
	prepareRole(t, server.URL)
	port := freePorts(t, 1)[0]
	startPgBouncer(t, bin, server.Addr, port)
	plain := "postgres://app:secret@127.0.0.1:" + port + "/app?sslmode=disable"
	address := plain + "&default_query_exec_mode=exec"
	if err := makeTables(t.Context(), address); err != nil {
		t.Fatal(err)
	}

	t.Run("many journeys at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 3 {
					if err := storeJourney(t, address, userID(i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
	t.Run("the role's statement_timeout counts", func(t *testing.T) {
		if got := ask(t, address); got != "5s" {
			t.Errorf("statement_timeout is %s", got)
		}
	})
	// The page's warnings are still true.
	t.Run("settings in the address are refused", func(t *testing.T) {
		for _, setting := range []string{"statement_timeout=5000", "search_path=app"} {
			_, err := pgx.Connect(t.Context(), address+"&"+setting)
			if err == nil || !strings.Contains(err.Error(), "unsupported startup parameter") {
				t.Errorf("%s: %v", setting, err)
			}
		}
	})
	t.Run("prepared statements fail", func(t *testing.T) {
		said, err := exec.Command(bin, "--version").Output()
		if minor, _, _ := strings.Cut(strings.TrimPrefix(string(said), "PgBouncer 1."), "."); err != nil || !older(minor, 21) {
			t.Logf("newer versions may prepare them again: %s", said)
			return
		}
		for range 2 {
			c, connectErr := pgx.Connect(t.Context(), plain)
			if connectErr != nil {
				t.Fatal(connectErr)
			}
			defer func() { _ = c.Close(context.Background()) }()
			var n int
			if queryErr := c.QueryRow(t.Context(), "SELECT $1::int", 1).Scan(&n); queryErr != nil {
				err = queryErr
			}
		}
		if err == nil {
			t.Error("they work: docs/deployment.md need not warn of this version")
		}
	})
}

// older reports whether a version is below another one.
func older(version string, than int) bool {
	n, err := strconv.Atoi(version)
	return err == nil && n < than
}

// ask returns the statement_timeout of a connection.
func ask(t *testing.T, address string) (timeout string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if err := c.QueryRow(t.Context(), "SHOW statement_timeout").Scan(&timeout); err != nil {
		t.Fatal(err)
	}
	return timeout
}

// prepareRole creates the application's role and database.
func prepareRole(t *testing.T, admin string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	for _, statement := range []string{
		"CREATE ROLE app LOGIN PASSWORD 'secret'", "ALTER ROLE app SET statement_timeout = 5000", "CREATE DATABASE app OWNER app",
	} {
		if _, err := c.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// startPgBouncer starts PgBouncer, which refuses to run as root.
func startPgBouncer(t *testing.T, bin, server, port string) {
	t.Helper()
	// The testing package's own directories are closed to other users.
	dir, err := os.MkdirTemp("", "xsignin-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "deploy", "pgbouncer.ini"))
	if err != nil {
		t.Fatal(err)
	}
	_, serverPort, _ := strings.Cut(server, ":")
	text := string(b)
	for _, pair := range [][2]string{
		{"port=5432", "port=" + serverPort}, {"listen_port = 6432", "listen_port = " + port},
		{"/etc/pgbouncer/userlist.txt", filepath.Join(dir, "userlist.txt")},
		{"listen_addr = 127.0.0.1", "listen_addr = 127.0.0.1\nunix_socket_dir ="},
	} {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("pgbouncer.ini does not contain %q", pair[0])
		}
		text = strings.Replace(text, pair[0], pair[1], 1)
	}
	config := filepath.Join(dir, "pgbouncer.ini")
	for file, content := range map[string]string{config: text, filepath.Join(dir, "userlist.txt"): `"app" "secret"` + "\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(bin, config)
	cmd.Dir = dir
	cmd.SysProcAttr = testservers.Tied(syscall.SIGTERM)
	if os.Geteuid() == 0 {
		giveTo(t, cmd.SysProcAttr, dir, config, filepath.Join(dir, "userlist.txt"))
	}
	begin(t, cmd).awaitPort("127.0.0.1:" + port)
}

// giveTo makes a process run as a user without rights, who owns the files.
func giveTo(t *testing.T, attr *syscall.SysProcAttr, files ...string) {
	t.Helper()
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(nobody.Gid)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := os.Chown(file, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
