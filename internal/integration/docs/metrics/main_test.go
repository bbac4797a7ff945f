package main

import (
	"encoding/json"
	"expvar"
	"net/http"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func TestTheCountersOfSignIns(t *testing.T) {
	events := counters{new(expvar.Map)}
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) { return site(events, cfg) })
	b := s.Browser()
	b.SignIn("/auth/login?return_to=/photos", xtest.DefaultUserID, "/photos")
	b.Get("/photos", http.StatusOK, "Photos of ")
	b.Post("/auth/logout", nil, http.StatusSeeOther)
	b.Get(b.Deny(b.Redirect("/auth/login"), xtest.DefaultUserID), http.StatusForbidden, "")

	var got map[string]float64
	if err := json.Unmarshal([]byte(events.String()), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"sign_in_begun/x": 2, "sign_in_done/x": 1, "signed_out/x": 1, "revoked/x": 1, "sign_in_failed/x/denied": 1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v, in %v", name, got[name], want, got)
		}
	}
	if got["seconds/sign_in_done/x"] <= 0 {
		t.Errorf("a sign-in took no time: %v", got)
	}
}
