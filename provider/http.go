package provider

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

const (
	maxBody  = 1 << 20 // bytes of an answer after decompression
	formType = "application/x-www-form-urlencoded"
)

var (
	errTooLarge = errors.New("the answer is larger than 1 MiB")
	errNoAnswer = errors.New("the transport gave no answer")
)

// service is one application registered with one provider. Both protocols share it.
type service struct {
	cfg   OAuth2Config // checked, with its defaults; also for OAuth 1.0a
	x     bool         // X's protocol details, at X or at another server
	api   *url.URL
	hosts map[origin]bool // that may receive credentials
	// secrets belong to the application. No error may show them.
	secrets         []string
	endpoints, user []rule   // the meanings of answers
	dead            []string // the codes of a 401 for a dead token
	// send attaches a token to a copy of a request and sends it.
	send func(http.RoundTripper, tokenstore.Token, *http.Request) (*http.Response, error)
}

func (s *service) Name() string        { return s.cfg.Name }
func (s *service) CallbackURL() string { return s.cfg.CallbackURL }
func (s *service) isX() bool           { return s.x }
func (s *service) DisplayName() string { return s.cfg.DisplayName }

// AllowsURL implements [Provider]. It allows the hosts of APIURL, UserURL and APIHosts,
// and X's four API hosts if APIURL is one of them.
func (s *service) AllowsURL(u *url.URL) bool {
	return u != nil && u.User == nil && u.Opaque == "" && u.Host != "" && s.hosts[originOf(u)]
}

// RoundTrip implements [Provider]. A nil base is the provider's own transport.
func (s *service) RoundTrip(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	if base == nil {
		base = s.cfg.Transport
	}
	return s.send(base, t, r)
}

func (s *service) RejectsToken(resp *http.Response, body []byte) bool {
	if s.cfg.RejectsToken != nil {
		return s.cfg.RejectsToken(resp, body)
	}
	f := parseFault(resp.Header, body)
	return resp.StatusCode == http.StatusUnauthorized && f.has(s.dead...)
}

func (s *service) APIURL() *url.URL {
	u := *s.api
	return &u
}

// newError returns an error that no answer of the provider caused.
func (s *service) newError(kind error, reason Reason, op, detail string) *Error {
	return &Error{Kind: kind, Reason: reason, Provider: s.cfg.Name, Op: op, Detail: detail}
}

func (s *service) misuse(op, detail string) *Error {
	return s.newError(ErrRefused, ReasonOther, op, detail)
}

// now is the time without the monotonic clock: recorded times outlive the process.
func (s *service) now() time.Time { return s.cfg.Now().Round(0) }

// xHosts are the hosts of X's API. twitter.com is the old name of the same service.
var xHosts = []string{"api.x.com", "api.twitter.com", "upload.x.com", "upload.twitter.com"}

// origin is a scheme and a host, in lower case, without the scheme's default port.
type origin struct{ scheme, host string }

func originOf(u *url.URL) origin {
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return origin{scheme, host}
	}
	return origin{scheme, net.JoinHostPort(host, port)}
}

// isXAPI reports whether api is X's own API, not another server that speaks X's protocols.
func isXAPI(api *url.URL) bool { return slices.Contains(xHosts[:2], originOf(api).host) }

// call is one request to the provider and its answer. It is the transport of the libraries'
// HTTP client for two reasons: dghubble/oauth1 takes no context, and both libraries discard
// parts of an answer that this package needs.
type call struct {
	*service
	op    string
	ctx   context.Context //nolint:containedctx // of the one request
	stop  context.CancelFunc
	sends []string // secrets in the request, apart from the application's

	host   string // of the request
	sent   time.Time
	status int // 0 without an answer
	header http.Header
	body   []byte // empty if it could not be read to the end
	served served // body, as a library reads it
	err    error
}

type served struct{ bytes.Reader }

func (*served) Close() error { return nil }

// begin begins a call, which ends with ctx or after the service's timeout. The caller must call
// stop.
func (s *service) begin(ctx context.Context, op string, secrets ...string) *call {
	c := &call{service: s, op: op, sends: secrets, ctx: ctx, stop: func() {}}
	if end, ok := ctx.Deadline(); !ok || time.Until(end) > s.cfg.Timeout {
		c.ctx, c.stop = context.WithTimeout(ctx, s.cfg.Timeout)
	}
	return c
}

// ok reports whether the whole answer came, with the status of a success.
func (c *call) ok() bool { return c.err == nil && c.status >= 200 && c.status <= 299 }

// clientOver returns an HTTP client without cookies that follows no redirects.
func clientOver(t http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (c *call) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Context() != c.ctx {
		r = r.WithContext(c.ctx)
	}
	if r.Header.Get("Accept") == "" {
		// The request belongs to this call: a library or sign has made it.
		r.Header.Set("Accept", "application/json, */*;q=0.5")
	}
	c.host, c.sent = r.URL.Host, time.Now() // dghubble/oauth1 signs the time of this clock.
	resp, err := c.cfg.Transport.RoundTrip(r)
	if err == nil && (resp == nil || resp.Body == nil) {
		err = errNoAnswer
	}
	var body []byte
	if err == nil {
		c.status, c.header = resp.StatusCode, resp.Header
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
		_ = resp.Body.Close()
	}
	if err == nil && len(body) > maxBody {
		err = errTooLarge
	}
	if err != nil {
		c.err = err
		return nil, err
	}
	c.body = trimmed(body)
	if inner, jsonp := bytes.CutPrefix(c.body, []byte("callback(")); jsonp && c.cfg.qq {
		c.body = bytes.Trim(inner, " );")
	}
	c.serve(resp, c.body)
	return resp, nil
}

// serve makes body the body of resp.
func (c *call) serve(resp *http.Response, body []byte) {
	c.served.Reset(body)
	resp.Body = &c.served
	resp.ContentLength = int64(len(body))
}

func (c *call) hidden() []string { return slices.Concat(c.secrets, c.sends) }

// fail returns an error of this call. detail is this package's own text or the provider's.
func (c *call) fail(kind error, detail string) *Error {
	e := c.newError(kind, "", c.op, detailText(detail, c.hidden()))
	e.Status = c.status
	return e
}

func (c *call) unusable(detail string) *Error { return c.fail(ErrUnavailable, detail) }

// unreached is the error for a call without a complete answer.
func (c *call) unreached() *Error {
	err := cmp.Or(c.err, errNoAnswer)
	// A transport may report an ended context in its own words.
	if ended := c.ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = ended
	}
	if errors.Is(err, context.DeadlineExceeded) && c.host != "" {
		waited := min(c.cfg.Timeout, time.Since(c.sent).Round(time.Millisecond))
		err = fmt.Errorf("no answer from %s within %v: %w", c.host, waited, err)
	}
	e := c.fail(ErrUnavailable, "")
	e.Err = safeCause(err, c.hidden(), longRun)
	return e
}

// copyOf returns a copy of r and its header, without any Authorization, in any letter case.
func copyOf(r *http.Request) *http.Request {
	c := r.WithContext(r.Context())
	c.Host, c.Header = "", r.Header.Clone()
	if c.Header == nil {
		c.Header = make(http.Header, 1)
	}
	maps.DeleteFunc(c.Header, func(name string, _ []string) bool { return strings.EqualFold(name, "Authorization") })
	return c
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}
