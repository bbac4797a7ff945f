package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxBody bounds what is read of an answer, after decompression. X's answers to the
// calls of this package are below 2 KB.
const maxBody = 1 << 20

var (
	errTooLarge      = errors.New("the answer is larger than 1 MiB")
	errSecondRequest = errors.New("a second request in one call")
	errNoAnswer      = errors.New("the transport gave no answer")
)

// service is what both protocols share: one application at one API.
type service struct {
	name      string
	api       *url.URL
	me        string // where X says who a token is of
	hosts     hostSet
	transport http.RoundTripper
	timeout   time.Duration
	now       func() time.Time
	// secrets are the application's own, kept out of every error.
	secrets []string
}

// endpoint is the address of path on the API, below the API's own path prefix.
func (s *service) endpoint(path string) string {
	u := *s.api
	u.Path = strings.TrimRight(u.Path, "/") + path
	u.RawPath = ""
	return u.String()
}

// misuse is the error for a call that the provider is not asked about.
func (s *service) misuse(op string, reason Reason, detail string) *Error {
	return &Error{Kind: ErrRefused, Reason: reason, Provider: s.name, Op: op, Detail: detail}
}

// answer is what the provider said to one request. body is empty where it could not
// be read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
	read   readBody
}

// readBody is a response's body that has been read to its end already.
type readBody struct{ bytes.Reader }

// Close implements [io.Closer].
func (*readBody) Close() error { return nil }

func (a *answer) ok() bool { return a != nil && a.status >= 200 && a.status <= 299 }

// call is one request of this package to the provider. It stands in the libraries'
// HTTP client as the transport: dghubble/oauth1 takes no context, and both
// libraries throw away what this package needs of an answer. It serves one
// request, so that nothing it is lent to can follow a redirect or try again.
type call struct {
	svc     *service
	op      string
	ctx     context.Context //nolint:containedctx // of the one request
	stop    context.CancelFunc
	secrets []string // that the request carries, besides the application's own
	all     []string // see hidden
	// searched: the answer's own secrets are among them.
	searched bool

	sent   time.Time
	host   string // that was asked
	answer *answer
	got    answer // what answer points to
	err    error
}

// call begins a call with the service's deadline. secrets are what the request
// carries besides the application's own. Whoever begins a call stops it.
func (s *service) call(ctx context.Context, op string, secrets ...string) *call {
	c := &call{svc: s, op: op, secrets: secrets}
	c.ctx, c.stop = context.WithTimeout(ctx, s.timeout)
	return c
}

// client is a client for a library: no cookies, no redirects.
func (c *call) client() *http.Client {
	return &http.Client{
		Transport:     c,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip implements [http.RoundTripper].
func (c *call) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.answer != nil || c.err != nil {
		closeBody(r)
		return nil, errSecondRequest
	}
	if r.Context() != c.ctx || r.Header.Get("Accept") == "" {
		own := r.WithContext(c.ctx)
		if r.Header.Get("Accept") == "" {
			own.Header = ownHeader(r)
			own.Header.Set("Accept", acceptJSON)
		}
		r = own
	}
	c.host = r.URL.Host
	c.sent = time.Now() // What OAuth 1.0a signs: dghubble/oauth1 takes no other clock.
	resp, err := c.svc.transport.RoundTrip(r)
	if err == nil && (resp == nil || resp.Body == nil) {
		err = errNoAnswer
	}
	if err != nil {
		c.err = err
		return nil, err
	}
	received := resp.Body // another takes its place below
	defer func() { _ = received.Close() }()
	c.got = answer{status: resp.StatusCode, header: resp.Header}
	c.answer = &c.got
	body, err := io.ReadAll(io.LimitReader(received, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errTooLarge
	}
	if err != nil {
		c.err = err
		return nil, err
	}
	body = bytes.TrimSpace(body)
	c.answer.body = body
	c.got.read.Reset(body)
	resp.Body = &c.got.read
	resp.ContentLength = int64(len(body))
	return resp, nil
}

// hidden are the secrets that no error may show: those that were sent and, once there is an
// answer, those in it. They are looked for when there is an error to make, as most answers
// are good ones.
func (c *call) hidden() []string {
	if c.all == nil {
		c.all = slices.Concat(c.svc.secrets, c.secrets)
	}
	if !c.searched && c.answer != nil {
		c.searched = true
		c.all = append(c.all, secretsIn(c.answer.body)...)
	}
	return c.all
}

// fail is an error of this call. detail is either this package's own text or the
// provider's.
func (c *call) fail(kind error, detail string) *Error {
	e := &Error{Kind: kind, Provider: c.svc.name, Op: c.op, Detail: detailText(detail, c.hidden())}
	if c.answer != nil {
		e.Status = c.answer.status
	}
	return e
}

// unusable is the error for an answer with a good status that cannot be used.
func (c *call) unusable(detail string) *Error { return c.fail(ErrUnavailable, detail) }

// unreached is the error for a call without a whole answer.
func (c *call) unreached() *Error {
	e := c.fail(ErrUnavailable, "")
	err := c.err
	if err == nil {
		err = errNoAnswer
	}
	// A transport may report an ended context in words of its own.
	if ended := c.ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = ended
	}
	if errors.Is(err, context.DeadlineExceeded) && c.host != "" {
		// By itself it does not say whose deadline it was, nor who was silent.
		waited := min(c.svc.timeout, time.Since(c.sent).Round(time.Millisecond))
		err = fmt.Errorf("no answer from %s within %v: %w", c.host, waited, err)
	}
	e.Err = safeCause(err, c.hidden())
	return e
}

// acceptJSON is what calls ask for.
const acceptJSON = "application/json, */*;q=0.5"

// ownHeader is a copy of r's header.
func ownHeader(r *http.Request) http.Header {
	if len(r.Header) == 0 {
		return make(http.Header, 1)
	}
	return r.Header.Clone()
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// ownTransport is the transport of a provider that was given none: as
// http.DefaultTransport is set up, with connections of its own and a bound on
// headers.
func ownTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		t = t.Clone()
	} else {
		// The program has put something else in its place, which is not ours to use.
		t = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			ForceAttemptHTTP2:     true,
			MaxIdleConns:          100,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   10 * time.Second,
			ExpectContinueTimeout: time.Second,
		}
	}
	t.MaxResponseHeaderBytes = 64 << 10
	return t
}
