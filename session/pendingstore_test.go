package session_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}
func (c *clock) Now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func secret(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// newJar makes a PendingStore, with a clock if one is given.
func newJar(t testing.TB, cfg session.PendingStoreConfig, clock ...func() time.Time) *session.PendingStore {
	t.Helper()
	if cfg.Secrets == nil {
		cfg.Secrets = [][]byte{secret(1)}
	}
	j, err := session.NewPendingStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range clock {
		j.SetClock(now)
	}
	return j
}

func begun(handle string) session.PendingSignIn {
	return session.PendingSignIn{
		Pending: provider.Pending{
			Provider: "x", State: handle, Secret: "verifier of " + handle,
			Scopes: []string{"tweet.read", "users.read", "offline.access"},
		},
		ReturnTo: "/photos?page=2", Wanted: []string{"users.read"}, SessionID: "abcdefghijkl",
	}
}

// visitor is a browser as far as cookies go.
type visitor struct {
	t   testing.TB
	jar http.CookieJar
	url *url.URL
}

func newVisitor(t testing.TB) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, jar, &url.URL{Scheme: "https", Host: "app.example", Path: "/"}}
}

func (v *visitor) request() *http.Request {
	r := httptest.NewRequest("GET", v.url.String(), nil)
	for _, c := range v.jar.Cookies(v.url) {
		r.AddCookie(c)
	}
	return r
}

func (v *visitor) put(j *session.PendingStore, b session.PendingSignIn) *httptest.ResponseRecorder {
	v.t.Helper()
	w := httptest.NewRecorder()
	if err := j.Put(w, v.request(), b); err != nil {
		v.t.Fatal(err)
	}
	v.jar.SetCookies(v.url, w.Result().Cookies())
	return w
}

func (v *visitor) take(j *session.PendingStore, handle string) (session.PendingSignIn, error) {
	b, w, err := take(j, v.request(), handle)
	v.jar.SetCookies(v.url, w.Result().Cookies())
	return b, err
}

// take uses a sign-in as a callback does.
func take(j *session.PendingStore, r *http.Request, state string) (session.PendingSignIn, *httptest.ResponseRecorder, error) {
	w := httptest.NewRecorder()
	f, err := j.Find(r, state)
	switch {
	case err != nil:
		return session.PendingSignIn{}, w, err
	case f.Ended:
		return f, w, errEnded
	case !j.Spend(state):
		return session.PendingSignIn{}, w, &provider.Error{Kind: provider.ErrExpired, Op: "callback"}
	}
	j.Finish(w, f, "")
	return f, w, nil
}

var errEnded = errors.New("the sign-in has ended")

// same compares what a caller sees.
func same(a, b session.PendingSignIn) bool {
	return reflect.DeepEqual(a.Pending, b.Pending) && a.ReturnTo == b.ReturnTo && slices.Equal(a.Wanted, b.Wanted) &&
		a.SessionID == b.SessionID && a.At.Equal(b.At) && a.Ended == b.Ended && a.Code == b.Code
}

func (v *visitor) cookies() int { return len(v.jar.Cookies(v.url)) }

func wantKind(t testing.TB, err, kind error) {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Errorf("the error is %v, want %v", err, kind)
	}
}

func TestAPendingSignInIsTakenOnce(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		c := newClock()
		j := newJar(t, session.PendingStoreConfig{Secure: secure}, c.Now)
		v := newVisitor(t)
		w := v.put(j, begun("handle"))
		cookie := sent(t, w)
		if strings.HasPrefix(cookie.Name, "__Host-xsignin-pending-") != secure || !strings.Contains(cookie.Name, "xsignin-pending-") ||
			cookie.Path != "/" || !cookie.HttpOnly || cookie.Secure != secure || cookie.SameSite != http.SameSiteLaxMode || cookie.MaxAge != 600 {
			t.Errorf("%s", cookie)
		}
		if strings.Contains(cookie.String(), "handle") {
			t.Error("the cookie shows the handle")
		}
		saved := v.jar.Cookies(v.url)
		got, err := v.take(j, "handle")
		want := begun("handle")
		want.At = c.Now()
		if err != nil || !same(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
		// The callback that comes again learns how the sign-in ended.
		for range 2 {
			f, err := j.Find(v.request(), "handle")
			ended := session.PendingSignIn{ReturnTo: want.ReturnTo, Wanted: want.Wanted, At: c.Now(), Ended: true}
			ended.Pending = provider.Pending{Provider: "x", State: "handle"}
			if err != nil || !same(f, ended) {
				t.Errorf("%+v, %v", f, err)
			}
		}
		// The browser kept a copy.
		v.jar.SetCookies(v.url, saved)
		_, err = v.take(j, "handle")
		wantKind(t, err, provider.ErrExpired)
		c.advance(11 * time.Minute)
		_, err = v.take(j, "handle")
		wantKind(t, err, provider.ErrExpired)
	}
}

func TestOfManyTakesOneWins(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.PendingStoreConfig{})
	for range 100 {
		v := newVisitor(t)
		v.put(j, begun(fmt.Sprint("handle ", time.Now().UnixNano())))
		_, _, err := take(j, v.request(), "other")
		wantKind(t, err, provider.ErrOtherBrowser)
		handle := fmt.Sprint("race ", time.Now().UnixNano())
		b := begun(handle)
		v.put(j, b)
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, _, err := take(j, v.request(), handle); err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d won", won.Load())
		}
	}
}

func TestAPendingSignInLivesTenMinutes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		age time.Duration
		err error
	}{
		{0, nil},
		{10 * time.Minute, nil},
		{10*time.Minute + time.Second, provider.ErrExpired},
		{-time.Minute, nil}, // another replica's clock
		{-time.Minute - time.Second, provider.ErrExpired},
	} {
		clock := newClock()
		j := newJar(t, session.PendingStoreConfig{}, clock.Now)
		v := newVisitor(t)
		v.put(j, begun("handle"))
		clock.advance(c.age)
		_, err := v.take(j, "handle")
		if c.err == nil && err != nil {
			t.Errorf("%v: %v", c.age, err)
		} else if c.err != nil {
			wantKind(t, err, c.err)
		}
	}
}

func TestACookieThatIsNotOursIsAnotherBrowsers(t *testing.T) {
	t.Parallel()
	clock := newClock()
	j := newJar(t, session.PendingStoreConfig{}, clock.Now)
	v := newVisitor(t)
	_, err := v.take(j, "handle")
	wantKind(t, err, provider.ErrOtherBrowser)
	_, err = v.take(j, "")
	wantKind(t, err, provider.ErrOtherBrowser)

	name, value := oneCookie(v, j, "handle")
	_, other := oneCookie(newVisitor(t), j, "other")
	raw, _ := base64.RawURLEncoding.DecodeString(value)
	raw[len(raw)-1] ^= 1
	for what, forged := range map[string]string{
		"empty": "", "not base64": "!!", "garbage": "AAAA", "too long": strings.Repeat("A", 5000),
		"another sign-in's": other, "damaged": base64.RawURLEncoding.EncodeToString(raw),
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", name+"="+forged)
		_, w, err := take(j, r, "handle")
		wantKind(t, err, provider.ErrOtherBrowser)
		if len(w.Header()) != 0 {
			t.Errorf("%s: %v", what, w.Header())
		}
		if forged != "" && strings.Contains(err.Error(), forged) {
			t.Errorf("%s: the error shows the cookie", what)
		}
	}
	// It is still good: nothing forged has spent it.
	if _, err := v.take(j, "handle"); err != nil {
		t.Error(err)
	}
}

func TestClearEndsTheSignInsUnderWay(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		j := newJar(t, session.PendingStoreConfig{Secure: secure})
		v, bystander := newVisitor(t), newVisitor(t)
		handles := []string{"1", "2", "3", "4", "5"}
		for _, handle := range handles {
			v.put(j, begun(handle))
		}
		bystander.put(j, begun("bystander"))
		v.jar.SetCookies(v.url, []*http.Cookie{{Name: "mine", Value: "stays"}})
		saved := v.jar.Cookies(v.url)

		w := httptest.NewRecorder()
		j.Clear(w, v.request(), true)
		v.jar.SetCookies(v.url, w.Result().Cookies())
		if left := v.jar.Cookies(v.url); len(left) != 1 || left[0].Name != "mine" {
			t.Errorf("left: %v", left)
		}
		for _, handle := range handles {
			_, err := v.take(j, handle)
			wantKind(t, err, provider.ErrOtherBrowser)
		}
		v.jar.SetCookies(v.url, saved)
		for _, handle := range handles {
			_, err := v.take(j, handle)
			wantKind(t, err, provider.ErrExpired)
		}
		if _, err := bystander.take(j, "bystander"); err != nil {
			t.Errorf("another browser's: %v", err)
		}
		w = httptest.NewRecorder()
		j.Clear(w, newVisitor(t).request(), true)
		if len(w.Header()) != 0 {
			t.Errorf("without any: %v", w.Header())
		}
	}
}

func TestASignOutWithoutASessionSpendsNothing(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.PendingStoreConfig{})
	v := newVisitor(t)
	v.put(j, begun("handle"))
	w := httptest.NewRecorder()
	j.Clear(w, v.request(), false)
	if c := sent(t, w); c.MaxAge >= 0 {
		t.Errorf("%s", c)
	}
	if _, err := v.take(j, "handle"); err != nil {
		t.Error(err)
	}
}

func TestAPlantedCookieOfTheSameNameHidesNothing(t *testing.T) {
	t.Parallel()
	clock := newClock()
	j := newJar(t, session.PendingStoreConfig{}, clock.Now)
	_, stale := oneCookie(newVisitor(t), j, "handle")
	clock.advance(11 * time.Minute)
	name, good := oneCookie(newVisitor(t), j, "handle")
	planted := func(values ...string) *http.Request {
		r := httptest.NewRequest("GET", "/", nil)
		for _, v := range values {
			r.AddCookie(&http.Cookie{Name: name, Value: v})
		}
		return r
	}
	junk := []string{"", "x", stale}
	// Another sign-in that begins does not take its place.
	w := httptest.NewRecorder()
	if err := j.Put(w, planted(append(junk, good)...), begun("new")); err != nil || sent(t, w).Name == name {
		t.Errorf("%v, %v", err, w.Header())
	}
	b, w, err := take(j, planted(append(junk, good)...), "handle")
	if err != nil || b.Pending.State != "handle" {
		t.Errorf("%v", err)
	}
	if c := sent(t, w); c.Name != name {
		t.Errorf("%s", c)
	}
	// How many are tried is bounded.
	name, good = oneCookie(newVisitor(t), j, "behind many")
	many := append(strings.Split(strings.Repeat("x", 8), ""), good)
	_, _, err = take(j, planted(many...), "behind many")
	wantKind(t, err, provider.ErrOtherBrowser)
	if _, _, err = take(j, planted(many[1:]...), "behind many"); err != nil {
		t.Error(err)
	}
}

func oneCookie(v *visitor, j *session.PendingStore, handle string) (name, value string) {
	c := sent(v.t, v.put(j, begun(handle)))
	return c.Name, c.Value
}

func TestASecretCanBeReplacedWhileSignInsAreUnderWay(t *testing.T) {
	t.Parallel()
	old := newJar(t, session.PendingStoreConfig{Secrets: [][]byte{secret(1)}})
	both := newJar(t, session.PendingStoreConfig{Secrets: [][]byte{secret(2), secret(1)}})
	now := newJar(t, session.PendingStoreConfig{Secrets: [][]byte{secret(2)}})
	v := newVisitor(t)
	v.put(old, begun("from old"))
	if _, err := v.take(both, "from old"); err != nil {
		t.Error(err)
	}
	v.put(both, begun("from both"))
	if _, err := v.take(now, "from both"); err != nil {
		t.Error(err)
	}
	v.put(old, begun("lost"))
	_, err := v.take(now, "lost")
	wantKind(t, err, provider.ErrOtherBrowser)
	if !strings.Contains(err.Error(), "secret") {
		t.Errorf("the operator is not told why: %v", err)
	}
}

func TestAJarNeedsASecret(t *testing.T) {
	t.Parallel()
	for _, secrets := range [][][]byte{nil, {[]byte("short")}} {
		if _, err := session.NewPendingStore(session.PendingStoreConfig{Secrets: secrets}); err == nil || !strings.HasPrefix(err.Error(), "session: ") {
			t.Errorf("%v", err)
		}
	}
}

func TestAJarPrintsNoSecret(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.PendingStoreConfig{Secrets: [][]byte{[]byte("sssssssssssssssssssssssssssssssss")}})
	v := newVisitor(t)
	v.put(j, begun("handle"))
	b, err := v.take(j, "handle")
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%+v %v %#v %+v", j, b, b.Pending, b); strings.Contains(s, "verifier") || strings.Contains(s, "ssss") {
		t.Error(s)
	}
}

func TestTabsInARealBrowser(t *testing.T) {
	t.Parallel()
	j := newJar(t, session.PendingStoreConfig{Secure: true})
	mux := http.NewServeMux()
	mux.HandleFunc("/begin/{handle}", func(w http.ResponseWriter, r *http.Request) {
		if err := j.Put(w, r, begun(r.PathValue("handle"))); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/callback/{handle}", func(w http.ResponseWriter, r *http.Request) {
		f, err := j.Find(r, r.PathValue("handle"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, f.Pending.Secret)
	})
	srv := httptest.NewTLSServer(mux)
	t.Cleanup(srv.Close)
	b, other := newBrowser(t, srv), newBrowser(t, srv)
	for i := range 7 {
		b.want(fmt.Sprint("/begin/", i), "")
	}
	for _, i := range []int{6, 2, 4, 3, 5} {
		if resp, _ := other.get(fmt.Sprint("/callback/", i)); resp.StatusCode != http.StatusBadRequest {
			t.Error("another browser took it")
		}
		b.want(fmt.Sprint("/callback/", i), fmt.Sprint("verifier of ", i))
	}
}

func FuzzTake(f *testing.F) {
	j := newJar(f, session.PendingStoreConfig{})
	w := httptest.NewRecorder()
	if err := j.Put(w, httptest.NewRequest("GET", "/", nil), begun("handle")); err != nil {
		f.Fatal(err)
	}
	c := sent(f, w)
	f.Add(c.Name+"="+c.Value[1:], "handle")
	f.Add(c.Name+"=; a=b;;", "handle")
	f.Fuzz(func(t *testing.T, cookies, handle string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", cookies)
		w := httptest.NewRecorder()
		if b, _, err := take(j, r, handle); err == nil && b.Pending.State != handle {
			t.Errorf("%q gave %q", handle, b.Pending.State)
		}
		if err := j.Put(w, r, begun("new")); err != nil {
			t.Error(err)
		}
		j.Clear(w, r, true)
		for _, line := range w.Header()["Set-Cookie"] {
			if strings.ContainsAny(line, "\r\n") || line == "" {
				t.Errorf("%q", line)
			}
		}
	})
}
