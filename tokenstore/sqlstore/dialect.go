package sqlstore

import (
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

// String returns the database's name.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case PostgreSQL:
		return "PostgreSQL"
	}
	return fmt.Sprintf("Dialect(%d)", int(d))
}

const defaultPrefix = "xsignin_"

// tablePrefix checks the values that become part of statements.
func tablePrefix(d Dialect, prefix string) (string, error) {
	if prefix == "" {
		prefix = defaultPrefix
	}
	var errs []error
	if d != SQLite && d != PostgreSQL {
		errs = append(errs, fmt.Errorf("sqlstore: unknown dialect %v (use SQLite or PostgreSQL)", d))
	}
	// PostgreSQL cuts names at 63 bytes. The names have up to 23 bytes after the prefix.
	if !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`).MatchString(prefix) {
		errs = append(errs, fmt.Errorf("sqlstore: invalid prefix %q (use up to 40 lower-case letters, digits and underscores)", prefix))
	}
	return prefix, errors.Join(errs...)
}

// statements have the arguments $1, the user, $2, the provider, and $3, the account.
// Others follow.
type statements struct {
	get, put, create, replace, remove string
	version, lease, left, release     string
	list                              string
	// first has the argument $1, the limit. next has the key of the last entry and $4, the
	// limit.
	first, next string
}

func (d Dialect) statements(prefix string) statements {
	// The current time, the end of a lease of $6 milliseconds, the milliseconds that the
	// row's lease still runs, and the latest end that this lease may have.
	now, until := "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)", "$now + $6"
	left, latest := "lease_until - $now", "$now + lease_length"
	if d == PostgreSQL {
		// Not now(), which stands still while a statement waits for a row lock.
		now = "clock_timestamp()"
		until = "$now + $6::bigint * interval '1 millisecond'"
		left = "CEIL(EXTRACT(EPOCH FROM lease_until - $now) * 1000)::bigint"
		latest = "$now + lease_length * interval '1 millisecond'"
	}
	text := func(s string) string {
		for _, r := range []*strings.Replacer{
			strings.NewReplacer(
				"$leased", "(lease IS NOT NULL AND lease_until > $now AND lease_until <= $latest)",
				"$nolease", "lease = NULL, lease_until = NULL, lease_length = NULL",
				"$key", "user_id, provider, account_id",
				"$row", "user_id = $1 AND provider = $2 AND account_id = $3",
				"$table", prefix+"tokens"),
			strings.NewReplacer("$until", until, "$left", left, "$latest", latest),
			strings.NewReplacer("$now", now),
		} {
			s = r.Replace(s)
		}
		if d == SQLite {
			// $1 would be a name there.
			s = strings.ReplaceAll(s, "$", "?")
		}
		return s
	}
	return statements{
		get: text(`SELECT value, version FROM $table WHERE $row`),
		put: text(`INSERT INTO $table ($key, value, version) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT ($key) DO UPDATE
			SET value = excluded.value, version = excluded.version, $nolease`),
		create: text(`INSERT INTO $table ($key, value, version) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT ($key) DO NOTHING`),
		replace: text(`UPDATE $table SET value = $4, version = $5, $nolease WHERE $row AND version = $6`),
		remove:  text(`DELETE FROM $table WHERE $row AND version = $4`),
		version: text(`SELECT version FROM $table WHERE $row`),
		lease: text(`UPDATE $table SET lease = $5, lease_until = $until, lease_length = $6
			WHERE $row AND version = $4 AND NOT $leased`),
		left:    text(`SELECT CASE WHEN $leased THEN $left ELSE 0 END FROM $table WHERE $row AND version = $4`),
		release: text(`UPDATE $table SET $nolease WHERE $row AND lease = $4`),
		list:    text(`SELECT $key FROM $table WHERE user_id = $1 ORDER BY provider, account_id`),
		// Two statements, because no key comes before the empty one.
		first: text(`SELECT $key FROM $table ORDER BY $key LIMIT $1`),
		next: text(`SELECT $key FROM $table WHERE ($key) > ($1, $2, $3)
			ORDER BY $key LIMIT $4`),
	}
}
