package xtest_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

// bothWays runs a test with X's own rules and with Strict.
func bothWays(t *testing.T, f func(t *testing.T, s *sim, strict bool)) {
	for name, strict := range map[string]bool{"as X": false, "strict": true} {
		t.Run(name, func(t *testing.T) {
			f(t, newSim(t, xtest.Config{Switches: xtest.Switches{Strict: strict}}), strict)
		})
	}
}

func jsonRequest(t *testing.T, target string, values url.Values) *http.Request {
	t.Helper()
	object := map[string]string{}
	for name := range values {
		object[name] = values.Get(name)
	}
	b, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	req := newRequest(t, "POST", target, nil)
	req.Header.Set("Content-Type", "application/json")
	req.Body = body(string(b))
	return req
}

// wants checks that X's rules take an answer and Strict does not.
func wants(t *testing.T, what string, r reply, strict bool) {
	t.Helper()
	if (r.status == http.StatusOK) == strict {
		t.Errorf("%s: got %d %s", what, r.status, r.body)
	}
}

func TestTokenParametersComeInSeveralForms(t *testing.T) {
	t.Parallel()
	places := map[string]func(*testing.T, string, url.Values) *http.Request{
		"JSON": jsonRequest,
		"query": func(t *testing.T, target string, values url.Values) *http.Request {
			return newRequest(t, "POST", target+"?"+values.Encode(), nil)
		},
	}
	for place, request := range places {
		t.Run(place, func(t *testing.T) {
			bothWays(t, func(t *testing.T, s *sim, strict bool) {
				send := func(path string, values url.Values) reply {
					req := request(t, s.base+path, values)
					req.SetBasicAuth(xtest.DefaultClientID, xtest.DefaultClientSecret)
					return s.do(req)
				}
				r := send("/2/oauth2/token", codeForm(s.code(authorizeQuery(), xtest.DefaultUserID)))
				wants(t, "exchange", r, strict)
				if strict {
					return
				}
				refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {r.tokens(t).Refresh}}
				r = send("/2/oauth2/token", refresh)
				wants(t, "refresh", r, strict)
				r = send("/2/oauth2/revoke", url.Values{"token": {r.tokens(t).Refresh}, "token_type_hint": {"refresh_token"}})
				wants(t, "revoke", r, strict)
			})
		})
	}
}

func TestBasicMayComeWithTheSecretInTheBody(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, s *sim, strict bool) {
		form := codeForm(s.code(authorizeQuery(), xtest.DefaultUserID))
		form.Set("client_id", xtest.DefaultClientID)
		form.Set("client_secret", xtest.DefaultClientSecret)
		wants(t, "exchange", s.confidential("/2/oauth2/token", form), strict)
	})
}

func TestParametersThatDifferAreRefused(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	form := codeForm(s.code(authorizeQuery(), xtest.DefaultUserID))
	s.confidential("/2/oauth2/token?code=another", form).want(t, 400, typeJSON, invalid("Duplicate parameter [code]."))
	s.confidential("/2/oauth2/token?code="+form.Get("code"), form).tokens(t)
}

func TestARepeatedTokenIsOneParameter(t *testing.T) {
	t.Parallel()
	send := func(s *sim, place, value string) reply {
		token, secret, ver := s.approved(xtest.DefaultUserID)
		if value == "" {
			value = token
		}
		req := consumer().user(token, secret).with("oauth_verifier", ver).request(s.t, "POST", s.base+"/oauth/access_token", nil)
		switch place {
		case "query":
			req.URL.RawQuery = "oauth_token=" + value
			return s.do(req)
		case "query twice":
			req.URL.RawQuery = "oauth_token=" + token + "&oauth_token=" + value
			return s.do(req)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Body = body("oauth_token=" + value + "&oauth_verifier=" + ver)
		return s.do(req)
	}
	for _, place := range []string{"query", "query twice", "form"} {
		t.Run(place, func(t *testing.T) {
			bothWays(t, func(t *testing.T, s *sim, strict bool) {
				s.t = t
				wants(t, "the same value", send(s, place, ""), strict)
				send(s, place, "another").want(t, 400, typeJSON, codedBody(215, "Bad Authentication data."))
			})
		})
	}
}

func TestTokensOfOAuth1MayBeFetchedByGet(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, s *sim, strict bool) {
		r := s.do(consumer().with("oauth_callback", callback).request(t, "GET", s.base+"/oauth/request_token", nil))
		wants(t, "request_token", r, strict)
		token, secret, ver := s.approved(xtest.DefaultUserID)
		r = s.do(consumer().user(token, secret).with("oauth_verifier", ver).request(t, "GET", s.base+"/oauth/access_token", nil))
		wants(t, "access_token", r, strict)
	})
}

func TestVersion10AOfOAuthIsTaken(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, s *sim, strict bool) {
		c := consumer().with("oauth_callback", callback).with("oauth_version", "1.0A")
		wants(t, "request_token", s.do(c.request(t, "POST", s.base+"/oauth/request_token", nil)), strict)
	})
}

func TestLowerCaseS256IsTaken(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, s *sim, strict bool) {
		q := authorizeQuery()
		q.Set("code_challenge_method", "s256")
		back, err := s.Approve(s.authorizeURL(q), xtest.DefaultUserID)
		if strict {
			if err == nil {
				t.Errorf("got %s", back)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		s.confidential("/2/oauth2/token", codeForm(query(t, back).Get("code"))).tokens(t)
	})
}

func TestConsentAddressesOfXsOwnSDK(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	for _, page := range []string{"https://x.com/i/oauth/authenticate", "https://x.com/oauth/authorize", "https://api.x.com/oauth/authorize"} {
		token, _ := s.requestToken(callback)
		if r := s.do(newRequest(t, "GET", page+"?oauth_token="+token, nil)); r.status != 200 || !strings.Contains(r.body, "Authorize app") {
			t.Errorf("%s: got %d", page, r.status)
		}
		back, err := s.Approve(page+"?oauth_token="+token, xtest.DefaultUserID)
		if err != nil || query(t, back).Get("oauth_token") != token {
			t.Errorf("%s: %s %v", page, back, err)
		}
	}
}

// A client that believed X-Forwarded-Host would sign another URL than the one that it calls.
func TestForwardedHeadersAreNotBelieved(t *testing.T) {
	t.Parallel()
	s := xtest.NewServer(xtest.Config{})
	defer s.Close()
	for _, signed := range []string{s.URL, "https://x.example"} {
		c := consumer().with("oauth_callback", xtest.DefaultCallback)
		c.at, c.signedURL = s.Now(), signed+"/oauth/request_token"
		req := c.request(t, "POST", s.URL+"/oauth/request_token", nil)
		req.Header.Set("X-Forwarded-Host", "x.example")
		req.Header.Set("X-Forwarded-Proto", "https")
		req.Header.Set("Forwarded", "host=x.example;proto=https")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if r := read(t, resp); (r.status == 200) != (signed == s.URL) {
			t.Errorf("signed for %s: got %d %s", signed, r.status, r.body)
		}
	}
}

// What X says and what to send stand in one line of the log, and in the record.
func TestRefusalsSayWhatToSend(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := newSim(t, xtest.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	form := codeForm(s.code(authorizeQuery(), xtest.DefaultUserID))
	form.Set("client_id", xtest.DefaultClientID)
	form.Set("client_secret", xtest.DefaultClientSecret)
	r := s.do(newRequest(t, "POST", s.base+"/2/oauth2/token", form))
	r.want(t, 401, typeJSON, `{"error":"unauthorized_client","error_description":"Missing valid authorization header"}`)
	q := authorizeQuery()
	q.Set("redirect_uri", "https://app.example/other")
	s.do(newRequest(t, "GET", s.authorizeURL(q), nil))
	requests := s.Requests()
	for i, words := range [][]string{
		{"authenticates in the header", "Authorization: Basic", "unauthorized_client", "POST /2/oauth2/token", "status=401"},
		{"https://app.example/other", callback, "GET /i/oauth2/authorize", "status=400"},
	} {
		for _, word := range words {
			if !strings.Contains(log.String(), word) {
				t.Errorf("the log lacks %q: %s", word, log.String())
			}
		}
		if !strings.Contains(requests[i].Reason, words[0]) || requests[i].Said == "" {
			t.Errorf("the record has %q, %q", requests[i].Said, requests[i].Reason)
		}
	}
	if got := requests[1].Said; got != `the page "Something went wrong"` {
		t.Errorf("X said %q", got)
	}
	if strings.Contains(log.String(), xtest.DefaultClientSecret) || strings.Contains(log.String(), form.Get("code")) {
		t.Errorf("there is a secret in %s", log.String())
	}
}
