package xapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxAnswer bounds an answer. A page of posts has some tens of kilobytes.
const maxAnswer = 4 << 20

// Decode returns the JSON, or QQ's JSONP, of an answer as a T. It takes the results of an
// [http.Client]'s methods, and closes the body. An empty answer is the zero T. A refusal is
// an [*Error], also with status 200: X may send errors without data, and QQ sends an error
// or ret. Other errors are those of the client, and of an answer that was cut off, is longer
// than 4 MiB, or does not fit into a T.
func Decode[T any](resp *http.Response, err error) (v T, _ error) {
	if err != nil {
		return v, err
	}
	body, err := read(resp)
	if err != nil || len(body) == 0 {
		return v, err
	}
	if err = json.Unmarshal(body, &v); err != nil {
		err = fmt.Errorf("xapi: decode the answer: %w", err)
	}
	return v, err
}

// JSON returns v as the body of a request, which the kit can send again after a refresh. If
// v cannot be encoded, the request fails with the error.
func JSON(v any) io.Reader {
	b, err := json.Marshal(v)
	if err != nil {
		r, w := io.Pipe()
		_ = w.CloseWithError(fmt.Errorf("xapi: encode the request: %w", err))
		return r
	}
	return bytes.NewReader(b)
}

// read returns the JSON of an answer, or nothing for an empty one.
func read(resp *http.Response) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	body = withoutCallback(bytes.TrimSpace(body))
	if resp.StatusCode < http.StatusMultipleChoices {
		if err == nil && len(body) > maxAnswer {
			err = errors.New("longer than 4 MiB")
		}
		if err != nil {
			return nil, fmt.Errorf("xapi: read the answer: %w", err)
		}
	}
	if e := refusal(resp, body); e != nil {
		return nil, e
	}
	return body, nil
}

// withoutCallback returns the JSON of JSONP, name( {...} );, and any other body unchanged.
func withoutCallback(body []byte) []byte {
	_, inner, _ := bytes.Cut(body, []byte("("))
	inner, closed := bytes.CutSuffix(bytes.TrimRight(inner, "; \t\r\n"), []byte(")"))
	if closed && json.Valid(inner) {
		return inner
	}
	return body
}

// Client returns a copy of c, a client of the kit, for an API client such as gotwi or
// go-twitter. Requests to api.x.com and api.twitter.com, which API clients have built in, go
// to the API of the token's provider. A status of 300 or more fails the request with an
// [*Error], because API clients lose X's reason for some. An answer has at most 4 MiB.
func Client(c *http.Client) *http.Client {
	out := *c
	out.Transport = &transport{c.Transport}
	return &out
}

type transport struct{ base http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if h := r.URL.Host; h == "api.x.com" || h == "api.twitter.com" {
		r = r.Clone(r.Context())
		r.Host = ""
		r.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	}
	resp, err := t.base.RoundTrip(r)
	if err == nil && resp.StatusCode >= http.StatusMultipleChoices {
		_, err = read(resp)
	}
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}
