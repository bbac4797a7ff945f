package xtest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
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
// the header, the query or the form, and refuses any key that comes twice with different values.
func (x *X) readSigned(r *http.Request) (*signedRequest, *Reply) {
	params, rep := x.signedParams(r)
	if rep != nil {
		return nil, rep
	}
	for _, k := range []string{"oauth_consumer_key", "oauth_nonce", "oauth_signature", "oauth_signature_method", "oauth_timestamp"} {
		if params[k] == "" {
			return nil, badAuthentication("%s is missing: send it in the Authorization header", k)
		}
	}
	seconds, err := strconv.ParseInt(params["oauth_timestamp"], 10, 64)
	if err != nil {
		return nil, badAuthentication("oauth_timestamp is not a number: send seconds since 1970")
	}
	if strings.ContainsFunc(params["oauth_nonce"], func(r rune) bool { return r > unicode.MaxASCII }) {
		return nil, badAuthentication("oauth_nonce is not ASCII")
	}
	// next-auth and the examples of node-oauth send 1.0A, and X accepts it.
	if v, ok := params["oauth_version"]; ok && v != "1.0" && (x.strict() || !strings.EqualFold(v, "1.0a")) {
		return nil, badAuthentication("oauth_version is not 1.0: leave it out, or send 1.0")
	}
	if params["oauth_signature_method"] != "HMAC-SHA1" {
		return nil, cannotAuthenticate("oauth_signature_method is not HMAC-SHA1")
	}
	return &signedRequest{
		params:    params,
		base:      baseString(r.Method, x.baseURL(r), r.URL.EscapedPath(), params),
		timestamp: time.Unix(seconds, 0),
	}, nil
}

func (x *X) signedParams(r *http.Request) (map[string]string, *Reply) {
	form, _ := bufferForm(r)
	params := map[string]string{}
	if headers := r.Header.Values("Authorization"); len(headers) > 0 {
		p, err := parseOAuthHeader(headers[0])
		if err != nil || len(headers) > 1 {
			return nil, badAuthentication("the Authorization header is not a well-formed one of the scheme OAuth (RFC 5849 section 3.5.1)")
		}
		params = p
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badAuthentication("the query of the URL cannot be read")
	}
	strict := x.strict()
	for _, values := range []url.Values{query, form} {
		for k, v := range values {
			if old, given := params[k]; given {
				v = append(v, old)
			}
			switch {
			case len(v) == 1:
			case !strings.HasPrefix(k, "oauth_"):
				return nil, cannotAuthenticate("the parameter %s comes twice", k)
			case strict || len(slices.Compact(v)) > 1:
				// node-twitter-api-v2 sends oauth_token in the header and the form. The same value is one parameter.
				return nil, badAuthentication("the parameter %s comes twice: send it once, in the header", k)
			}
			params[k] = v[0]
		}
	}
	return params, nil
}

// verify checks key, timestamp, signature and nonce, in this order; secrets are the token secrets of which any will do.
// The nonce comes last, so that clients without the secret cannot spend it. mu is held.
func (x *X) verify(s *signedRequest, secrets ...string) *Reply {
	if s.get("oauth_consumer_key") != x.cfg.ConsumerKey {
		return cannotAuthenticate("oauth_consumer_key is not the app's API key: the client id of OAuth 2.0 is another")
	}
	now := x.Now()
	tolerance := x.cfg.Switches.TimestampTolerance
	if tolerance == 0 {
		tolerance = defaultTolerance
	}
	if off := now.Sub(s.timestamp); tolerance > 0 && (off > tolerance || off < -tolerance) {
		return coded(http.StatusUnauthorized, 135, "Timestamp out of bounds.").
			because("oauth_timestamp is %s from the simulator's clock: set the clock, or use the Date header", off)
	}
	good := false
	for _, secret := range secrets {
		// Compared as text, as X's documentation prints it: another spelling of the same base64 is not the signature.
		good = good || sign(s.base, x.cfg.ConsumerSecret, secret) == s.get("oauth_signature")
	}
	if !good {
		u, _ := url.PathUnescape(strings.SplitN(s.base, "&", 3)[1])
		return cannotAuthenticate("the signature does not verify: sign %s with the consumer secret and the secret of the token, "+
			"and the parameters of query and form with it", u)
	}
	id := strings.Join([]string{s.get("oauth_timestamp"), s.get("oauth_token"), s.get("oauth_nonce")}, "\x00")
	if _, seen := x.nonces[id]; seen {
		return cannotAuthenticate("oauth_nonce was used before: make one for each request")
	}
	// After this time a replay is refused by its timestamp.
	x.nonces[id] = s.timestamp.Add(tolerance + time.Second)
	if tolerance < 0 {
		x.nonces[id] = now.Add(defaultTolerance)
	}
	return nil
}
