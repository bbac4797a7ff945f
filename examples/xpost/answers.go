package main

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xsignin/xsignin/client"
)

// answers lies between the client libraries and the kit's client. It sends what gotwi
// addresses to X's fixed hosts to the configured API, and bounds what is read.
//
// A RoundTripper should hand on an answer as it came. This one turns a refusal into an
// error: the libraries read refusals each in its own way, lose X's reason when it comes as
// application/problem+json or as HTML, and gotwi prints it to standard output.
type answers struct {
	base http.RoundTripper
	api  *url.URL
}

// maxAnswer bounds an answer of the API. A page of posts is some tens of kilobytes.
const maxAnswer = 4 << 20

// RoundTrip implements http.RoundTripper.
func (t *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	switch r.URL.Host {
	case "api.x.com", "api.twitter.com": // gotwi posts to the one and uploads to the other
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host, r.Host = t.api.Scheme, t.api.Host, ""
		r.URL.Path = t.api.Path + r.URL.Path
	}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return nil, refusalOf(resp)
	}
	body := resp.Body
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(body, maxAnswer), body}
	return resp, nil
}

// refusal is an answer of X's API that is not the one that was asked for.
type refusal struct {
	status int
	// kind is the last segment of the problem's type: its host varies.
	kind    string
	detail  string
	retryAt time.Time // when the rate limit ends, for status 429
}

func (e *refusal) Error() string { return fmt.Sprintf("X answers %d (%q)", e.status, e.detail) }

// refusalOf reads a refusal and closes it.
func refusalOf(resp *http.Response) *refusal {
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return readRefusal(resp, b)
}

// readRefusal reads a refusal's body. X answers in several formats; those that hold no
// words leave the words empty.
func readRefusal(resp *http.Response, b []byte) *refusal {
	e := &refusal{status: resp.StatusCode}
	if l, ok := client.RateLimit(resp); ok && resp.StatusCode == http.StatusTooManyRequests {
		e.retryAt = l.Reset
	}
	var body struct {
		Title, Detail, Type string
		Errors              []struct{ Message, Detail string }
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if !strings.HasSuffix(kind, "json") || json.Unmarshal(b, &body) != nil {
		return e
	}
	if e.detail = short(body.Detail); e.detail == "" {
		e.detail = short(body.Title)
	}
	if body.Type != "" && body.Type != "about:blank" {
		e.kind = path.Base(body.Type)
	}
	for _, more := range body.Errors {
		// What is in errors is about a parameter, and says more than the whole.
		if words := short(more.Message + more.Detail); words != "" {
			e.detail = words
			break
		}
	}
	return e
}

// short bounds words of X's.
func short(s string) string {
	const most = 300
	s = plain(s)
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
