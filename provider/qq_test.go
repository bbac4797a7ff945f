package provider_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/xsignin/xsignin/provider"
)

func TestQQByConfiguration(t *testing.T) {
	const openID = "A6E5B1D0E2F34C7788991A2B3C4D5E6F"
	var asked []*http.Request
	fake := http.NewServeMux()
	fake.HandleFunc("GET graph.qq.com/oauth2.0/token", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case q.Get("client_id") != clientID || q.Get("client_secret") != clientSecret:
			_, _ = io.WriteString(w, `callback( {"error":100008,"error_description":"client_id error"} );`)
		case q.Get("grant_type") == "refresh_token" && q.Get("refresh_token") == refreshToken:
			_, _ = io.WriteString(w, "access_token="+newAccess+"&expires_in=7776000&refresh_token="+newRefresh)
		case q.Get("grant_type") != "authorization_code" || q.Get("code") != theCode || q.Get("redirect_uri") != callbackURL:
			_, _ = io.WriteString(w, `callback( {"error":100020,"error_description":"code is reused error"} );`)
		default:
			_, _ = io.WriteString(w, "access_token="+accessToken+"&expires_in=7776000&refresh_token="+refreshToken)
		}
	})
	fake.HandleFunc("GET graph.qq.com/oauth2.0/me", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("access_token") != accessToken {
			_, _ = io.WriteString(w, `callback( {"error":100016,"error_description":"access token check failed"} );`)
			return
		}
		_, _ = io.WriteString(w, `callback( {"client_id":"`+clientID+`","openid":"`+openID+`"} );`+"\n")
	})
	fake.HandleFunc("GET graph.qq.com/user/get_user_info", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("access_token") != accessToken || r.FormValue("oauth_consumer_key") != clientID || r.FormValue("openid") != openID {
			_, _ = io.WriteString(w, `{"ret":-1,"msg":"client request's parameters are invalid"}`)
			return
		}
		_, _ = io.WriteString(w, `{"ret":0,"msg":"","nickname":"小企鹅","figureurl_qq_1":"http://q.example/40"}`)
	})
	cfg := provider.QQ(clientID, clientSecret, callbackURL)
	cfg.Transport = roundTripFunc(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r)
		r = r.Clone(r.Context())
		r.Host = r.URL.Host
		w := httptest.NewRecorder()
		fake.ServeHTTP(w, r)
		return w.Result(), nil
	})
	o, err := newOAuth2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	user, token, err := signIn2(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if user.AccountID != openID || user.Name != "小企鹅" || user.AvatarURL != "http://q.example/40" || user.Provider != "qq" {
		t.Errorf("user %+v", user)
	}
	if token.AccessToken != accessToken || token.RefreshToken != refreshToken || token.Expiry.IsZero() {
		t.Errorf("token %v", token)
	}
	if len(asked) != 3 || asked[1].Header.Get("Authorization") != "" {
		t.Errorf("%d requests", len(asked))
	}
	if fresh, err := o.Refresh(ctx, token); err != nil || fresh.AccessToken != newAccess || fresh.RefreshToken != newRefresh {
		t.Errorf("Refresh: %v, %v", fresh, err)
	}
	redirect, p, err := o.Begin(ctx, provider.Options{MoreScopes: []string{"list_album"}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	if q := page.Query(); q.Get("scope") != "get_user_info,list_album" || q.Has("code_challenge") || q.Has("code_challenge_method") {
		t.Errorf("the consent page is %s", redirect)
	}
	if asked[0].URL.Query().Has("code_verifier") {
		t.Error("the exchange sent a code_verifier")
	}
	_, _, err = o.Finish(ctx, p, url.Values{"state": {p.State}, "code": {"spent"}})
	if e := failed(t, err, provider.ErrExpired); e.Code != "100020" {
		t.Errorf("a spent code: %v", err)
	}
	// QQ's window closes when the user says no; a browser that comes back says so.
	_, _, err = o.Finish(ctx, p, url.Values{"state": {p.State}, "usercancel": {"1"}})
	if !errors.Is(err, provider.ErrDenied) {
		t.Errorf("the user said no: %v", err)
	}
}
