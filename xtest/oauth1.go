package xtest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const defaultTolerance = 300 * time.Second

// signedRequest is a request with OAuth 1.0a parameters, read and not yet verified.
type signedRequest struct {
	params    map[string]string // all that is signed, from header, query and form
	base      string
	timestamp time.Time
}

func (s *signedRequest) get(name string) string { return s.params[name] }

// readSigned collects the parameters of a request (RFC 5849 section 3.4.1.3). X takes the protocol parameters from
// the header, the query or the form, and refuses any key that comes twice.
func (x *X) readSigned(r *http.Request) (*signedRequest, *problem) {
	form, _ := bufferForm(r)
	headers := r.Header.Values("Authorization")
	params := map[string]string{}
	switch {
	case len(headers) > 1:
		return nil, badAuthentication()
	case len(headers) == 1:
		p, err := parseOAuthHeader(headers[0])
		if err != nil {
			return nil, badAuthentication()
		}
		params = p
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badAuthentication()
	}
	for _, values := range []url.Values{query, form} {
		for k, v := range values {
			_, twice := params[k]
			if twice || len(v) > 1 {
				if strings.HasPrefix(k, "oauth_") {
					return nil, badAuthentication()
				}
				return nil, cannotAuthenticate()
			}
			params[k] = v[0]
		}
	}
	for _, k := range []string{"oauth_consumer_key", "oauth_nonce", "oauth_signature", "oauth_signature_method", "oauth_timestamp"} {
		if params[k] == "" {
			return nil, badAuthentication()
		}
	}
	seconds, err := strconv.ParseInt(params["oauth_timestamp"], 10, 64)
	if err != nil || !isASCII(params["oauth_nonce"]) {
		return nil, badAuthentication()
	}
	if v, ok := params["oauth_version"]; ok && v != "1.0" {
		return nil, badAuthentication()
	}
	if params["oauth_signature_method"] != "HMAC-SHA1" {
		return nil, cannotAuthenticate()
	}
	return &signedRequest{
		params:    params,
		base:      baseString(r.Method, x.baseURL(r), r.URL.EscapedPath(), params),
		timestamp: time.Unix(seconds, 0),
	}, nil
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// verify checks key, timestamp, signature and nonce, in this order; secrets are the token secrets of which any will do.
// The nonce comes last, so that nobody without the secret can spend it. mu is held.
func (x *X) verify(s *signedRequest, secrets ...string) *problem {
	if s.get("oauth_consumer_key") != x.cfg.ConsumerKey {
		x.explain("the consumer key is not the app's API key")
		return cannotAuthenticate()
	}
	now := x.Now()
	tolerance := x.cfg.Switches.TimestampTolerance
	if tolerance == 0 {
		tolerance = defaultTolerance
	}
	if off := now.Sub(s.timestamp); tolerance > 0 && (off > tolerance || off < -tolerance) {
		x.explain("oauth_timestamp is not near the clock", "off", off)
		return badTimestamp()
	}
	good := false
	for _, secret := range secrets {
		// Compared as text, as X's documentation prints it: another spelling of the same base64 is not the signature.
		good = good || sign(s.base, x.cfg.ConsumerSecret, secret) == s.get("oauth_signature")
	}
	if !good {
		x.explain("the signature does not verify", "uri", baseURIOf(s.base))
		return cannotAuthenticate()
	}
	id := strings.Join([]string{s.get("oauth_timestamp"), s.get("oauth_token"), s.get("oauth_nonce")}, "\x00")
	if _, seen := x.nonces[id]; seen {
		x.explain("the nonce was used before")
		return cannotAuthenticate()
	}
	x.nonces[id] = x.nonceUntil(now, s.timestamp, tolerance)
	return nil
}

// nonceUntil is when the timestamp alone refuses a replay, so that the nonce can be forgotten.
func (x *X) nonceUntil(now, timestamp time.Time, tolerance time.Duration) time.Time {
	if tolerance < 0 {
		return now.Add(defaultTolerance)
	}
	return timestamp.Add(tolerance + time.Second)
}

func baseURIOf(base string) string {
	parts := strings.SplitN(base, "&", 3)
	u, _ := url.PathUnescape(parts[1])
	return u
}
