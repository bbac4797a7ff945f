package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// TestStartsWithoutKeys runs the command's own main, with its worker.
func TestStartsWithoutKeys(t *testing.T) {
	t.Parallel()
	base, _ := testkit.Start(t, map[string]string{"DATABASE": filepath.Join(t.TempDir(), "worker.db")}, run)
	resp, err := http.Get(base)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), "Continue with X") {
		t.Errorf("%s", body)
	}
}

// site is the example with a worker that works on the test's command, with the test's clock.
type site struct {
	*testing.T
	*app
	x      *xtest.X
	api    *xapi.API
	url    string
	store  *storage.Storage
	cfg    xsignin.Config
	client *http.Client

	mu  sync.Mutex // guards now
	now time.Time
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// advance moves the clocks of the worker and of X forward.
func (s *site) advance(d time.Duration) {
	s.mu.Lock()
	s.now = s.now.Add(d)
	s.mu.Unlock()
	s.x.Advance(d)
}

func newSite(t *testing.T) *site {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, now: time.Now(), client: &http.Client{Jar: jar}}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.app.ServeHTTP(w, r) }))
	s.url = "http://" + srv.Listener.Addr().String()
	s.x = xtest.New(xtest.Config{Callbacks: []string{s.url + "/auth/callback"}})
	s.api = xapi.Mount(s.x)
	s.cfg = xsignin.Config{
		PublicURL: s.url, ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, X: xsignin.XEndpoints{Transport: s.x.Transport()},
	}
	s.store, err = storage.Open(t.Context(), storage.Place{Kind: storage.InSQLite, At: filepath.Join(t.TempDir(), "worker.db")}, nil, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	s.restart()
	srv.Start()
	t.Cleanup(srv.Close)
	resp, err := s.x.SignIn(s.client, s.url+"/auth/login", xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	s.x.ResetRequests()
	return s
}

// restart builds the application again, with the same database.
func (s *site) restart() {
	s.Helper()
	a, err := newApp(s.Context(), s.cfg, s.store, s.clock)
	if err != nil {
		s.Fatal(err)
	}
	s.app = a
	s.Cleanup(func() { _ = a.kit.Close(context.Background()) })
}

// press sends a form and returns the resulting page.
func (s *site) press(path string, fill url.Values) string {
	s.Helper()
	resp, err := s.client.PostForm(s.url+path, fill)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.Fatalf("%s: %s %v\n%s", path, resp.Status, err, body)
	}
	return string(body)
}

func (s *site) schedule(text, in string) {
	s.Helper()
	s.press("/jobs", url.Values{"text": {text}, "in": {in}})
}

func (s *site) step() {
	s.Helper()
	if err := s.worker.work(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// only returns the single job, which must be in a state.
func (s *site) only(want state) job {
	s.Helper()
	all, err := s.jobs.list(s.Context(), "")
	if err != nil || len(all) != 1 {
		s.Fatalf("%d jobs: %v", len(all), err)
	}
	if all[0].State != want {
		s.Fatalf("the job is %s, not %s: %+v", all[0].State, want, all[0])
	}
	return all[0]
}

// page checks the text of the user's page.
func (s *site) page(texts ...string) {
	s.Helper()
	resp, err := s.client.Get(s.url)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	for _, text := range texts {
		if !strings.Contains(string(body), text) {
			s.Errorf("the page does not say %q:\n%s", text, body)
		}
	}
}

func (s *site) asked(n int) {
	s.Helper()
	if got := s.x.Count(http.MethodPost, "/2/tweets"); got != n {
		s.Errorf("X was asked to post %d times, not %d", got, n)
	}
}

func (s *site) has(text string, n int) {
	s.Helper()
	got := 0
	for _, p := range s.api.Posts(xtest.DefaultUserID) {
		if p.Text == text {
			got++
		}
	}
	if got != n {
		s.Errorf("%q is at X %d times, not %d", text, got, n)
	}
}

func TestPostsForSomebodyWhoHasSignedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.schedule("Later", "1h")
	s.page("Later", "Waits until")
	s.press("/auth/logout", nil)
	s.step()
	s.asked(0)
	// X's access tokens live for two hours.
	s.advance(3 * time.Hour)
	s.step()
	s.has("Later", 1)
	if j := s.only(posted); j.PostID == "" || j.Attempts != 1 {
		t.Errorf("%+v", j)
	}
	if n := s.x.Count(http.MethodPost, "/2/oauth2/token"); n != 1 {
		t.Errorf("%d refreshes, not 1", n)
	}
	s.step()
	s.has("Later", 1)
}

func TestTheUserHasRevokedTheApplication(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.schedule("First", "0s")
	s.schedule("Second", "0s")
	s.schedule("Tomorrow", "24h")
	s.x.RevokeApp(xtest.DefaultUserID)
	s.step()
	s.asked(1) // the first job finds this out for all of them
	if next, err := s.jobs.next(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("a job still waits: %v %v", next, err)
	}
	asked := len(s.x.Requests())
	for range 50 {
		s.advance(time.Hour)
		s.step()
	}
	if n := len(s.x.Requests()); n != asked {
		t.Errorf("X was asked %d more times", n-asked)
	}
	s.page("X no longer accepts your sign-in here", "First", "Second", "Tomorrow", "/auth/login")
	// This still applies after a restart, because it is stored with the token.
	s.restart()
	s.page("X no longer accepts your sign-in here")

	resp, err := s.x.SignIn(s.client, s.url+"/auth/login", xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	s.step()
	s.has("First", 0) // not before the user asks for it
	s.press("/jobs/1/again", nil)
	s.press("/jobs/2/delete", nil)
	s.step()
	s.has("First", 1)
	s.has("Second", 0)
}

func TestXIsDown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.schedule("Patience", "0s")
	// The token has expired, and X issues no other.
	s.advance(3 * time.Hour)
	s.x.Fail(xtest.Fault{Path: "/2/oauth2/token", Status: http.StatusServiceUnavailable})
	s.step()
	first := s.only(waiting)
	s.page(noteTrying)
	s.asked(1)
	s.step() // not yet
	s.asked(1)
	s.advance(firstPause)
	s.step()
	if again := s.only(waiting); again.Due.Sub(s.clock()) <= first.Due.Sub(s.clock().Add(-firstPause)) {
		t.Errorf("the second pause is not longer: %+v, %+v", first, again)
	}
	s.x.ClearFaults()
	s.restart() // the kit tries again after a few seconds of the machine's clock; a new kit tries at once
	s.x.Fail(xtest.Fault{Path: "/2/tweets", Status: http.StatusServiceUnavailable, Times: 1})
	s.advance(time.Hour)
	s.step()
	s.only(waiting)
	s.advance(time.Hour)
	s.step()
	s.only(posted)
	s.has("Patience", 1)
}

// TestNoTokenCanBeHad: the kit knows that the token has expired, and does not call X with it.
func TestNoTokenCanBeHad(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.schedule("Patience", "0s")
	vault, err := s.store.Vault()
	if err != nil {
		t.Fatal(err)
	}
	key := s.only(waiting).Key
	token, _, err := vault.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	token.Expiry = time.Now().Add(-time.Hour)
	if _, err := vault.Put(t.Context(), key, token); err != nil {
		t.Fatal(err)
	}
	s.restart()
	s.x.Fail(xtest.Fault{Path: "/2/oauth2/token", Status: http.StatusServiceUnavailable})
	s.step()
	s.only(waiting)
	s.asked(0)
	s.x.ClearFaults()
	s.restart() // as above
	s.advance(time.Hour)
	s.step()
	s.has("Patience", 1)
}

func TestXLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.schedule("Slowly", "0s")
	s.x.SetRateLimit("POST /2/tweets", 0)
	s.step()
	j := s.only(waiting)
	if wait := j.Due.Sub(s.clock()); wait <= firstPause || wait > 16*time.Minute || j.Attempts != 0 {
		t.Errorf("waits for %s, X's window is 15 minutes: %+v", wait, j)
	}
	s.page(noteLimited)
	s.x.SetRateLimit("POST /2/tweets", -1)
	s.advance(16 * time.Minute)
	s.step()
	s.has("Slowly", 1)
}

// TestNothingIsPostedTwice: if it is unknown whether X has a post, the worker does not send it
// again.
func TestNothingIsPostedTwice(t *testing.T) {
	t.Parallel()
	t.Run("the answer is lost", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.schedule("Once", "0s")
		s.x.Fail(xtest.Fault{Path: "/2/tweets", After: true, CutAfter: -1})
		s.step()
		s.only(unknown)
		s.advance(time.Hour)
		s.step()
		s.has("Once", 1)
		s.asked(1)
		s.page("Perhaps posted", "Look at X")
		// X refuses a text that was posted shortly before.
		s.x.ClearFaults()
		s.press("/jobs/1/again", nil)
		s.step()
		s.only(refused)
		s.page("X has this text from you already")
		s.has("Once", 1)
	})
	t.Run("the process is killed", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.schedule("Once", "0s")
		if ours, err := s.jobs.claim(t.Context(), s.only(waiting)); err != nil || !ours {
			t.Fatal(ours, err)
		}
		s.restart()
		s.step()
		s.only(unknown)
		s.asked(0)
		s.page("The program was stopped")
	})
	t.Run("two at once", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.schedule("Once", "0s")
		j := s.only(waiting)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := s.worker.do(t.Context(), j); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s.asked(1)
		s.has("Once", 1)
	})
}

// TestOthersJobs: an id in an address gives no permission.
func TestOthersJobs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.schedule("Mine", "1h")
	other := site{T: t, app: s.app, x: s.x, url: s.url}
	jar, _ := cookiejar.New(nil)
	other.client = &http.Client{Jar: jar}
	resp, err := s.x.SignIn(other.client, s.url+"/auth/login", xtest.SecondUserID)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if body := other.press("/jobs/1/delete", nil); strings.Contains(body, "Mine") {
		t.Error("another user sees it")
	}
	s.only(waiting)
}
