package xtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

func TestServerSignsInOverItsOwnAddress(t *testing.T) {
	t.Parallel()
	server := xtest.NewServer(xtest.Config{Callbacks: []string{callback}})
	t.Cleanup(server.Close)
	server.SetNow(epoch)
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	for name, c := range map[string]*http.Client{"socket": {Transport: tr}, "Transport": noRedirects(server.X, nil)} {
		s := &sim{X: server.X, t: t, base: server.URL, web: server.URL, http: c}
		if v := s.accessToken(xtest.SecondUserID); v.Get("screen_name") != xtest.SecondUserName {
			t.Errorf("%s: got %v", name, v)
		}
		s.signIn(xtest.DefaultUserID)
	}
	if got := server.Requests()[0].URL.String(); !strings.HasPrefix(got, server.URL+"/oauth/") {
		t.Errorf("the record has %s", got)
	}
}

func TestServerVerifiesOverBaseURL(t *testing.T) {
	t.Parallel()
	server := xtest.NewServer(xtest.Config{BaseURL: "https://x.local/x/", Callbacks: []string{callback}})
	t.Cleanup(server.Close)
	server.SetNow(epoch)
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	c := consumer().with("oauth_callback", callback)
	s := &sim{X: server.X, t: t, http: &http.Client{Transport: tr}}
	if r := s.do(c.request(t, "POST", server.URL+"/oauth/request_token", nil)); r.status != 401 {
		t.Errorf("signed over the address: got %d", r.status)
	}
	c.signedURL = "https://x.local/x/oauth/request_token"
	if r := s.do(c.request(t, "POST", server.URL+"/oauth/request_token", nil)); r.status != 200 {
		t.Errorf("signed over BaseURL: got %d %s", r.status, r.body)
	}
}

func TestCloseEndsHeldRequests(t *testing.T) {
	t.Parallel()
	server := xtest.NewServer(xtest.Config{})
	reached := make(chan struct{})
	server.Fail(xtest.Fault{Reached: reached, Hold: make(chan struct{})})
	failed := make(chan error)
	go func() {
		_, err := (&http.Client{Transport: &http.Transport{}}).Get(server.URL)
		failed <- err
	}()
	<-reached
	server.Close()
	if err := <-failed; err == nil {
		t.Error("the held request was answered")
	}
	server.Close()
	if _, err := (&http.Client{Transport: &http.Transport{}}).Get(server.URL); err == nil {
		t.Error("the server still listens")
	}
}
