package provider_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/xsignin/xsignin/provider"
)

// qq is sign-in with QQ by configuration. What QQ's documentation
// (wiki.connect.qq.com, "使用Authorization_Code获取Access_Token" and "获取用户OpenID") has
// of its own: the token endpoint is asked with GET and answers with a form, its errors
// come as JSONP with status 200 and a number, scopes are joined by commas, the API takes
// the token as a parameter, and who signed in takes two questions, the first answered
// with JSONP.
func qq(appID, appKey, callback string, transport http.RoundTripper) (*provider.OAuth2, error) {
	return provider.NewOAuth2(provider.OAuth2Config{
		Name: "qq", ClientID: appID, ClientSecret: appKey, SecretInBody: true, CallbackURL: callback,
		AuthorizeURL: "https://graph.qq.com/oauth2.0/authorize",
		TokenURL:     "https://graph.qq.com/oauth2.0/token", TokenByGET: true,
		Scopes: []string{"get_user_info"}, ScopeSeparator: ",", NoPKCE: true,
		Codes:  map[string]error{"100019": provider.ErrExpired, "100020": provider.ErrExpired},
		APIURL: "https://graph.qq.com", TokenParam: "access_token",
		Who: func(ctx context.Context, client *http.Client) (provider.User, error) {
			var me struct{ OpenID string }
			if err := ask(ctx, client, "https://graph.qq.com/oauth2.0/me", &me); err != nil {
				return provider.User{}, err
			}
			var user struct {
				Ret      int
				Nickname string
				Picture  string `json:"figureurl_qq_1"`
			}
			info := "https://graph.qq.com/user/get_user_info?" + url.Values{"oauth_consumer_key": {appID}, "openid": {me.OpenID}}.Encode()
			if err := ask(ctx, client, info, &user); err != nil {
				return provider.User{}, err
			}
			if user.Ret != 0 {
				return provider.User{}, fmt.Errorf("get_user_info answers %d", user.Ret)
			}
			return provider.User{ID: me.OpenID, Name: user.Nickname, AvatarURL: user.Picture}, nil
		},
		Transport: transport,
	})
}

// ask decodes an answer of QQ's into v: JSON, or JSONP as callback( {...} );
func ask(ctx context.Context, client *http.Client, address string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	body = bytes.TrimPrefix(bytes.TrimSpace(body), []byte("callback("))
	return json.Unmarshal(bytes.TrimRight(body, "); \n"), v)
}

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
	o, err := qq(clientID, clientSecret, callbackURL, roundTripFunc(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r)
		r = r.Clone(r.Context())
		r.Host = r.URL.Host
		w := httptest.NewRecorder()
		fake.ServeHTTP(w, r)
		return w.Result(), nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	user, token, err := signIn2(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if user.ID != openID || user.Name != "小企鹅" || user.AvatarURL != "http://q.example/40" || user.Provider != "qq" {
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
	_, p, err := o.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = o.Finish(ctx, p, url.Values{"state": {p.Handle}, "code": {"spent"}})
	if e := failed(t, err, provider.ErrExpired); e.Code != "100020" {
		t.Errorf("a spent code: %v", err)
	}
	// QQ's window closes when the user says no; a browser that comes back says so.
	_, _, err = o.Finish(ctx, p, url.Values{"state": {p.Handle}, "usercancel": {"1"}})
	if !errors.Is(err, provider.ErrDenied) {
		t.Errorf("the user said no: %v", err)
	}
}
