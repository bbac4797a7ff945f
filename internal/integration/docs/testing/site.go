// Package site is an application with one page.
package site

import (
	"io"
	"net/http"

	"github.com/xsignin/xsignin"
)

// New returns the whole application. Its tests use other settings than its main function.
func New(cfg xsignin.Config) (http.Handler, error) {
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("GET /me", kit.RequireUser(http.HandlerFunc(me)))
	return mux, nil
}

// me passes on what X says about the signed-in user.
func me(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	resp, err := xsignin.Client(r.Context()).Get("/2/users/me")
	if err != nil {
		http.Error(w, "X does not answer for @"+user.Username, http.StatusBadGateway)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(w, resp.Body)
}
