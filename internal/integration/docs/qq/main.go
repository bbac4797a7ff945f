// Command hooks signs users in with QQ and with GitHub, by configuration. It shows a QQ user's
// name, and adds webhooks to a GitHub user's repositories.
package main

import (
	"fmt"
	"html"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xapi"
)

func main() {
	const public = "http://127.0.0.1:8080"
	handler, err := site(xsignin.Config{PublicURL: public},
		provider.QQ(os.Getenv("QQ_APP_ID"), os.Getenv("QQ_APP_KEY"), public+"/auth/callback/qq"),
		provider.GitHub(os.Getenv("GITHUB_CLIENT_ID"), os.Getenv("GITHUB_CLIENT_SECRET"), public+"/auth/callback/github", "write:repo_hook"))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func site(cfg xsignin.Config, configs ...provider.OAuth2Config) (http.Handler, error) {
	for _, c := range configs {
		p, err := provider.NewOAuth2(c)
		if err != nil {
			return nil, err
		}
		cfg.Providers = append(cfg.Providers, p)
	}
	cfg.Pages.Render = render
	kit, err := xsignin.New(cfg)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit) // /auth/login/qq, /auth/login/github
	mux.Handle("GET /me", kit.RequireUser(http.HandlerFunc(me(configs[0].ClientID))))
	mux.Handle("POST /hooks", kit.RequireUser(http.HandlerFunc(addHook)))
	return mux, nil
}

// render adds the provider's own text for a refusal, which the default page does not show.
func render(w http.ResponseWriter, r *http.Request, p page.Page) {
	if p.Kind == page.Denied && p.ProviderMessage != "" {
		p.Text += fmt.Sprintf(" %s says: %s", p.Provider, p.ProviderMessage)
	}
	p.Render(w, r)
}

// me calls QQ with a relative URL. QQ requires the token as a parameter.
func me(appID string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, _ := xsignin.User(r.Context())
		query := url.Values{"oauth_consumer_key": {appID}, "openid": {user.AccountID}}
		profile, err := xapi.Decode[struct{ Nickname string }](
			xsignin.Client(r.Context()).Get("user/get_user_info?" + query.Encode()))
		if err != nil {
			fail(w, err)
			return
		}
		fmt.Fprintln(w, "Hello", html.EscapeString(profile.Nickname))
	}
}

// addHook creates a webhook at GitHub by a POST of JSON to a relative URL.
func addHook(w http.ResponseWriter, r *http.Request) {
	client := xsignin.Client(r.Context())
	me, err := xapi.Decode[struct{ Login string }](client.Get("user"))
	if err != nil {
		fail(w, err)
		return
	}
	hook := map[string]any{
		"name": "web", "events": []string{"push"},
		"config": map[string]string{"url": "https://example.com/push", "content_type": "json"},
	}
	path := "repos/" + url.PathEscape(me.Login) + "/" + url.PathEscape(r.FormValue("repository")) + "/hooks"
	made, err := xapi.Decode[struct{ ID int64 }](client.Post(path, "application/json", xapi.JSON(hook)))
	if err != nil {
		fail(w, err)
		return
	}
	fmt.Fprintln(w, "Webhook", made.ID)
}

func fail(w http.ResponseWriter, err error) {
	log.Print(err) // an *xapi.Error has the cause
	http.Error(w, "The provider did not accept this", http.StatusBadGateway)
}
