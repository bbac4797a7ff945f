package storage

import (
	"net/url"
	"strings"
	"time"
)

// Place is where sessions and tokens are stored.
type Place struct {
	Kind Kind
	// At is a file's path, or a server's URL, which may hold a password.
	At string
	// Variable is the environment variable that it was read from, for errors.
	Variable string
	// Wait limits how long Open tries to reach a server that is not up yet. 0 means 30 seconds.
	Wait time.Duration
}

// Kind is a kind of storage.
type Kind int

// The kinds of place.
const (
	InMemory Kind = iota
	InSQLite
	InPostgres
	InRedis
)

// Shared reports whether other machines can use the same place, and therefore need the same
// secrets.
func (p Place) Shared() bool { return p.Kind == InPostgres || p.Kind == InRedis }

// DefaultFile is the place if the environment names none.
const DefaultFile = "xsignin.db"

// ReadPlace reads the values of DATABASE_URL and REDIS_URL, and passes errors in them to fault.
// It never quotes the values, because they contain passwords.
func ReadPlace(database, redis string, fault func(name, format string, args ...any)) Place {
	if redis != "" {
		p := Place{Kind: InRedis, At: redis, Variable: "REDIS_URL"}
		if database != "" {
			fault("REDIS_URL", "is set, and so is DATABASE_URL: sessions and tokens are kept in one place, so leave one of them out")
		}
		if u, err := url.Parse(redis); err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || u.Host == "" {
			fault("REDIS_URL", "must be a URL such as redis://:password@host:6379/0, or rediss:// for TLS%s", inPasswords)
		}
		return p
	}
	p := Place{Kind: InSQLite, At: DefaultFile, Variable: "DATABASE_URL"}
	scheme, rest, _ := strings.Cut(database, ":")
	switch scheme {
	case "":
		if database != "" {
			fault("DATABASE_URL", "begins with a colon; "+databaseForms)
		}
	case "memory":
		p.Kind, p.At = InMemory, ""
		if rest != "" {
			fault("DATABASE_URL", "must be exactly memory:, without a name")
		}
	case "sqlite":
		absolute, slashes := strings.CutPrefix(rest, "//")
		if slashes {
			rest = absolute
		}
		p.At = rest
		switch {
		case rest == "" || strings.ContainsAny(rest, "?#"):
			fault("DATABASE_URL", "must name a file after sqlite:, and nothing else, such as sqlite:app.db or sqlite:///var/lib/app.db")
		case slashes && !strings.HasPrefix(rest, "/"):
			fault("DATABASE_URL", "has two slashes after sqlite:, which are for absolute paths: sqlite:///var/lib/app.db, or sqlite:app.db for a file of the working directory")
		}
	case "postgres", "postgresql":
		p.Kind, p.At = InPostgres, database
		if u, err := url.Parse(database); err != nil || u.Opaque != "" || strings.Trim(u.Path, "/") == "" {
			fault("DATABASE_URL", "must be a URL such as postgres://user:password@host:5432/database%s", inPasswords)
		}
	case "redis", "rediss":
		fault("DATABASE_URL", "is a Redis: set REDIS_URL instead")
	default:
		fault("DATABASE_URL", databaseForms)
	}
	return p
}

// inPasswords is advice for passwords with characters that mean something else in a URL.
const inPasswords = ". In a password write # as %23, / as %2F, @ as %40 and % as %25"

const databaseForms = "must be sqlite:FILE, postgres://USER:PASSWORD@HOST/DATABASE or memory:"
