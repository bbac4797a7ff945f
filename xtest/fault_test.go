package xtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// ways runs a test in process and over a socket.
func ways(t *testing.T, f func(t *testing.T, x *xtest.X, base string, c *http.Client)) {
	t.Run("through Transport", func(t *testing.T) {
		x := xtest.New(xtest.Config{Callbacks: []string{callback}})
		f(t, x, "https://api.x.com", noRedirects(x, nil))
	})
	t.Run("over a socket", func(t *testing.T) {
		s := xtest.NewServer(xtest.Config{Callbacks: []string{callback}})
		tr := &http.Transport{}
		t.Cleanup(func() { s.Close(); tr.CloseIdleConnections() })
		f(t, s.X, s.URL, &http.Client{Transport: tr})
	})
}

func post(t *testing.T, c *http.Client, target string) (reply, error) {
	t.Helper()
	resp, err := c.Do(newRequest(t, "POST", target, nil))
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b)}, err
}

func TestAFaultAnswersInsteadOfX(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, x *xtest.X, base string, c *http.Client) {
		x.Fail(xtest.Fault{
			Method: "POST", Path: "/2/oauth2/token", Times: 2, Status: 503, Body: "<html>down</html>",
			Header: http.Header{"Content-Type": {"text/html"}, "X-Made-Up": {"1"}},
		})
		x.Fail(xtest.Fault{Path: "/2/oauth2/*", Times: 1, Body: "second"})
		for i, want := range []int{503, 503, 200, 401} {
			r, err := post(t, c, base+"/2/oauth2/token")
			if err != nil || r.status != want {
				t.Errorf("request %d: got %d %v, want %d", i, r.status, err, want)
			}
			if want == 503 && (r.body != "<html>down</html>" || r.header.Get("X-Made-Up") != "1" || r.header.Get("Content-Type") != "text/html") {
				t.Errorf("got %v %s", r.header, r.body)
			}
			if want == 200 && r.body != "second" {
				t.Errorf("got %s", r.body)
			}
		}
		x.Fail(xtest.Fault{Status: 500})
		if r, err := post(t, c, base+"/oauth/request_token"); err != nil || r.status != 500 {
			t.Errorf("any path: got %d %v", r.status, err)
		}
		x.ClearFaults()
		if r, err := post(t, c, base+"/oauth/request_token"); err != nil || r.status != 400 {
			t.Errorf("cleared: got %d %v", r.status, err)
		}
	})
}

func TestAFaultComesBeforeOrAfterTheEffect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault xtest.Fault
		lost  bool // the client gets no whole answer
		spent bool // the refresh happened
	}{
		{"before", xtest.Fault{Status: 503}, false, false},
		{"after", xtest.Fault{Status: 503, After: true}, false, true},
		{"cut after 10 bytes", xtest.Fault{CutAfter: 10}, true, true},
		{"cut before the answer", xtest.Fault{CutAfter: -1}, true, true},
		{"an answer of the fault, cut, without effect", xtest.Fault{Status: 200, Body: "0123456789", CutAfter: 5}, true, false},
		{"an answer of the fault, cut beyond its end", xtest.Fault{Status: 200, Body: "0123", CutAfter: 5}, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t, xtest.Config{})
			got := s.signIn(xtest.DefaultUserID)
			tt.fault.Path, tt.fault.Times = "/2/oauth2/token", 1
			s.Fail(tt.fault)
			req := newRequest(t, "POST", s.base+"/2/oauth2/token", map[string][]string{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}})
			req.SetBasicAuth(xtest.DefaultClientID, xtest.DefaultClientSecret)
			resp, err := s.http.Do(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if (err != nil) != tt.lost {
				t.Errorf("got error %v", err)
			}
			if s.Live(got.Refresh) == tt.spent {
				t.Errorf("the refresh token is alive: %v", !tt.spent)
			}
		})
	}
}

func TestACutAnswerGivesItsFirstBytes(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, x *xtest.X, base string, c *http.Client) {
		x.Fail(xtest.Fault{Status: 200, Body: "0123456789", CutAfter: 4, Times: 1})
		r, err := post(t, c, base+"/x")
		if !errors.Is(err, io.ErrUnexpectedEOF) || r.body != "0123" || r.header.Get("Content-Length") != "10" {
			t.Errorf("got %q, %v, %v", r.body, err, r.header)
		}
		x.Fail(xtest.Fault{CutAfter: -1, Times: 1})
		if r, err := post(t, c, base+"/x"); err == nil {
			t.Errorf("got %d", r.status)
		}
		count := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "01")
			_, _ = io.WriteString(w, "2345")
		})
		x.Fail(xtest.Fault{Handler: count, CutAfter: 3, Times: 1})
		if r, err := post(t, c, base+"/x"); err == nil || r.body != "012" {
			t.Errorf("a handler's answer: got %q, %v", r.body, err)
		}
		x.Fail(xtest.Fault{Handler: count, CutAfter: -1, Times: 1})
		if r, err := post(t, c, base+"/x"); err == nil {
			t.Errorf("a handler's answer: got %d", r.status)
		}
		teapot := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) })
		x.Fail(xtest.Fault{Handler: teapot, CutAfter: -1, Times: 1})
		if r, err := post(t, c, base+"/x"); err == nil {
			t.Errorf("a handler's status: got %d", r.status)
		}
		x.Fail(xtest.Fault{Handler: teapot, CutAfter: 1, Times: 1})
		if r, err := post(t, c, base+"/x"); err != nil || r.status != 418 {
			t.Errorf("nothing to cut: got %d, %v", r.status, err)
		}
	})
}

func TestAFaultHoldsARequestForTheTest(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, x *xtest.X, base string, c *http.Client) {
		reached, hold := make(chan struct{}), make(chan struct{})
		x.Fail(xtest.Fault{Path: "/oauth/request_token", Times: 1, Reached: reached, Hold: hold})
		done := make(chan int)
		go func() {
			r, _ := post(t, c, base+"/oauth/request_token")
			done <- r.status
		}()
		<-reached
		if rs := x.Requests(); len(rs) != 1 || rs[0].Status != 0 || x.Count("POST", "/oauth/request_token") != 1 {
			t.Errorf("the record of a held request is %+v", rs)
		}
		select {
		case s := <-done:
			t.Errorf("the held request was answered with %d", s)
		default:
		}
		close(hold)
		if s := <-done; s != 400 {
			t.Errorf("got %d", s)
		}
		if rs := x.Requests(); rs[0].Status != 400 {
			t.Errorf("the record says %d", rs[0].Status)
		}
	})
}

func TestAHeldRequestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	for name, f := range map[string]xtest.Fault{
		"Hold": {Hold: never}, "Reached": {Reached: never}, "Delay": {Delay: time.Hour}, "Hold after": {Hold: never, After: true},
	} {
		t.Run(name, func(t *testing.T) {
			ways(t, func(t *testing.T, x *xtest.X, base string, c *http.Client) {
				x.Fail(f)
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
				defer cancel()
				_, err := c.Do(newRequest(t, "GET", base+"/", nil).WithContext(ctx))
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestAFaultThatOnlyWaitsLetsXAnswer(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	s.Fail(xtest.Fault{Delay: time.Millisecond, Times: 1})
	s.Fail(xtest.Fault{Delay: time.Millisecond, After: true, Times: 1})
	s.requestToken(callback)
	s.requestToken(callback)
}

func TestABodyMayHaveNoEnd(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, x *xtest.X, base string, c *http.Client) {
		stopped := make(chan struct{})
		x.Fail(xtest.Fault{Times: 1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(stopped)
			chunk := strings.Repeat("x", 1<<16)
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, chunk); err != nil {
					return
				}
			}
		})})
		resp, err := c.Get(base + "/2/users/me")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.CopyN(io.Discard, resp.Body, 1<<22); n != 1<<22 {
			t.Errorf("read %d, %v", n, err)
		}
		resp.Body.Close()
		<-stopped
	})
}

func TestFaultsAreCopied(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	h := http.Header{"X-Made-Up": {"1"}}
	s.Fail(xtest.Fault{Header: h})
	h.Set("X-Made-Up", "2")
	if r := s.do(newRequest(t, "GET", s.base+"/x", nil)); r.status != 200 || r.header.Get("X-Made-Up") != "1" {
		t.Errorf("got %d %v", r.status, r.header)
	}
}
