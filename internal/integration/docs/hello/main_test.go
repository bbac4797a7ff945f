package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// TestTheFirstProgram signs in to README.md's program by both protocols, and sends its form.
func TestTheFirstProgram(t *testing.T) {
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		cfg.Paths = xsignin.Paths{} // as the program has them
		kit, err := xsignin.New(cfg)
		if err != nil {
			return nil, err
		}
		mux := http.NewServeMux()
		mux.Handle("/auth/", kit)
		mux.Handle("/", kit.RequireUser(http.HandlerFunc(hello)))
		return mux, nil
	})
	for _, login := range []string{"/auth/login", "/auth/login/x-oauth1"} {
		b := s.Browser()
		if to := b.Redirect("/"); to != "/auth/login?return_to=%2F" {
			t.Errorf("a stranger is sent to %s", to)
		}
		b.SignIn(login, xtest.DefaultUserID, "/")
		page := b.Text("/")
		for _, want := range []string{"<p>Hello @demo, X answers 200 OK</p>", `<form method="post" action="/auth/logout"><button>Sign out</button></form>`} {
			if !strings.Contains(page, want) {
				t.Errorf("%q is not in %s", want, page)
			}
		}
		if to := b.PostRedirect("/auth/logout"); to != "/" {
			t.Errorf("the button leads to %s", to)
		}
		b.Redirect("/")
	}
}

// TestAnAnswerIsNoMarkup has a name with markup in it, and an X that cannot be reached.
func TestAnAnswerIsNoMarkup(t *testing.T) {
	user := provider.User{ID: "1", Username: "<b>demo"}
	for _, c := range []struct {
		x      answers
		status int
		want   string
	}{
		{answers{resp: &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Body: http.NoBody}}, http.StatusOK, "Hello @&lt;b&gt;demo, X answers 200 OK"},
		{answers{err: errors.New("no route")}, http.StatusBadGateway, "X is unavailable at the moment"},
	} {
		r, w := httptest.NewRequest(http.MethodGet, "/", http.NoBody), httptest.NewRecorder()
		hello(w, r.WithContext(xsignin.NewContext(r.Context(), user, &http.Client{Transport: c.x})))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("status %d, %s; want %d, %s", w.Code, w.Body, c.status, c.want)
		}
	}
}

// answers are those of X.
type answers struct {
	resp *http.Response
	err  error
}

func (a answers) RoundTrip(*http.Request) (*http.Response, error) { return a.resp, a.err }
