package proxies

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/redisstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
	"github.com/xsignin/xsignin/xtest"
)

// If asReplica is in the environment, the test's binary is a replica. It has a setup in JSON.
const asReplica = "XSIGNIN_PROXIES_REPLICA"

// setup is what a replica needs.
type setup struct {
	Addr       string
	PublicURL  string
	CookieName string
	X          string // the address of X
	Store      string // postgres:// or redis://
}

const sessionsTable = `
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions (expiry);`

// stores opens the stores as docs/stores.md says.
type stores struct {
	sessions scs.Store
	tokens   tokenstore.Store
	close    func()
}

func openStores(ctx context.Context, at string) (*stores, error) {
	if strings.HasPrefix(at, "redis://") {
		o, err := redis.ParseURL(at)
		if err != nil {
			return nil, err
		}
		o.ContextTimeoutEnabled = true
		c := redis.NewClient(o)
		tokens, err := redisstore.New(redisstore.Config{Client: c})
		return &stores{goredisstore.NewWithPrefix(c, "xsignin:session:"), tokens, func() { _ = c.Close() }}, errors.Join(err, c.Ping(ctx).Err())
	}
	pool, err := pgxpool.New(ctx, at)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	tokens, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.PostgreSQL})
	if err != nil {
		return nil, err
	}
	return &stores{pgxstore.NewWithCleanupInterval(pool, 0), tokens, func() { _ = db.Close(); pool.Close() }}, nil
}

// makeTables creates the tables of a PostgreSQL, as a deployment does before replicas start.
func makeTables(ctx context.Context, at string) error {
	s, err := openStores(ctx, at)
	if err != nil {
		return err
	}
	defer s.close()
	pool, err := pgxpool.New(ctx, at)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, sessionsTable); err != nil {
		return err
	}
	return s.tokens.(sqlstore.Store).Migrate(ctx)
}

// serve runs a replica. It ends with SIGTERM, after it has answered the requests in progress.
func serve(text string) error {
	var s setup
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	opened, err := openStores(ctx, s.Store)
	if err != nil {
		return err
	}
	defer opened.close()
	kit, err := newKit(s, opened)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: routes(kit), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(listener) }()
	fmt.Println("ready")
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(srv.Shutdown(limit), kit.Close(limit))
}

func newKit(s setup, opened *stores) (*xsignin.Kit, error) {
	return xsignin.New(xsignin.Config{
		PublicURL: s.PublicURL, ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		Secrets:    []string{strings.Repeat("k", 32)},
		TokenStore: opened.tokens,
		Session:    xsignin.SessionConfig{Store: opened.sessions, CookieName: s.CookieName},
		X:          xsignin.XEndpoints{APIURL: s.X, AuthorizeURL: s.X + "/i/oauth2/authorize"},
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
}

// routes are an application's.
func routes(kit *xsignin.Kit) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /me", kit.RequireUser(http.HandlerFunc(me)))
	mux.Handle("GET /api", kit.RequireUser(http.HandlerFunc(callX)))
	mux.Handle("GET /events", kit.RequireUser(http.HandlerFunc(events)))
	mux.Handle("POST /upload", kit.RequireUser(http.HandlerFunc(upload)))
	mux.Handle("GET /files/", kit.RequireUser(http.HandlerFunc(me)))
	mux.Handle("GET /{$}", kit.LoadUser(http.HandlerFunc(me)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(ofReplica, "1")
		mux.ServeHTTP(w, r)
	})
}

// ofReplica is a header of all answers that are not a proxy's own.
const ofReplica = "X-Replica"

// me answers with the id of the signed-in user and of the process.
func me(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	fmt.Fprintf(w, "%s %d", user.AccountID, os.Getpid())
}

// callX forwards the answer of X's API.
func callX(w http.ResponseWriter, r *http.Request) {
	resp, err := xsignin.Client(r.Context()).Get("/2/users/me")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

// events sends one event, and nothing more until the visitor leaves.
func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, "data: first\n\n")
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	<-r.Context().Done()
}

// upload answers with the length and the hash of the body.
func upload(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	n, err := io.Copy(hash, http.MaxBytesReader(w, r.Body, 20<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d %x", n, hash.Sum(nil))
}
