package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// asJSON turns an answer of a token endpoint into a JSON object where it is a form, as
// early drafts of OAuth 2.0 had it, or JSONP. Anything else stays as it is.
func asJSON(body []byte) []byte {
	body = withoutCallback(body)
	if _, ok := jsonObject(body); ok {
		return body
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !form.Has("access_token") && !form.Has("error") {
		return body
	}
	fields := make(map[string]string, len(form))
	for k := range form {
		fields[k] = form.Get(k)
	}
	converted, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return converted
}

// withoutCallback opens JSONP, name( {...} );, and leaves anything else alone.
func withoutCallback(body []byte) []byte {
	_, inner, ok := bytes.Cut(body, []byte("("))
	inner = bytes.TrimRight(inner, "; \t\r\n")
	if inner, closed := bytes.CutSuffix(inner, []byte(")")); ok && closed {
		if _, ok := jsonObject(inner); ok {
			return bytes.TrimSpace(inner)
		}
	}
	return body
}

// saysError reports whether body is an error and has no token.
func saysError(body []byte) bool {
	answer, ok := jsonObject(body)
	return ok && isError(answer)
}

// isError reports whether answer is an error and has no token.
func isError(answer object) bool {
	_, failed := answer["error"]
	return failed && stringOf(answer["access_token"]) == ""
}

// asGET sends what x/oauth2 posts as the query of a GET, for endpoints that know nothing
// else.
type asGET struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (g asGET) RoundTrip(r *http.Request) (*http.Response, error) {
	form, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	own := r.Clone(r.Context())
	own.Method, own.Body, own.GetBody, own.ContentLength = http.MethodGet, nil, nil, 0
	own.Header.Del("Content-Type")
	if own.URL.RawQuery != "" {
		own.URL.RawQuery += "&"
	}
	own.URL.RawQuery += string(form)
	return g.next.RoundTrip(own)
}

// unread keeps the call's answer from x/oauth2, which would read it once more and print it in
// its errors: it gets an error in its place.
type unread struct{ c *call }

var errAnswered = errors.New("provider: the answer is read where the call was made")

// RoundTrip implements [http.RoundTripper].
func (u unread) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := u.c.RoundTrip(r); err != nil {
		return nil, err
	}
	return nil, errAnswered
}
