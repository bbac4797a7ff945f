package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/xsignin/xsignin/tokenstore"
)

// What a visitor knows about its session. After an interrupted request it knows nothing.
const (
	signedOut = iota
	signedIn
	unknown
)

// trackedVisitor is a visitor of the application that is killed.
type trackedVisitor struct {
	*visitor
	is    int
	ended [][]*http.Cookie // cookies of ended sessions, the newest last
	log   []string         // the last steps: the state and the error
	// cutOff is set if a kill interrupted a sign-out, so that its result is unknown. A sign-out
	// that had only begun ends the session at a later use (see session.UserSessions).
	cutOff bool
}

// killTest is an application that is killed repeatedly, with its visitors.
type killTest struct {
	t        *testing.T
	backend  backend
	x        *localX
	balancer *balancer
	stores   *stores // the test's own connections
	vault    *tokenstore.Vault
	visitors []*trackedVisitor
	retired  []*trackedVisitor // their refresh token was lost with a killed process
	users    int
	again    atomic.Int64 // how often users were told to sign in again
	cut      atomic.Int64 // how many requests were interrupted
}

const (
	activeVisitors = 8
	maxUsers       = 2000
	appName        = "app" // application_name of the connections to PostgreSQL
)

// TestKilledAtRandomPoints kills the application at random moments and checks the next process:
//
//   - It can read all records.
//   - Signed-in users are still signed in, as themselves.
//   - Signed-out users stay signed out.
//   - X accepts each stored refresh token, or the token's user is told to sign in again.
func TestKilledAtRandomPoints(t *testing.T) {
	seed := rand.Uint64()
	if s, err := strconv.ParseUint(os.Getenv("XSIGNIN_LOAD_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("XSIGNIN_LOAD_SEED=%d", seed)
	eachStore(t, []string{inSQLite, inPostgres}, func(t *testing.T, p backend) {
		t.Parallel()
		random := rand.New(rand.NewPCG(seed, 3))
		s := newKillTest(t, p, seed)
		kills := 50
		if raceEnabled {
			// With the race detector a kill takes several times as long.
			kills = 8
		}
		app := s.start()
		for range kills {
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for _, v := range s.visitors {
				wg.Go(func() { s.loop(v, stop) })
			}
			<-time.After(20*time.Millisecond + time.Duration(random.IntN(150_000))*time.Microsecond)
			close(stop)
			app.kill()
			wg.Wait()
			s.balancer.base.CloseIdleConnections()
			s.settle()
			app = s.start()
			s.check()
			if t.Failed() {
				break
			}
		}
		s.checkAtEnd()
		t.Logf("%d kills interrupted %d requests; %d users lost a refresh token; users were told %d times to sign in again",
			kills, s.cut.Load(), len(s.retired), s.again.Load())
		if s.cut.Load() == 0 {
			t.Error("no kill interrupted a request: this tests nothing")
		}
		s.balancer.base.CloseIdleConnections()
		if err := app.stop(); err != nil {
			t.Error(err)
		}
	})
}

func newKillTest(t *testing.T, p backend, seed uint64) *killTest {
	t.Helper()
	s := &killTest{t: t, backend: p, balancer: newBalancer(newTally("", nil))}
	var err error
	if s.x, err = newX(maxUsers, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.x.close)
	if s.stores, err = p.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stores.close() })
	if s.vault, err = tokenstore.NewVault(s.stores.tokens, []byte(secret)); err != nil {
		t.Fatal(err)
	}
	for i := range activeVisitors {
		s.visitors = append(s.visitors, s.nextVisitor(seed+uint64(i)))
	}
	return s
}

// nextVisitor returns a visitor with a new user.
func (s *killTest) nextVisitor(seed uint64) *trackedVisitor {
	s.users++
	return &trackedVisitor{visitor: newVisitor(userID(s.users-1), s.x, s.balancer, seed)}
}

func (s *killTest) start() *process {
	s.t.Helper()
	at := s.backend
	if at.Kind == inPostgres {
		at.URL += "&application_name=" + appName
	}
	app, err := buildApp(s.t).start(s.x, at)
	if err != nil {
		s.t.Fatal(err)
	}
	s.balancer.setReplicas(app)
	return app
}

// settle waits until PostgreSQL has executed the commands of the killed process.
func (s *killTest) settle() {
	s.t.Helper()
	if s.backend.Kind != inPostgres {
		return
	}
	c, err := pgx.Connect(s.t.Context(), s.backend.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	for began := time.Now(); ; {
		var others int
		// The application name excludes the test's own connections.
		err := c.QueryRow(s.t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = $1`, appName).Scan(&others)
		if err != nil {
			s.t.Fatal(err)
		}
		if others == 0 {
			return
		}
		if time.Since(began) > time.Minute {
			s.t.Fatalf("%d connections of the killed process are left", others)
		}
	}
}

// loop runs the actions of v until the application is killed.
func (s *killTest) loop(v *trackedVisitor, stop <-chan struct{}) {
	ctx := context.Background()
	for {
		err := v.step(ctx)
		v.log = append(v.log, fmt.Sprint(v.is, " ", err))
		if len(v.log) > 12 {
			v.log = v.log[1:]
		}
		select {
		case <-stop:
			if err != nil {
				s.cut.Add(1)
			}
			if v.faulty(err) {
				s.t.Errorf("user %s: %v", v.id, err)
			}
			return
		default:
		}
		switch {
		case err == nil:
		case signInRequired(err):
			s.again.Add(1)
			v.is = unknown // so that the next step signs in
		case v.cutOff && notSignedIn(err):
			v.is = unknown
		default:
			var u *url.Error
			if errors.As(err, &u) {
				// The error must come from the kill, so stop is closed soon.
				<-stop
				s.cut.Add(1)
				return
			}
			var status *statusError
			if errors.As(err, &status) {
				s.t.Errorf("user %s: %s; before %v", v.id, status.detail(), v.log)
			} else {
				s.t.Errorf("user %s: %v", v.id, err)
			}
			return
		}
	}
}

// faulty reports whether an error is a fault even if the application was killed.
func (v *trackedVisitor) faulty(err error) bool {
	return errors.Is(err, errWrongIdentity) || errors.Is(err, errOpenAfterLogout) || errors.Is(err, errWrongDraft)
}

// step does a random action, and updates the state of the session before and after.
func (v *trackedVisitor) step(ctx context.Context) error {
	if v.is != signedIn {
		v.is = unknown
		err := v.signIn()
		if err == nil {
			v.is, v.cutOff = signedIn, false
		}
		return err
	}
	var err error
	switch n := v.random.IntN(100); {
	case n < 20:
		_, err = v.get(ctx, "/me")
	case n < 45:
		_, err = v.get(ctx, "/timeline")
	case n < 55:
		err = v.saveDraft(ctx, v.id)
	case n < 85:
		if !v.oauth1 {
			err = v.refresh(ctx)
		}
	default:
		old := v.cookies()
		v.is = unknown
		var a answer
		if a, err = v.send(ctx, http.MethodPost, "/auth/logout", url.Values{}, nil); err != nil {
			return err
		}
		if a.status != http.StatusNoContent {
			return &statusError{"logout", a}
		}
		v.is = signedOut
		v.ended = append(v.ended, old)
		err = v.checkSignedOut(ctx, old)
	}
	return err
}

// check checks all visitors after a restart.
func (s *killTest) check() {
	s.t.Helper()
	ctx := s.t.Context()
	lost := s.lostTokens()
	for i, v := range s.visitors {
		w, err := s.front(v)
		switch {
		case err != nil:
			s.t.Errorf("user %s after a kill: %v", v.id, err)
		case w != "" && w != v.id:
			s.t.Errorf("user %s is signed in as %s", v.id, w)
		case w == "" && v.is == signedIn && !v.cutOff:
			s.t.Errorf("user %s was signed in and is signed out now", v.id)
		case w != "" && v.is == signedOut:
			s.t.Errorf("user %s was signed out and is signed in now", v.id)
		}
		// Older sessions were checked after earlier kills, and are checked again at the end.
		s.checkEnded(v, v.ended[max(0, len(v.ended)-3):])
		if w != v.id {
			continue
		}
		v.log = append(v.log, fmt.Sprint("CHECK ", v.is))
		v.cutOff = v.cutOff || v.is == unknown
		v.is = signedIn
		switch _, err := v.get(ctx, "/timeline"); {
		case err == nil, signInRequired(err):
		case v.cutOff && notSignedIn(err):
			v.is = unknown
		default:
			s.t.Errorf("user %s after a kill: %v; before %v", v.id, detailed(err), v.log)
		}
		if lost[v.id] {
			s.retired = append(s.retired, v)
			s.visitors[i] = s.nextVisitor(v.random.Uint64())
		}
	}
}

// front returns the user of the front page, or "".
func (s *killTest) front(v *trackedVisitor) (id string, err error) {
	w, err := v.get(s.t.Context(), "/")
	if errors.Is(err, errWrongIdentity) {
		// The page may be for no user.
		err = nil
	}
	return w.session, err
}

// checkEnded checks that cookies of ended sessions open nothing.
func (s *killTest) checkEnded(v *trackedVisitor, cookies [][]*http.Cookie) {
	s.t.Helper()
	for _, old := range cookies {
		if err := v.checkSignedOut(s.t.Context(), old); err != nil {
			s.t.Errorf("user %s: ended session: %v", v.id, err)
		}
	}
}

// lostTokens returns the users whose stored token is good by its record but not accepted by X.
func (s *killTest) lostTokens() map[string]bool {
	s.t.Helper()
	keys, err := s.stores.keys(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	lost := map[string]bool{}
	for _, k := range keys {
		token, _, err := s.vault.Get(s.t.Context(), k)
		if err != nil {
			s.t.Errorf("a stored token cannot be opened: %v", err)
			continue
		}
		if !token.NeedsReauth && token.RefreshToken != "" && !s.x.Live(token.RefreshToken) {
			lost[token.AccountID] = true
		}
	}
	return lost
}

// checkAtEnd checks all ended sessions again. It also refreshes the lost tokens, whose users
// must be told to sign in again. A refresh waits for the lease of a killed process to expire.
func (s *killTest) checkAtEnd() {
	s.t.Helper()
	var wg sync.WaitGroup
	for _, v := range append(s.retired, s.visitors...) {
		wg.Go(func() { s.checkEnded(v, v.ended) })
	}
	for _, v := range s.retired {
		wg.Go(func() {
			err := v.refresh(s.t.Context())
			if !signInRequired(err) {
				s.t.Errorf("user %s has lost the refresh token and is not told to sign in again: %v", v.id, err)
				return
			}
			s.again.Add(1)
			if err := v.signIn(); err != nil {
				s.t.Errorf("user %s: %v", v.id, err)
			}
			if _, err := v.get(s.t.Context(), "/timeline"); err != nil {
				s.t.Errorf("user %s after signing in again: %v", v.id, err)
			}
		})
	}
	wg.Wait()
}

// notSignedIn reports whether an error means that the session has ended.
func notSignedIn(err error) bool {
	var status *statusError
	return errors.As(err, &status) && strings.Contains(status.body, "not_signed_in")
}

// detailed adds the body to an error with a status.
func detailed(err error) error {
	var status *statusError
	if errors.As(err, &status) {
		return errors.New(status.detail())
	}
	return err
}
