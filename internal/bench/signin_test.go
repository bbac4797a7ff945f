package bench

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
)

// signInRival is a whole sign-in: the login, X's page, which is not measured, and the
// callback. reply makes the callback's query from the address of X's page.
func signInRival(tb testing.TB, name string, h http.Handler, login string, reply func(location string) string) rival {
	w := newResponse()
	return rival{name, func() error {
		w.reset()
		h.ServeHTTP(w, get(tb, login, ""))
		if w.status/100 != 3 {
			return fmt.Errorf("the login answers %d", w.status)
		}
		callback := get(tb, "/auth/callback?"+reply(w.header.Get("Location")), w.cookies())
		w.reset()
		h.ServeHTTP(w, callback)
		if w.status/100 != 3 || w.header.Get("Location") != "/" {
			return fmt.Errorf("the callback answers %d", w.status)
		}
		return nil
	}}
}

// param returns a parameter of a URL without decoding it.
func param(location, name string) string {
	_, value, _ := strings.Cut(location, name+"=")
	value, _, _ = strings.Cut(value, "&")
	return value
}

// kitSignIn2 is the kit's sign-in by OAuth 2.0. It starts a session and saves the token.
func kitSignIn2(tb testing.TB, x http.RoundTripper) rival {
	kit := newKit(tb, func(c *xsignin.Config) { c.X.Transport = x })
	return signInRival(tb, "xsignin", kit, "/auth/login", replyOAuth2)
}

// kitSignIn1 is the kit's sign-in by OAuth 1.0a. It starts a session and saves the token.
func kitSignIn1(tb testing.TB, x http.RoundTripper) rival {
	kit := newKit(tb, func(c *xsignin.Config) {
		c.X.Transport = x
		c.OAuth1.ConsumerKey, c.OAuth1.ConsumerSecret = "consumer", "consumer-secret"
	})
	return signInRival(tb, "xsignin", kit, "/auth/login/x-oauth1", replyOAuth1)
}
