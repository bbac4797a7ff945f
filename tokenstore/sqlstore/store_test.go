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
		d.dsn = strings.Replace(d.dsn, "journal_mode(WAL)", "synchronous(OFF)", 1)
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

func TestListsAndWalksAreReadByAnIndex(t *testing.T) {
	const page = "SELECT user_id, provider, account_id FROM xsignin_tokens %s ORDER BY user_id, provider, account_id LIMIT 10"
	for name, query := range map[string]string{
		"a list":       "SELECT provider, account_id FROM xsignin_tokens WHERE user_id = %s ORDER BY provider, account_id",
		"a first page": fmt.Sprintf(page, ""),
		"another page": fmt.Sprintf(page, "WHERE (user_id, provider, account_id) > (%s, %[1]s, %[1]s)"),
	} {
		t.Run(name, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, d database) {
				d.open(t, "")
				plan, literal := "EXPLAIN QUERY PLAN ", "x'00'"
				db := d.pool(t)
				if d.dialect == sqlstore.PostgreSQL {
					// A small table is read whole unless that is forbidden.
					db.SetMaxOpenConns(1)
					for _, off := range []string{"seqscan", "bitmapscan"} {
						if _, err := db.ExecContext(t.Context(), "SET enable_"+off+" = off"); err != nil {
							t.Fatal(err)
						}
					}
					plan, literal = "EXPLAIN (COSTS OFF) ", `'\x00'`
				}
				if got := explained(t, db, plan+strings.ReplaceAll(strings.ReplaceAll(query, "%[1]s", literal), "%s", literal)); !strings.Contains(strings.ToUpper(got), "INDEX") ||
					strings.Contains(got, "TEMP") || strings.Contains(got, "Sort") || strings.Contains(got, "Filter") {
					t.Errorf("the plan is %s", got)
				}
			})
		})
	}
}

// explained returns the last column of all rows.
func explained(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var plan strings.Builder
	for rows.Next() {
		row := make([]any, len(columns))
		var detail string
		for i := range row {
			row[i] = new(any)
		}
		row[len(row)-1] = &detail
		if err := rows.Scan(row...); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
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
		if got := fmt.Sprintf(verb, s); got != "sqlstore.Store(PostgreSQL)" {
			t.Errorf("%s prints %s", verb, got)
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
