package acceptance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// traveller runs a journey.
type traveller struct {
	*browser
	plan  *testkit.FaultPlan
	login string
	// provider is the name of the provider of login.
	provider string
	vault    *tokenstore.Vault
	slowest  *slowest
	// user is the application's id of the traveller. It is the account's id if the application
	// has no users table.
	user string
	// former is the account's former owner, or "".
	former string
}

// slowest is the longest time of the requests for each path.
type slowest struct {
	mu sync.Mutex
	of map[string]time.Duration
}

// ask makes a request and measures its time.
func (v *traveller) ask(what string, request func() answer) answer {
	v.s.T.Helper()
	begun := time.Now()
	a := request()
	took := time.Since(begun)
	if bound := bounds[what]; took > bound {
		v.s.T.Errorf("%s: the visitor waited for %v, and should for %v at most", what, took, bound)
	}
	v.slowest.mu.Lock()
	defer v.slowest.mu.Unlock()
	v.slowest.of[what] = max(v.slowest.of[what], took)
	return a
}

func (v *traveller) open(path string) answer {
	v.s.T.Helper()
	what, _, _ := strings.Cut(strings.TrimPrefix(path, v.s.Public), "?")
	if strings.HasPrefix(what, "/auth/login") {
		what = "/auth/login"
	}
	return v.ask(what, func() answer { return v.Get(path) })
}

// bounds are the longest times that a visitor waits, whatever fails.
var bounds = map[string]time.Duration{
	"/auth/login":    25 * time.Second,
	"/auth/callback": 25 * time.Second,
	"/auth/native":   25 * time.Second,
	"/auth/logout":   25 * time.Second,
	"/auth/session":  10 * time.Second,
	"/me":            15 * time.Second,
	"/scoped":        15 * time.Second,
	"/call":          30 * time.Second, // 20 of them are the handler's
}

// A step returns its last response, and whether the response is the expected one.
type step struct {
	name string
	run  func(v *traveller) (a answer, done bool)
}

func signingIn(v *traveller) (answer, bool) {
	a := v.open(v.login)
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Redirect(), "https://") {
		return a, false
	}
	a = v.open(v.Approve(a.Redirect(), xtest.DefaultUserID))
	return a, a.StatusCode == http.StatusSeeOther && a.Redirect() == "/"
}

func calling(v *traveller) (answer, bool) {
	a := v.open("/call")
	return a, a.StatusCode == http.StatusOK && strings.Contains(a.Text, xtest.DefaultUserID)
}

func reading(v *traveller) (answer, bool) {
	a := v.open("/me")
	return a, a.StatusCode == http.StatusOK && strings.Contains(a.Text, xtest.DefaultUserID)
}

// later is a step some time after the one before.
func later(d time.Duration, run func(v *traveller) (answer, bool)) func(v *traveller) (answer, bool) {
	return func(v *traveller) (answer, bool) {
		time.Sleep(d)
		return run(v)
	}
}

func consenting(v *traveller) (answer, bool) {
	a := v.open("/scoped")
	if a.StatusCode != http.StatusSeeOther {
		return a, false
	}
	a = v.open(a.Redirect())
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Redirect(), "https://") {
		return a, false
	}
	a = v.open(v.Approve(a.Redirect(), xtest.DefaultUserID))
	if a.StatusCode != http.StatusSeeOther || a.Redirect() != "/scoped" {
		return a, false
	}
	a = v.open("/scoped")
	return a, a.StatusCode == http.StatusOK
}

func leaving(form url.Values) func(v *traveller) (answer, bool) {
	return func(v *traveller) (answer, bool) {
		a := v.ask("/auth/logout", func() answer { return v.Send(http.MethodPost, "/auth/logout", form) })
		return a, a.StatusCode == http.StatusSeeOther
	}
}

func byProgram(grant func(s *site) fields) func(v *traveller) (answer, bool) {
	return func(v *traveller) (answer, bool) {
		f := grant(v.s)
		a := v.ask("/auth/native", func() answer { return v.native(f) })
		return a, a.StatusCode == http.StatusOK
	}
}

type journey struct {
	name, login, provider string
	steps                 []step
	edit                  func(*xsignin.Config)
	// users are the application's users who link the account one after the other. The last one
	// is the traveller. The others link it before the journey.
	users []string
}

var (
	signOut  = step{"logout", leaving(url.Values{})}
	leaveAll = step{"sign out everywhere", leaving(url.Values{"everywhere": {"1"}})}
	oauth2In = step{"sign-in", signingIn}
)

var journeys = []journey{
	{name: "OAuth 2.0", login: "/auth/login", provider: "x", steps: []step{
		oauth2In, {"request", reading}, {"call", calling}, {"refresh", later(3*time.Hour, calling)}, signOut,
	}},
	{name: "OAuth 1.0a", login: "/auth/login/x-oauth1", provider: "x-oauth1", steps: []step{
		{"sign-in", signingIn}, {"call", calling}, {"call that reads the token again", later(6*time.Minute, calling)}, signOut,
	}},
	{name: "consent", login: "/auth/login", provider: "x", steps: []step{
		oauth2In, {"consent", consenting}, {"call", calling}, leaveAll,
	}},
	{name: "sign-in again", login: "/auth/login", provider: "x", steps: []step{
		oauth2In, {"call", calling}, {"second sign-in", later(time.Minute, signingIn)}, {"call", calling}, signOut,
	}},
	{name: "idle timeout", login: "/auth/login", provider: "x", edit: func(c *xsignin.Config) { c.Session.IdleTimeout = 24 * time.Hour }, steps: []step{
		oauth2In, {"request that is recorded", later(3*time.Hour, reading)}, signOut,
	}},
	{name: "link", login: "/auth/login", provider: "x", users: []string{"user-1"}, steps: []step{
		oauth2In, {"call", calling}, signOut,
	}},
	{name: "transfer", login: "/auth/login", provider: "x", users: []string{"user-1", "user-2"}, steps: []step{
		oauth2In, {"call", calling}, signOut,
	}},
	{name: "program with a code", login: "/auth/login", provider: "x", steps: []step{
		{"sign-in", byProgram(func(s *site) fields { return s.code(xtest.DefaultUserID) })}, {"call", calling}, signOut,
	}},
	{name: "program with a token pair", login: "/auth/login/x-oauth1", provider: "x-oauth1", steps: []step{
		{"sign-in", byProgram(func(s *site) fields { return s.pair(xtest.DefaultUserID) })}, {"call", calling}, signOut,
	}},
}

// site makes the site of a journey.
func (j journey) site(t *testing.T, slow *slowest) (*site, *traveller) {
	plan := testkit.NewFaultPlan()
	v := &traveller{plan: plan, login: j.login, provider: j.provider, slowest: slow, user: xtest.DefaultUserID}
	s := nativeSite(t, func(c *xsignin.Config) {
		c.Session.Store = plan.SessionStore(c.Session.Store.(*testkit.SessionStore))
		c.TokenStore = plan.TokenStore(c.TokenStore.(*testkit.TokenStore))
		c.X.Transport = plan.Transport(c.X.Transport)
		if j.edit != nil {
			j.edit(c)
		}
		if len(j.users) != 0 {
			c.Advanced.AllowAccountTransfer = true
			c.OnSignIn = func(_ context.Context, in *xsignin.SignIn) error { in.User.ID = v.user; return nil }
		}
	})
	s.scoped("/scoped", "tweet.write")
	s.Mux.Handle("/call", s.Kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.x.com/2/users/me", http.NoBody)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		resp, err := xsignin.Client(ctx).Do(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(body)
	})))
	vault, err := tokenstore.NewVault(s.Tokens.Store, []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	v.browser, v.vault = s.browser(), vault
	return s, v
}

// link lets the application's users before the traveller link the account. Their sessions end
// and their tokens stay.
func (j journey) link(v *traveller) {
	for _, user := range j.users {
		v.former, v.user = v.user, user
		if user == j.users[len(j.users)-1] {
			break
		}
		if a := v.s.browser().SignIn(v.login, xtest.DefaultUserID); a.StatusCode != http.StatusSeeOther {
			v.s.T.Fatalf("%s links the account: status %d, body %s", user, a.StatusCode, a.Text)
		}
		if err := v.s.Kit.Sessions().UserSessions().End(context.Background(), user, nil); err != nil {
			v.s.T.Fatal(err)
		}
	}
	if len(j.users) < 2 {
		v.former = ""
	}
	time.Sleep(2 * time.Minute) // waits for work in the background
	v.plan.Restart()
}

// owner returns the owner of the account.
func (v *traveller) owner() tokenstore.Owner {
	v.s.T.Helper()
	o, _, err := v.vault.Owner(context.Background(), "x", xtest.DefaultUserID)
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		v.s.T.Fatal(err)
	}
	return o
}

// formerHas reports whether the former owner has a token of the account.
func (v *traveller) formerHas() bool {
	return v.former != "" && v.hasToken(v.former)
}

func (v *traveller) hasToken(user string) bool {
	v.s.T.Helper()
	_, _, err := v.vault.Get(context.Background(), tokenstore.Key{Provider: v.provider, UserID: user, AccountID: xtest.DefaultUserID})
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		v.s.T.Fatal(err)
	}
	return err == nil
}

// stored returns the stored token, and whether it has secrets.
func (v *traveller) stored() (tokenstore.Token, bool) {
	v.s.T.Helper()
	t, _, err := v.vault.Get(context.Background(), tokenstore.Key{Provider: v.provider, UserID: v.user, AccountID: xtest.DefaultUserID})
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		v.s.T.Fatal(err)
	}
	return t, t.AccessToken != "" || t.RefreshToken != ""
}

// works reports whether X accepts what t contains.
func (v *traveller) works(t tokenstore.Token) bool {
	if t.RefreshToken != "" {
		return v.s.X.Live(t.RefreshToken)
	}
	return v.s.X.Live(t.AccessToken)
}

var problemCode = regexp.MustCompile(`<code>(unavailable|internal|rate_limited)</code>|"code":"(unavailable|internal|rate_limited)"`)

// isClear checks that the response to a failed step reports the failure.
func (v *traveller) isClear(a answer) {
	v.s.T.Helper()
	path := a.Request.URL.Path
	switch {
	case a.StatusCode < 500:
		v.s.T.Errorf("%s: status %d to %q, body %s", path, a.StatusCode, a.Redirect(), a.Text)
	case path == "/call":
	case a.Header.Get("Retry-After") == "" || !problemCode.MatchString(a.Text):
		v.s.T.Errorf("%s: status %d without a time to try again or a reason: %v %s", path, a.StatusCode, a.Header, a.Text)
	}
}

// A walk is one journey with one fault.
type walk struct {
	*traveller
	at    testkit.FaultPoint
	kind  testkit.FaultKind
	stays bool
	last  string // the name of the step with the fault
}

func (w walk) name() string {
	if w.stays {
		return fmt.Sprintf("%v/%s until it is lifted", w.at, w.kind.Name)
	}
	return fmt.Sprintf("%v/%s", w.at, w.kind.Name)
}

// run runs the journey up to the step with the fault, and checks the result.
func (w *walk) run(steps []step) {
	s := w.s
	t := s.T
	w.plan.Arm(w.at, w.kind, w.stays)
	for _, st := range steps {
		before, had := w.stored()
		was := had
		cookie := w.cookieValue("xsignin")
		givenBefore := len(w.plan.GivenTokens())
		a, done := st.run(w.traveller)
		if !w.plan.WasHit() {
			if !done {
				t.Fatalf("%s: status %d, body %s", st.name, a.StatusCode, a.Text)
			}
			continue
		}
		if !done {
			w.isClear(a)
		}
		if w.kind.Late == time.Second && !done {
			t.Errorf("%s: a second is too late: status %d, body %s", st.name, a.StatusCode, a.Text)
		}
		w.plan.Lift()
		// Wait for background work: leases, and tokens to be saved.
		time.Sleep(2 * time.Minute)
		w.last = st.name
		w.nothingHalfDone(st, a, done, was, before, cookie, givenBefore)
		w.owned(st, done)
		if leaves(st) && !done {
			if a, done = st.run(w.traveller); !done || w.Who() != "" {
				t.Errorf("afterwards: %s: status %d, body %s", st.name, a.StatusCode, a.Text)
			}
			if _, has := w.stored(); has && !w.neverSaid(false) {
				t.Errorf("afterwards: %s leaves a token", st.name)
			}
		}
		w.recovers()
		w.ownedAgain()
		if n := w.plan.OpenAnswers(); n != 0 {
			t.Errorf("%d answers of X are open", n)
		}
		return
	}
	// The last step may have left background work.
	time.Sleep(2 * time.Minute)
}

// leaves reports whether st is a sign-out.
func leaves(st step) bool { return st.name == signOut.name || st.name == leaveAll.name }

// owned checks the owner of the account after the fault.
func (w walk) owned(st step, done bool) {
	t := w.s.T
	t.Helper()
	if w.user == xtest.DefaultUserID {
		return
	}
	o := w.owner()
	if w.formerHas() && o.UserID != w.former && !slices.Contains(o.Former, w.former) {
		t.Errorf("%s: the owner is %q, and a former owner's token is forgotten", st.name, o)
	}
	if token, has := w.stored(); has && o.UserID != w.user && !w.tokenMayStay(token) {
		t.Errorf("%s: the owner is %q, and %s has a token", st.name, o, w.user)
	}
	switch {
	case st.name != oauth2In.name:
	case done && o.UserID != w.user:
		t.Errorf("%s: told to be signed in, and the owner is %q", st.name, o)
	case done && w.at.Part != testkit.FaultTokens && (w.formerHas() || len(o.Former) != 0):
		t.Errorf("%s: the transfer is not complete: the owner is %q", st.name, o)
	case !done && (w.at.Part != testkit.FaultTokens || !w.stays) && (o.UserID != w.former || len(o.Former) != 0 || w.former != "" && !w.formerHas()):
		t.Errorf("%s: a sign-in failed, and the owner is %q", st.name, o)
	}
}

// ownedAgain checks that the next sign-in completes a transfer.
func (w walk) ownedAgain() {
	t := w.s.T
	t.Helper()
	if w.user == xtest.DefaultUserID {
		return
	}
	if a, done := signingIn(w.traveller); !done {
		t.Errorf("afterwards: linking again: status %d, body %s", a.StatusCode, a.Text)
	}
	if o := w.owner(); o.UserID != w.user || len(o.Former) != 0 || w.formerHas() {
		t.Errorf("afterwards: the owner is %q, and the former owner has a token: %t", o, w.formerHas())
	}
}

func (w walk) nothingHalfDone(st step, a answer, done, had bool, before tokenstore.Token, cookie string, given int) {
	s := w.s
	t := s.T
	t.Helper()
	who := w.Who()
	token, has := w.stored()
	leaves := leaves(st)
	switch {
	case who != "" && leaves && done:
		t.Errorf("%s: told to be signed out, and still is signed in", st.name)
	case who != "" && !has && !(w.refreshLost() && token.NeedsReauth):
		t.Errorf("%s: signed in without a token: %v", st.name, token)
	case who != "" && has && !w.works(token) && !w.refreshLost():
		t.Errorf("%s: the stored token is dead at X: %v", st.name, token)
	case who == "" && !leaves && had && !w.mayEndTheOld(done):
		t.Errorf("%s: signed out by a fault; the answer was %d %s", st.name, a.StatusCode, a.Text)
	case who == "" && !leaves && done:
		t.Errorf("%s: told to be signed in, and is not", st.name)
	case who == "" && has && !had && !w.tokenMayStay(token):
		t.Errorf("%s: a token is stored and nobody is signed in", st.name)
	case who == "" && has && leaves && !w.neverSaid(done) && !w.operatorKnows(done):
		t.Errorf("%s: a token is stored and nobody is signed in", st.name)
	}
	if n := s.SessionCount(); who == "" && n != 0 && w.at.Part != testkit.FaultSessions {
		t.Errorf("%s: nobody is signed in, and %d sessions are stored", st.name, n)
	}
	if leaves && done && cookie != "" {
		old := s.browser().Get("/auth/session", "Accept", "application/json", "Cookie", "xsignin="+cookie)
		if strings.Contains(old.Text, `"signed_in":true`) {
			t.Errorf("%s: the old cookie is still good", st.name)
		}
		if w.at.Part == testkit.FaultSessions && w.works(before) {
			t.Errorf("%s: the token lives on at X", st.name)
		}
	}
	if !done && !leaves && !had && w.at.Part == testkit.FaultSessions {
		for _, g := range w.plan.GivenTokens()[given:] {
			if s.X.Live(g) {
				t.Errorf("%s: a sign-in failed, and its token lives on at X", st.name)
			}
		}
	}
}

// refreshLost reports whether X used up a refresh token and its answer was lost.
func (w walk) refreshLost() bool {
	return w.at.Part == testkit.FaultX && w.at.Method == "POST /2/oauth2/token" && w.kind.Lost()
}

// tokenMayStay reports whether a token may be stored although no user is signed in.
func (w walk) tokenMayStay(t tokenstore.Token) bool {
	// The store was unavailable and could not delete the token, which is useless.
	return w.at.Part == testkit.FaultTokens && !w.works(t)
}

// mayEndTheOld reports whether a session may have ended although the step was another sign-in.
// Such a sign-in ends the old session first, and reports that no user is signed in.
func (w walk) mayEndTheOld(done bool) bool { return w.at.Part == testkit.FaultSessions && !done }

// neverSaid reports whether the user was signed out although the store failed up to the end, or
// failed between deleting the session and writing its tombstone. The token then stays, as it
// does when a session expires.
func (w walk) neverSaid(done bool) bool {
	between := w.at.Part == testkit.FaultSessions && (w.at.Method == "Commit" || w.at.Method == "Delete")
	return !done && w.stays && (w.kind.Lost() || between) || !done && w.everywhere()
}

// everywhere reports whether a sign-out everywhere was written, but its deletions failed. The
// visitor gets an error, and the process retries the deletions.
func (w walk) everywhere() bool {
	return w.at.Part == testkit.FaultSessions && w.s.Kit.Sessions().UserSessions() != nil && w.last == leaveAll.name
}

// operatorKnows reports whether the visitor is signed out while the token store was unavailable,
// and the log says that a token remains.
func (w walk) operatorKnows(done bool) bool {
	return done && w.at.Part == testkit.FaultTokens && strings.Contains(w.s.Log.String(), "token not deleted at sign-out")
}

// recovers checks that the same browser can do everything afterwards.
func (w walk) recovers() {
	t := w.s.T
	t.Helper()
	if w.Who() != "" {
		if a, done := calling(w.traveller); !done {
			if !w.refreshLost() {
				t.Errorf("afterwards: a call: status %d, body %s", a.StatusCode, a.Text)
			}
			if a := w.open("/me"); a.StatusCode != http.StatusSeeOther {
				t.Errorf("afterwards: a page of a user who has to sign in again: status %d", a.StatusCode)
			}
			if a, done := signingIn(w.traveller); !done {
				t.Errorf("afterwards: signing in again: status %d, body %s", a.StatusCode, a.Text)
			}
		}
	} else if a, done := signingIn(w.traveller); !done {
		t.Errorf("afterwards: signing in: status %d, body %s", a.StatusCode, a.Text)
	}
	for _, st := range []step{{"a call", calling}, {"a refresh", later(3*time.Hour, calling)}, signOut} {
		if a, done := st.run(w.traveller); !done {
			t.Errorf("afterwards: %s: status %d, body %s", st.name, a.StatusCode, a.Text)
		}
	}
	if got := w.Who(); got != "" {
		t.Errorf("afterwards: signed out, and signed in as %q", got)
	}
	if token, has := w.stored(); has {
		t.Errorf("afterwards: signed out, and a token is stored: %v", token)
	}
	if n := w.s.SessionCount(); n != 0 && w.at.Part != testkit.FaultSessions {
		t.Errorf("afterwards: signed out, and %d sessions are stored", n)
	}
}

// TestFaultsAtEveryPoint runs each journey once, and counts the calls to the session store, the
// token store and X. It then runs the journey again for each call and each kind of fault. The
// call fails, hangs or is late, once or until the fault is lifted.
func TestFaultsAtEveryPoint(t *testing.T) {
	slow := &slowest{of: make(map[string]time.Duration)}
	t.Run("walk", func(t *testing.T) {
		for _, j := range journeys {
			t.Run(j.name, func(t *testing.T) {
				t.Parallel()
				n := 0
				for _, p := range j.points(t, slow) {
					kinds := testkit.AnyFaults()
					if p.Part == testkit.FaultX {
						kinds = testkit.XFaults()
					}
					for _, k := range kinds {
						for _, stays := range []bool{false, true} {
							if n++; n%walkEvery != 0 {
								continue
							}
							w := walk{at: p, kind: k, stays: stays}
							t.Run(w.name(), func(t *testing.T) {
								// Some runs do without the call, if two writes meet in another way.
								for range 20 {
									var s *site
									s, w.traveller = j.site(t, slow)
									s.Bubble(func() {
										j.link(w.traveller)
										w.run(j.steps)
									})
									if w.plan.WasHit() {
										return
									}
								}
								t.Error("the fault was not met")
							})
						}
					}
				}
			})
		}
	})
	for what, took := range slow.of {
		t.Logf("%s took %v at most", what, took)
	}
}

// points are the calls of a journey without faults. Two concurrent writes of one entry cause a
// third write, so a call counts only if each of several runs makes it.
func (j journey) points(t *testing.T, slow *slowest) []testkit.FaultPoint {
	points := j.calls(t, slow)
	for range 4 {
		again := j.calls(t, slow)
		points = slices.DeleteFunc(points, func(p testkit.FaultPoint) bool { return !slices.Contains(again, p) })
	}
	parts := make(map[string]bool)
	for _, p := range points {
		parts[p.Part] = true
	}
	if len(parts) != 3 || len(points) < 15 {
		t.Fatalf("the walk sees too little: %v", points)
	}
	return points
}

// calls are the calls of one run of a journey without faults.
func (j journey) calls(t *testing.T, slow *slowest) (calls []testkit.FaultPoint) {
	s, v := j.site(t, slow)
	s.Bubble(func() {
		j.link(v)
		for _, st := range j.steps {
			if a, done := st.run(v); !done {
				t.Fatalf("%s: status %d, body %s", st.name, a.StatusCode, a.Text)
			}
		}
		calls = v.plan.Calls() // the calls of Close come later
	})
	return calls
}
