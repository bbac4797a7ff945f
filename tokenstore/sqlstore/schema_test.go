package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

func TestReplicasMayMigrateAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		var all sync.WaitGroup
		begin := make(chan struct{})
		for range 8 {
			s := d.store(t, d.pool(t), "")
			all.Go(func() {
				<-begin
				if err := s.Migrate(t.Context()); err != nil {
					t.Errorf("Migrate: %v", err)
				}
				if _, err := s.Put(t.Context(), key(), nil); err != nil {
					t.Errorf("Put after Migrate: %v", err)
				}
			})
		}
		close(begin)
		all.Wait()
	})
}

func TestMigratingAgainKeepsWhatIsThere(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		v := put(t, d.open(t, ""), "value")
		e, err := d.open(t, "").Get(t.Context(), key())
		if err != nil || string(e.Value) != "value" || e.Version != v {
			t.Errorf("Get = %q in %q, %v", e.Value, e.Version, err)
		}
	})
}

func TestTheSchemaThatIsPrintedIsTheOneThatIsMade(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		statements, err := sqlstore.Schema(d.dialect, "own_")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for _, s := range statements {
				d.exec(t, s)
			}
		}
		s := d.store(t, d.pool(t), "own_")
		put(t, s, "value")
		// With nothing to do Migrate takes no lock.
		defer d.lock(t)()
		if err := s.Migrate(soon(t, 30*time.Second)); err != nil {
			t.Errorf("Migrate: %v", err)
		}
	})
}

func TestSchemaNeedsADialectAndAPrefix(t *testing.T) {
	if s, err := sqlstore.Schema(0, "a b"); s != nil || err == nil || !strings.Contains(err.Error(), "prefix") || !strings.Contains(err.Error(), "Dialect(0)") {
		t.Errorf("Schema = %q, %v", s, err)
	}
}

func TestANewerSchemaIsLeftAlone(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		s := d.open(t, "")
		d.exec(t, "INSERT INTO xsignin_schema (version) VALUES (99)")
		for range 2 {
			if err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "99") {
				t.Errorf("Migrate: %v", err)
			}
		}
		// The connection that found out is as good as before.
		put(t, s, "value")
	})
}

func TestWithoutTablesTheErrorSaysWhatToDo(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t, d.pool(t), "")
		for name, err := range calls(t.Context(), s) {
			if err == nil || !strings.HasPrefix(err.Error(), "sqlstore: ") || !strings.Contains(err.Error(), "Migrate") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAMigrationThatIsCutShortLeavesNothingLocked(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		db := d.pool(t)
		db.SetMaxOpenConns(1)
		s := d.store(t, db, "")
		unlock := d.lock(t)
		if err := s.Migrate(soon(t, 200*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Migrate: %v", err)
		}
		unlock()
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("Migrate once more: %v", err)
		}
		put(t, s, "value")
	})
}

// lock keeps others from migrating, and in SQLite from writing, until unlock is called.
func (d database) lock(t *testing.T) (unlock func()) {
	t.Helper()
	conn, err := d.pool(t).Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{"BEGIN IMMEDIATE"}
	if d.dialect == sqlstore.PostgreSQL {
		statements = []string{"BEGIN", "SELECT pg_advisory_xact_lock(hashtextextended('xsignin_schema', 0))"}
	}
	for _, s := range statements {
		if _, err := conn.ExecContext(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
	return sync.OnceFunc(func() {
		if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Errorf("ROLLBACK: %v", err)
		}
		if err := conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
			t.Error(err)
		}
	})
}

// marked is in each value that calls writes.
const marked = "marked bytes"

// calls makes a call of each method and returns its error.
func calls(ctx context.Context, s sqlstore.Store) map[string]error {
	errs := make(map[string]error)
	_, errs["Get"] = s.Get(ctx, key())
	_, errs["Put"] = s.Put(ctx, key(), []byte(marked))
	_, errs["Replace"] = s.Replace(ctx, key(), "version", []byte(marked))
	errs["Delete"] = s.Delete(ctx, key(), "version")
	_, errs["Lease"] = s.Lease(ctx, key(), "version", time.Minute)
	errs["Release"] = s.Release(ctx, key(), "lease")
	_, errs["List"] = s.List(ctx, "12")
	errs["Walk"] = s.Walk(ctx, func(tokenstore.Key) error { return nil })
	return errs
}
