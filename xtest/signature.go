package xtest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// percentEncode encodes as RFC 3986 and RFC 5849 section 3.6 want it: everything but the unreserved characters, in
// upper-case hexadecimal.
func percentEncode(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

var errHeader = errors.New("malformed OAuth header")

// parseOAuthHeader reads the parameters of an Authorization header of the OAuth scheme (RFC 5849 section 3.5.1). The
// realm is dropped: it is not signed. A parameter that comes twice is an error.
func parseOAuthHeader(header string) (map[string]string, error) {
	scheme, rest, _ := strings.Cut(strings.TrimLeft(header, " \t"), " ")
	if !strings.EqualFold(scheme, "OAuth") {
		return nil, errHeader
	}
	params := map[string]string{}
	for first := true; ; first = false {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" && first {
			return params, nil
		}
		name, after, ok := strings.Cut(rest, "=")
		if !ok || name == "" || !strings.HasPrefix(after, `"`) {
			return nil, errHeader
		}
		value, after, ok := strings.Cut(after[1:], `"`)
		if !ok {
			return nil, errHeader
		}
		// PathUnescape and not QueryUnescape: a plus in the header is a plus.
		key, err1 := url.PathUnescape(name)
		decoded, err2 := url.PathUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, errHeader
		}
		if !strings.EqualFold(key, "realm") {
			if _, twice := params[key]; twice {
				return nil, errHeader
			}
			params[key] = decoded
		}
		rest = strings.TrimLeft(after, " \t")
		if rest == "" {
			return params, nil
		}
		if rest[0] != ',' {
			return nil, errHeader
		}
		rest = rest[1:]
	}
}

// baseString joins what is signed (RFC 5849 section 3.4.1). base is scheme and host, perhaps with a path prefix.
func baseString(method, base, path string, params map[string]string) string {
	pairs := make([][2]string, 0, len(params))
	for k, v := range params {
		if k != "oauth_signature" {
			pairs = append(pairs, [2]string{percentEncode(k), percentEncode(v)})
		}
	}
	// By encoded key: keys are unique here, so values never decide.
	slices.SortFunc(pairs, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p[0] + "=" + p[1])
	}
	return strings.ToUpper(method) + "&" + percentEncode(baseURI(base, path)) + "&" + percentEncode(b.String())
}

// baseURI is the base string URI of RFC 5849 section 3.4.1.2: scheme and host in lower case, without a default port.
func baseURI(base, path string) string {
	scheme, rest, _ := strings.Cut(base, "://")
	host, prefix, hasPrefix := strings.Cut(rest, "/")
	if hasPrefix {
		prefix = "/" + prefix
	}
	scheme, host = strings.ToLower(scheme), strings.ToLower(host)
	switch scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + prefix + path
}

func sign(base, consumerSecret, tokenSecret string) string {
	mac := hmac.New(sha1.New, []byte(percentEncode(consumerSecret)+"&"+percentEncode(tokenSecret)))
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
