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
	case "api.x.com", "api.twitter.com":
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
	kind          string
	title, detail string
	retryAt       time.Time // when the rate limit ends, for status 429
}

func (e *refusal) Error() string {
	s := fmt.Sprintf("X answers %d", e.status)
	if e.title != "" || e.detail != "" {
		s += fmt.Sprintf(" (%s: %q)", e.title, e.detail)
	}
	if !e.retryAt.IsZero() {
		s += ", until " + e.retryAt.UTC().Format(time.RFC3339)
	}
	return s
}

// refusalOf reads a refusal and closes it. X answers in several formats; those that hold
// no words leave the words empty.
func refusalOf(resp *http.Response) *refusal {
	defer func() { _ = resp.Body.Close() }()
	e := &refusal{status: resp.StatusCode}
	if l, ok := client.RateLimit(resp); ok && resp.StatusCode == http.StatusTooManyRequests {
		e.retryAt = l.Reset
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); !strings.HasSuffix(kind, "json") {
		return e
	}
	var body struct {
		Title, Detail, Type string
		Errors              []struct {
			Message string
			Detail  string
		}
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil || json.Unmarshal(b, &body) != nil {
		return e
	}
	e.title, e.detail = short(body.Title), short(body.Detail)
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

// short bounds words of X's that go into the log and on a page.
func short(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
