package xtest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// The vectors that X's guides print, recomputed for both of its hosts where a page renamed the host and left the
// signature.
func TestPublishedSignatureVectors(t *testing.T) {
	t.Parallel()
	status := map[string]string{
		"include_entities": "true", "status": "Hello Ladies + Gentlemen, a signed OAuth request!",
		"oauth_consumer_key": "xvz1evFS4wEEPTGEFPHBog", "oauth_nonce": "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
		"oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": "1318622958",
		"oauth_token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", "oauth_version": "1.0",
		"oauth_signature": "is not signed itself",
	}
	const consumerSecret, tokenSecret = "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"
	for _, tt := range []struct {
		name, base, path, want string
	}{
		{"A for api.x.com", "https://api.x.com", "/1.1/statuses/update.json", "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="},
		{"A for api.twitter.com", "https://api.twitter.com", "/1.1/statuses/update.json", "hCtSmYh+iHYCEqBWrE7C7hYmtUk="},
		{"A for an upper-case host with the default port", "HTTPS://API.X.COM:443", "/1.1/statuses/update.json", "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="},
		{"A' is what version 1 of the path gives", "https://api.twitter.com", "/1/statuses/update.json", "tnnArxj06cWHq44gCs1OSKk/jLY="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := xtest.Sign(xtest.BaseString("post", tt.base, tt.path, status), consumerSecret, tokenSecret)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("A' does not verify for the URL that it is printed with", func(t *testing.T) {
		for _, host := range []string{"https://api.x.com", "https://api.twitter.com"} {
			if xtest.Sign(xtest.BaseString("POST", host, "/1.1/statuses/update.json", status), consumerSecret, tokenSecret) ==
				"tnnArxj06cWHq44gCs1OSKk/jLY=" {
				t.Errorf("it verifies for %s", host)
			}
		}
	})
	t.Run("the base string of A is the printed one", func(t *testing.T) {
		const want = "POST&https%3A%2F%2Fapi.x.com%2F1.1%2Fstatuses%2Fupdate.json&include_entities%3Dtrue%26oauth_consumer_key%3Dxvz1evFS4wEEPTGEFPHBog%26oauth_nonce%3DkYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1318622958%26oauth_token%3D370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb%26oauth_version%3D1.0%26status%3DHello%2520Ladies%2520%252B%2520Gentlemen%252C%2520a%2520signed%2520OAuth%2520request%2521"
		if got := xtest.BaseString("POST", "https://api.x.com", "/1.1/statuses/update.json", status); got != want {
			t.Errorf("got %s", got)
		}
	})
}

// vectorX is the application of the vectors B and C, at the time of the vectors.
func vectorX(t *testing.T) *sim {
	s := newSim(t, xtest.Config{
		ConsumerKey: "cChZNFj6T5R0TigYB9yd1w", ConsumerSecret: "L8qq9PZyRg6ieKGEKhZolGC0vJWLw8iEJ88DRdyOg",
		Callbacks: []string{"http://localhost/sign-in-with-twitter/", "http://localhost/sign-in-with-x/"},
	})
	s.SetNow(time.Unix(1318467427, 0))
	return s
}

func TestVectorsOfSignInVerifyOverTheHostCalled(t *testing.T) {
	t.Parallel()
	const printed = "F1Li3tvehgcraF8DMJ7OyxO4w9Y="
	for _, tt := range []struct {
		name, host, callback, signature string
		status                          int
	}{
		{"B as printed at api.twitter.com", "api.twitter.com", "http://localhost/sign-in-with-twitter/", printed, 200},
		{"B as printed at api.x.com", "api.x.com", "http://localhost/sign-in-with-twitter/", printed, 401},
		{"B recomputed for api.x.com", "api.x.com", "http://localhost/sign-in-with-twitter/", "X9xhcB9d+NxXd/ThJ/n51vPhetM=", 200},
		{"B' as printed at api.twitter.com", "api.twitter.com", "http://localhost/sign-in-with-x/", printed, 401},
		{"B' as printed at api.x.com", "api.x.com", "http://localhost/sign-in-with-x/", printed, 401},
		{"B' recomputed for api.x.com", "api.x.com", "http://localhost/sign-in-with-x/", "8igbBKR9gBbelLwVpdCcrMF7xd4=", 200},
		{"B' recomputed for api.twitter.com", "api.twitter.com", "http://localhost/sign-in-with-x/", "nSxVRI2oUCLA0xzUi5KT3vVNhM0=", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := vectorX(t)
			req := newRequest(t, "POST", "https://"+tt.host+"/oauth/request_token", nil)
			req.Header.Set("Authorization", `OAuth oauth_callback="`+rfc3986(tt.callback)+`",
			  oauth_consumer_key="cChZNFj6T5R0TigYB9yd1w", oauth_nonce="ea9ec8429b68d6b77cd5600adbbb0456",
			  oauth_signature="`+rfc3986(tt.signature)+`", oauth_signature_method="HMAC-SHA1",
			  oauth_timestamp="1318467427", oauth_version="1.0"`)
			req.Header.Set("Authorization", strings.ReplaceAll(strings.ReplaceAll(req.Header.Get("Authorization"), "\n", ""), "\t", ""))
			if r := s.do(req); r.status != tt.status {
				t.Errorf("got %d %s, want %d", r.status, r.body, tt.status)
			}
		})
	}
	for host, signature := range map[string]string{
		"api.twitter.com": "39cipBtIOHEEnybAR4sATQTpl2I=", "api.x.com": "G3DdousFWwxEepaZcmHguKqeBvs=",
	} {
		for _, order := range []string{host, otherHost(host)} {
			t.Run("C of "+host+" called at "+order, func(t *testing.T) {
				s := vectorX(t)
				const token = "NPcudxy0yU5T3tBzho7iCotZ3cnetKwcTIRlX0iwRl0"
				const ver = "uw7NjWHT6OJ1MpJOXsHfNxoAhPKpgI8BlYDhxEjIBY"
				s.AddRequestToken(token, "veNRnAWe6inFuo8o2u8SLLZLjolYDmDP7SzL0YfYI", ver, xtest.DefaultUserID)
				req := newRequest(t, "POST", "https://"+order+"/oauth/access_token", url.Values{"oauth_verifier": {ver}})
				req.Header.Set("Authorization", `OAuth oauth_consumer_key="cChZNFj6T5R0TigYB9yd1w", `+
					`oauth_nonce="a9900fe68e2573b27a37f10fbad6a755", oauth_signature="`+rfc3986(signature)+`", `+
					`oauth_signature_method="HMAC-SHA1", oauth_timestamp="1318467427", oauth_token="`+token+`", oauth_version="1.0"`)
				want := http.StatusOK
				if order != host {
					want = http.StatusUnauthorized
				}
				if r := s.do(req); r.status != want {
					t.Errorf("got %d %s, want %d", r.status, r.body, want)
				}
			})
		}
	}
}

func otherHost(host string) string {
	if host == "api.x.com" {
		return "api.twitter.com"
	}
	return "api.x.com"
}

func TestPercentEncodingIsOfRFC3986(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ladies + Gentlemen": "Ladies%20%2B%20Gentlemen", "An encoded string!": "An%20encoded%20string%21",
		"Dogs, Cats & Mice": "Dogs%2C%20Cats%20%26%20Mice", "☃": "%E2%98%83", "-._~": "-._~", "*'()": "%2A%27%28%29",
	} {
		if got := xtest.PercentEncode(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestBaseStringDropsDefaultPortsOnly(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"http://a.example:80": "http://a.example/p", "https://a.example:443": "https://a.example/p",
		"http://a.example:443": "http://a.example:443/p", "https://a.example:80": "https://a.example:80/p",
		"http://127.0.0.1:8080": "http://127.0.0.1:8080/p", "HTTP://A.example": "http://a.example/p",
		"http://a.example/X": "http://a.example/X/p",
	} {
		if got := xtest.BaseString("GET", base, "/p", nil); got != "GET&"+rfc3986(want)+"&" {
			t.Errorf("%s: got %s", base, got)
		}
	}
	if got := xtest.BaseString("GET", "http://a.example", "", nil); got != "GET&"+rfc3986("http://a.example/")+"&" {
		t.Errorf("no path: got %s", got)
	}
}

func TestAuthorizationHeadersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, h := range []string{
		"", "Basic abc", `OAuth a`, `OAuth a=b`, `OAuth a="b`, `OAuth a="b" c="d"`, `OAuth a="b",`, `OAuth ="b"`,
		`OAuth a="%"`, `OAuth %zz="b"`, `OAuth a="1", a="1"`, `OAuth ,`,
	} {
		if p, err := xtest.ParseOAuthHeader(h); err == nil {
			t.Errorf("%q is read as %v", h, p)
		}
	}
	p, err := xtest.ParseOAuthHeader(`oauth realm="x", a="b%20c+d" ,e="",f%5B="g"`)
	if err != nil || len(p) != 3 || p["a"] != "b c+d" || p["f["] != "g" {
		t.Errorf("got %v, %v", p, err)
	}
}

func FuzzAuthorizationHeader(f *testing.F) {
	for _, h := range []string{
		`OAuth a="b"`, `OAuth realm="x", oauth_token="%2B", oauth_nonce=""`, `OAuth `, `OAuth a="b",c="d"`, "oauth\ta=\"\"",
	} {
		f.Add(h)
	}
	x := xtest.New(xtest.Config{})
	f.Fuzz(func(t *testing.T, header string) {
		params, err := xtest.ParseOAuthHeader(header)
		if err == nil && len(params) > 0 {
			var parts []string
			for k, v := range params {
				parts = append(parts, rfc3986(k)+`="`+rfc3986(v)+`"`)
			}
			again, err := xtest.ParseOAuthHeader("OAuth " + strings.Join(parts, ", "))
			if err != nil || len(again) != len(params) {
				t.Fatalf("%q is not what it was after writing it: %v, %v", header, again, err)
			}
			for k, v := range params {
				if again[k] != v {
					t.Fatalf("%q: %q was %q and is %q", header, k, v, again[k])
				}
			}
		}
		req, _ := http.NewRequest("POST", "https://api.x.com/oauth/request_token", nil)
		req.Header["Authorization"] = []string{header}
		resp, err := x.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 4 {
			t.Fatalf("%q is answered with %d", header, resp.StatusCode)
		}
	})
}
