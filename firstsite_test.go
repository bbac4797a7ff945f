package xsignin_test

import (
	"net/http"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

// What follows is what somebody meets who tries the kit for the first time.

func TestALoginURLWithoutANameIsOfTheFirstProvider(t *testing.T) {
	s := newSite(t)
	if got := s.kit.LoginURL("", "/me?a=b"); got != "/auth/login?return_to=%2Fme%3Fa%3Db" {
		t.Errorf("LoginURL is %q", got)
	}
	b := s.browser()
	if a := b.get(b.approve(b.begin(s.kit.LoginURL("", "/me")), xtest.DefaultUserID)); a.StatusCode != http.StatusSeeOther || a.location() != "/me" {
		t.Errorf("status %d to %q", a.StatusCode, a.location())
	}
}
