package xtest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

func TestTheRecordTellsWhatWasAsked(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	s.confidential("/2/oauth2/token?a=b", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}})
	s.do(newRequest(t, "GET", s.web+"/nothing", nil))
	rs := s.Requests()
	if len(rs) != 2 {
		t.Fatalf("got %d requests", len(rs))
	}
	r := rs[0]
	if r.Method != "POST" || r.Host != "api.x.com" || r.Path != "/2/oauth2/token" || r.URL.String() != "https://api.x.com/2/oauth2/token?a=b" ||
		r.Status != 400 || r.Form.Get("refresh_token") != "x" || r.Header.Get("Authorization") == "" || !r.At.Equal(epoch) {
		t.Errorf("got %+v", r)
	}
	if rs[1].Status != 404 || rs[1].Form != nil {
		t.Errorf("got %+v", rs[1])
	}
	r.Form.Set("refresh_token", "y")
	r.Header.Set("Authorization", "y")
	r.URL.Path = "/y"
	if again := s.Requests()[0]; again.Form.Get("refresh_token") != "x" || again.Header.Get("Authorization") == "y" || again.URL.Path == "/y" {
		t.Error("what Requests gives is not a copy")
	}
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"POST", "/2/oauth2/token", 1}, {"GET", "/2/oauth2/token", 0}, {"", "/2/oauth2/token", 1}, {"", "", 2},
		{"GET", "", 1}, {"", "/2/*", 1}, {"", "/2/oauth2", 0},
	} {
		if got := s.Count(tt.method, tt.path); got != tt.want {
			t.Errorf("Count(%q, %q) is %d, want %d", tt.method, tt.path, got, tt.want)
		}
	}
	s.ResetRequests()
	if len(s.Requests()) != 0 || s.Count("", "") != 0 {
		t.Error("the record is not empty after ResetRequests")
	}
}

func TestTheRecordKeepsTheNewest(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	s.Fail(xtest.Fault{Status: http.StatusNoContent})
	const more = 7
	for i := range xtest.MaxRecord + more {
		s.ServeHTTP(nowhere{}, httpRequest(fmt.Sprintf("/2/%d", i)))
	}
	rs := s.Requests()
	if len(rs) != xtest.MaxRecord || rs[0].Path != fmt.Sprintf("/2/%d", more) || rs[len(rs)-1].Path != fmt.Sprintf("/2/%d", xtest.MaxRecord+more-1) {
		t.Errorf("%d requests from %s to %s", len(rs), rs[0].Path, rs[len(rs)-1].Path)
	}
}

// nowhere is a response writer, for speed.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

func httpRequest(path string) *http.Request {
	return &http.Request{Method: "GET", URL: &url.URL{Path: path}, Host: "api.x.com", Header: http.Header{}, Body: http.NoBody}
}

func TestApproveLeavesNoRecord(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	s.Fail(xtest.Fault{Status: 500})
	s.code(authorizeQuery(), xtest.DefaultUserID)
	if n := s.Count("", ""); n != 0 {
		t.Errorf("%d requests", n)
	}
}
