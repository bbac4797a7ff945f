package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/examples/internal/keyfile"
	"github.com/xsignin/xsignin/examples/internal/storage"
)

func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		database, redis string
		want            storage.Place
		fault           string // the variable
	}{
		{"", "", storage.Place{Kind: storage.InSQLite, At: "xsignin.db", Variable: "DATABASE_URL"}, ""},
		{"sqlite:app.db", "", storage.Place{Kind: storage.InSQLite, At: "app.db", Variable: "DATABASE_URL"}, ""},
		{"sqlite:data/a b.db", "", storage.Place{Kind: storage.InSQLite, At: "data/a b.db", Variable: "DATABASE_URL"}, ""},
		{"sqlite:///var/lib/app.db", "", storage.Place{Kind: storage.InSQLite, At: "/var/lib/app.db", Variable: "DATABASE_URL"}, ""},
		{"sqlite:/var/lib/app.db", "", storage.Place{Kind: storage.InSQLite, At: "/var/lib/app.db", Variable: "DATABASE_URL"}, ""},
		{"memory:", "", storage.Place{Kind: storage.InMemory, At: "", Variable: "DATABASE_URL"}, ""},
		{"postgres://u:secret@db/app?sslmode=require", "", storage.Place{Kind: storage.InPostgres, At: "postgres://u:secret@db/app?sslmode=require", Variable: "DATABASE_URL"}, ""},
		{"postgresql://u@db/app", "", storage.Place{Kind: storage.InPostgres, At: "postgresql://u@db/app", Variable: "DATABASE_URL"}, ""},
		{"", "redis://:secret@cache:6379/1", storage.Place{Kind: storage.InRedis, At: "redis://:secret@cache:6379/1", Variable: "REDIS_URL"}, ""},
		{"", "rediss://cache", storage.Place{Kind: storage.InRedis, At: "rediss://cache", Variable: "REDIS_URL"}, ""},

		{"app.db", "", storage.Place{}, "DATABASE_URL"},
		{":memory:", "", storage.Place{}, "DATABASE_URL"},
		{"memory:x", "", storage.Place{}, "DATABASE_URL"},
		{"sqlite:", "", storage.Place{}, "DATABASE_URL"},
		{"sqlite://app.db", "", storage.Place{}, "DATABASE_URL"},
		{"sqlite:app.db?mode=ro", "", storage.Place{}, "DATABASE_URL"},
		{"mysql://u:secret@db/app", "", storage.Place{}, "DATABASE_URL"},
		{"postgres://u:secret@db", "", storage.Place{}, "DATABASE_URL"},
		{"postgres://u:sec ret@db:port/app", "", storage.Place{}, "DATABASE_URL"},
		{"postgres:app", "", storage.Place{}, "DATABASE_URL"},
		{"redis://:secret@cache", "", storage.Place{}, "DATABASE_URL"},
		{"", "cache:6379", storage.Place{}, "REDIS_URL"},
		{"", "redis://:secret@ca che", storage.Place{}, "REDIS_URL"},
		{"", "postgres://u:secret@db/app", storage.Place{}, "REDIS_URL"},
		{"sqlite:app.db", "redis://cache", storage.Place{}, "REDIS_URL"},
	} {
		long := strings.Repeat("k", keyfile.Min)
		cfg, err := readConfig(func(name string) string {
			return map[string]string{"DATABASE_URL": c.database, "REDIS_URL": c.redis, "SECRETS": long}[name]
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
		if err == nil || !strings.HasPrefix(err.Error(), "SECRETS: is missing") || strings.Contains(err.Error(), "\n") {
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
	alone := file("alone", "")
	if err := os.Mkdir(filepath.Join(dir, "alone-journal"), 0o700); err != nil {
		t.Fatal(err)
	}
	emptied, short := file("emptied", ""), file("short", "")
	file("emptied"+keyfile.Suffix, "\n")
	file("short"+keyfile.Suffix, "abc\n")
	keys := "SECRETS=" + replicaKey("k")
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
		{"no file beside it", []string{"DATABASE_URL=sqlite://" + alone}, []string{"app: DATABASE_URL: ", "beside it"}},
		{"an empty key file", []string{"DATABASE_URL=sqlite://" + emptied}, []string{"app: SECRETS: ", "is empty"}},
		{"a short key", []string{"DATABASE_URL=sqlite://" + short}, []string{"app: SECRETS: ", "shorter than 32"}},
		{"no PostgreSQL", []string{"DATABASE_URL=postgres://u:secret@127.0.0.1:1/app", "DATABASE_WAIT=200ms", keys}, []string{"not up yet", "app: DATABASE_URL: ", "cannot be used"}},
		{"a password that is no part of a URL", []string{"DATABASE_URL=postgres://u:secret#@127.0.0.1:1/app", keys}, []string{"app: DATABASE_URL: ", "# as %23"}},
		{"a bad setting", []string{"DATABASE_URL=postgres://u:secret@127.0.0.1:1/app?sslmode=no", keys}, []string{"app: DATABASE_URL: ", "is not understood"}},
		{"no Redis", []string{"REDIS_URL=redis://:secret@127.0.0.1:1", "DATABASE_WAIT=200ms", keys}, []string{"app: REDIS_URL: ", "cannot be used"}},
		{"a bad number", []string{"REDIS_URL=redis://:secret@127.0.0.1:1/a", keys}, []string{"app: REDIS_URL: ", "is not understood"}},
		{"memory to seal anew", []string{"DATABASE_URL=memory:", asProcess + "=reencrypt"}, []string{"app: DATABASE_URL: ", "memory"}},
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
			if strings.Contains(c.env[0], "sqlite:") && strings.Contains(said, "not up yet") {
				t.Errorf("tried again:\n%s", said)
			}
			for _, secret := range []string{"secret", replicaKey("k")} {
				if strings.Contains(said, secret) {
					t.Errorf("a secret is in\n%s", said)
				}
			}
		})
	}
}
