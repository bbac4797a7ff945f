package site

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
)

func TestSignIn(t *testing.T) {
	x := xtest.New(xtest.Config{})
	mux := http.NewServeMux()
	site := httptest.NewServer(mux)
	defer site.Close()
	x.SetCallbacks(site.URL + "/auth/callback")

	kit, err := xsignin.New(xsignin.Config{
		PublicURL:    site.URL,
		ClientID:     xtest.DefaultClientID,
		ClientSecret: xtest.DefaultClientSecret,
		Secrets:      []string{strings.Repeat("s", 32)},
		X:            xsignin.XEndpoints{Transport: x.Transport()}, // api.x.com is the local X
	})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/auth/", kit)
	mux.Handle("/me", kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := xsignin.User(r.Context())
		fmt.Fprintf(w, "Hello, %s", user.Username)
	})))

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	resp, err := x.SignIn(browser, site.URL+"/auth/login", xtest.DefaultUserID) // the user says yes
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	resp, err = browser.Get(site.URL + "/me")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); string(body) != "Hello, demo" {
		t.Errorf("%s: %s", resp.Status, body)
	}

	// X is down, once: the visitor sees a page and is not signed in.
	x.Fail(xtest.Fault{Path: "/2/oauth2/token", Status: http.StatusServiceUnavailable, Times: 1})
	resp, err = x.SignIn(browser, site.URL+"/auth/login", xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadGateway {
		t.Errorf("without X the callback answers %s", resp.Status)
	}
}
