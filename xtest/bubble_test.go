package xtest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

func TestAnXLivesInASynctestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := xtest.New(xtest.Config{Callbacks: []string{callback}})
		s := &sim{X: x, t: t, base: "https://api.x.com", web: "https://x.com", http: noRedirects(x, nil)}
		code := s.code(authorizeQuery(), xtest.DefaultUserID)
		s.Fail(xtest.Fault{Path: "/2/oauth2/token", Delay: 31 * time.Second, Times: 1})
		if r := s.confidential("/2/oauth2/token", codeForm(code)); r.status != 400 {
			t.Errorf("a code of 31 seconds: got %d %s", r.status, r.body)
		}
		got := s.signIn(xtest.DefaultUserID)
		time.Sleep(2 * time.Hour)
		if s.Live(got.Access) {
			t.Error("the access token is alive after two hours")
		}
	})
}
