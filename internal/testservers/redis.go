package testservers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Redis starts a Redis server for the test, or Valkey if there is no Redis. It returns the
// server's address, host and port. The server is empty and needs no password.
func Redis(t T) (addr string) {
	t.Helper()
	return NewRedis(t).Addr
}

// NewRedis is [Redis] for tests that stop the server. The server writes an append-only file, so
// acknowledged writes survive a restart.
func NewRedis(t T) *Server {
	t.Helper()
	return beginRedis(t, "eady to accept connections", nil) // Redis 7 writes a capital letter, Redis 6 does not
}

// NewRedisCluster is [NewRedis] for a cluster with one server. That server has all slots, and
// refuses commands that use several slots, like any cluster. It needs Redis 7, and two seconds
// to start.
func NewRedisCluster(t T) *Server {
	t.Helper()
	return beginRedis(t, "Cluster state changed: ok", func(dir, port string) []string {
		// The default port of the cluster bus is higher by 10000, and may not exist.
		bus := FreePort(t)
		nodes := fmt.Sprintf("%s 127.0.0.1:%s@%s myself,master - 0 0 1 connected 0-16383\nvars currentEpoch 1 lastVoteEpoch 0\n",
			strings.Repeat("1", 40), port, bus)
		if err := os.WriteFile(filepath.Join(dir, "nodes.conf"), []byte(nodes), 0o600); err != nil {
			t.Fatalf("testservers: %v", err)
		}
		return []string{"--cluster-enabled", "yes", "--cluster-port", bus}
	})
}

// NewRedisTLS is [NewRedis] for a server that speaks TLS only. Its certificate is self-signed, so
// that no machine trusts it. roots is a directory that has the certificate in fullchain.pem.
func NewRedisTLS(t T) (s *Server, roots string) {
	t.Helper()
	roots = tempDir(t, "roots")
	Certificate(t, roots)
	s = beginRedis(t, "eady to accept connections", func(_, port string) []string {
		return []string{"--port", "0", "--tls-port", port, "--tls-auth-clients", "no",
			"--tls-cert-file", filepath.Join(roots, "fullchain.pem"), "--tls-key-file", filepath.Join(roots, "privkey.pem")}
	})
	s.URL = "rediss://" + s.Addr
	return s, roots
}

// RedisSentinel starts a Sentinel that knows the master by a name, and returns its address.
func RedisSentinel(t T, master *Server, name string) (addr string) {
	t.Helper()
	bin := redisBin(t)
	_, port, err := net.SplitHostPort(master.Addr)
	if err != nil {
		t.Fatalf("testservers: %v", err)
	}
	dir := tempDir(t, "sentinel")
	return begin(t, kind{
		name: "Sentinel",
		dir:  dir,
		command: func(own string) *exec.Cmd {
			conf := filepath.Join(dir, "sentinel.conf")
			text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsentinel monitor %s 127.0.0.1 %s 1\n", own, dir, name, port)
			if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
				t.Fatalf("testservers: %v", err)
			}
			cmd := exec.Command(bin, conf, "--sentinel")
			cmd.SysProcAttr = Tied(syscall.SIGKILL)
			return cmd
		},
		ready: "+monitor master",
		stop:  syscall.SIGTERM,
		url:   "redis://%s",
	}).Addr
}

// beginRedis starts a server with more arguments, which may be nil.
func beginRedis(t T, ready string, more func(dir, port string) []string) *Server {
	t.Helper()
	bin := redisBin(t)
	dir := tempDir(t, "redis")
	return begin(t, kind{
		name: "Redis",
		dir:  dir,
		command: func(port string) *exec.Cmd {
			args := []string{"--bind", "127.0.0.1", "--port", port, "--dir", dir,
				"--daemonize", "no", "--save", "", "--appendonly", "yes"}
			if more != nil {
				args = append(args, more(dir, port)...)
			}
			cmd := exec.Command(bin, args...)
			cmd.SysProcAttr = Tied(syscall.SIGKILL)
			return cmd
		},
		ready: ready,
		stop:  syscall.SIGTERM,
		url:   "redis://%s",
	})
}

// redisBin returns the path of Redis or Valkey, or ends the test.
func redisBin(t T) string {
	t.Helper()
	for _, name := range []string{"redis-server", "valkey-server"} {
		if bin, err := exec.LookPath(name); err == nil {
			return bin
		}
	}
	missing(t, "Redis", "redis-server")
	return ""
}
