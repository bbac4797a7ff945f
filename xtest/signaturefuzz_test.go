package xtest_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/dghubble/oauth1"

	"github.com/xsignin/xsignin/xtest"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzSignature: what another's library signs, X's own code signs alike. The two share
// nothing but RFC 5849.
func FuzzSignature(f *testing.F) {
	f.Add(byte(0), "1.1/statuses/update.json", "include_entities", "true", "status", "Hello Ladies + Gentlemen, a signed OAuth request!", "secret", "token secret")
	f.Add(byte(1), "", "", "", "", "", "", "")
	f.Add(byte(2), "a b/%2F;é~", "a[]", "&=+%", "b&c=d", "\x00\xff\n", "&", "%")
	f.Add(byte(3), "//x?y#z", "ü", "'()*!", "~", "-._", "+", "=")
	f.Add(byte(4), "x", "a", "1", "a2", "2", "s", "")
	f.Fuzz(func(t *testing.T, kind byte, path, qk, qv, fk, fv, consumer, secret string) {
		if qk == fk || strings.HasPrefix(qk, "oauth_") || strings.HasPrefix(fk, "oauth_") {
			return // refused, not signed
		}
		host := []string{"api.x.com", "API.x.com", "127.0.0.1:8080"}[int(kind)%3]
		method := []string{http.MethodPost, http.MethodGet}[int(kind/3)%2]
		u := &url.URL{Scheme: "https", Host: host, Path: "/" + path, RawQuery: url.Values{qk: {qv}}.Encode()}
		params := map[string]string{qk: qv}
		req, err := http.NewRequestWithContext(t.Context(), method, u.String(), http.NoBody)
		if err != nil {
			return // no address
		}
		if method == http.MethodPost {
			params[fk] = fv
			body := url.Values{fk: {fv}}.Encode()
			if req, err = http.NewRequestWithContext(t.Context(), method, u.String(), strings.NewReader(body)); err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		var header string
		base := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			header = r.Header.Get("Authorization")
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
		})}
		signer := oauth1.NewClient(context.WithValue(t.Context(), oauth1.HTTPClient, base), oauth1.NewConfig("key", consumer), oauth1.NewToken("token", secret))
		resp, err := signer.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		signed, err := xtest.ParseOAuthHeader(header)
		if err != nil {
			t.Fatalf("%q: %v", header, err)
		}
		for k, v := range signed {
			params[k] = v
		}
		text := xtest.BaseString(method, "https://"+host, req.URL.EscapedPath(), params)
		if got := xtest.Sign(text, consumer, secret); got != signed["oauth_signature"] {
			t.Fatalf("%s %s: signed %s, and %s over %s", method, u, signed["oauth_signature"], got, text)
		}
	})
}
