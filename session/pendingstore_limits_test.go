package session_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

func TestOfSevenTabsTheFiveNewestComplete(t *testing.T) {
	t.Parallel()
	for _, order := range [][]int{{2, 3, 4, 5, 6}, {6, 5, 4, 3, 2}, {4, 2, 6, 3, 5}} {
		clock := newClock()
		j := newJar(t, session.PendingStoreConfig{}, clock.Now)
		v := newVisitor(t)
		for i := range 7 {
			clock.advance(time.Microsecond)
			v.put(j, begun(fmt.Sprint("tab ", i)))
		}
		if v.cookies() != 5 {
			t.Errorf("%d cookies", v.cookies())
		}
		for _, i := range order {
			if b, err := v.take(j, fmt.Sprint("tab ", i)); err != nil || b.Pending.State != fmt.Sprint("tab ", i) {
				t.Errorf("tab %d: %v, %v", i, b, err)
			}
		}
		for _, i := range []int{0, 1} {
			_, err := v.take(j, fmt.Sprint("tab ", i))
			wantKind(t, err, provider.ErrOtherBrowser)
		}
	}
}

func TestWhatCannotBeUsedIsClearedFirst(t *testing.T) {
	t.Parallel()
	clock := newClock()
	j := newJar(t, session.PendingStoreConfig{}, clock.Now)
	v := newVisitor(t)
	v.put(j, begun("stale"))
	clock.advance(9 * time.Minute)
	for i := range 4 {
		v.put(j, begun(fmt.Sprint("good ", i)))
	}
	v.jar.SetCookies(v.url, []*http.Cookie{{Name: "mine", Value: "stays"}})
	clock.advance(2 * time.Minute)
	v.put(j, begun("new"))
	if v.cookies() != 6 { // five and "mine"
		t.Errorf("%d cookies: %v", v.cookies(), v.jar.Cookies(v.url))
	}
	for _, handle := range []string{"good 0", "good 1", "good 2", "good 3", "new"} {
		if _, err := v.take(j, handle); err != nil {
			t.Errorf("%s: %v", handle, err)
		}
	}
}

// cookieHeader is what the visitor's next request says about pending sign-ins.
func (v *visitor) cookieHeader() string { return v.request().Header.Get("Cookie") }

// usual is a sign-in as X by OAuth 2.0 makes it, with a return path of n bytes.
func usual(tab, n int) session.PendingSignIn {
	b := begun(fmt.Sprintf("%043d", tab))
	b.Pending.Secret = strings.Repeat("v", 43)
	b.ReturnTo = "/" + strings.Repeat("r", n-1)
	return b
}

func TestTheCookiesOfAllTabsStayBelowWhatProxiesTake(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 300, 1500} {
		clock := newClock()
		j := newJar(t, session.PendingStoreConfig{Secure: true}, clock.Now)
		v := newVisitor(t)
		for i := range 7 {
			clock.advance(time.Second)
			v.put(j, usual(i, n))
			if size := len(v.cookieHeader()); size > 6<<10 {
				t.Errorf("paths of %d: %d bytes", n, size)
			}
		}
		for i := range 7 {
			b, err := v.take(j, fmt.Sprintf("%043d", i))
			// The shared cookie serves the newest.
			kept := n < 500 || i == 6
			if newest := i >= 2; newest != (err == nil) || newest && kept != (len(b.ReturnTo) == n) {
				t.Errorf("paths of %d: tab %d: a path of %d, %v", n, i, len(b.ReturnTo), err)
			}
		}
	}
}

// TestTheAnswersOfManyTabsMayArriveInAnyOrder: a browser restores 24 tabs, all of which begin
// a sign-in before any answer arrives.
func TestTheAnswersOfManyTabsMayArriveInAnyOrder(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.PendingStoreConfig{Secure: true})
	v := newVisitor(t)
	var answers []*httptest.ResponseRecorder
	for i := range 24 {
		w := httptest.NewRecorder()
		if err := j.Put(w, v.request(), usual(i, 900)); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, w)
	}
	rand.Shuffle(len(answers), func(i, k int) { answers[i], answers[k] = answers[k], answers[i] })
	for _, w := range answers {
		v.jar.SetCookies(v.url, w.Result().Cookies())
	}
	if size := len(v.cookieHeader()); size > 6<<10 {
		t.Errorf("%d bytes", size)
	}
	complete := 0
	for i := range 24 {
		if _, err := v.take(j, fmt.Sprintf("%043d", i)); err == nil {
			complete++
		}
	}
	if complete != 5 {
		t.Errorf("%d complete", complete)
	}
}

func TestAnotherSiteReplacesNoSignInOfTheVisitor(t *testing.T) {
	t.Parallel()
	clock := newClock()
	j := newJar(t, session.PendingStoreConfig{}, clock.Now)
	v := newVisitor(t)
	foreign := func(state, site string) error {
		clock.advance(time.Second)
		r := v.request()
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		err := j.Put(w, r, begun(state))
		v.jar.SetCookies(v.url, w.Result().Cookies())
		return err
	}
	for i := range 3 {
		v.put(j, begun(fmt.Sprint("own ", i)))
	}
	for i := range 10 {
		if err := foreign(fmt.Sprint("foreign ", i), []string{"cross-site", "same-site"}[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		if _, err := j.Find(v.request(), fmt.Sprint("own ", i)); err != nil {
			t.Errorf("own %d: %v", i, err)
		}
	}
	v = newVisitor(t)
	for i := range 5 {
		clock.advance(time.Second)
		v.put(j, begun(fmt.Sprint("own ", i)))
	}
	if err := foreign("foreign", "cross-site"); err == nil {
		t.Errorf("%v", err)
	}
	for i := range 5 {
		if _, err := v.take(j, fmt.Sprint("own ", i)); err != nil {
			t.Errorf("own %d: %v", i, err)
		}
	}
	if err := foreign("foreign", "cross-site"); err != nil {
		t.Errorf("in place of an outcome: %v", err)
	}
}

func TestACookieStaysBelowWhatBrowsersTake(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.PendingStoreConfig{Secure: true})
	for _, c := range []struct {
		n, kept int
	}{{300, 300}, {1500, 1500}} {
		v := newVisitor(t)
		b := begun(fmt.Sprintf("%0100d", c.n))
		b.Pending.Secret = strings.Repeat("s", 128)
		b.ReturnTo = "/" + strings.Repeat("r", c.n-1)
		w := v.put(j, b)
		for _, c := range w.Result().Cookies() {
			if n := len(c.Name) + 1 + len(c.Value); n > 2100 || n > 800 && !strings.HasSuffix(c.Name, "-path") {
				t.Errorf("%s: %d bytes", c.Name, n)
			}
		}
		got, err := v.take(j, b.Pending.State)
		if err != nil || len(got.ReturnTo) != c.kept {
			t.Errorf("%d came back as %d, %v", c.n, len(got.ReturnTo), err)
		}
		if f, err := j.Find(v.request(), b.Pending.State); err != nil || !f.Ended || len(f.ReturnTo) != c.kept {
			t.Errorf("the outcome: %v, %v", f, err)
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	big := begun("handle")
	big.Pending.Secret = strings.Repeat("s", 4000)
	many := begun("handle")
	many.Pending.Scopes = slices.Repeat([]string{"some.scope"}, 100)
	wanted := begun("handle")
	wanted.Wanted = many.Pending.Scopes
	far := begun("handle")
	far.ReturnTo = "/" + strings.Repeat("r", 1500)
	for name, b := range map[string]session.PendingSignIn{
		"a long secret": big, "many scopes": many, "many wanted": wanted, "no handle": begun(""), "a long return path": far,
	} {
		if err := j.Put(w, r, b); err == nil || len(w.Result().Cookies()) != 0 || strings.Contains(err.Error(), "ssss") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheSessionThatBeganASignInIsKept: a link to another account is decided by it.
func TestTheSessionThatBeganASignInIsKept(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.PendingStoreConfig{Secure: true})
	for site, want := range map[string]string{
		"": "abcdefghijkl", "none": "abcdefghijkl", "same-origin": "abcdefghijkl", "same-site": "", "cross-site": "",
	} {
		v := newVisitor(t)
		r := v.request()
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		if err := j.Put(w, r, begun("handle")); err != nil {
			t.Fatal(err)
		}
		v.jar.SetCookies(v.url, w.Result().Cookies())
		found, err := j.Find(v.request(), "handle")
		if err != nil || found.SessionID != want {
			t.Errorf("from %q: the session %q, %v; want %q", site, found.SessionID, err, want)
		}
		w = httptest.NewRecorder()
		j.Finish(w, found, "")
		v.jar.SetCookies(v.url, w.Result().Cookies())
		if ended, err := j.Find(v.request(), "handle"); err != nil || ended.SessionID != "" {
			t.Errorf("from %q: the outcome has the session %q, %v", site, ended.SessionID, err)
		}
	}
}

// TestANameThatNoCookieCanHave: net/http would send no cookie, and no sign-in could end.
func TestANameThatNoCookieCanHave(t *testing.T) {
	for _, name := range []string{"my app", "a=b", "a;b", "\n"} {
		_, err := session.NewPendingStore(session.PendingStoreConfig{Secrets: [][]byte{secret(1)}, Name: name})
		if err == nil || !strings.Contains(err.Error(), "PendingStoreConfig.Name") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestBrowsersKeepEveryCookie: browsers keep a name with such a prefix for https only. The
// session manager may be of an application that has https elsewhere.
func TestBrowsersKeepEveryCookie(t *testing.T) {
	for name, want := range map[string]struct{ session, pending string }{
		"":                  {"xsignin", "xsignin"},
		"app":               {"app", "app"},
		"__Host-app":        {"", "app"},
		"__host-app":        {"", "app"},
		"__Secure-a":        {"", "a"},
		"__SECURE-a":        {"", "a"},
		"__Http-a":          {"", "a"},
		"__Host-":           {"", "xsignin"},
		"__Host-__Secure-a": {"", "a"},
		"_Host-a":           {"_Host-a", "_Host-a"},
		"a__Host-app":       {"a__Host-app", "a__Host-app"},
	} {
		for _, secure := range []bool{false, true} {
			_, err := session.New(session.Config{CookieName: name, Secure: secure, Logger: quiet()})
			if refused := want.session == "" && !secure; refused != (err != nil) {
				t.Errorf("%q, secure %t: %v", name, secure, err)
			}
			if m, err := session.New(session.Config{CookieName: name, Secure: secure, Logger: quiet()}); err == nil {
				if got := m.SCS().Cookie.Name; strings.HasPrefix(got, "__Host-") != secure || !secure && got != want.session {
					t.Errorf("%q, secure %t: the session's cookie is %q", name, secure, got)
				}
			}
			sm := scs.New()
			sm.HashTokenInStore, sm.Cookie.Name, sm.Cookie.Secure = true, cmp.Or(name, "a"), secure
			_, err = session.FromSCS(sm, session.FromSCSConfig{Secrets: secrets, Logger: quiet()})
			if refused := want.session == "" && !secure; refused != (err != nil) {
				t.Errorf("FromSCS: %q, secure %t: %v", name, secure, err)
			}
			store, err := session.NewPendingStore(session.PendingStoreConfig{Secrets: secrets, Name: name, Secure: secure})
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			p := session.PendingSignIn{Pending: provider.Pending{Provider: "x", State: "s"}, ReturnTo: "/" + strings.Repeat("a", 1400)}
			if err := store.Put(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody), p); err != nil {
				t.Fatal(err)
			}
			prefix := want.pending + "-pending-"
			if secure {
				prefix = "__Host-" + prefix
			}
			for _, c := range w.Result().Cookies() {
				if !strings.HasPrefix(c.Name, prefix) || c.Secure != secure || c.Path != "/" || c.Domain != "" {
					t.Errorf("%q, secure %t: %s", name, secure, c)
				}
			}
		}
	}
}
