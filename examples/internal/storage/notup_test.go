package storage

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestNotUp: containers start in any order, and a wrong variable is told at once.
func TestNotUp(t *testing.T) {
	closing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closing.Close() })
	go func() {
		for {
			c, err := closing.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	accepts := closing.Addr().String()
	for name, at := range map[string]Place{
		"a PostgreSQL that is not there":          {Kind: InPostgres, At: "postgres://u@127.0.0.1:1/db?sslmode=disable"},
		"a PostgreSQL whose name is not known":    {Kind: InPostgres, At: "postgres://u@db.invalid:5432/db?sslmode=disable"},
		"a PostgreSQL behind a proxy":             {Kind: InPostgres, At: "postgres://u@" + accepts + "/db?sslmode=disable"},
		"a PostgreSQL behind a proxy, by TLS":     {Kind: InPostgres, At: "postgres://u@" + accepts + "/db?sslmode=require"},
		"a Redis that is not there":               {Kind: InRedis, At: "redis://127.0.0.1:1"},
		"a Redis whose name is not known":         {Kind: InRedis, At: "redis://redis.invalid:6379"},
		"a Redis behind a proxy":                  {Kind: InRedis, At: "redis://" + accepts},
		"a Redis behind a proxy, by TLS":          {Kind: InRedis, At: "rediss://" + accepts},
		"a Sentinel that is not there":            {Kind: InRedis, At: "redis://127.0.0.1:1/0?master_name=mymaster"},
		"two Sentinels whose names are not known": {Kind: InRedis, At: "redis://a.invalid:26379/0?master_name=mymaster&addr=b.invalid:26379"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			lines, opened := make(notices, 1000), make(chan error, 1)
			at.Variable, at.Wait = "DATABASE_URL", time.Hour
			go func() {
				_, err := Open(ctx, at, nil, slog.New(slog.NewTextHandler(lines, nil)))
				opened <- err
			}()
			select {
			case line := <-lines:
				if !strings.Contains(line, "not up yet") {
					t.Error(line)
				}
				cancel()
				<-opened
			case err := <-opened:
				cancel()
				t.Errorf("not tried again: %v", err)
			}
		})
	}
	for _, err := range []error{
		&pgconn.PgError{Code: "57P03"}, context.DeadlineExceeded, errors.New("LOADING Redis is loading the dataset in memory"),
		errors.New("MASTERDOWN Link with MASTER is down"), errors.New("READONLY You can't write against a read only replica."),
	} {
		if !notUp(err) {
			t.Errorf("not tried again: %v", err)
		}
	}
	for _, err := range []error{
		&pgconn.PgError{Code: "28P01"}, &pgconn.PgError{Code: "3D000"}, errors.New("WRONGPASS invalid username-password pair"),
		errors.New("NOPERM this user has no permissions"), x509.UnknownAuthorityError{}, errors.New("is not understood by the Redis client"),
	} {
		if notUp(err) {
			t.Errorf("tried again: %v", err)
		}
	}
}
