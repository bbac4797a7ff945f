package sqlstore

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Dialect is a kind of database.
type Dialect int

// The databases that a [Store] works with. The zero Dialect is none.
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

// tablePrefix checks what goes into the text of statements.
func tablePrefix(d Dialect, prefix string) (string, error) {
	if prefix == "" {
		prefix = defaultPrefix
	}
	var errs []error
	if d != SQLite && d != PostgreSQL {
		errs = append(errs, fmt.Errorf("sqlstore: %v is none of SQLite and PostgreSQL", d))
	}
	// PostgreSQL cuts names at 63 bytes, and what follows the prefix has to fit.
	if !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`).MatchString(prefix) {
		errs = append(errs, fmt.Errorf("sqlstore: the prefix %q is not made of up to 40 lower-case letters, digits and underscores", prefix))
	}
	return prefix, errors.Join(errs...)
}

// statements have the arguments $1, the user, and $2, the provider; others follow.
type statements struct {
	get, put, create, replace, remove string
	lease, left, release, keys        string
	// Of these, first has the argument $1, how many, and next $3, and $1 and $2 of the
	// entry to go on after.
	first, next string
}

func (d Dialect) statements(prefix string) statements {
	// The moment that a statement looks at, the end of a lease of $5 milliseconds, and
	// how many milliseconds are left of the one in the row.
	now, until, left := "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)", "$now + $5", "lease_until - $now"
	if d == PostgreSQL {
		// Not now(), which stands still while a statement waits for another's row.
		now = "clock_timestamp()"
		until = "$now + $5::bigint * interval '1 millisecond'"
		left = "CEIL(EXTRACT(EPOCH FROM lease_until - $now) * 1000)::bigint"
	}
	text := func(s string) string {
		s = strings.NewReplacer("$table", prefix+"tokens", "$row", "user_id = $1 AND provider = $2", "$until", until, "$left", left).Replace(s)
		s = strings.ReplaceAll(s, "$now", now)
		if d == SQLite {
			// $1 would be a name there.
			s = strings.ReplaceAll(s, "$", "?")
		}
		return s
	}
	return statements{
		get: text(`SELECT value, version FROM $table WHERE $row`),
		put: text(`INSERT INTO $table (user_id, provider, value, version) VALUES ($1, $2, $3, $4)
			ON CONFLICT (user_id, provider) DO UPDATE
			SET value = excluded.value, version = excluded.version, lease = NULL, lease_until = NULL`),
		create: text(`INSERT INTO $table (user_id, provider, value, version) VALUES ($1, $2, $3, $4)
			ON CONFLICT (user_id, provider) DO NOTHING`),
		replace: text(`UPDATE $table SET value = $3, version = $4, lease = NULL, lease_until = NULL WHERE $row AND version = $5`),
		remove:  text(`DELETE FROM $table WHERE $row`),
		lease: text(`UPDATE $table SET lease = $4, lease_until = $until
			WHERE $row AND version = $3 AND (lease IS NULL OR lease_until <= $now)`),
		left:    text(`SELECT COALESCE($left, 0) FROM $table WHERE $row AND version = $3`),
		release: text(`UPDATE $table SET lease = NULL, lease_until = NULL WHERE $row AND lease = $3`),
		keys:    text(`SELECT user_id, provider FROM $table WHERE user_id = $1 ORDER BY provider`),
		// Two, because nothing comes before the entry whose key is empty.
		first: text(`SELECT user_id, provider FROM $table ORDER BY user_id, provider LIMIT $1`),
		next: text(`SELECT user_id, provider FROM $table WHERE (user_id, provider) > ($1, $2)
			ORDER BY user_id, provider LIMIT $3`),
	}
}
