package acceptance_test

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
)

type countingTransport struct{ used atomic.Int64 }

func (c *countingTransport) RoundTrip(*http.Request) (*http.Response, error) {
	c.used.Add(1)
	return nil, errors.New("a transport of another package")
}

type countingJar struct {
	cookiejar.Jar
	used atomic.Int64
}

func (j *countingJar) SetCookies(*url.URL, []*http.Cookie)    { j.used.Add(1) }
func (j *countingJar) Cookies(*url.URL) (none []*http.Cookie) { j.used.Add(1); return none }

// TestNothingGlobalIsUsed changes what any package of the program can change, as others do:
// traces, mocks, self-signed certificates. The kit sends secrets through none of it.
func TestNothingGlobalIsUsed(t *testing.T) {
	transport, client := http.DefaultTransport, http.DefaultClient
	t.Cleanup(func() { http.DefaultTransport, http.DefaultClient = transport, client })
	counting, jar := &countingTransport{}, &countingJar{}
	for name, change := range map[string]func(){
		"another DefaultTransport": func() { http.DefaultTransport = counting },
		"InsecureSkipVerify": func() {
			http.DefaultTransport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		},
		"DefaultClient's transport": func() { http.DefaultClient = &http.Client{Transport: counting} },
		"DefaultClient's deadline":  func() { http.DefaultClient = &http.Client{Timeout: time.Nanosecond} },
		"DefaultClient's cookies":   func() { http.DefaultClient = &http.Client{Jar: jar} },
		"no DefaultClient at all":   func() { http.DefaultClient, http.DefaultTransport = nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			http.DefaultTransport, http.DefaultClient = transport, client
			s := newSite(t)
			change()
			defer func() { http.DefaultTransport, http.DefaultClient = transport, client }()
			b := s.browser()
			for _, p := range protocols {
				b.SignIn(p.login, xtest.DefaultUserID)
				if a := b.Get("/api"); a.StatusCode != http.StatusOK {
					t.Errorf("%s: a call: %s", p.name, a.Status)
				}
			}
			key := xsignin.Key{Provider: "x", UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID}
			if err := s.Kit.RefreshToken(t.Context(), key); err != nil {
				t.Error(err)
			}
			b.Send(http.MethodPost, "/auth/logout", nil)
			if n := s.X.Count(http.MethodPost, "/1.1/oauth/invalidate_token.json"); n != 1 {
				t.Errorf("%d tokens revoked", n)
			}
			if err := s.Kit.RevokeToken(t.Context(), key); err != nil {
				t.Error(err)
			}
			if n := counting.used.Load() + jar.used.Load(); n != 0 {
				t.Errorf("used %d times", n)
			}
		})
	}
}
