// Package answers lies between the client libraries of the examples and the kit's client.
package answers

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Transport sends what gotwi addresses to X's fixed hosts to the configured API, and bounds
// what is read. Goroutines may share it.
//
// A RoundTripper should hand on an answer as it came. This one turns a refusal into an
// error, a [*Refusal]: the libraries read refusals each in its own way, lose X's reason when
// it comes as application/problem+json or as HTML, and gotwi prints it to standard output.
type Transport struct {
	Base http.RoundTripper
	API  *url.URL
}

// Max bounds an answer of the API, in bytes. A page of posts is some tens of kilobytes.
const Max = 4 << 20

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	switch r.URL.Host {
	case "api.x.com", "api.twitter.com": // gotwi posts to the one and uploads to the other
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host, r.Host = t.API.Scheme, t.API.Host, ""
		r.URL.Path = t.API.Path + r.URL.Path
	}
	resp, err := t.Base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body := resp.Body
	if resp.StatusCode >= http.StatusMultipleChoices {
		defer func() { _ = body.Close() }()
		b, _ := io.ReadAll(io.LimitReader(body, 64<<10))
		return nil, Read(resp, b)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(body, Max), body}
	return resp, nil
}

// Refusal is an answer of X's API that is not the one that was asked for.
type Refusal struct {
	Status int
	// Kind is the last segment of the problem's type: its host varies.
	Kind string
	// Title and Detail are X's words, short and on one line, or empty.
	Title, Detail string
	// RetryAt is when the rate limit ends, for status 429.
	RetryAt time.Time
}

func (e *Refusal) Error() string {
	s := fmt.Sprintf("X answers %d", e.Status)
	if e.Title != "" || e.Detail != "" {
		s += fmt.Sprintf(" (%s: %q)", e.Title, e.Detail)
	}
	if !e.RetryAt.IsZero() {
		s += ", until " + e.RetryAt.UTC().Format(time.RFC3339)
	}
	return s
}

// LimitEnds returns when the rate limit of an answer ends, or the zero time. X sends its
// limits with every answer, in x-rate-limit-limit, -remaining and -reset.
func LimitEnds(resp *http.Response) time.Time {
	seconds, err := strconv.ParseInt(resp.Header.Get("X-Rate-Limit-Reset"), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// Read reads a refusal, whose body has been read already. X answers in several formats;
// those that hold no words leave the words empty.
func Read(resp *http.Response, body []byte) *Refusal {
	e := &Refusal{Status: resp.StatusCode}
	if resp.StatusCode == http.StatusTooManyRequests {
		e.RetryAt = LimitEnds(resp)
	}
	var said struct {
		Title, Detail, Type string
		Errors              []struct{ Message, Detail string }
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if !strings.HasSuffix(kind, "json") || json.Unmarshal(body, &said) != nil {
		return e
	}
	e.Title, e.Detail = short(said.Title), short(said.Detail)
	if said.Type != "" && said.Type != "about:blank" {
		e.Kind = path.Base(said.Type)
	}
	for _, more := range said.Errors {
		// What is in errors is about a parameter, and says more than the whole.
		if words := short(more.Message + more.Detail); words != "" {
			e.Detail = words
			break
		}
	}
	return e
}

// Plain makes words of strangers fit for a log and a terminal: on one line and without the
// control characters that would move its cursor or name its window.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.Join(strings.Fields(s), " "))
}

// short bounds words of X's.
func short(s string) string {
	const most = 300
	s = Plain(s)
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
