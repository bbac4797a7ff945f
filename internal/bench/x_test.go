package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// fakeX is a transport that answers as X does, without a network. Each sign-in is of another
// account.
type fakeX struct {
	calls     atomic.Int64
	refreshes atomic.Int64
	accounts  atomic.Int64
}

// Tokens and ids have the length of X's own. The number makes them differ from each other.
const (
	tokenResponse = `{"token_type":"bearer","expires_in":7200,` +
		`"access_token":"QWNjZXNzVG9rZW5PZlRoZUxlbmd0aE9mWHNPd25Ub2tlbnM6MTc2M%012d",` +
		`"scope":"tweet.read users.read offline.access",` +
		`"refresh_token":"UmVmcmVzaFRva2VuT2ZUaGVMZW5ndGhPZlhzT3duVG9rZW5zOjE3N%012d"}`
	userResponse = `{"data":{"id":"15293847%011d","name":"Somebody Here","username":"somebody_here",` +
		`"profile_image_url":"https://pbs.twimg.com/profile_images/1529384756102938475/a1B2c3D4_normal.jpg"}}`
	apiResponse = `{"data":[{"id":"1","text":"hello"}]}`

	requestTokenResponse = `oauth_token=Z6eEdO8MOmk394WozF5oKyuAv%017d&` +
		`oauth_token_secret=Kd75W4OQfb2oJTV0vzGzeXftVAwgMnEK9MumzYcM&oauth_callback_confirmed=true`
	accessTokenResponse = `oauth_token=15293847%011d-PawwsQ8jXNBtRGzqlVZ8yiHBKPZZ8W&` +
		`oauth_token_secret=LegWmRgHkRTYrAL8Ta6obKTRyP7JQ7l0vaJyB2CZ&` +
		`user_id=15293847%011d&screen_name=somebody_here`
	verifyResponse = `{"id":15293847%011d,"id_str":"15293847%011d",` +
		`"name":"Somebody Here","screen_name":"somebody_here",` +
		`"profile_image_url_https":"https://pbs.twimg.com/profile_images/1529384756102938475/a1B2c3D4_normal.jpg"}`
)

// RoundTrip implements [http.RoundTripper].
func (x *fakeX) RoundTrip(r *http.Request) (*http.Response, error) {
	call := x.calls.Add(1)
	contentType, body := "application/json; charset=utf-8", apiResponse
	switch r.URL.Path {
	case "/2/oauth2/token":
		form, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(form), "grant_type=refresh_token") {
			x.refreshes.Add(1)
		}
		body = fmt.Sprintf(tokenResponse, call, call)
	case "/2/users/me":
		body = fmt.Sprintf(userResponse, x.accounts.Add(1))
	case "/1.1/account/verify_credentials.json":
		account := x.accounts.Load()
		body = fmt.Sprintf(verifyResponse, account, account)
	case "/oauth/request_token":
		contentType, body = "text/html;charset=utf-8", fmt.Sprintf(requestTokenResponse, call)
	case "/oauth/access_token":
		account := x.accounts.Add(1)
		contentType, body = "text/html;charset=utf-8", fmt.Sprintf(accessTokenResponse, account, account)
	}
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: r,
	}, nil
}

// overLoopback returns a transport that sends every request to a server of this process, which
// answers as x does.
func overLoopback(tb testing.TB, x *fakeX) http.RoundTripper {
	tb.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := x.RoundTrip(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		_, _ = io.Copy(w, answer.Body) // a client that has gone fails by itself
	}))
	tb.Cleanup(server.Close)
	return &loopback{strings.TrimPrefix(server.URL, "http://"), server.Client().Transport}
}

// loopback sends each request to one host, in the clear.
type loopback struct {
	host string
	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (l *loopback) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = "http", l.host
	return l.next.RoundTrip(out)
}
