package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

func TestOfSevenTabsTheFiveNewestComplete(t *testing.T) {
	t.Parallel()
	for _, order := range [][]int{{2, 3, 4, 5, 6}, {6, 5, 4, 3, 2}, {4, 2, 6, 3, 5}} {
		clock := newClock()
		j := newJar(t, session.PendingStoreConfig{Now: clock.Now})
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
	j := newJar(t, session.PendingStoreConfig{Now: clock.Now})
	v := newVisitor(t)
	v.put(j, begun("stale"))
	clock.advance(9 * time.Minute)
	for i := range 4 {
		v.put(j, begun(fmt.Sprint("good ", i)))
	}
	v.jar.SetCookies(v.url, []*http.Cookie{{Name: "xsignin-pending-unreadable", Value: "x"}, {Name: "mine", Value: "stays"}})
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

func TestPuttingAHandleAgainTakesItsOwnPlace(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.PendingStoreConfig{})
	v := newVisitor(t)
	for range 10 {
		v.put(j, begun("one"))
		v.put(j, begun("two"))
	}
	if v.cookies() != 2 {
		t.Errorf("%d cookies", v.cookies())
	}
}

func TestABrowserFullOfCookiesIsCleared(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.PendingStoreConfig{})
	v := newVisitor(t)
	var all []string
	for i := range 100 {
		w := httptest.NewRecorder()
		if err := j.Put(w, httptest.NewRequest("GET", "/", nil), begun(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		c := sent(t, w)
		all = append(all, c.Name+"="+c.Value)
	}
	all = append(all, "xsignin-pending-with space=x", all[0])
	r := v.request()
	r.Header.Set("Cookie", strings.Join(all, "; "))
	w := httptest.NewRecorder()
	if err := j.Put(w, r, begun("new")); err != nil {
		t.Fatal(err)
	}
	cleared := 0
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			cleared++
		}
	}
	if cleared != 20 || slices.Contains(w.Header()["Set-Cookie"], "") {
		t.Errorf("%d cleared, want 20", cleared)
	}
	// Thousands are cleared in portions.
	all = nil
	for i := range 5000 {
		all = append(all, fmt.Sprintf("xsignin-pending-%d=x", i))
	}
	r.Header.Set("Cookie", strings.Join(all, "; "))
	w = httptest.NewRecorder()
	if err := j.Put(w, r, begun("new")); err != nil || len(w.Header()["Set-Cookie"]) != 21 {
		t.Errorf("%v, %d lines", err, len(w.Header()["Set-Cookie"]))
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
	for _, c := range []struct {
		path, complete int
	}{{len("/tab/3"), 5}, {300, 5}, {512, 3}} {
		clock := newClock()
		j := newJar(t, session.PendingStoreConfig{Now: clock.Now, Secure: true})
		v := newVisitor(t)
		for i := range 7 {
			clock.advance(time.Second)
			v.put(j, usual(i, c.path))
			if n := len(v.cookieHeader()); n > 3500 {
				t.Errorf("paths of %d: %d bytes", c.path, n)
			}
		}
		for i := range 7 {
			b, err := v.take(j, fmt.Sprintf("%043d", i))
			if newest := i >= 7-c.complete; newest != (err == nil) || newest && len(b.ReturnTo) != c.path {
				t.Errorf("paths of %d: tab %d: %v", c.path, i, err)
			}
		}
	}
	// The newest is kept whatever its size, and takes the room of the others.
	j := newJar(t, session.PendingStoreConfig{})
	v := newVisitor(t)
	v.put(j, begun("old"))
	big := begun("big")
	big.Pending.Secret = strings.Repeat("s", 2600)
	v.put(j, big)
	if _, err := v.take(j, "big"); err != nil || v.cookies() != 0 {
		t.Errorf("%v, %d other cookies", err, v.cookies())
	}
}

func TestTheHeadersOfAnAnswerStayBelow4KB(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.PendingStoreConfig{Secure: true})
	r := httptest.NewRequest("GET", "https://app.example/", nil)
	var planted []string
	for i := range 200 {
		planted = append(planted, fmt.Sprintf("__Host-xsignin-pending-%016d=x", i))
	}
	planted = append(planted, "__Host-xsignin-pending-"+strings.Repeat("x", 3000)+"=x")
	r.Header.Set("Cookie", strings.Join(planted, "; "))
	w := httptest.NewRecorder()
	if err := j.Put(w, r, usual(1, 512)); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	if err := w.Header().Write(&lines); err != nil || lines.Len() > 3500 { // the rest is for Location and others
		t.Errorf("%d bytes, %v", lines.Len(), err)
	}
}

func TestPlantedCookiesKeepNoUsableOnesInTheBrowser(t *testing.T) {
	t.Parallel()
	clock := newClock()
	j := newJar(t, session.PendingStoreConfig{Now: clock.Now})
	v := newVisitor(t)
	for i := range 8 {
		clock.advance(time.Second)
		w := httptest.NewRecorder()
		r := v.request()
		// As a neighbour plants them for the whole domain, where we cannot clear.
		for k := range 24 {
			r.AddCookie(&http.Cookie{Name: fmt.Sprintf("xsignin-pending-%016d", k), Value: "x"})
		}
		if err := j.Put(w, r, begun(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		v.jar.SetCookies(v.url, w.Result().Cookies())
	}
	if v.cookies() != 5 {
		t.Errorf("%d cookies", v.cookies())
	}
}

func TestACookieStaysBelowWhatBrowsersTake(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.PendingStoreConfig{Secure: true})
	for _, c := range []struct {
		n, kept int
	}{{512, 512}, {513, 0}, {100000, 0}} {
		v := newVisitor(t)
		b := begun(fmt.Sprintf("%0100d", c.n))
		b.Pending.Secret = strings.Repeat("s", 128)
		b.ReturnTo = "/" + strings.Repeat("r", c.n-1)
		w := v.put(j, b)
		if n := len(w.Header().Get("Set-Cookie")); n >= 4096 {
			t.Errorf("%d bytes", n)
		}
		got, err := v.take(j, b.Pending.State)
		if err != nil || len(got.ReturnTo) != c.kept {
			t.Errorf("%d came back as %d, %v", c.n, len(got.ReturnTo), err)
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	big := begun("handle")
	big.Pending.Secret = strings.Repeat("s", 4000)
	many := begun("handle")
	many.Pending.Scopes = make([]string, 300)
	wanted := begun("handle")
	wanted.Wanted = make([]string, 300)
	for name, b := range map[string]session.PendingSignIn{"a long secret": big, "many scopes": many, "many wanted": wanted, "no handle": begun("")} {
		if err := j.Put(w, r, b); err == nil || len(w.Result().Cookies()) != 0 || strings.Contains(err.Error(), "ssss") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
