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

// What a browser knows of its session. After a request that was cut off it knows nothing.
const (
	signedOut = iota
	signedIn
	unknown
)

// survivor is a visitor of an application that is killed again and again.
type survivor struct {
	*visitor
	is   int
	dead [][]*http.Cookie // those that were signed out, the newest last
	log  []string         // the last steps, each with the browser's knowledge then
	// cutOff: a kill cut off a sign-out, whose result the browser does not know. If the sign-out
	// was only begun, the session ends at a later use (see session.UserSessions).
	cutOff bool
}

// siege is an application that is killed, with its visitors.
type siege struct {
	t         *testing.T
	place     place
	x         *localX
	door      *door
	stores    *stores // of the test itself
	vault     *tokenstore.Vault
	survivors []*survivor
	retired   []*survivor // users whose refresh token was lost with a killed process
	users     int
	again     atomic.Int64 // how often users had to sign in again
	cut       atomic.Int64 // how many requests were cut off
}

const (
	besiegers = 8
	maxUsers  = 2000
	appName   = "app" // of the application's connections to PostgreSQL
)

// TestKilledAtRandomPoints kills the application at any point. The next process opens
// everything, confuses no users, and knows who was signed in. Users who had signed out stay
// signed out. X accepts each stored refresh token, or its user has to sign in again.
func TestKilledAtRandomPoints(t *testing.T) {
	seed := rand.Uint64()
	if s, err := strconv.ParseUint(os.Getenv("XSIGNIN_LOAD_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("XSIGNIN_LOAD_SEED=%d", seed)
	eachStore(t, []string{inSQLite, inPostgres}, func(t *testing.T, p place) {
		t.Parallel()
		random := rand.New(rand.NewPCG(seed, 3))
		s := newSiege(t, p, seed)
		kills := 50
		if raced {
			// The race detector makes each round several times as long. The run without it has
			// all rounds.
			kills = 8
		}
		app := s.start()
		for range kills {
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for _, v := range s.survivors {
				wg.Go(func() { s.live(v, stop) })
			}
			<-time.After(20*time.Millisecond + time.Duration(random.IntN(150_000))*time.Microsecond)
			close(stop)
			app.kill()
			wg.Wait()
			s.door.base.CloseIdleConnections()
			s.settle()
			app = s.start()
			s.check()
			if t.Failed() {
				break
			}
		}
		s.lastWords()
		t.Logf("%d kills: %d requests were cut off, %d users lost a refresh token, and users were told %d times to sign in again",
			kills, s.cut.Load(), len(s.retired), s.again.Load())
		if s.cut.Load() == 0 {
			t.Error("no kill met a request: this tests nothing")
		}
		s.door.base.CloseIdleConnections()
		if err := app.stop(); err != nil {
			t.Error(err)
		}
	})
}

func newSiege(t *testing.T, p place, seed uint64) *siege {
	t.Helper()
	s := &siege{t: t, place: p, door: newDoor(newTally())}
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
	for i := range besiegers {
		s.survivors = append(s.survivors, s.newcomer(seed+uint64(i)))
	}
	return s
}

// newcomer is a visitor with a new user.
func (s *siege) newcomer(seed uint64) *survivor {
	s.users++
	return &survivor{visitor: newVisitor(userID(s.users-1), s.x, s.door, seed)}
}

func (s *siege) start() *process {
	s.t.Helper()
	at := s.place
	if at.Kind == inPostgres {
		at.At += "&application_name=" + appName
	}
	app, err := theApp(s.t).start(s.x, at)
	if err != nil {
		s.t.Fatal(err)
	}
	s.door.open(app)
	return app
}

// settle waits until the database has executed the commands from before the kill.
func (s *siege) settle() {
	s.t.Helper()
	if s.place.Kind != inPostgres {
		return
	}
	c, err := pgx.Connect(s.t.Context(), s.place.At)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	for began := time.Now(); ; {
		var others int
		// The test's own connections wait, and the killed process's connections end.
		err := c.QueryRow(s.t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = $1`, appName).Scan(&others)
		if err != nil {
			s.t.Fatal(err)
		}
		if others == 0 {
			return
		}
		if time.Since(began) > time.Minute {
			s.t.Fatalf("%d connections of a process that is dead are left", others)
		}
	}
}

// live acts as visitors do until the application has ended.
func (s *siege) live(v *survivor, stop <-chan struct{}) {
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
		case toldToSignIn(err):
			s.again.Add(1)
			v.is = unknown // the next step signs in
		case v.cutOff && notSignedIn(err):
			v.is = unknown
		default:
			var u *url.Error
			if errors.As(err, &u) {
				// The kill came before this goroutine knew of it, or it is about to come.
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

// faulty reports whether an error cannot be explained by a kill.
func (v *survivor) faulty(err error) bool {
	return errors.Is(err, errWrongIdentity) || errors.Is(err, errAlive) || errors.Is(err, errWrongDraft)
}

// step does one thing, and records the browser's knowledge before and after it.
func (v *survivor) step(ctx context.Context) error {
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
		_, err = v.ask(ctx, "/me")
	case n < 45:
		_, err = v.ask(ctx, "/timeline")
	case n < 55:
		err = v.keep(ctx, v.id)
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
		v.dead = append(v.dead, old)
		err = v.gone(ctx, old)
	}
	return err
}

// check checks everything after a restart.
func (s *siege) check() {
	s.t.Helper()
	ctx := s.t.Context()
	lost := s.lostTokens()
	for i, v := range s.survivors {
		w, err := s.front(v)
		switch {
		case err != nil:
			s.t.Errorf("user %s after a kill: %v", v.id, err)
		case w != "" && w != v.id:
			s.t.Errorf("user %s is signed in as %s", v.id, w)
		case w == "" && v.is == signedIn && !v.cutOff:
			s.t.Errorf("user %s was signed in and is not any more", v.id)
		case w != "" && v.is == signedOut:
			s.t.Errorf("user %s had signed out and is signed in", v.id)
		}
		// The older ones were checked after earlier kills, and are checked again at the end.
		s.buried(v, v.dead[max(0, len(v.dead)-3):])
		if w != v.id {
			continue
		}
		v.log = append(v.log, fmt.Sprint("CHECK ", v.is))
		v.cutOff = v.cutOff || v.is == unknown
		v.is = signedIn
		switch _, err := v.ask(ctx, "/timeline"); {
		case err == nil, toldToSignIn(err):
		case v.cutOff && notSignedIn(err):
			v.is = unknown
		default:
			s.t.Errorf("user %s after a kill: %v; before %v", v.id, detailed(err), v.log)
		}
		if lost[v.id] {
			s.retired = append(s.retired, v)
			s.survivors[i] = s.newcomer(v.random.Uint64())
		}
	}
}

// front is the user that the front page shows, or "".
func (s *siege) front(v *survivor) (id string, err error) {
	w, err := v.ask(s.t.Context(), "/")
	if errors.Is(err, errWrongIdentity) {
		// Perhaps no user is signed in.
		err = nil
	}
	return w.session, err
}

// buried checks that cookies of ended sessions open nothing.
func (s *siege) buried(v *survivor, cookies [][]*http.Cookie) {
	s.t.Helper()
	for _, old := range cookies {
		if err := v.gone(s.t.Context(), old); err != nil {
			s.t.Errorf("user %s: a session that had ended: %v", v.id, err)
		}
	}
}

// lostTokens are the users whose stored tokens are marked valid, but are refused by X.
func (s *siege) lostTokens() map[string]bool {
	s.t.Helper()
	keys, err := s.stores.keys(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	lost := map[string]bool{}
	for _, k := range keys {
		token, _, err := s.vault.Get(s.t.Context(), k)
		if err != nil {
			s.t.Errorf("a token that is stored does not open: %v", err)
			continue
		}
		if !token.NeedsReauth && token.RefreshToken != "" && !s.x.Live(token.RefreshToken) {
			lost[token.AccountID] = true
		}
	}
	return lost
}

// lastWords checks all cookies again, and refreshes the lost tokens, whose users must be told to
// sign in. Requests during the killed process's lease wait for its end.
func (s *siege) lastWords() {
	s.t.Helper()
	var wg sync.WaitGroup
	for _, v := range append(s.retired, s.survivors...) {
		wg.Go(func() { s.buried(v, v.dead) })
	}
	for _, v := range s.retired {
		wg.Go(func() {
			err := v.refresh(s.t.Context())
			if !toldToSignIn(err) {
				s.t.Errorf("user %s, whose refresh token is spent, is not told to sign in again: %v", v.id, err)
				return
			}
			s.again.Add(1)
			if err := v.signIn(); err != nil {
				s.t.Errorf("user %s: %v", v.id, err)
			}
			if _, err := v.ask(s.t.Context(), "/timeline"); err != nil {
				s.t.Errorf("user %s after signing in again: %v", v.id, err)
			}
		})
	}
	wg.Wait()
}

// notSignedIn reports whether an error says that the session has ended.
func notSignedIn(err error) bool {
	var status *statusError
	return errors.As(err, &status) && strings.Contains(status.body, "not_signed_in")
}

// detailed adds the response body to an error with a status.
func detailed(err error) error {
	var status *statusError
	if errors.As(err, &status) {
		return errors.New(status.detail())
	}
	return err
}
