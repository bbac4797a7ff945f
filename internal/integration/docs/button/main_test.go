package main

import (
	"net/http"
	"testing"

	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func TestTheButtonAndThenTheChip(t *testing.T) {
	b := visit.Start(t, site).Browser()
	b.Get("/", http.StatusOK, `<a class="xsignin-button" href="/auth/login"`)
	b.SignIn("/auth/login?return_to=/", xtest.DefaultUserID, "/")
	b.Get("/", http.StatusOK, "Signed in as <bdi>@demo</bdi>")
}
