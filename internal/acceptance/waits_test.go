package acceptance_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"
	login2 "github.com/dghubble/gologin/v2/oauth2"
	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// waits counts what a request waits for: the stores, X and the application's functions. The
// call with the number slow takes a second.
type waits struct {
	mu    sync.Mutex // guards all below
	names []string
	slow  int
}

func (w *waits) pass(name string) {
	w.mu.Lock()
	w.names = append(w.names, name)
	slow := len(w.names) == w.slow
	w.mu.Unlock()
	if slow {
		time.Sleep(time.Second)
	}
}

// begin begins to count, and returns the calls so far.
func (w *waits) begin(slow int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := w.names
	w.names, w.slow = nil, slow
	return names
}

type waitingSessions struct {
	scs.Store
	*waits
}

func (s waitingSessions) Find(key string) ([]byte, bool, error) {
	s.pass("sessions find")
	return s.Store.Find(key)
}

func (s waitingSessions) Commit(key string, b []byte, expiry time.Time) error {
	s.pass("sessions commit")
	return s.Store.Commit(key, b, expiry)
}

func (s waitingSessions) Delete(key string) error {
	s.pass("sessions delete")
	return s.Store.Delete(key)
}

type waitingTokens struct {
	tokenstore.Store
	*waits
}

func (s waitingTokens) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Entry, error) {
	s.pass("tokens get " + key.Provider)
	return s.Store.Get(ctx, key)
}

func (s waitingTokens) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	s.pass("tokens replace " + key.Provider)
	return s.Store.Replace(ctx, key, v, value)
}

func (s waitingTokens) Delete(ctx context.Context, key tokenstore.Key, v tokenstore.Version) error {
	s.pass("tokens delete " + key.Provider)
	return s.Store.Delete(ctx, key, v)
}

func (s waitingTokens) List(ctx context.Context, user string) ([]tokenstore.Key, error) {
	s.pass("tokens list")
	return s.Store.List(ctx, user)
}

type waitingX struct {
	http.RoundTripper
	*waits
}

func (x waitingX) RoundTrip(r *http.Request) (*http.Response, error) {
	x.pass("X " + r.URL.Path)
	return x.RoundTripper.RoundTrip(r)
}

// TestNothingIsWrittenWhateverARequestWaitsFor ends requests while they wait, at each call to a
// store, to X and to the application's functions in turn. A middleware in front may then have
// given the writer to another request.
func TestNothingIsWrittenWhateverARequestWaitsFor(t *testing.T) {
	for _, target := range []string{
		"GET /auth/login?scope=tweet.read", "GET /auth/login/x-oauth1", "GET /auth/callback", "GET /auth/callback denied",
		"GET /gologin", "GET /auth/session", "GET /auth/logout", "POST /auth/logout", "POST /auth/logout?everywhere=1",
		"POST /bye", "POST /auth/native code", "POST /auth/native pair", "GET /user", "GET /scopes",
	} {
		for _, signedIn := range []bool{false, true} {
			for _, behind := range []bool{false, true} {
				name := target + map[bool]string{true: ", signed in"}[signedIn] + map[bool]string{true: ", behind LoadAndSave"}[behind]
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					all := waitingRequest(t, 0, target, signedIn, behind)
					for slow := range all {
						waitingRequest(t, slow+1, target, signedIn, behind)
					}
				})
			}
		}
	}
}

// waitingRequest sends a request, and ends it while it waits for the call with the number slow.
// It returns the calls.
func waitingRequest(t *testing.T, slow int, target string, signedIn, behind bool) (calls []string) {
	w, user := &waits{}, "user-1"
	s := newSite(t, func(c *xsignin.Config) {
		c.Session.Store, c.TokenStore = waitingSessions{c.Session.Store, w}, waitingTokens{c.TokenStore, w}
		c.X.Transport = waitingX{c.X.Transport, w}
		c.OnSignIn = func(_ context.Context, in *xsignin.SignIn) error {
			w.pass("OnSignIn")
			in.User.ID = user
			return nil
		}
		told := c.OnEvent
		c.OnEvent = func(ctx context.Context, e event.Event) {
			w.pass("event " + string(e.Kind))
			told(ctx, e)
		}
		c.LoginOptions = func(*http.Request) provider.Options { w.pass("LoginOptions"); return provider.Options{} }
		c.Pages.Interstitial = func(*http.Request) bool { w.pass("Interstitial"); return false }
		c.Advanced.AllowAccountTransfer, c.Advanced.RevokeReplaced = true, true
		c.Advanced.Native.RedirectURIs, c.Advanced.Native.TokenPairs = []string{nativeURI}, true
	})
	s.X.SetCallbacks(s.Public+"/auth/callback", nativeURI)
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	s.Mux.Handle("/user", s.Kit.RequireUser(nothing))
	s.Mux.Handle("/scopes", s.Kit.RequireScopes("tweet.read")(nothing))
	s.Mux.HandleFunc("POST /bye", func(w http.ResponseWriter, r *http.Request) { _ = s.Kit.SignOut(w, r) })
	byGologin := s.Kit.Handlers().GologinSuccess("x", func(context.Context) (provider.User, error) {
		return provider.User{AccountID: xtest.DefaultUserID}, nil
	})
	s.Mux.HandleFunc("/gologin", func(w http.ResponseWriter, r *http.Request) {
		token := &oauth2.Token{AccessToken: "by-gologin"}
		byGologin.ServeHTTP(w, r.WithContext(login2.WithToken(r.Context(), token)))
	})
	var h http.Handler = s.Mux
	if behind {
		h = s.Kit.Sessions().LoadAndSave(s.Mux)
	}
	s.Bubble(func() {
		b := s.browser()
		s.browser().SignIn("/auth/login", xtest.DefaultUserID)
		s.browser().SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
		if signedIn {
			user = "user-2"
			b.SignIn("/auth/login", xtest.SecondUserID)
		}
		user = "user-3" // the account moves to this user
		time.Sleep(2 * time.Minute)
		begun := b.Begin("/auth/login")
		method, path, _ := strings.Cut(target, " ")
		path, kind, _ := strings.Cut(path, " ")
		var sent []byte
		switch {
		case kind == "code":
			sent, _ = json.Marshal(s.code(xtest.DefaultUserID))
		case kind == "pair":
			sent, _ = json.Marshal(s.pair(xtest.DefaultUserID))
		case kind == "denied":
			path += "?error=access_denied&state=" + testkit.Param(t, begun, "state")
		case path == "/auth/callback":
			path = strings.TrimPrefix(b.Approve(begun, xtest.DefaultUserID), s.Public)
		}
		r := httptest.NewRequest(method, s.Public+path, strings.NewReader(string(sent)))
		r.Header.Set("Content-Type", "application/json")
		for _, c := range b.Jar.Cookies(r.URL) {
			r.AddCookie(c)
		}
		ctx, leave := context.WithCancel(context.Background())
		c := &callback{leave: leave, answer: httptest.NewRecorder(), done: make(chan struct{})}
		c.w = &recycled{ResponseWriter: c.answer}
		w.begin(slow)
		go func() {
			defer close(c.done)
			h.ServeHTTP(c.w, r.WithContext(ctx))
		}()
		synctest.Wait()
		c.end()
		<-c.done
		calls = w.begin(0)
		if c.w.late != 0 {
			t.Errorf("the writer was used %d times after the request, which waited for %q: %d %v",
				c.w.late, slices.Concat([]string{""}, calls)[slow], c.answer.Code, c.answer.Header())
		}
		time.Sleep(2 * time.Minute)
	})
	return calls
}

// TestNothingIsWrittenAfterAHandlerOfTheApplication: Success, Failure and Render wait until the
// request has ended, and write nothing.
func TestNothingIsWrittenAfterAHandlerOfTheApplication(t *testing.T) {
	wait := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	s := newSite(t, func(c *xsignin.Config) {
		c.Success, c.Failure = http.HandlerFunc(wait), http.HandlerFunc(wait)
		c.Pages.Render = func(w http.ResponseWriter, r *http.Request, _ page.Page) { wait(w, r) }
	})
	s.Bubble(func() {
		b := s.browser()
		for name, address := range map[string]string{
			"Success": b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID),
			"Failure": testkit.Edited(t, b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID), "code", "made-up"),
			"Render":  s.Public + "/auth/logout",
		} {
			c := s.callback(b, address)
			c.end()
			<-c.done
			if c.w.late != 0 {
				t.Errorf("%s: the writer was used %d times after the request", name, c.w.late)
			}
		}
	})
}
