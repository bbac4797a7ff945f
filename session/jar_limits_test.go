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
		j := newJar(t, session.JarConfig{Now: clock.Now})
		v := newVisitor(t)
		for i := range 7 {
			clock.advance(time.Microsecond)
			v.put(j, begun(fmt.Sprint("tab ", i)))
		}
		if v.cookies() != 5 {
			t.Errorf("%d cookies", v.cookies())
		}
		for _, i := range order {
			if b, err := v.take(j, fmt.Sprint("tab ", i)); err != nil || b.Pending.Handle != fmt.Sprint("tab ", i) {
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
	j := newJar(t, session.JarConfig{Now: clock.Now})
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
	j := newJar(t, session.JarConfig{})
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
	j := newJar(t, session.JarConfig{})
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
	if cleared != 96 || slices.Contains(w.Header()["Set-Cookie"], "") {
		t.Errorf("%d cleared, want 96", cleared)
	}
	// Thousands are cleared in portions.
	all = nil
	for i := range 5000 {
		all = append(all, fmt.Sprintf("xsignin-pending-%d=x", i))
	}
	r.Header.Set("Cookie", strings.Join(all, "; "))
	w = httptest.NewRecorder()
	if err := j.Put(w, r, begun("new")); err != nil || len(w.Header()["Set-Cookie"]) > 150 {
		t.Errorf("%v, %d lines", err, len(w.Header()["Set-Cookie"]))
	}
}

func TestACookieStaysBelowWhatBrowsersTake(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.JarConfig{Secure: true})
	for _, c := range []struct {
		n, kept int
	}{{1024, 1024}, {1025, 0}, {100000, 0}} {
		v := newVisitor(t)
		b := begun(fmt.Sprintf("%0100d", c.n))
		b.Pending.Secret = strings.Repeat("s", 128)
		b.ReturnTo = "/" + strings.Repeat("r", c.n-1)
		w := v.put(j, b)
		if n := len(w.Header().Get("Set-Cookie")); n >= 4096 {
			t.Errorf("%d bytes", n)
		}
		got, err := v.take(j, b.Pending.Handle)
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
	for name, b := range map[string]session.Begun{"a long secret": big, "many scopes": many, "no handle": begun("")} {
		if err := j.Put(w, r, b); err == nil || len(w.Result().Cookies()) != 0 || strings.Contains(err.Error(), "ssss") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
