package xtest_test

import (
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

func TestWhoTheAPIRefusesToKnow(t *testing.T) {
	t.Parallel()
	const flat = `{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}`
	s := newSim(t, xtest.Config{})
	refresh := s.signIn(xtest.DefaultUserID).Refresh
	for _, tt := range []struct {
		name, path, header string
		status             int
		body               string
	}{
		{"nobody at version 2", "/2/users/me", "", 401, flat},
		{"a made-up bearer token at version 2", "/2/users/me", "Bearer x", 401, flat},
		{"a refresh token at version 2", "/2/users/me", "Bearer " + refresh, 401, flat},
		{"nobody at version 1.1", "/1.1/account/verify_credentials.json", "", 400, codedBody(215, "Bad Authentication data.")},
		{"a made-up bearer token at version 1.1", "/1.1/account/verify_credentials.json", "Bearer x", 401, codedBody(89, "Invalid or expired token.")},
		{"a header of another scheme", "/2/users/me", "Digest x", 400, codedBody(215, "Bad Authentication data.")},
	} {
		req := newRequest(t, "GET", s.base+tt.path, nil)
		if tt.header != "" {
			req.Header.Set("Authorization", tt.header)
		}
		if r := s.do(req); r.status != tt.status || r.body != tt.body {
			t.Errorf("%s: got %d %s", tt.name, r.status, r.body)
		}
	}
	v := s.accessToken(xtest.DefaultUserID)
	c := consumer().user(v.Get("oauth_token"), v.Get("oauth_token_secret"))
	// Version 2 refuses query parameters that it does not know; that comes after knowing who asks.
	for place, want := range map[string]int{"header": 200, "query": 400, "form": 200} {
		c.place = place
		if r := s.do(c.request(t, "GET", s.base+"/2/users/me", nil)); r.status != want {
			t.Errorf("parameters in the %s: got %d %s", place, r.status, r.body)
		}
	}
}
