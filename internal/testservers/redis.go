package testservers

import (
	"os/exec"
	"syscall"
)

// Redis starts a Redis server for the test, or a Valkey where there is no Redis, and
// returns its address, host and port. It is empty and asks for no password.
func Redis(t T) (addr string) {
	t.Helper()
	return NewRedis(t).Addr
}

// NewRedis is [Redis] for tests that stop the server. It writes an append-only file,
// so that what it acknowledged is there after a restart.
func NewRedis(t T) *Server {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		bin, err = exec.LookPath("valkey-server")
	}
	if err != nil {
		missing(t, "Redis", "redis-server")
		return nil
	}
	dir := tempDir(t, "redis")
	return begin(t, kind{
		name: "Redis",
		command: func(port string) *exec.Cmd {
			cmd := exec.Command(bin, "--bind", "127.0.0.1", "--port", port, "--dir", dir,
				"--daemonize", "no", "--save", "", "--appendonly", "yes")
			cmd.SysProcAttr = tied(syscall.SIGKILL)
			return cmd
		},
		ready: "eady to accept connections", // Redis 7 writes a capital where 6 did not
		stop:  syscall.SIGTERM,
		url:   "redis://%s",
	})
}
