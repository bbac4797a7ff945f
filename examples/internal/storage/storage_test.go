package storage

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

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
			// A store does not show what has expired, and so not whether it is there.
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

// TestASessionWaitsForOthersNoLongerThanItMay: those in the queue of SQLite's writers leave it
// when their time is up, and have written nothing; readers are not in it.
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
