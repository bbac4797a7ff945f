package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/internal/attack"
	"github.com/xsignin/xsignin/xtest"
)

func TestUnderAttack(t *testing.T) {
	var a *app
	build := func(cfg xsignin.Config) (http.Handler, *xsignin.Kit, error) {
		store, err := storage.Open(t.Context(), storage.Place{Kind: storage.InSQLite, At: filepath.Join(t.TempDir(), "worker.db")}, cfg.Secrets, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, nil, err
		}
		t.Cleanup(func() { _ = store.Close() })
		if a, err = newApp(t.Context(), cfg, store, time.Now); err != nil {
			return nil, nil, err
		}
		return a, a.kit, nil
	}
	forms := []attack.Form{
		{Path: "/jobs", Body: "text=By+whoever+asks&in=1h"}, {Path: "/jobs/1/again", Body: "a=b"}, {Path: "/jobs/1/delete", Body: "a=b"},
		{Path: "/jobs", Body: "text=By+whoever+asks&in=1h"},
	}
	attack.Suite(t, attack.Serve(t, build, attack.Site{Private: "/", Open: true, Forms: forms}))
	// The user has sent each form once, and the last job remains.
	if all, err := a.jobs.list(t.Context(), ""); err != nil || len(all) != 1 {
		t.Errorf("%d jobs, not 1: %v", len(all), err)
	}
}

// stranger is a second user of s, in another browser, which follows no redirect.
func (s *site) stranger() *site {
	s.Helper()
	jar, _ := cookiejar.New(nil)
	other := &site{T: s.T, app: s.app, x: s.x, url: s.url, client: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	resp, err := s.x.SignIn(other.client, s.url+"/auth/login", xtest.SecondUserID)
	if err != nil {
		s.Fatal(err)
	}
	_ = resp.Body.Close()
	return other
}

// attempt sends a form and returns the response.
func (s *site) attempt(path string, fill url.Values) (status int, body string) {
	s.Helper()
	resp, err := s.client.PostForm(s.url+path, fill)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// TestAFormActsForItsSenderAlone, whatever ids the form contains.
func TestAFormActsForItsSenderAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	evil := s.stranger()
	victim := url.Values{
		"text": {"In another's name"}, "in": {"0s"}, "provider": {"x"}, "user": {xtest.DefaultUserID}, "user_id": {xtest.DefaultUserID},
		"key": {"x:" + xtest.DefaultUserID}, "subject": {xtest.DefaultUserID}, "id": {"1"}, "state": {"waiting"}, "due": {"0"},
	}
	if status, body := evil.attempt("/jobs", victim); status != http.StatusSeeOther {
		t.Fatalf("%d\n%s", status, body)
	}
	if j := s.only(waiting); j.Key.UserID != xtest.SecondUserID {
		t.Fatalf("%+v", j)
	}
	s.step()
	s.has("In another's name", 0)

	// A stranger can neither see nor resend a failed job of the victim.
	s.schedule("Mine", "0s")
	s.x.Fail(xtest.Fault{Path: "/2/tweets", Status: http.StatusBadRequest, Times: 1})
	s.step()
	asked := s.x.Count(http.MethodPost, "/2/tweets")
	for _, id := range []string{"2", "02", "+2", "2e0", "0x2", "-1", "9223372036854775808", "2%00", "2;", "*"} {
		for _, what := range []string{"again", "delete", "Again", "remove"} {
			evil.attempt("/jobs/"+id+"/"+what, victim)
		}
	}
	s.step()
	s.asked(asked)
	s.page("Mine", "X does not accept this post")
	if resp, err := evil.client.Get(s.url + "/?user=" + xtest.DefaultUserID); err == nil {
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if strings.Contains(string(body), "Mine") {
			t.Error("a stranger sees the job")
		}
	}
}

// TestHostileJobs: a request that the page's form could not send creates no job. The text of a
// job is shown as text.
func TestHostileJobs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, fill := range []url.Values{
		{"text": {""}, "in": {"0s"}}, {"text": {" \t\n"}, "in": {"0s"}}, {"in": {"0s"}}, {"text": {strings.Repeat("a", 281)}, "in": {"0s"}},
		{"text": {strings.Repeat("é", 281)}, "in": {"0s"}}, {"text": {"a"}}, {"text": {"a"}, "in": {"-1s"}}, {"text": {"a"}, "in": {"721h"}},
		{"text": {"a"}, "in": {"9999999999h"}}, {"text": {"a"}, "in": {"NaN"}}, {"text": {"a"}, "in": {"1"}}, {"text": {"a"}, "in": {"0s; DROP TABLE jobs"}},
		{"text": {strings.Repeat("a", 1<<20)}, "in": {"0s"}}, {"text": slices.Repeat([]string{""}, 1<<17), "in": {"0s"}},
	} {
		if status, _ := s.attempt("/jobs", fill); status != http.StatusUnprocessableEntity {
			t.Errorf("%.60q: %d", fill.Encode(), status)
		}
	}
	if all, err := s.jobs.list(t.Context(), ""); err != nil || len(all) != 0 {
		t.Fatalf("%d jobs: %v", len(all), err)
	}

	const mark = `"'><script>alert(1)</script>{{.}}`
	s.schedule(mark+"'; DROP TABLE jobs; --", "0s")
	s.x.Fail(xtest.Fault{Path: "/2/tweets", Status: http.StatusBadRequest, Times: 1, Body: `{"detail":"<script>alert(2)</script>"}`})
	s.step()
	resp, err := s.client.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if strings.Contains(string(body), "<script>") || !strings.Contains(string(body), "&lt;script&gt;alert(1)") || strings.Contains(string(body), "alert(2)") {
		t.Errorf("%s", body)
	}
}

// TestTheWorkersTokenStaysAtX also checks calls without a visitor, when X, or a proxy in its
// place, redirects the request.
func TestTheWorkersTokenStaysAtX(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(thief.Close)
	s := newSite(t)
	statuses := []int{301, 302, 303, 305, 307, 308, 401, 407, 511}
	for _, status := range statuses {
		s.schedule("Away by "+http.StatusText(status), "0s")
		s.x.Fail(xtest.Fault{Path: "/2/*", Status: status, Header: http.Header{
			"Location": {thief.URL + "/2/tweets"}, "Refresh": {"0; url=" + thief.URL}, "Www-Authenticate": {`Bearer realm="` + thief.URL + `"`},
			"Proxy-Authenticate": {`Basic realm="proxy"`},
		}})
		s.step()
		s.x.ClearFaults()
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("another host was asked %d times", n)
	}
	if n := s.x.Count(http.MethodPost, "/2/tweets"); n < len(statuses) {
		t.Errorf("X was asked %d times: that is no test", n)
	}
}
