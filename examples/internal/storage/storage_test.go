package storage

import (
	"bufio"
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

func TestExpiredSessionsGo(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (store *Storage, driver, source string, err error){
		"SQLite": func(t *testing.T) (*Storage, string, string, error) {
			path := filepath.Join(t.TempDir(), "a #b?%20.db")
			store, err := openSQLite(t.Context(), path)
			return store, "sqlite", sqliteSource(path), err
		},
		"PostgreSQL": func(t *testing.T) (*Storage, string, string, error) {
			at := testservers.Postgres(t)
			store, err := openPostgres(t.Context(), at)
			return store, "pgx", at, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, driver, source, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			db, err := sql.Open(driver, source)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for token, expiry := range map[string]time.Duration{"fresh": time.Hour, "old": -time.Hour} {
				if err := store.Sessions.Commit(token, []byte("data of "+token), time.Now().Add(expiry)); err != nil {
					t.Fatal(err)
				}
			}
			if b, found, err := store.Sessions.Find("fresh"); string(b) != "data of fresh" || !found || err != nil {
				t.Errorf("%q %v %v", b, found, err)
			}
			if err := store.sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			// A store does not show expired sessions, so this reads the table.
			var n int
			if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sessions").Scan(&n); n != 1 || err != nil {
				t.Errorf("%d sessions are stored, not 1: %v", n, err)
			}
			if _, found, err := store.Sessions.Find("fresh"); !found || err != nil {
				t.Errorf("%v %v", found, err)
			}
		})
	}
}

// TestASessionWaitsForOthersNoLongerThanItMay: writers in the queue for SQLite leave it when
// their time is up, and have written nothing. Readers do not wait in the queue.
func TestASessionWaitsForOthersNoLongerThanItMay(t *testing.T) {
	store, err := openSQLite(t.Context(), filepath.Join(t.TempDir(), "sessions.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	sessions := store.Sessions.(sqliteSessionStore)
	expiry := time.Now().Add(time.Hour)
	if err := sessions.CommitCtx(t.Context(), "kept", []byte("data"), expiry); err != nil {
		t.Fatal(err)
	}
	sessions.turn <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := sessions.DeleteCtx(ctx, "kept"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deleting while another writes: %v", err)
	}
	if b, found, err := sessions.FindCtx(t.Context(), "kept"); string(b) != "data" || !found || err != nil {
		t.Errorf("%q %v %v", b, found, err)
	}
	<-sessions.turn
	if err := sessions.Delete("kept"); err != nil {
		t.Fatal(err)
	}
	if _, found, err := sessions.Find("kept"); found || err != nil {
		t.Errorf("%v %v", found, err)
	}
}

// notices sends each line of a log to a channel.
type notices chan string

func (n notices) Write(b []byte) (int, error) {
	n <- string(b)
	return len(b), nil
}

func TestADatabaseThatComesUpLater(t *testing.T) {
	server := testservers.NewRedis(t)
	server.Stop()
	lines := make(notices, 1000)
	opened := make(chan error, 1)
	go func() {
		store, err := Open(t.Context(), Place{Kind: InRedis, At: server.URL, Variable: "REDIS_URL"},
			[]string{strings.Repeat("k", 32)}, slog.New(slog.NewTextHandler(lines, nil)))
		if err == nil {
			err = store.Close()
		}
		opened <- err
	}()
	if line := <-lines; !strings.Contains(line, "not up yet") || !strings.Contains(line, "REDIS_URL") {
		t.Error(line)
	}
	server.Start()
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	lines := make(notices, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	opened := make(chan error, 1)
	go func() {
		_, err := Open(ctx, Place{Kind: InRedis, At: "redis://127.0.0.1:1", Variable: "REDIS_URL", Wait: time.Hour},
			nil, slog.New(slog.NewTextHandler(lines, nil)))
		opened <- err
	}()
	<-lines
	cancel()
	if err := <-opened; err == nil {
		t.Error("there is no such Redis")
	}
}

func TestRedisSentinel(t *testing.T) {
	server := testservers.NewRedis(t)
	sentinel := testservers.RedisSentinel(t, server, "mymaster")
	if where := keepsASession(t, "redis://"+sentinel+"/0?master_name=mymaster"); !strings.Contains(where, "mymaster") {
		t.Error(where)
	}
	if where := keepsASession(t, server.URL+"/1"); where != "Redis, database 1 on "+server.Addr {
		t.Error(where)
	}
	// After a failover the old primary server may be a replica.
	admin := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer admin.Close()
	if err := admin.SlaveOf(t.Context(), "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Place{Kind: InRedis, At: server.URL, Wait: time.Nanosecond}, nil, slog.New(slog.DiscardHandler))
	if err == nil || !notUp(err) || !strings.Contains(err.Error(), "Name the primary server") {
		t.Error(err)
	}
}

// trusting is the variable with the address of the Redis, in a process that trusts its
// certificate.
const trusting = "XSIGNIN_STORAGE_TRUSTING"

// TestRedisByTLS: the machine does not trust the certificate of the server, unless SSL_CERT_DIR
// names it. A process reads that variable once, so the test starts another process with it.
func TestRedisByTLS(t *testing.T) {
	if at := os.Getenv(trusting); at != "" {
		keepsASession(t, at)
		return
	}
	server, roots := testservers.NewRedisTLS(t)
	_, err := Open(t.Context(), Place{Kind: InRedis, At: server.URL, Wait: time.Hour}, nil, slog.New(slog.DiscardHandler))
	if !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("an unknown authority: %v", err)
	}
	_, err = Open(t.Context(), Place{Kind: InRedis, At: "redis://" + server.Addr, Wait: time.Nanosecond}, nil, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "rediss://") {
		t.Errorf("without TLS: %v", err)
	}
	if runtime.GOOS != "linux" {
		return // Windows and macOS do not read SSL_CERT_DIR
	}
	other := exec.Command(os.Args[0], "-test.run=^TestRedisByTLS$")
	other.Env = append(os.Environ(), trusting+"="+server.URL, "SSL_CERT_DIR="+roots)
	if out, err := other.CombinedOutput(); err != nil {
		t.Errorf("with SSL_CERT_DIR: %v\n%s", err, out)
	}
}

// TestAServerOfACluster: the stores would fail for most visitors, and so Open refuses it.
func TestAServerOfACluster(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					if !strings.HasPrefix(lines.Text(), "*") {
						continue
					}
					lines.Scan() // the length of the command's name
					lines.Scan()
					answer := "-ERR unknown command"
					switch strings.ToLower(lines.Text()) {
					case "ping":
						answer = "+PONG"
					case "set":
						answer = "-MOVED 1 127.0.0.1:1"
					}
					_, _ = fmt.Fprintf(c, "%s\r\n", answer)
				}
			}()
		}
	}()
	_, err = Open(t.Context(), Place{Kind: InRedis, At: "redis://" + l.Addr().String(), Variable: "REDIS_URL", Wait: time.Hour},
		nil, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "REDIS_URL") || !strings.Contains(err.Error(), "one server of a cluster") {
		t.Error(err)
	}
}

// TestARoleWithFewRights: the owner has created the tables, in a schema of their own. The role of
// the application may not create any.
func TestARoleWithFewRights(t *testing.T) {
	server := testservers.NewPostgres(t)
	admin, err := sql.Open("pgx", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	schema, err := sqlstore.Schema(sqlstore.PostgreSQL, "")
	if err != nil {
		t.Fatal(err)
	}
	statements := append([]string{"CREATE SCHEMA app", "SET search_path TO app", postgresSessions}, schema...)
	statements = append(statements, "CREATE ROLE app LOGIN", "GRANT USAGE ON SCHEMA app TO app",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, xsignin_tokens TO app", "GRANT SELECT ON xsignin_schema TO app")
	if _, err := admin.ExecContext(t.Context(), strings.Join(statements, ";\n")); err != nil {
		t.Fatal(err)
	}
	at := strings.Replace(server.URL, "postgres@", "app@", 1) + "&search_path=app"
	store, err := Open(t.Context(), Place{Kind: InPostgres, At: at, Variable: "DATABASE_URL"}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Sessions.Commit("token", []byte("data"), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	key := tokenstore.Key{Provider: "x", UserID: "1", AccountID: "2"}
	v, err := store.Tokens.Put(t.Context(), key, []byte("value"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Tokens.Lease(t.Context(), key, v, time.Minute); err != nil {
		t.Error(err)
	}
	if err := errors.Join(store.sweep(t.Context()), store.Tokens.Delete(t.Context(), key, v)); err != nil {
		t.Error(err)
	}
	// A standby is read-only.
	if _, err := admin.ExecContext(t.Context(), "ALTER ROLE app SET default_transaction_read_only = on"); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Place{Kind: InPostgres, At: at, Wait: time.Nanosecond}, nil, slog.New(slog.DiscardHandler))
	if err == nil || !notUp(err) || !strings.Contains(err.Error(), "target_session_attrs=read-write") {
		t.Error(err)
	}
}

// keepsASession opens a Redis, stores a session there, and says where that is.
func keepsASession(t *testing.T, at string) (where string) {
	t.Helper()
	store, err := Open(t.Context(), Place{Kind: InRedis, At: at, Variable: "REDIS_URL"},
		[]string{strings.Repeat("k", 32)}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	sessions := store.Sessions.(scs.CtxStore)
	if err := sessions.CommitCtx(t.Context(), "token", []byte("data"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if b, found, err := sessions.FindCtx(t.Context(), "token"); string(b) != "data" || !found || err != nil {
		t.Errorf("%q %v %v", b, found, err)
	}
	return store.Where
}
