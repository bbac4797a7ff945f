package provider_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// calls are all that the providers ask, each by itself.
func calls(x oauth2Client, y oauth1Client) map[string]func(context.Context) error {
	token1 := tokenstore.Token{AccessToken: accessToken, TokenSecret: tokenSecret}
	return map[string]func(context.Context) error{
		"token": func(ctx context.Context) error {
			p := provider.Pending{Provider: "x", State: "h", Secret: "s"}
			_, _, err := x.Finish(ctx, p, url.Values{"state": {"h"}, "code": {theCode}})
			return err
		},
		"refresh":  func(ctx context.Context) error { _, err := x.Refresh(ctx, stored()); return err },
		"revoke":   func(ctx context.Context) error { return x.Revoke(ctx, tokenstore.Token{AccessToken: accessToken}) },
		"users/me": func(ctx context.Context) error { _, err := x.Profile(ctx, stored()); return err },
		"request_token": func(ctx context.Context) error {
			_, _, err := y.Begin(ctx, provider.Options{})
			return err
		},
		"access_token": func(ctx context.Context) error {
			p := provider.Pending{Provider: "x-oauth1", State: "h", Secret: "s"}
			_, _, err := y.Finish(ctx, p, url.Values{"oauth_token": {"h"}, "oauth_verifier": {verifier}})
			return err
		},
		"invalidate_token": func(ctx context.Context) error { return y.Revoke(ctx, token1) },
	}
}

// both makes both providers over a transport.
func both(t *testing.T, tr http.RoundTripper, timeout time.Duration) map[string]func(context.Context) error {
	t.Helper()
	x, err := newX(provider.OAuth2Config{ClientID: clientID, ClientSecret: clientSecret, CallbackURL: callbackURL, Transport: tr, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	y, err := newXOAuth1(provider.OAuth1Config{ConsumerKey: consumerKey, ConsumerSecret: consumerSecret, CallbackURL: callbackURL, Transport: tr, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return calls(x, y)
}

func TestEveryCallHasADeadline(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Second: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			hang := roundTripFunc(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, errors.New("some words of the transport's own")
			})
			for op, call := range both(t, hang, timeout) {
				start := time.Now()
				err := call(context.Background())
				e := failed(t, err, provider.ErrUnavailable)
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != want || e.Op != op {
					t.Errorf("%s: %v after %v", op, err, time.Since(start))
				}
			}
		})
	}
}

func TestEveryCallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		for op, call := range both(t, hang, 0) {
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error)
			go func() { done <- call(ctx) }()
			synctest.Wait()
			cancel()
			err := <-done
			failed(t, err, provider.ErrUnavailable)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", op, err)
			}
		}
	})
}

func TestAnAnswerThatHangsInItsBodyEndsAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body(func([]byte) (int, error) {
				<-r.Context().Done()
				return 0, r.Context().Err()
			})}, nil
		})
		for op, call := range both(t, hang, 0) {
			if err := call(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", op, err)
			}
		}
	})
}

// body is a body that reads as it likes and counts nothing.
type body func([]byte) (int, error)

func (b body) Read(p []byte) (int, error) { return b(p) }
func (body) Close() error                 { return nil }

func TestATransportThatAnswersNothingIsAnError(t *testing.T) {
	for name, tr := range map[string]roundTripFunc{
		"nothing": func(*http.Request) (*http.Response, error) { return nil, nil },
		"no body": func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil },
	} {
		for op, call := range both(t, tr, 0) {
			t.Run(name+" to "+op, func(t *testing.T) { failed(t, call(ctx), provider.ErrUnavailable) })
		}
	}
}

func TestNetworkErrorsKeepTheirNature(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	x, err := newX(provider.OAuth2Config{ClientID: clientID, CallbackURL: callbackURL, APIURL: "http://" + l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.Refresh(ctx, stored())
	failed(t, err, provider.ErrUnavailable)
	var op *net.OpError
	if !errors.As(err, &op) {
		t.Errorf("%v holds no *net.OpError", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	s := newServer(t)
	for op, call := range calls(s.x(t), s.xoauth1(t)) {
		for _, status := range []int{301, 302, 303, 307, 308, 304} {
			t.Run(fmt.Sprint(op, status), func(t *testing.T) {
				before := len(s.requests())
				for _, path := range []string{"/2/oauth2/token", "/2/oauth2/revoke", "/2/users/me", "/oauth/request_token", "/oauth/access_token", "/1.1/oauth/invalidate_token.json"} {
					s.replyHeader(path, reply{status, map[string]string{"Location": "/elsewhere?" + accessToken, "Set-Cookie": "a=b"}, ""})
				}
				e := failed(t, call(ctx), provider.ErrUnavailable)
				if e.Status != status || !strings.Contains(e.Detail, "redirect") || len(s.requests()) != before+1 {
					t.Errorf("%v after %d requests", e, len(s.requests())-before)
				}
				if s.last(t).header.Get("Cookie") != "" {
					t.Error("a cookie was kept")
				}
			})
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write([]byte(tokenBody))
	zeros := bytes.Repeat([]byte(" "), 1<<20)
	for range 8 {
		_, _ = z.Write(zeros)
	}
	_ = z.Close()
	for name, h := range map[string]http.HandlerFunc{
		"an endless body": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(zeros); err != nil {
					return
				}
			}
		},
		"a compressed bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		},
		"a body cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, tokenBody)
		},
		"a broken chunk": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, tokenBody)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"endless headers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("a", 100<<10))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.Config.ErrorLog = nil
			for _, path := range []string{"/2/oauth2/token", "/2/oauth2/revoke", "/2/users/me", "/oauth/request_token", "/oauth/access_token", "/1.1/oauth/invalidate_token.json"} {
				s.serve(path, h)
			}
			for op, call := range calls(s.x(t), s.xoauth1(t)) {
				e := failed(t, call(ctx), provider.ErrUnavailable)
				if e.Err == nil || e.Op != op {
					t.Errorf("%v has no cause", e)
				}
			}
		})
	}
}

func TestALimitIsALimitAlsoWhereItsBodyIsCutOff(t *testing.T) {
	s := newServer(t)
	s.serve("/2/users/me", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Header().Set("X-Rate-Limit-Reset", strconv.FormatInt(fixed().Add(time.Minute).Unix(), 10))
		w.WriteHeader(429)
	})
	_, err := s.x(t, func(c *provider.OAuth2Config) { c.Now = fixed }).Profile(ctx, stored())
	if e := failed(t, err, provider.ErrRateLimited); !e.RetryAt.Equal(fixed().Add(time.Minute)) {
		t.Errorf("error is %v", e)
	}
}

func TestTheEndOfALimitIsRead(t *testing.T) {
	at := func(d time.Duration) string { return strconv.FormatInt(fixed().Add(d).Unix(), 10) }
	for name, c := range map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"X's reset":                      {map[string]string{"x-rate-limit-reset": at(15 * time.Minute)}, 15 * time.Minute},
		"X's reset before Retry-After":   {map[string]string{"x-rate-limit-reset": at(15 * time.Minute), "Retry-After": "5"}, 15 * time.Minute},
		"a user's day that is used up":   {map[string]string{"x-rate-limit-reset": at(time.Minute), "x-user-limit-24hour-remaining": "0", "x-user-limit-24hour-reset": at(20 * time.Hour)}, 20 * time.Hour},
		"an app's day that is used up":   {map[string]string{"x-app-limit-24hour-remaining": "0", "x-app-limit-24hour-reset": at(20 * time.Hour)}, 20 * time.Hour},
		"a day that is not used up":      {map[string]string{"x-rate-limit-reset": at(time.Minute), "x-app-limit-24hour-remaining": "1", "x-app-limit-24hour-reset": at(20 * time.Hour)}, time.Minute},
		"Retry-After in seconds":         {map[string]string{"Retry-After": "30"}, 30 * time.Second},
		"Retry-After as a date":          {map[string]string{"Retry-After": fixed().Add(time.Hour).Format(http.TimeFormat)}, time.Hour},
		"nothing":                        {nil, -1},
		"a reset that is no number":      {map[string]string{"x-rate-limit-reset": "soon"}, -1},
		"a reset in 1970":                {map[string]string{"x-rate-limit-reset": "1"}, -1},
		"a reset that is negative":       {map[string]string{"x-rate-limit-reset": "-1"}, -1},
		"a reset in milliseconds":        {map[string]string{"x-rate-limit-reset": at(time.Hour) + "000"}, -1},
		"a Retry-After without sense":    {map[string]string{"Retry-After": "later"}, -1},
		"a Retry-After that is negative": {map[string]string{"Retry-After": "-3"}, -1},
		"a Retry-After without end":      {map[string]string{"Retry-After": "2000000000"}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.replyHeader("/2/oauth2/token", reply{429, c.header, tooMany})
			_, err := s.x(t, func(c *provider.OAuth2Config) { c.Now = fixed }).Refresh(ctx, stored())
			e := failed(t, err, provider.ErrRateLimited)
			if c.want < 0 && !e.RetryAt.IsZero() || c.want >= 0 && !e.RetryAt.Equal(fixed().Add(c.want)) {
				t.Errorf("the limit ends %v, want %v after now", e.RetryAt, c.want)
			}
		})
	}
}
