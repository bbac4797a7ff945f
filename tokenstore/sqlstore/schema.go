package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"
)

// migrations returns the statements of each version of the schema, in order.
func migrations(text map[string]string) (all [][]string) {
	for {
		migration, ok := text[fmt.Sprintf("migration %d", len(all)+1)]
		if !ok {
			return all
		}
		all = append(all, strings.Split(migration, ";\n"))
	}
}

// Schema returns the statements that create the tables of a [Store], for applications
// with another migration tool. The statements may run again. Afterwards Migrate has nothing
// to do and needs no right to create tables. An empty prefix means "xsignin_", as in
// [Config].
func Schema(d Dialect, prefix string) ([]string, error) {
	text, err := d.statements(prefix)
	if err != nil {
		return nil, err
	}
	all := []string{text["version table"]}
	for _, migration := range migrations(text) {
		all = append(all, migration...)
	}
	return all, nil
}

func (s *store) Migrate(ctx context.Context) error {
	return s.retry(ctx, "migrate", func() error {
		var have int
		err := s.db.QueryRowContext(ctx, s.text["version"]).Scan(&have)
		if err != nil && !missingTable(err) || err == nil && have == len(migrations(s.text)) {
			return err
		}
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if err = s.upgrade(ctx, conn); err == nil {
			return nil
		}
		// The connection returns to the pool, so roll back also when ctx has ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, failed := conn.ExecContext(ctx, "ROLLBACK"); failed != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		return err
	})
}

// upgrade runs the missing migrations in a transaction that package sql cannot begin.
func (s *store) upgrade(ctx context.Context, conn *sql.Conn) error {
	run := func(statements ...string) error {
		for _, statement := range statements {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}
	if err := run(append(strings.Split(s.text["begin"], ";\n"), s.text["version table"])...); err != nil {
		return err
	}
	var have int
	if err := conn.QueryRowContext(ctx, s.text["version"]).Scan(&have); err != nil {
		return err
	}
	all := migrations(s.text)
	if have > len(all) {
		return fmt.Errorf("the schema has version %d (update this program, which knows version %d)", have, len(all))
	}
	for _, migration := range all[have:] {
		if err := run(migration...); err != nil {
			return err
		}
	}
	return run("COMMIT")
}
