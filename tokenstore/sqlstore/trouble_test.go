package sqlstore_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

func TestACallThatWaitsForALockEndsWithItsContext(t *testing.T) {
	d := sqlite(t)
	s := d.open(t, "")
	put(t, s, "before")
	unlock := d.lock(t)
	began := time.Now()
	_, err := s.Put(soon(t, 50*time.Millisecond), key(), []byte("value"))
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 30*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	// Readers need no lock.
	if e, err := s.Get(t.Context(), key()); err != nil || string(e.Value) != "before" {
		t.Errorf("Get = %q, %v", e.Value, err)
	}
	done := make(chan error)
	go func() {
		_, err := s.Put(t.Context(), key(), []byte("after"))
		done <- err
	}()
	unlock()
	if err := <-done; err != nil {
		t.Errorf("Put when the lock is gone: %v", err)
	}
}

// TestWritersOfAFileStandInLine: one is with the driver, which waits for the file and looks
// at no context meanwhile, and the others leave the line when they like.
func TestWritersOfAFileStandInLine(t *testing.T) {
	d := sqlite(t)
	d.dsn = strings.Replace(d.dsn, "busy_timeout(100)", "busy_timeout(60000)", 1)
	db := d.pool(t)
	s := d.store(t, db, "")
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	unlock := d.lock(t)
	done := make(chan error)
	go func() {
		_, err := s.Put(t.Context(), key(), []byte("first"))
		done <- err
	}()
	for db.Stats().InUse == 0 {
		runtime.Gosched()
	}
	began := time.Now()
	_, err := s.Put(soon(t, 50*time.Millisecond), key(), []byte("second"))
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 30*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	unlock()
	if err := <-done; err != nil {
		t.Errorf("the first: %v", err)
	}
	if e, err := s.Get(t.Context(), key()); err != nil || string(e.Value) != "first" {
		t.Errorf("Get = %q, %v", e.Value, err)
	}
}

func TestALockedRowEndsTheCallWithItsContext(t *testing.T) {
	d := postgres(t)
	s := d.open(t, "")
	put(t, s, "before")
	tx, err := d.pool(t).Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("SELECT * FROM xsignin_tokens FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(soon(t, 50*time.Millisecond), key(), []byte("late")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	put(t, s, "after")
}

func TestAStoppedDatabaseIsNoAnswer(t *testing.T) {
	server := testservers.NewPostgres(t)
	d := database{sqlstore.PostgreSQL, "pgx", server.URL}
	s := d.open(t, "")
	v := put(t, s, "kept")
	server.Stop()
	for name, err := range calls(t.Context(), s) {
		if err == nil || !strings.HasPrefix(err.Error(), "sqlstore: ") {
			t.Errorf("%s: %v", name, err)
		}
		for _, answer := range []error{tokenstore.ErrNotFound, tokenstore.ErrConflict, tokenstore.ErrLeased} {
			if errors.Is(err, answer) {
				t.Errorf("%s concludes %v from silence", name, err)
			}
		}
	}
	server.Start()
	// Connections of before may each fail once.
	e, err := s.Get(t.Context(), key())
	for range 16 {
		if err == nil {
			break
		}
		e, err = s.Get(t.Context(), key())
	}
	if err != nil || string(e.Value) != "kept" || e.Version != v {
		t.Errorf("after the restart: %q in %q, %v", e.Value, e.Version, err)
	}
}

func TestNoErrorQuotesAValue(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		s := d.open(t, "")
		d.exec(t, "DROP TABLE xsignin_tokens")
		d.exec(t, "CREATE TABLE xsignin_tokens (user_id INTEGER)")
		for name, err := range calls(t.Context(), s) {
			if err == nil || strings.Contains(err.Error(), marked) || strings.Contains(err.Error(), hex.EncodeToString([]byte(marked))) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// worker is set in processes that this test starts, to a dialect and a data source.
const worker = "XSIGNIN_SQLSTORE_WORKER"

// increase adds n to the counter under key by conditional writes.
func increase(ctx context.Context, s tokenstore.Store, n int) error {
	for n > 0 {
		e, err := s.Get(ctx, key())
		if err != nil {
			return err
		}
		count, err := strconv.Atoi(string(e.Value))
		if err != nil {
			return err
		}
		switch _, err := s.Replace(ctx, key(), e.Version, []byte(strconv.Itoa(count+1))); {
		case err == nil:
			n--
		case !errors.Is(err, tokenstore.ErrConflict):
			return err
		}
	}
	return nil
}

func TestProcessesShareADatabase(t *testing.T) {
	const processes, each = 4, 25
	if dsn := os.Getenv(worker); dsn != "" {
		d := database{sqlstore.SQLite, "sqlite", dsn}
		if strings.HasPrefix(dsn, "postgres") {
			d = database{sqlstore.PostgreSQL, "pgx", dsn}
		}
		if err := increase(t.Context(), d.open(t, ""), each); err != nil {
			t.Fatal(err)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	eachDatabase(t, func(t *testing.T, d database) {
		s := d.open(t, "")
		put(t, s, "0")
		var running []*exec.Cmd
		var said [processes]strings.Builder
		for i := range processes {
			cmd := exec.Command(self, "-test.run=^TestProcessesShareADatabase$")
			cmd.Env = append(os.Environ(), worker+"="+d.dsn)
			cmd.Stdout, cmd.Stderr = &said[i], &said[i]
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			running = append(running, cmd)
		}
		for i, cmd := range running {
			if err := cmd.Wait(); err != nil {
				t.Errorf("process %d: %v\n%s", i, err, said[i].String())
			}
		}
		e, err := s.Get(t.Context(), key())
		if want := fmt.Sprint(processes * each); err != nil || string(e.Value) != want {
			t.Errorf("counted %q, %v, want %s", e.Value, err, want)
		}
	})
}
