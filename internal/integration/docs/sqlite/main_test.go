package main

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func start(t *testing.T) (*visit.Site, *sql.DB) {
	t.Helper()
	db, err := open(t.Context(), filepath.ToSlash(filepath.Join(t.TempDir(), "notes.db")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		cfg.Secrets = []string{strings.Repeat("k", 32)}
		return site(t.Context(), db, cfg)
	}), db
}

func TestSignIn(t *testing.T) {
	s, db := start(t)
	b := s.Browser()
	b.Get("/notes", http.StatusSeeOther, "")
	b.SignIn("/auth/login?return_to=/notes", xtest.DefaultUserID, "/notes")
	b.Get("/notes", http.StatusOK, "Notes of @demo")
	for _, table := range []string{"sessions", "xsignin_tokens"} {
		var rows int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&rows); err != nil || rows == 0 {
			t.Errorf("%s has %d rows: %v", table, rows, err)
		}
	}
	b.Post("/auth/logout", nil, http.StatusSeeOther)
	b.Get("/notes", http.StatusSeeOther, "")
}

// TestManySignInAtOnce checks that the two stores wait for each other's writes to the file.
func TestManySignInAtOnce(t *testing.T) {
	s, _ := start(t)
	var all sync.WaitGroup
	for range 30 {
		b := s.Browser()
		all.Go(func() { b.TrySignIn("/auth/login?return_to=/notes", xtest.DefaultUserID, "/notes") })
	}
	all.Wait()
}
