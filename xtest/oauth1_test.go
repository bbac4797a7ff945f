package xtest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

const (
	formType = "text/html; charset=utf-8"
	textType = "text/plain; charset=utf-8"
	xmlType  = "application/xml; charset=utf-8"
)

func TestRequestTokenAnswersWithAForm(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"header", "query", "form"} {
		s := newSim(t, xtest.Config{})
		c := consumer().with("oauth_callback", callback)
		c.place = place
		r := s.do(c.request(t, "POST", s.base+"/oauth/request_token", nil))
		if r.status != 200 || r.header.Get("Content-Type") != formType {
			t.Fatalf("parameters in the %s: got %d %s %s", place, r.status, r.header.Get("Content-Type"), r.body)
		}
		v, err := url.ParseQuery(r.body)
		if err != nil || len(v.Get("oauth_token")) != 27 || v.Get("oauth_token_secret") == "" || v.Get("oauth_callback_confirmed") != "true" {
			t.Errorf("parameters in the %s: got %s, %v", place, r.body, err)
		}
		if len(r.header.Values("Set-Cookie")) == 0 || r.header.Get("Date") != epoch.Format(http.TimeFormat) {
			t.Errorf("headers: %v", r.header)
		}
	}
}

func TestRequestsThatAreNotSignedWellAreRefused(t *testing.T) {
	t.Parallel()
	unable := codedBody(32, "Could not authenticate you.")
	bad := codedBody(215, "Bad Authentication data.")
	sent := func(change func(*signer)) func(*testing.T, *sim) *http.Request {
		return func(t *testing.T, s *sim) *http.Request {
			c := consumer().with("oauth_callback", callback)
			change(&c)
			return c.request(t, "POST", s.base+"/oauth/request_token", nil)
		}
	}
	for _, tt := range []struct {
		name    string
		request func(*testing.T, *sim) *http.Request
		status  int
		body    string
	}{
		{"the consumer secret is wrong", sent(func(c *signer) { c.secret = "x" }), 401, unable},
		{"the consumer key is wrong", sent(func(c *signer) { c.key = "x" }), 401, unable},
		{"the OAuth 2.0 client id is used as the key", sent(func(c *signer) { c.key = xtest.DefaultClientID }), 401, unable},
		{"the host signed is not the host called", sent(func(c *signer) { c.signedURL = "https://api.twitter.com/oauth/request_token" }), 401, unable},
		{"the scheme signed is not the one called", sent(func(c *signer) { c.signedURL = "http://api.x.com/oauth/request_token" }), 401, unable},
		{"the method is PLAINTEXT", sent(func(c *signer) { *c = c.with("oauth_signature_method", "PLAINTEXT") }), 401, unable},
		{"the version is 2.0", sent(func(c *signer) { *c = c.with("oauth_version", "2.0") }), 400, bad},
		{"the nonce is not ASCII", sent(func(c *signer) { *c = c.with("oauth_nonce", "ü") }), 400, bad},
		{"the nonce is empty", sent(func(c *signer) { *c = c.with("oauth_nonce", "") }), 400, bad},
		{"the timestamp is a word", sent(func(c *signer) { *c = c.with("oauth_timestamp", "noon") }), 400, bad},
		{"the signature is empty", sent(func(c *signer) { *c = c.with("oauth_signature", "") }), 400, bad},
		{"the callback is missing", sent(func(c *signer) { c.extra = nil }), 400, bad},
		{"the access type is neither read nor write", sent(func(c *signer) { *c = c.with("x_auth_access_type", "all") }), 400, bad},
		{"there is a token", sent(func(c *signer) { c.token = "x" }), 401, codedBody(89, "Invalid or expired token.")},
		{"there is no header", func(t *testing.T, s *sim) *http.Request {
			return newRequest(t, "POST", s.base+"/oauth/request_token", nil)
		}, 400, bad},
		{"the header is of another scheme", func(t *testing.T, s *sim) *http.Request {
			r := newRequest(t, "POST", s.base+"/oauth/request_token", nil)
			r.Header.Set("Authorization", "Bearer x")
			return r
		}, 400, bad},
		{"there are two headers", func(t *testing.T, s *sim) *http.Request {
			r := consumer().with("oauth_callback", callback).request(t, "POST", s.base+"/oauth/request_token", nil)
			r.Header.Add("Authorization", r.Header.Get("Authorization"))
			return r
		}, 400, bad},
		{"a protocol parameter comes twice", func(t *testing.T, s *sim) *http.Request {
			return consumer().with("oauth_callback", callback).request(t, "POST", s.base+"/oauth/request_token?oauth_callback=x", nil)
		}, 400, bad},
		{"another parameter comes twice", func(t *testing.T, s *sim) *http.Request {
			return consumer().with("oauth_callback", callback).request(t, "POST", s.base+"/oauth/request_token?a=1&a=1", nil)
		}, 401, unable},
		{"the query cannot be read", func(t *testing.T, s *sim) *http.Request {
			return consumer().with("oauth_callback", callback).request(t, "POST", s.base+"/oauth/request_token?a=%zz", nil)
		}, 400, bad},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t, xtest.Config{})
			r := s.do(tt.request(t, s))
			r.want(t, tt.status, typeJSON, tt.body)
			if r.header.Get("Date") == "" {
				t.Error("no Date")
			}
		})
	}
}

func TestQueryAndFormAreSigned(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	form := url.Values{"a b": {"c+d&e=ü"}, "z": {""}}
	r := s.do(consumer().with("oauth_callback", callback).request(t, "POST", s.base+"/oauth/request_token?q=%20%2B", form))
	if r.status != 200 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	req := consumer().with("oauth_callback", callback).request(t, "POST", s.base+"/oauth/request_token", form)
	req.Body = http.NoBody
	if r := s.do(req); r.status != 401 {
		t.Errorf("without the signed form: got %d", r.status)
	}
}

func TestTimestampsAreWithin300Seconds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		tolerance time.Duration
		off       time.Duration
		good      bool
	}{
		{"300 seconds early", 0, -300 * time.Second, true},
		{"301 seconds early", 0, -301 * time.Second, false},
		{"300 seconds late", 0, 300 * time.Second, true},
		{"301 seconds late", 0, 301 * time.Second, false},
		{"beyond a tolerance of the switch", time.Minute, 61 * time.Second, false},
		{"anything when the switch is negative", -1, 24 * 365 * time.Hour, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t, xtest.Config{Switches: xtest.Switches{TimestampTolerance: tt.tolerance}})
			c := consumer().with("oauth_callback", callback)
			c.at = epoch.Add(tt.off)
			r := s.do(c.request(t, "POST", s.base+"/oauth/request_token", nil))
			if tt.good {
				if r.status != 200 {
					t.Errorf("got %d %s", r.status, r.body)
				}
				return
			}
			r.want(t, 401, typeJSON, codedBody(135, "Timestamp out of bounds."))
			if r.header.Get("Date") != epoch.Format(http.TimeFormat) {
				t.Errorf("Date is %s: a client cannot correct itself", r.header.Get("Date"))
			}
		})
	}
}

func TestANonceIsGoodOnce(t *testing.T) {
	t.Parallel()
	for _, tolerance := range []time.Duration{0, -1} {
		s := newSim(t, xtest.Config{Switches: xtest.Switches{TimestampTolerance: tolerance}})
		c := consumer().with("oauth_callback", callback).with("oauth_nonce", "the same")
		forged := c
		forged.secret = "x"
		s.do(forged.request(t, "POST", s.base+"/oauth/request_token", nil))
		if r := s.do(c.request(t, "POST", s.base+"/oauth/request_token", nil)); r.status != 200 {
			t.Fatalf("a forged request spent the nonce: %d %s", r.status, r.body)
		}
		s.do(c.request(t, "POST", s.base+"/oauth/request_token", nil)).
			want(t, 401, typeJSON, codedBody(32, "Could not authenticate you."))
	}
}

func TestCallbacksOfOAuth1(t *testing.T) {
	t.Parallel()
	const message = "Callback URL not approved for this client application. Approved callback URLs can be adjusted in your application settings"
	const notApproved = `<?xml version='1.0' encoding='UTF-8'?><errors><error code="415">` + message + `</error></errors>`
	for _, tt := range []struct {
		name, callback string
		switches       xtest.Switches
		status         int
		body           string
	}{
		{"the registered one", callback, xtest.Switches{}, 200, ""},
		{"with a query", callback + "?state=1", xtest.Switches{}, 200, ""},
		{"with a query that counts", callback + "?state=1", xtest.Switches{CallbackQueryCounts: true}, 403, notApproved},
		{"with a slash more", callback + "/", xtest.Switches{}, 403, notApproved},
		{"on another host", "https://evil.example/auth/callback", xtest.Switches{}, 403, notApproved},
		{"by http", strings.Replace(callback, "https", "http", 1), xtest.Switches{}, 403, notApproved},
		{"not registered, as JSON", "https://evil.example/", xtest.Switches{CallbackErrorJSON: true}, 403, codedBody(415, message)},
		{"oob", "oob", xtest.Switches{}, 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t, xtest.Config{Switches: tt.switches})
			r := s.do(consumer().with("oauth_callback", tt.callback).request(t, "POST", s.base+"/oauth/request_token", nil))
			if r.status != tt.status || tt.body != "" && r.body != tt.body {
				t.Errorf("got %d %s, want %d %s", r.status, r.body, tt.status, tt.body)
			}
			if isJSON := r.header.Get("Content-Type") == typeJSON; r.status == 403 && isJSON != tt.switches.CallbackErrorJSON {
				t.Errorf("Content-Type is %s", r.header.Get("Content-Type"))
			}
		})
	}
	t.Run("an app without callbacks is a desktop app", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		s.SetCallbacks()
		r := s.do(consumer().with("oauth_callback", callback).request(t, "POST", s.base+"/oauth/request_token", nil))
		if r.status != 401 || r.header.Get("Content-Type") != xmlType ||
			!strings.Contains(r.body, "<error>Desktop applications only support the oauth_callback value 'oob'</error>") ||
			!strings.Contains(r.body, "<request>/oauth/request_token</request>") {
			t.Errorf("got %d %s", r.status, r.body)
		}
		s.requestToken("oob")
	})
}
