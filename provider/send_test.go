package provider_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// watched is a body that knows whether it was closed.
type watched struct {
	io.Reader
	closed int
}

func (w *watched) Close() error { w.closed++; return nil }

var oauth1Token = tokenstore.Token{AccessToken: accessToken, TokenSecret: tokenSecret}

func TestSendPutsTheTokenOnACopy(t *testing.T) {
	s := newServer(t)
	s.reply("/2/tweets", 201, `{"data":{}}`)
	for name, c := range map[string]struct {
		p     provider.Provider
		token tokenstore.Token
	}{
		"OAuth 2.0":  {s.x(t), stored()},
		"OAuth 1.0a": {s.xoauth1(t), oauth1Token},
	} {
		t.Run(name, func(t *testing.T) {
			body := &watched{Reader: strings.NewReader(`{"text":"a"}`)}
			r := httptest.NewRequest("POST", s.URL+"/2/tweets?b=c%20d", body)
			r.Body = body
			r.Host = "evil.example"
			r.Header.Set("Authorization", "Bearer of-its-own")
			r.Header.Set("Content-Type", "application/json")
			before := r.Clone(ctx)
			resp, err := c.p.RoundTrip(nil, c.token, r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != 201 || body.closed == 0 {
				t.Errorf("status %d, body closed %d times", resp.StatusCode, body.closed)
			}
			if !reflect.DeepEqual(r.Header, before.Header) || r.Host != before.Host || *r.URL != *before.URL || r.Body != io.ReadCloser(body) {
				t.Error("the request was modified")
			}
			got := s.last(t)
			if got.host != strings.TrimPrefix(s.URL, "http://") || got.body != `{"text":"a"}` || len(got.header.Values("Authorization")) != 1 {
				t.Errorf("sent %+v", got)
			}
			if name == "OAuth 2.0" {
				if got.header.Get("Authorization") != "Bearer "+accessToken {
					t.Errorf("authorized by %s", got.header.Get("Authorization"))
				}
				return
			}
			verifySignature(t, s.URL, got, tokenSecret)
		})
	}
}

// TestSendReplacesEveryAuthorization: a server may take any of several.
func TestSendReplacesEveryAuthorization(t *testing.T) {
	for name, token := range map[string]tokenstore.Token{"OAuth 2.0": stored(), "OAuth 1.0a": oauth1Token} {
		for _, spellings := range [][]string{{"authorization"}, {"AUTHORIZATION"}, {"Authorization", "authorization"}, {"aUthorization", "AuthorizatioN"}} {
			s := newServer(t)
			var p provider.Provider = s.x(t)
			if name == "OAuth 1.0a" {
				p = s.xoauth1(t)
			}
			r := httptest.NewRequest("GET", s.URL+"/2/users/me", http.NoBody)
			for _, spelling := range spellings {
				r.Header[spelling] = []string{"Basic of-its-own", "Bearer of-its-own"}
			}
			var sent []string
			base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
				for name, values := range r.Header {
					if strings.EqualFold(name, "Authorization") {
						sent = append(sent, values...)
					}
				}
				return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
			})
			if _, err := p.RoundTrip(base, token, r); err != nil {
				t.Fatal(err)
			}
			if len(sent) != 1 || strings.Contains(sent[0], "of-its-own") || len(r.Header) != len(spellings) {
				t.Errorf("%s, %q: sent %q", name, spellings, sent)
			}
		}
	}
}

func TestSendSignsForms(t *testing.T) {
	for name, kind := range map[string]string{
		"with the plain type":     "application/x-www-form-urlencoded",
		"with a character set":    "application/x-www-form-urlencoded; charset=UTF-8",
		"with upper-case letters": "Application/X-WWW-Form-Urlencoded",
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.reply("/1.1/x.json", 200, "")
			form := url.Values{"status": {"Hello Ladies + Gentlemen, a signed OAuth request!"}, "é~": {"*"}}
			body := &watched{Reader: strings.NewReader(form.Encode())}
			r := httptest.NewRequest("POST", s.URL+"/1.1/x.json?include_entities=true", nil)
			r.Body = body
			r.ContentLength = int64(len(form.Encode()))
			r.Header.Set("Content-Type", kind)
			resp, err := s.xoauth1(t).RoundTrip(nil, oauth1Token, r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			got := s.last(t)
			if got.body != form.Encode() || got.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
				t.Errorf("sent %q as %s", got.body, got.header.Get("Content-Type"))
			}
			verifySignature(t, s.URL, got, tokenSecret)
			if body.closed == 0 || r.Header.Get("Content-Type") != kind {
				t.Error("the body is open or the request was modified")
			}
		})
	}
}

func TestSendFillsInWhatARequestLeavesOut(t *testing.T) {
	s := newServer(t)
	s.reply("/", 200, "")
	u, _ := url.Parse(s.URL)
	resp, err := s.xoauth1(t).RoundTrip(http.DefaultTransport, oauth1Token, &http.Request{URL: u})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	got := s.last(t)
	if got.method != "GET" {
		t.Errorf("method is %s", got.method)
	}
	verifySignature(t, s.URL, got, tokenSecret)
	if resp, err = s.x(t).RoundTrip(http.DefaultTransport, stored(), &http.Request{URL: u}); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

func TestSendClosesTheBodyWhateverHappens(t *testing.T) {
	s := newServer(t)
	broken := errors.New("broken")
	refuse := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, broken
	})
	for name, c := range map[string]struct {
		p     provider.Provider
		token tokenstore.Token
		kind  string
		body  string
		want  error
	}{
		"without a token":                     {s.x(t), tokenstore.Token{}, "", "a", provider.ErrRefused},
		"with a token of OAuth 1.0a":          {s.x(t), oauth1Token, "", "a", provider.ErrRefused},
		"with a token of OAuth 2.0":           {s.xoauth1(t), stored(), "", "a", provider.ErrRefused},
		"with a secret alone":                 {s.xoauth1(t), tokenstore.Token{TokenSecret: "a"}, "", "a", provider.ErrRefused},
		"when the transport fails":            {s.x(t), stored(), "", "a", broken},
		"when the transport fails OAuth 1.0a": {s.xoauth1(t), oauth1Token, "", "a", broken},
		"when a form cannot be read":          {s.xoauth1(t), oauth1Token, "application/x-www-form-urlencoded", "%zz", nil},
		"when a form is sent in vain":         {s.xoauth1(t), oauth1Token, "application/x-www-form-urlencoded", "a=b", broken},
	} {
		t.Run(name, func(t *testing.T) {
			body := &watched{Reader: strings.NewReader(c.body)}
			r := httptest.NewRequest("POST", s.URL+"/x", nil)
			r.Body = body
			r.Header.Set("Content-Type", c.kind)
			_, err := c.p.RoundTrip(refuse, c.token, r)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || body.closed == 0 {
				t.Errorf("error is %v, body closed %d times", err, body.closed)
			}
			noSecrets(t, err)
		})
	}
	if len(s.requests()) != 0 {
		t.Error("something was sent")
	}
}

func TestSendReturnsTheAnswerAsItCame(t *testing.T) {
	s := newServer(t)
	s.replyHeader("/x", reply{302, map[string]string{"Location": "/y"}, "moved"})
	for _, c := range []struct {
		p     provider.Provider
		token tokenstore.Token
	}{{s.x(t), stored()}, {s.xoauth1(t), oauth1Token}} {
		r, _ := http.NewRequest("GET", s.URL+"/x", nil)
		resp, err := c.p.RoundTrip(nil, c.token, r)
		if err != nil || resp.StatusCode != 302 {
			t.Fatalf("%v, %v", resp, err)
		}
		_ = resp.Body.Close()
	}
	if len(s.requests()) != 2 {
		t.Error("a redirect was followed")
	}
}

// Of an answer that is read to its end only a closed one is let go by every transport.
func TestAnAnswerOfTheProviderIsClosed(t *testing.T) {
	body := &watched{Reader: strings.NewReader("oauth_token=a&oauth_token_secret=b&oauth_callback_confirmed=true")}
	p, err := newXOAuth1(provider.OAuth1Config{
		ConsumerKey: "k", ConsumerSecret: "s", CallbackURL: "https://site.example/cb",
		Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Begin(ctx, provider.Options{}); err != nil {
		t.Fatal(err)
	}
	if body.closed != 1 {
		t.Errorf("closed %d times", body.closed)
	}
}
