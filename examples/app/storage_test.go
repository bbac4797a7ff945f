package main

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/testservers"
)

func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		database, redis string
		want            place
		fault           string // the variable
	}{
		{"", "", place{inSQLite, "xsignin.db", "DATABASE_URL"}, ""},
		{"sqlite:app.db", "", place{inSQLite, "app.db", "DATABASE_URL"}, ""},
		{"sqlite:data/a b.db", "", place{inSQLite, "data/a b.db", "DATABASE_URL"}, ""},
		{"sqlite:///var/lib/app.db", "", place{inSQLite, "/var/lib/app.db", "DATABASE_URL"}, ""},
		{"sqlite:/var/lib/app.db", "", place{inSQLite, "/var/lib/app.db", "DATABASE_URL"}, ""},
		{"memory:", "", place{inMemory, "", "DATABASE_URL"}, ""},
		{"postgres://u:secret@db/app?sslmode=require", "", place{inPostgres, "postgres://u:secret@db/app?sslmode=require", "DATABASE_URL"}, ""},
		{"postgresql://u@db/app", "", place{inPostgres, "postgresql://u@db/app", "DATABASE_URL"}, ""},
		{"", "redis://:secret@cache:6379/1", place{inRedis, "redis://:secret@cache:6379/1", "REDIS_URL"}, ""},
		{"", "rediss://cache", place{inRedis, "rediss://cache", "REDIS_URL"}, ""},

		{"app.db", "", place{}, "DATABASE_URL"},
		{":memory:", "", place{}, "DATABASE_URL"},
		{"memory:x", "", place{}, "DATABASE_URL"},
		{"sqlite:", "", place{}, "DATABASE_URL"},
		{"sqlite://app.db", "", place{}, "DATABASE_URL"},
		{"sqlite:app.db?mode=ro", "", place{}, "DATABASE_URL"},
		{"mysql://u:secret@db/app", "", place{}, "DATABASE_URL"},
		{"postgres://u:secret@db", "", place{}, "DATABASE_URL"},
		{"postgres://u:sec ret@db:port/app", "", place{}, "DATABASE_URL"},
		{"postgres:app", "", place{}, "DATABASE_URL"},
		{"redis://:secret@cache", "", place{}, "DATABASE_URL"},
		{"", "cache:6379", place{}, "REDIS_URL"},
		{"", "redis://:secret@ca che", place{}, "REDIS_URL"},
		{"", "postgres://u:secret@db/app", place{}, "REDIS_URL"},
		{"sqlite:app.db", "redis://cache", place{}, "REDIS_URL"},
	} {
		long := strings.Repeat("k", minKey)
		cfg, err := readConfig(func(name string) string {
			return map[string]string{"DATABASE_URL": c.database, "REDIS_URL": c.redis, "SECRET_KEYS": long}[name]
		})
		if c.fault == "" {
			if err != nil || cfg.place != c.want {
				t.Errorf("%q %q: %+v, %v", c.database, c.redis, cfg.place, err)
			}
			continue
		}
		var faults *configError
		if !errors.As(err, &faults) || len(faults.faults) != 1 || !strings.HasPrefix(err.Error(), c.fault+": ") {
			t.Errorf("%q %q: %v", c.database, c.redis, err)
			continue
		}
		for _, secret := range []string{"secret", "sec ret"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q %q: the error has the password: %v", c.database, c.redis, err)
			}
		}
	}
}

func TestWhatIsSharedNeedsKeys(t *testing.T) {
	t.Parallel()
	for _, env := range []map[string]string{
		{"DATABASE_URL": "postgres://u:secret@db/app"},
		{"REDIS_URL": "redis://cache"},
		{"PUBLIC_URL": "https://example.com", "X_CLIENT_ID": "a"},
	} {
		_, err := readConfig(func(name string) string { return env[name] })
		if err == nil || !strings.HasPrefix(err.Error(), "SECRET_KEYS: is missing") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v", env, err)
		}
	}
}

func TestADatabaseThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.ToSlash(path)
	}
	text := file("text", strings.Repeat("This is no database. ", 100))
	sealed := file("sealed", "")
	if err := os.Chmod(sealed, 0o400); err != nil {
		t.Fatal(err)
	}
	emptied, short := file("emptied", ""), file("short", "")
	file("emptied"+keysSuffix, "\n")
	file("short"+keysSuffix, "abc\n")
	keys := "SECRET_KEYS=" + replicaKey("k")
	for _, c := range []struct {
		name string
		env  []string
		says []string
	}{
		{"no directory", []string{"DATABASE_URL=sqlite://" + filepath.ToSlash(dir) + "/none/app.db"}, []string{"app: DATABASE_URL: ", "does not exist"}},
		{"a directory", []string{"DATABASE_URL=sqlite://" + filepath.ToSlash(dir)}, []string{"app: DATABASE_URL: ", "cannot be written"}},
		{"below a file", []string{"DATABASE_URL=sqlite://" + text + "/app.db"}, []string{"app: DATABASE_URL: ", "cannot be written"}},
		{"not writable", []string{"DATABASE_URL=sqlite://" + sealed}, []string{"app: DATABASE_URL: ", "cannot be written"}},
		{"not a database", []string{"DATABASE_URL=sqlite://" + text}, []string{"app: DATABASE_URL: ", "cannot be used as a database"}},
		{"an empty key file", []string{"DATABASE_URL=sqlite://" + emptied}, []string{"app: SECRET_KEYS: ", "is empty"}},
		{"a short key", []string{"DATABASE_URL=sqlite://" + short}, []string{"app: SECRET_KEYS: ", "shorter than 32"}},
		{"no PostgreSQL", []string{"DATABASE_URL=postgres://u:secret@127.0.0.1:1/app", keys}, []string{"app: DATABASE_URL: ", "cannot be used"}},
		{"a bad setting", []string{"DATABASE_URL=postgres://u:secret@127.0.0.1:1/app?sslmode=no", keys}, []string{"app: DATABASE_URL: ", "is not understood"}},
		{"no Redis", []string{"REDIS_URL=redis://:secret@127.0.0.1:1", keys}, []string{"app: REDIS_URL: ", "cannot be used"}},
		{"a bad number", []string{"REDIS_URL=redis://:secret@127.0.0.1:1/a", keys}, []string{"app: REDIS_URL: ", "is not understood"}},
		{"memory to seal anew", []string{"DATABASE_URL=memory:", asProcess + "=reseal"}, []string{"app: DATABASE_URL: ", "memory"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "not writable" && os.Geteuid() == 0 {
				t.Log("root writes what it likes; the others stand for this")
				return
			}
			said := begin(t, dir, c.env...).ends(2)
			for _, want := range c.says {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in\n%s", want, said)
				}
			}
			for _, secret := range []string{"secret", replicaKey("k")} {
				if strings.Contains(said, secret) {
					t.Errorf("a secret is in\n%s", said)
				}
			}
		})
	}
}

func TestExpiredSessionsGo(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (store *storage, driver, source string, err error){
		"SQLite": func(t *testing.T) (*storage, string, string, error) {
			path := filepath.Join(t.TempDir(), "a #b?%20.db")
			store, err := openSQLite(t.Context(), path)
			return store, "sqlite", sqliteSource(path), err
		},
		"PostgreSQL": func(t *testing.T) (*storage, string, string, error) {
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
			defer store.close()
			db, err := sql.Open(driver, source)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for token, expiry := range map[string]time.Duration{"fresh": time.Hour, "old": -time.Hour} {
				if err := store.sessions.Commit(token, []byte("data of "+token), time.Now().Add(expiry)); err != nil {
					t.Fatal(err)
				}
			}
			if b, found, err := store.sessions.Find("fresh"); string(b) != "data of fresh" || !found || err != nil {
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
			if _, found, err := store.sessions.Find("fresh"); !found || err != nil {
				t.Errorf("%v %v", found, err)
			}
		})
	}
}
