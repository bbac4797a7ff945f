package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/provider"
)

// answers is a provider in the same process. It records the requests to its API.
type answers struct {
	http.ServeMux
	hook map[string]any
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Result(), nil
}

func providers(t *testing.T) *answers {
	t.Helper()
	a := &answers{}
	say := func(pattern, authorization, body string) {
		a.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != authorization && r.FormValue("access_token") != authorization {
				t.Errorf("%s: the token is missing", pattern)
			}
			_, _ = io.WriteString(w, body)
		})
	}
	say("GET graph.qq.com/oauth2.0/token", "", "access_token=qq-token&expires_in=7776000")
	say("GET graph.qq.com/oauth2.0/me", "qq-token", `callback( {"client_id":"qq-id","openid":"O1"} );`)
	say("GET graph.qq.com/user/get_user_info", "qq-token", `{"ret":0,"msg":"","nickname":"小企鹅"}`)
	a.HandleFunc("POST github.com/login/oauth/access_token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
		_, _ = io.WriteString(w, "access_token=gh-token&token_type=bearer&scope=write:repo_hook")
	})
	say("GET api.github.com/user", "Bearer gh-token", `{"id":1,"login":"octocat","name":"Octo Cat"}`)
	a.HandleFunc("POST api.github.com/repos/octocat/hello/hooks", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer gh-token" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the webhook's headers: %v", r.Header.Get("Content-Type"))
		}
		if err := json.NewDecoder(r.Body).Decode(&a.hook); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":12}`)
	})
	return a
}

func start(t *testing.T) (*visit.Site, *answers) {
	t.Helper()
	a := providers(t)
	return visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		qq := provider.QQ("qq-id", "qq-key", cfg.PublicURL+"/auth/callback/qq")
		github := provider.GitHub("gh-id", "gh-secret", cfg.PublicURL+"/auth/callback/github", "write:repo_hook")
		qq.Transport, github.Transport, cfg.X.Transport = a, a, a
		cfg.ClientID, cfg.ClientSecret, cfg.OAuth1, cfg.Paths = "", "", xsignin.OAuth1Config{}, xsignin.Paths{} // as in the program
		return site(cfg, qq, github)
	}), a
}

// signIn signs in, as the visitor does on the provider's consent page.
func signIn(t *testing.T, b *visit.Browser, name string, answer url.Values) string {
	t.Helper()
	consent, err := url.Parse(b.Redirect("/auth/login/" + name))
	if err != nil {
		t.Fatal(err)
	}
	if name == "qq" && consent.Query().Get("scope") != "get_user_info" {
		t.Errorf("the scope is %q", consent.Query().Get("scope"))
	}
	answer.Set("state", consent.Query().Get("state"))
	return "/auth/callback/" + name + "?" + answer.Encode()
}

func TestQQAndGitHub(t *testing.T) {
	s, a := start(t)
	b := s.Browser()
	b.Redirect(signIn(t, b, "qq", url.Values{"code": {"qq-code"}}))
	b.Get("/me", http.StatusOK, "Hello 小企鹅")

	b = s.Browser()
	b.Redirect(signIn(t, b, "github", url.Values{"code": {"gh-code"}}))
	b.Post("/hooks", url.Values{"repository": {"hello"}}, http.StatusOK)
	if config, _ := a.hook["config"].(map[string]any); a.hook["name"] != "web" || config["url"] != "https://example.com/push" {
		t.Errorf("GitHub got %v", a.hook)
	}
	b.Post("/hooks", url.Values{"repository": {"no/such"}}, http.StatusBadGateway)
}

func TestTheProvidersOwnWords(t *testing.T) {
	s, _ := start(t)
	b := s.Browser()
	denied := url.Values{"error": {"access_denied"}, "error_description": {"<b>user refused</b>"}}
	path := signIn(t, b, "github", denied)
	b.Get(path, http.StatusForbidden, "GitHub says: &lt;b&gt;user refused&lt;/b&gt;")
	// Nothing is shown for a callback that this browser did not begin.
	other := s.Browser()
	other.Get(strings.Replace(path, "state=", "state=x", 1), http.StatusBadRequest, "")
}
