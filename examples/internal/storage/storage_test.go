package storage

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/internal/testservers"
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
	store, err := Open(t.Context(), Place{Kind: InRedis, At: "redis://" + sentinel + "/0?master_name=mymaster", Variable: "REDIS_URL"},
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
	if !strings.Contains(store.Where, "mymaster") {
		t.Error(store.Where)
	}
}
