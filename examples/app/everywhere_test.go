package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/alexedwards/scs/v2/memstore"
	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/redisstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// sqlHandle opens the database again.
func sqlHandle(t *testing.T, dialect sqlstore.Dialect, driver, dsn string) tokenstore.Store {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: dialect})
	if err == nil {
		err = s.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func redisHandle(t *testing.T, addr string) tokenstore.Store {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = c.Close() })
	s, err := redisstore.New(redisstore.Config{Client: c})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEveryStoreKeepsTheListsOfSessions checks the lists of users' sessions in each token store,
// with independent handles.
func TestEveryStoreKeepsTheListsOfSessions(t *testing.T) {
	file := "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "x.db")) + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)"
	t.Run("SQLite", func(t *testing.T) {
		signOutsIn(t, func() tokenstore.Store { return sqlHandle(t, sqlstore.SQLite, "sqlite", file) })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		dsn := testservers.Postgres(t)
		signOutsIn(t, func() tokenstore.Store { return sqlHandle(t, sqlstore.PostgreSQL, "pgx", dsn) })
	})
	t.Run("Redis", func(t *testing.T) {
		addr := testservers.Redis(t)
		signOutsIn(t, func() tokenstore.Store { return redisHandle(t, addr) })
	})
}

func signOutsIn(t *testing.T, open func() tokenstore.Store) {
	sessions := memstore.NewWithCleanupInterval(0)
	replica := func() *session.Manager {
		vault, err := tokenstore.NewVault(open(), []byte(strings.Repeat("k", 32)))
		if err != nil {
			t.Fatal(err)
		}
		m, err := session.New(session.Config{Store: sessions, Vault: vault})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close(context.Background()) })
		return m
	}
	signIn := func(m *session.Manager, subject string) *http.Request {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		if err := m.SignIn(w, r, provider.User{Provider: "x", AccountID: subject, ID: subject}); err != nil {
			t.Fatal(err)
		}
		r.AddCookie(w.Result().Cookies()[0])
		return r
	}
	want := func(m *session.Manager, r *http.Request, signedIn bool) {
		t.Helper()
		if u, ok, err := m.Get(r.Context(), r); ok != signedIn || err != nil {
			t.Errorf("%q is signed in: %t, %v; want %t", u.ID, ok, err, signedIn)
		}
	}

	a, b := replica(), replica()
	ann, bob := signIn(a, "ann"), signIn(a, "bob")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			m := []*session.Manager{a, b}[i%2]
			if err := m.UserSessions().End(t.Context(), fmt.Sprint(i), nil); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Wait()
	phones := make([]*http.Request, 2)
	for i, m := range []*session.Manager{a, b} {
		phones[i] = signIn(m, "ann")
	}
	if err := a.UserSessions().End(t.Context(), "ann", nil); err != nil {
		t.Fatal(err)
	}
	again := signIn(b, "ann")
	for _, m := range []*session.Manager{a, replica()} {
		for _, r := range append(phones, ann) {
			want(m, r, false)
		}
		want(m, again, true)
		want(m, bob, true)
	}
}
