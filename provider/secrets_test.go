package provider_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// noSecrets looks for a marked secret in every way in which v can be printed, and in
// every error inside it.
func noSecrets(t *testing.T, v any) {
	t.Helper()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
	texts := []string{fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s", v), fmt.Sprintf("%q", v), fmt.Sprint(v), log.String()}
	if e, ok := v.(error); ok {
		texts = append(texts, e.Error())
		var pe *provider.Error
		if errors.As(e, &pe) {
			texts = append(texts, fmt.Sprintf("%+v", *pe), pe.Detail, pe.Code)
			if pe.Err != nil {
				noSecrets(t, pe.Err)
			}
			if len(pe.Detail) > 300 {
				t.Errorf("the detail has %d bytes", len(pe.Detail))
			}
		}
		var ue *url.Error
		if errors.As(e, &ue) {
			t.Errorf("%v holds a *url.Error", e)
		}
	}
	for _, text := range texts {
		if strings.Contains(text, "SECRET") {
			t.Errorf("a secret shows in %s", text)
			return
		}
	}
}

func TestProvidersAndConfigurationsPrintNoSecret(t *testing.T) {
	s := newServer(t)
	for _, v := range []any{
		s.x(t), s.xoauth1(t), s.oauth2(t), s.oauth1(t),
		provider.OAuth2Config{ClientID: clientID, ClientSecret: clientSecret},
		&provider.OAuth2Config{ClientSecret: clientSecret},
		provider.OAuth1Config{ConsumerKey: consumerKey, ConsumerSecret: consumerSecret},
		&provider.OAuth1Config{ConsumerSecret: consumerSecret},
		s.oauth2Config(),
	} {
		noSecrets(t, v)
		if s := fmt.Sprint(v); s == "" || fmt.Sprintf("%#v", v) != s || fmt.Sprintf("%+v", v) != s {
			t.Errorf("%T prints as %q, %#v and %+v", v, s, v, v)
		}
	}
}

func TestProvidersInsideOtherValuesPrintNoSecret(t *testing.T) {
	s := newServer(t)
	x, y := s.x(t), s.xoauth1(t)
	type exported struct{ X, Y provider.Provider }
	type unexported struct{ x, y provider.Provider }
	for _, v := range []any{
		exported{x, y}, &exported{x, y}, unexported{x, y}, &unexported{x, y},
		exported{s.oauth2(t), s.oauth1(t)}, unexported{s.oauth2(t), s.oauth1(t)},
		[]provider.Provider{x, y}, map[string]provider.Provider{"y": y},
	} {
		noSecrets(t, v)
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if got := fmt.Sprintf(verb, exported{x, y}); !strings.Contains(got, "Provider(x, ") || !strings.Contains(got, "Provider(x-oauth1, ") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// repeated is everything secret that a request carried, as it came and decoded, and
// the first of it alone.
func repeated(t *testing.T, r *http.Request, body string) (all, first string) {
	t.Helper()
	s := seen{header: r.Header, body: body}
	texts := []string{body, r.URL.RawQuery, r.Header.Get("Authorization")}
	for _, v := range s.form() {
		texts = append(texts, v...)
	}
	if _, password, ok := r.BasicAuth(); ok {
		texts = append(texts, password, base64.RawURLEncoding.EncodeToString([]byte(password)))
	}
	if strings.HasPrefix(r.Header.Get("Authorization"), "OAuth ") {
		for _, v := range authParams(t, s) {
			texts = append(texts, v)
		}
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		texts = append(texts, bearer)
	}
	slices.Sort(texts)
	for _, text := range texts {
		all += text + " "
		if strings.HasPrefix(text, "SECRET") && first == "" {
			first = text
		}
	}
	return all, first
}

func TestAnswersThatRepeatSecretsAreScrubbed(t *testing.T) {
	quote := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	type object = map[string]any
	bodies := map[string]func(all, first string) string{
		"a description": func(all, _ string) string {
			return quote(object{"error": "invalid_request", "error_description": all})
		},
		"a code":     func(_, first string) string { return quote(object{"error": first}) },
		"an X error": func(all, _ string) string { return quote(object{"errors": []any{object{"code": 32, "message": all}}}) },
		"an X code":  func(_, first string) string { return quote(object{"errors": []any{object{"code": first}}}) },
		"a problem document": func(all, first string) string {
			return quote(object{"title": all, "detail": all, "type": "https://api.x.com/2/problems/" + first})
		},
		"XML": func(all, _ string) string {
			var b bytes.Buffer
			_ = xml.EscapeText(&b, []byte(all))
			return `<errors><error code="415">` + b.String() + `</error></errors>`
		},
		"plain text": func(all, _ string) string { return "see " + all },
		"a page":     func(all, _ string) string { return `<!DOCTYPE html><html><body>` + all },
		"cut JSON":   func(all, first string) string { return `{"access_token":"` + first },
		"a token and an error": func(string, string) string {
			return quote(object{"access_token": newAccess, "refresh_token": newRefresh, "token_type": "mac", "error": "x", "error_description": newAccess + newRefresh})
		},
		"a form and an error": func(string, string) string {
			return "oauth_token_secret=" + newAccess + "&error=" + newAccess
		},
	}
	paths := []string{"/2/oauth2/token", "/2/oauth2/revoke", "/2/users/me", "/oauth/request_token", "/oauth/access_token", "/1.1/oauth/invalidate_token.json", "/user"}
	token := tokenstore.Token{AccessToken: accessToken, RefreshToken: refreshToken}
	token1 := tokenstore.Token{AccessToken: accessToken, TokenSecret: tokenSecret}
	p := provider.Pending{Provider: "x", State: "SECRET-state", Secret: "SECRET-pkce+/ &"}
	p1 := provider.Pending{Provider: "x-oauth1", State: requestToken, Secret: requestSecret}
	for name, body := range bodies {
		for _, status := range []int{200, 302, 400, 401, 402, 403, 429, 500} {
			t.Run(fmt.Sprintf("%s with status %d", name, status), func(t *testing.T) {
				s := newServer(t)
				x, y, o, o1 := s.x(t), s.xoauth1(t), s.oauth2(t), s.oauth1(t)
				for _, path := range paths {
					s.serve(path, func(w http.ResponseWriter, r *http.Request) {
						all, first := repeated(t, r, s.last(t).body)
						w.Header().Set("Location", "/?"+url.QueryEscape(all))
						w.WriteHeader(status)
						_, _ = io.WriteString(w, body(all, first))
					})
				}
				var errs [14]error
				_, _, errs[0] = x.Finish(ctx, p, url.Values{"state": {p.State}, "code": {theCode}})
				_, errs[1] = x.Refresh(ctx, token)
				_, errs[2] = x.Profile(ctx, token)
				_, _, errs[3] = y.Begin(ctx, provider.Options{})
				_, _, errs[4] = y.Finish(ctx, p1, url.Values{"oauth_token": {requestToken}, "oauth_verifier": {verifier}})
				_, errs[5] = y.Profile(ctx, token1)
				errs[6] = x.Revoke(ctx, token)
				errs[7] = y.Revoke(ctx, token1)
				_, _, errs[8] = o.Finish(ctx, provider.Pending{Provider: o.Name(), State: p.State, Secret: p.Secret}, url.Values{"state": {p.State}, "code": {theCode}})
				_, errs[9] = o.Refresh(ctx, token)
				_, errs[10] = o.Profile(ctx, token)
				_, _, errs[11] = o1.Begin(ctx, provider.Options{})
				_, errs[12] = o1.Profile(ctx, token1)
				errs[13] = o.Revoke(ctx, token)
				for i, err := range errs {
					if err == nil && (i < 6 || i > 7 && i < 13) {
						t.Errorf("call %d has no error", i)
					}
					if err != nil {
						noSecrets(t, err)
					}
				}
			})
		}
	}
}

// TestAVisitorCannotHideWhatXSays: the code is the visitor's to choose.
func TestAVisitorCannotHideWhatXSays(t *testing.T) {
	for _, code := range []string{"e", "invalid"} {
		s := newServer(t)
		s.reply("/2/oauth2/token", 401, `{"error":"invalid_client","error_description":"Missing valid authorization header"}`)
		x := s.x(t)
		_, p, err := x.Begin(ctx, provider.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = x.Finish(ctx, p, url.Values{"state": {p.State}, "code": {code}})
		if e := failed(t, err, provider.ErrRefused); e.Detail != "Missing valid authorization header" || e.Code != "invalid_client" {
			t.Errorf("code %q: detail %q, code %q", code, e.Detail, e.Code)
		}
	}
}

func TestErrorsOfTheTransportAreScrubbedAndKeepTheirNature(t *testing.T) {
	x := newServer(t).x(t, func(c *provider.OAuth2Config) {
		c.Transport = roundTripFunc(func(r *http.Request) (*http.Response, error) {
			body := make([]byte, 1000)
			n, _ := r.Body.Read(body)
			return nil, &url.Error{Op: "Post", URL: "https://x/?" + string(body[:n]), Err: fmt.Errorf("proxy for %s: %w", refreshToken, slow{})}
		})
	})
	_, err := x.Refresh(ctx, tokenstore.Token{RefreshToken: refreshToken})
	e := failed(t, err, provider.ErrUnavailable)
	if !errors.Is(err, slow{}) {
		t.Errorf("%v is not its cause any more", err)
	}
	var timeout interface{ Timeout() bool }
	if !errors.As(e.Err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v is not a timeout any more", err)
	}
}

// slow is a timeout, as net has them.
type slow struct{}

func (slow) Error() string   { return "slow" }
func (slow) Timeout() bool   { return true }
func (slow) Temporary() bool { return true }
