package sqlstore_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
	"github.com/xsignin/xsignin/tokenstore/storetest"
)

func conformance(t *testing.T, d func(t *testing.T) database) {
	t.Helper()
	var prefixes names
	storetest.Test(t, func(t *testing.T) storetest.Backend {
		d, prefix := d(t), prefixes.next()
		return storetest.Backend{
			Open:    func(t *testing.T) tokenstore.Store { return d.open(t, prefix) },
			Advance: func(t *testing.T, by time.Duration) { d.advance(t, prefix, by) },
		}
	})
}

func TestSQLiteKeepsTheContract(t *testing.T) {
	t.Parallel()
	conformance(t, func(t *testing.T) database { return sqlite(t) })
}

// A rollback journal locks readers out too, and nobody waits in the driver.
func TestSQLiteWithoutWALKeepsTheContract(t *testing.T) {
	t.Parallel()
	conformance(t, func(t *testing.T) database {
		d := sqlite(t)
		d.dsn, _, _ = strings.Cut(d.dsn, "?")
		d.dsn += "?_pragma=synchronous(OFF)"
		return d
	})
}

func TestPostgreSQLKeepsTheContract(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	conformance(t, func(*testing.T) database { return d })
}

func TestPostgreSQLKeepsTheContractWhereTransactionsAreSerializable(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	d.dsn += "&default_transaction_isolation=serializable"
	conformance(t, func(*testing.T) database { return d })
}

func TestPostgreSQLKeepsTheContractWithoutPreparedStatements(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	d.dsn += "&default_query_exec_mode=simple_protocol"
	conformance(t, func(*testing.T) database { return d })
}

func TestNewSaysAllThatIsWrong(t *testing.T) {
	db := sqlite(t).pool(t)
	for _, test := range []struct {
		name   string
		config sqlstore.Config
		want   []string
	}{
		{"nothing set", sqlstore.Config{}, []string{"Config.DB", "Dialect(0)"}},
		{"a dialect that is none", sqlstore.Config{DB: db, Dialect: 3}, []string{"Dialect(3)"}},
		{"a prefix with a quote", sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Prefix: `a"; --`}, []string{"prefix"}},
		{"a prefix in capitals", sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Prefix: "App_"}, []string{"prefix"}},
		{"a prefix that begins with a digit", sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Prefix: "1_"}, []string{"prefix"}},
		{"a prefix of 41 bytes", sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Prefix: strings.Repeat("a", 41)}, []string{"prefix"}},
		{"a prefix of two lines", sqlstore.Config{DB: db, Dialect: sqlstore.SQLite, Prefix: "a\n"}, []string{"prefix"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := sqlstore.New(test.config)
			if s != nil || err == nil {
				t.Fatalf("New = %v, %v", s, err)
			}
			for _, want := range test.want {
				if !strings.HasPrefix(err.Error(), "sqlstore: ") || !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
		})
	}
}

func TestTheLongestPrefixFits(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		prefix := strings.Repeat("a", 40)
		put(t, d.open(t, prefix), "value")
		if _, err := d.open(t, "a_").Get(t.Context(), key()); err != tokenstore.ErrNotFound {
			t.Errorf("another prefix: %v", err)
		}
	})
}

func TestAListIsReadByAnIndex(t *testing.T) {
	d := sqlite(t)
	d.open(t, "")
	rows, err := d.pool(t).Query("EXPLAIN QUERY PLAN SELECT provider FROM xsignin_tokens WHERE user_id = x'00' ORDER BY provider")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	if got := plan.String(); !strings.Contains(got, "SEARCH") || !strings.Contains(got, "INDEX") || strings.Contains(got, "TEMP") {
		t.Errorf("the plan is %s", got)
	}
}

func TestAStorePrintsNoDataSource(t *testing.T) {
	db, err := sql.Open("pgx", "postgres://user:secret@127.0.0.1:1/db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.PostgreSQL})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		for _, value := range []any{s, *s} {
			if got := fmt.Sprintf(verb, value); got != "sqlstore.Store(PostgreSQL)" {
				t.Errorf("%s of %T prints %s", verb, value, got)
			}
		}
	}
	if got := sqlstore.SQLite.String(); got != "SQLite" {
		t.Error(got)
	}
	// Nor does the error when nobody answers.
	if _, err := s.Get(t.Context(), key()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("Get: %v", err)
	}
}
