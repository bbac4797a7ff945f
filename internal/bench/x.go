package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// fakeX answers as X does, without a network: what is measured is not that.
type fakeX struct {
	calls     atomic.Int64
	refreshes atomic.Int64
}

const (
	tokenAnswer = `{"token_type":"bearer","expires_in":7200,"access_token":"U2VjcmV0QWNjZXNzVG9rZW5PZlRoZUxlbmd0aE9mWHNPd25Ub2tlbnM6MTc2","scope":"tweet.read users.read offline.access","refresh_token":"U2VjcmV0UmVmcmVzaFRva2VuT2ZUaGVMZW5ndGhPZlhzT3duVG9rZW5zOjE3"}`
	userAnswer  = `{"data":{"id":"1529384756102938475","name":"Somebody Here","username":"somebody_here","profile_image_url":"https://pbs.twimg.com/profile_images/1529384756102938475/a1B2c3D4_normal.jpg"}}`
	apiAnswer   = `{"data":[{"id":"1","text":"hello"}]}`

	requestTokenAnswer = `oauth_token=Z6eEdO8MOmk394WozF5oKyuAv%017d&oauth_token_secret=Kd75W4OQfb2oJTV0vzGzeXftVAwgMnEK9MumzYcM&oauth_callback_confirmed=true`
	accessTokenAnswer  = `oauth_token=1529384756102938475-PawwsQ8jXNBtRGzqlVZ8yiHBKPZZ8W&oauth_token_secret=LegWmRgHkRTYrAL8Ta6obKTRyP7JQ7l0vaJyB2CZ&user_id=1529384756102938475&screen_name=somebody_here`
	verifyAnswer       = `{"id":1529384756102938475,"id_str":"1529384756102938475","name":"Somebody Here","screen_name":"somebody_here","profile_image_url_https":"https://pbs.twimg.com/profile_images/1529384756102938475/a1B2c3D4_normal.jpg"}`
)

// RoundTrip implements [http.RoundTripper].
func (x *fakeX) RoundTrip(r *http.Request) (*http.Response, error) {
	x.calls.Add(1)
	kind, body := "application/json; charset=utf-8", apiAnswer
	switch r.URL.Path {
	case "/2/oauth2/token":
		body = tokenAnswer
		form, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(form), "grant_type=refresh_token") {
			x.refreshes.Add(1)
		}
	case "/2/users/me":
		body = userAnswer
	case "/1.1/account/verify_credentials.json":
		body = verifyAnswer
	case "/oauth/request_token":
		kind, body = "text/html;charset=utf-8", fmt.Sprintf(requestTokenAnswer, x.calls.Load()) // each is used once
	case "/oauth/access_token":
		kind, body = "text/html;charset=utf-8", accessTokenAnswer
	}
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: r,
	}, nil
}

// number puts n into a body's tokens.
func number(body io.ReadCloser, n int64) io.ReadCloser {
	b, _ := io.ReadAll(body)
	_ = body.Close()
	return io.NopCloser(strings.NewReader(strings.ReplaceAll(string(b), "U2VjcmV0", fmt.Sprintf("t%d-", n))))
}
