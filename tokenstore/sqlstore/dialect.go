package sqlstore

import (
	"embed"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Dialect is a kind of database.
type Dialect int

// The databases that a [Store] works with. The zero Dialect is invalid.
const (
	SQLite Dialect = iota + 1
	PostgreSQL
)

// dialects has the name of each Dialect, and the file of its statements. This file has all
// else that differs between databases, except for the queue of writers.
var dialects = map[Dialect]struct{ name, file string }{
	SQLite:     {"SQLite", "sqlite.sql"},
	PostgreSQL: {"PostgreSQL", "postgresql.sql"},
}

//go:embed *.sql
var files embed.FS

// String returns the database's name.
func (d Dialect) String() string {
	if known, ok := dialects[d]; ok {
		return known.name
	}
	return fmt.Sprintf("Dialect(%d)", int(d))
}

// PostgreSQL cuts names at 63 bytes. The names have up to 23 bytes after the prefix.
var validPrefix = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`)

var comment = regexp.MustCompile(`(?m)^--.*\n?`)

// statements checks prefix, and returns the statements of the dialect's file by their names.
func (d Dialect) statements(prefix string) (map[string]string, error) {
	var errs []error
	if _, ok := dialects[d]; !ok {
		errs = append(errs, fmt.Errorf("sqlstore: unknown dialect %v (use SQLite or PostgreSQL)", d))
	}
	if prefix == "" {
		prefix = "xsignin_"
	}
	if !validPrefix.MatchString(prefix) {
		errs = append(errs, fmt.Errorf("sqlstore: invalid prefix %q "+
			"(use up to 40 lower-case letters, digits and underscores)", prefix))
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	text, _ := files.ReadFile(dialects[d].file) // an embedded file
	sections := strings.Split(strings.ReplaceAll(string(text), "{prefix}", prefix), "\n--: ")
	all := make(map[string]string)
	for _, section := range sections[1:] { // the first is a comment on the file
		name, statement, _ := strings.Cut(section, "\n")
		all[strings.TrimSpace(name)] = strings.TrimSpace(comment.ReplaceAllString(statement, ""))
	}
	return all, nil
}

// contention reports whether the database rolled a statement back because of another
// one, so that it can be repeated.
func contention(err error) bool {
	// These are PostgreSQL's codes of a serialization failure and a deadlock, and SQLite's
	// texts for SQLITE_BUSY and SQLITE_LOCKED. All drivers of SQLite return the texts, but
	// each has another type for the code.
	state, text := sqlState(err), err.Error()
	return state == "40001" || state == "40P01" ||
		strings.Contains(text, "database is locked") || strings.Contains(text, "database table is locked")
}

func missingTable(err error) bool {
	return sqlState(err) == "42P01" || strings.Contains(err.Error(), "no such table")
}

// sqlState returns PostgreSQL's code of an error, or "". All of its drivers have this method.
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}
