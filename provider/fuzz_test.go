package provider

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/xsignin/xsignin/tokenstore"
)

func FuzzParseFault(f *testing.F) {
	for _, s := range []string{
		`{"errors":[{"code":32,"message":"Could not authenticate you."}]}`, `{"errors":{"code":"1","message":"x"}}`, `{"errors":"text"}`, `{"errors":["text"]}`,
		`{"error":"invalid_request","error_description":"Value passed for the token was invalid."}`, `{"error":"Not authorized","request":"/1/x"}`,
		`{"title":"Forbidden","type":"https://api.x.com/2/problems/client-forbidden","reason":"client-not-enrolled","detail":"d"}`,
		`<?xml version='1.0' encoding='UTF-8'?><errors><error code="415">Callback URL not approved</error></errors>`, `<hash><error>a<b>c</error></hash>`,
		"<!DOCTYPE html><html><error code=\"1\">", "Request token missing", "", "[]", `"x"`, "{", "<", "\ufeff{}", "\xff\xfe",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := parseFault(nil, body)
		if got.page && (got.code() != "" || got.text() != "") {
			t.Error("a page says something")
		}
		if c := codeText(got.code(), nil); c != "" && !codeShape.MatchString(c) {
			t.Errorf("code %q", c)
		}
		_ = got.says("x")
		for name := range answers() {
			_ = decide(&call{}, &got, rows(name))
		}
	})
}

func FuzzDetailText(f *testing.F) {
	f.Add("see SECRET-token here", "SECRET-token", "")
	f.Add("a%2Fb a%2fb a/b YS9i", "a/b", "a/b/c")
	f.Add("SEC\x00RET SEC  RET", "SEC RET", "SEC")
	f.Add(strings.Repeat("é", 400), "é", "x")
	f.Add("aabaabaab baab", "abaabaab", "aabaabaab")
	f.Fuzz(func(t *testing.T, text, a, b string) {
		got := detailText(text, []string{a, b})
		if len(got) > maxDetail {
			t.Errorf("%d bytes", len(got))
		}
		if !utf8.ValidString(got) && utf8.ValidString(text) {
			t.Errorf("%q is not UTF-8", got)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r != utf8.RuneError && !unicode.IsPrint(r) }) {
			t.Errorf("%q does not print", got)
		}
		for _, s := range []string{a, b} {
			// A mark, cut or whole, can hold so short a secret itself.
			if len(s) < minSecret || strings.Contains(redacted, s) || strings.Contains(s, "[") {
				continue
			}
			for _, part := range strings.Split(got, redacted) {
				if strings.Contains(part, s) {
					t.Errorf("%q holds %q", got, s)
				}
			}
		}
	})
}

// parseToken reads a token response of X as Exchange does.
func parseToken(body []byte, now time.Time) (tokenstore.Token, string) {
	x, err := NewX(OAuth2Config{ClientID: "c", CallbackURL: "https://a/b", Now: func() time.Time { return now }, Transport: answering(body)})
	if err != nil {
		panic(err)
	}
	t, err := x.(*oauth2Provider).exchange(context.Background(), "code", "verifier", "https://a/b")
	if err != nil {
		return t, err.Error()
	}
	return t, ""
}

// answering is a transport that answers every request with status 200.
type answering []byte

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(a))}, nil
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","expires_in":"7200","scope":["a","b"],"token_type":"bearer","refresh_token":"r"}`))
	f.Add([]byte(`{"data":{"id":"1","name":"n","username":"u","profile_image_url":"https://a/b","confirmed_email":"a@b"}}`))
	f.Add([]byte(`oauth_token=a&oauth_token_secret=b&user_id=1`))
	f.Fuzz(func(t *testing.T, body []byte) {
		now := time.Unix(1700000000, 0)
		if token, problem := parseToken(body, now); problem == "" {
			if token.AccessToken == "" || !token.Expiry.IsZero() && (token.Expiry.Before(now) || token.Expiry.After(now.Add(10*365*24*time.Hour))) {
				t.Errorf("token is %v", token)
			}
			r := http.Header{}
			r.Set("Authorization", "Bearer "+token.AccessToken)
			if strings.ContainsAny(r.Get("Authorization"), "\r\n\x00") {
				t.Error("the token does not fit a header")
			}
		}
		if a, err := parseAccount(body); err == nil {
			if a, err = a.Clean(); err != nil {
				t.Fatal(err)
			}
			if !xAccountID.MatchString(a.AccountID) || len(a.Name) > 200 || len(a.Username) > 50 || len(a.Email) > 254 {
				t.Errorf("account is %+v", a)
			}
			if a.AvatarURL != "" && !strings.HasPrefix(a.AvatarURL, "http") {
				t.Errorf("picture is %q", a.AvatarURL)
			}
		}
	})
}

// TestDefaultTransportSharesNothing: any package can change http.DefaultTransport, for
// example to skip the verification of certificates.
func TestDefaultTransportSharesNothing(t *testing.T) {
	kept := http.DefaultTransport
	defer func() { http.DefaultTransport = kept }()
	http.DefaultTransport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	x, err := NewX(OAuth2Config{ClientID: "c", CallbackURL: "https://a/b"})
	if err != nil {
		t.Fatal(err)
	}
	tr, ok := x.(*oauth2Provider).cfg.Transport.(*http.Transport)
	if !ok || tr.TLSClientConfig != nil || tr.Proxy == nil || tr.DialContext == nil {
		t.Fatalf("the transport is %+v", tr)
	}
	if tr.MaxResponseHeaderBytes == 0 || tr.TLSHandshakeTimeout == 0 || tr.ResponseHeaderTimeout == 0 || tr.IdleConnTimeout == 0 {
		t.Errorf("the transport has no bound: %+v", tr)
	}
}

func TestDetailTextMasksWhatCleaningChanges(t *testing.T) {
	for name, c := range map[string]struct{ text, secret string }{
		"a secret that cleaning takes apart":      {"see my\tsecret", "my\tsecret"},
		"a secret that cleaning puts together":    {"see my \x00 secret", "my secret"},
		"a secret that is a part of a mark":       {"see redacted", "redacted"},
		"a secret that cutting takes apart":       {"see " + strings.Repeat("secret", 60), strings.Repeat("secret", 60)},
		"a secret beside one that begins like it": {"see secretive", "secretiv"},
	} {
		t.Run(name, func(t *testing.T) {
			want := "see " + redacted
			if c.secret == "secretiv" {
				want += "e"
			}
			if got := detailText(c.text, []string{c.secret}); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
	if got := detailText(strings.Repeat("word ", maxText), nil); got != "" {
		t.Errorf("a book gives %q", got)
	}
}

func TestMaskHidesEveryFormOfASecret(t *testing.T) {
	secret := `s3cret/+ "é`
	for name, form := range map[string]string{
		"as it is":                secret,
		"in a form":               url.QueryEscape(secret),
		"in a path":               "s3cret%2F%2B%20%22%C3%A9",
		"in a path in lower case": "s3cret%2f%2b%20%22%c3%a9",
		"in base64":               "czNjcmV0LysgIsOp",
		"as a stranger's token":   strings.Repeat("aB3-_", 18) + "z",
		"as an unknown base32":    "JBSWY3DPEHPK3PXP",
		"before a longer secret":  secret + "-and-more",
	} {
		if got := mask("<"+form+">", []string{secret, "", secret + "-and-more"}, shortRun); got != "<"+redacted+">" {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, text := range []string{
		"Callback URL not approved for this client application. Approved callback URLs can be adjusted in your application settings",
		"Missing required parameter [code_verifier].",
		"Desktop applications only support the oauth_callback value 'oob'",
		"Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint.",
		"Value passed for the token was invalid.", "error code: 1020",
	} {
		if got := mask(text, []string{"x"}, shortRun); got != text {
			t.Errorf("words are masked: %q", got)
		}
	}
}
