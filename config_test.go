package xsignin_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

func TestNewTellsEveryFault(t *testing.T) {
	good := func() xsignin.Config {
		return xsignin.Config{PublicURL: "https://site.example", ClientID: "id", Secrets: []string{strings.Repeat("k", 32)}}
	}
	tests := []struct {
		name string
		edit func(*xsignin.Config)
		want []string
	}{
		{"nothing at all", func(c *xsignin.Config) { *c = xsignin.Config{} }, []string{"Config.PublicURL is missing", "no way to sign in", "environment variable"}},
		{"a public URL that is none", func(c *xsignin.Config) { c.PublicURL = "site.example" }, []string{"Config.PublicURL must be an absolute"}},
		{"a public URL without its scheme", func(c *xsignin.Config) { c.PublicURL = "127.0.0.1:8080" }, []string{"127.0.0.1:8080 has no scheme: write http://127.0.0.1:8080"}},
		{"localhost without its scheme", func(c *xsignin.Config) { c.PublicURL = "localhost:8080/app" }, []string{"write http://localhost:8080/app"}},
		{"a site without its scheme", func(c *xsignin.Config) { c.PublicURL = "site.example" }, []string{"site.example has no scheme: write https://site.example"}},
		{"the callback in its place", func(c *xsignin.Config) { c.PublicURL = "https://site.example/auth/callback" }, []string{"Config.PublicURL is the callback and must be the site", "write https://site.example"}},
		{"a provider's callback below a path in its place", func(c *xsignin.Config) { c.Paths.Base, c.PublicURL = "/in", "https://site.example/app/in/callback/x" }, []string{"write https://site.example/app"}},
		{"another scheme", func(c *xsignin.Config) { c.PublicURL = "ftp://site.example" }, []string{"Config.PublicURL must be an absolute"}},
		{"a public URL that does not parse", func(c *xsignin.Config) { c.PublicURL = "https://a b" }, []string{"Config.PublicURL must be an absolute"}},
		{"a port without a host", func(c *xsignin.Config) { c.PublicURL = "http://:8080" }, []string{"Config.PublicURL names no host", "Write http://localhost:8080 "}},
		{"all addresses", func(c *xsignin.Config) { c.PublicURL = "http://0.0.0.0:8080" }, []string{"Config.PublicURL names no host", "Write http://localhost:8080 "}},
		{"all addresses of IPv6", func(c *xsignin.Config) { c.PublicURL = "http://[::]:8080" }, []string{"Config.PublicURL names no host", "Write http://localhost:8080 "}},
		{"all addresses, without a port and keys", func(c *xsignin.Config) { c.PublicURL, c.Secrets = "http://[::ffff:0.0.0.0]", nil }, []string{"Config.PublicURL names no host", "Write http://localhost:80 "}},
		{"a query in it", func(c *xsignin.Config) { c.PublicURL = "https://site.example?a" }, []string{"and nothing else"}},
		{"a user in it", func(c *xsignin.Config) { c.PublicURL = "https://u:p@site.example" }, []string{"and nothing else"}},
		{"no keys off loopback", func(c *xsignin.Config) { c.Secrets = nil }, []string{"Config.Secrets is empty"}},
		{"a short key", func(c *xsignin.Config) { c.Secrets = append(c.Secrets, "short") }, []string{"Config.Secrets[1] has 5 bytes"}},
		{"a key whose variable is not set", func(c *xsignin.Config) { c.Secrets = []string{""} }, []string{"environment variable"}},
		{"half a pair", func(c *xsignin.Config) { c.OAuth1.ConsumerKey = "key" }, []string{"belong together"}},
		{"a secret without its id", func(c *xsignin.Config) { c.ClientID, c.ClientSecret = "", "s" }, []string{"ClientSecret is set without ClientID", "no way to sign in"}},
		{"a secret with a comma", func(c *xsignin.Config) { c.Secrets[0] += "," + c.Secrets[0] }, []string{"Config.Secrets[0] has a comma", "separate secrets by spaces"}},
		{"a secret with its quotation marks", func(c *xsignin.Config) { c.Secrets[0] = `"` + c.Secrets[0] + `"` }, []string{"Config.Secrets[0] has a quotation mark"}},
		{"a client id in quotation marks", func(c *xsignin.Config) { c.ClientID = `"id"` }, []string{"xsignin: Config.ClientID has quotation marks"}},
		{"a client secret in quotation marks", func(c *xsignin.Config) { c.ClientSecret = "'secret'" }, []string{"xsignin: Config.ClientSecret has quotation marks"}},
		{"a client secret with a line break", func(c *xsignin.Config) { c.ClientSecret = "secret\n" }, []string{"xsignin: Config.ClientSecret has blanks"}},
		{"a client secret with a byte order mark", func(c *xsignin.Config) { c.ClientSecret = "\ufeffsecret" }, []string{"xsignin: Config.ClientSecret has blanks or other characters"}},
		{"a consumer key in quotation marks", func(c *xsignin.Config) {
			c.OAuth1 = xsignin.OAuth1Config{ConsumerKey: "`key`", ConsumerSecret: `"secret"`}
		}, []string{"xsignin: Config.OAuth1.ConsumerKey has quotation marks", "xsignin: Config.OAuth1.ConsumerSecret has quotation marks"}},
		{"the scopes in one element", func(c *xsignin.Config) { c.Scopes = []string{"tweet.read users.read"} }, []string{"xsignin: Config.Scopes[0] is not one scope"}},
		{"two secrets in one", func(c *xsignin.Config) { c.Secrets[0] += " " + c.Secrets[0] }, []string{"Config.Secrets[0] has a space", "xsignin.ParseSecrets"}},
		{"a host that is not ASCII", func(c *xsignin.Config) { c.PublicURL = "https://b\u00fccher.example" }, []string{"Config.PublicURL has the host", "xn--"}},
		{"a host that is not ASCII, escaped", func(c *xsignin.Config) { c.PublicURL = "https://b%C3%BCcher.example" }, []string{"Config.PublicURL has the host", "xn--"}},
		{"any host", func(c *xsignin.Config) { c.PublicURL = "https://*.site.example" }, []string{`Config.PublicURL has the host "*.site.example"`, "write the name of the site"}},
		{"two hosts", func(c *xsignin.Config) { c.PublicURL = "https://site.example,www.site.example" }, []string{"write the name of the site"}},
		{"a port that is none", func(c *xsignin.Config) { c.PublicURL = "https://site.example:65536" }, []string{"write a port"}},
		{"a port that is missing", func(c *xsignin.Config) { c.PublicURL = "https://site.example:" }, []string{"write a port"}},
		{"an interface of IPv6", func(c *xsignin.Config) { c.PublicURL = "https://[fe80::1%25eth0]" }, []string{"write fe80::1"}},
		{"an access type that X does not have", func(c *xsignin.Config) {
			c.OAuth1 = xsignin.OAuth1Config{ConsumerKey: "k", ConsumerSecret: "s", AccessType: "all"}
		}, []string{"xsignin: Config.OAuth1.AccessType"}},
		{"a negative timeout", func(c *xsignin.Config) { c.Advanced.Timeout = -1 }, []string{"xsignin: Config.Advanced.Timeout must not be negative"}},
		{"a path that is relative", func(c *xsignin.Config) { c.Paths.Base = "auth" }, []string{"Config.Paths.Base must begin"}},
		{"a path with a query", func(c *xsignin.Config) { c.Paths.Base = "/auth?x" }, []string{"Config.Paths.Base"}},
		{"a path that is all", func(c *xsignin.Config) { c.Paths.Base = "/" }, []string{"Config.Paths.Base"}},
		{"a path with a wildcard", func(c *xsignin.Config) { c.Paths.Base = "/{x}" }, []string{"Config.Paths.Base"}},
		{"a path with a pattern that is none", func(c *xsignin.Config) { c.Paths.Base = "/{" }, []string{"Config.Paths.Base"}},
		{"a path that leads up", func(c *xsignin.Config) { c.Paths.Base = "/a/../b" }, []string{"Config.Paths.Base"}},
		{"stored tokens without keys", func(c *xsignin.Config) {
			c.PublicURL, c.Secrets, c.TokenStore = "http://127.0.0.1", nil, tokenstore.NewMemory()
		}, []string{"Config.Secrets is empty, and TokenStore is set"}},
		{"an application's cookie by http", func(c *xsignin.Config) {
			c.Session.Manager = hashing()
			c.Session.Manager.Cookie.Secure = false
		}, []string{"Config.Session.Manager.Cookie.Secure"}},
		{"an application's session ids in clear", func(c *xsignin.Config) {
			c.Session.Manager = scs.New()
			c.Session.Manager.Cookie.Secure = true
		}, []string{"xsignin: Config.Session.Manager.HashTokenInStore is false"}},
		{"an application's cookie that X cannot bring back", func(c *xsignin.Config) {
			c.Session.Manager = hashing()
			c.Session.Manager.Cookie.SameSite = http.SameSiteStrictMode
		}, []string{"xsignin: Config.Session.Manager.Cookie.SameSite is Strict"}},
		{"an application's cookie for a part of the site", func(c *xsignin.Config) {
			c.Session.Manager = hashing()
			c.Session.Manager.Cookie.Path, c.Session.Manager.Cookie.Domain = "/app", "other.example"
		}, []string{"xsignin: Config.Session.Manager.Cookie.Path is", "xsignin: Config.Session.Manager.Cookie.Domain is"}},
		{"an application's sessions without a lifetime", func(c *xsignin.Config) {
			c.Session.Manager = hashing()
			c.Session.Manager.Lifetime = 0
		}, []string{"xsignin: Config.Session.Manager.Lifetime is 0s"}},
		{"the login as the home", func(c *xsignin.Config) { c.Paths.DefaultReturnTo = "/auth/login" }, []string{"xsignin: Config.Paths.DefaultReturnTo must be a path", "not one of the sign-in itself"}},
		{"the login below a path as the home", func(c *xsignin.Config) {
			c.PublicURL, c.Paths.DefaultReturnTo = "https://site.example/app", "/app/auth/login/x?a"
		}, []string{"xsignin: Config.Paths.DefaultReturnTo must be a path"}},
		{"a home elsewhere", func(c *xsignin.Config) { c.Paths.DefaultReturnTo = "//evil.example" }, []string{"xsignin: Config.Paths.DefaultReturnTo must be a path on this site", `"//evil.example"`}},
		{"an API with a version", func(c *xsignin.Config) { c.X.APIURL = "https://api.x.com/2" }, []string{"xsignin: Config.X.APIURL has a path", "write https://api.x.com"}},
		{"two kinds of sessions", func(c *xsignin.Config) { c.Session.Manager, c.Session.Store = scs.New(), memstore.New() }, []string{"Config.Session.Manager has its own"}},
		{"an API by http", func(c *xsignin.Config) { c.X.APIURL = "http://api.example" }, []string{"APIURL is http"}},
		{"scopes that do not tell who it is", func(c *xsignin.Config) { c.Scopes = []string{"users.read"} }, []string{"xsignin: Config.Scopes lacks tweet.read"}},
		{"faults of both providers", func(c *xsignin.Config) {
			c.Scopes, c.OAuth1.ConsumerKey, c.OAuth1.ConsumerSecret = []string{"a,b"}, "k k", "s"
		}, []string{"xsignin: Config.Scopes[0]", "xsignin: Config.OAuth1.ConsumerKey has blanks"}},
		{"two providers of one name", func(c *xsignin.Config) {
			x, err := provider.NewX(provider.OAuth2Config{ClientID: "other", CallbackURL: "https://site.example/auth/callback"})
			if err != nil {
				t.Fatal(err)
			}
			c.Providers = []provider.Provider{x}
		}, []string{`"x"`}},
		{"a cookie name like a pending sign-in's", func(c *xsignin.Config) { c.Session.CookieName = "__Host-xsignin-pending-app" }, []string{"xsignin: Config.Session.CookieName", "pending sign-ins"}},
		{"a lifetime that is negative", func(c *xsignin.Config) { c.Session.Lifetime = -1 }, []string{"xsignin: Config.Session.Lifetime is -1ns"}},
		{"an access type without a key", func(c *xsignin.Config) { c.OAuth1.AccessType = "read" }, []string{"xsignin: Config.OAuth1.AccessType is set without ConsumerKey"}},
		{"always asking without a key", func(c *xsignin.Config) { c.OAuth1.AlwaysAsk = true }, []string{"xsignin: Config.OAuth1.AlwaysAsk is set without ConsumerKey"}},
		{"a profile without a key", func(c *xsignin.Config) { c.OAuth1.FetchProfile = true }, []string{"xsignin: Config.OAuth1.FetchProfile is set without ConsumerKey"}},
		{"Secure per request without a manager", func(c *xsignin.Config) { c.Session.SecurePerRequest = true }, []string{"xsignin: Config.Session.SecurePerRequest is set without Manager"}},
		{"a transfer without a hook", func(c *xsignin.Config) { c.Advanced.AllowAccountTransfer = true }, []string{"xsignin: Config.Advanced.AllowAccountTransfer is set without OnSignIn"}},
		{"one secret twice", func(c *xsignin.Config) { c.Secrets = append(c.Secrets, strings.Repeat("n", 32), c.Secrets[0]) }, []string{"xsignin: Config.Secrets[2] is the same as Secrets[0]"}},
		{"idle for longer than a session", func(c *xsignin.Config) { c.Session.IdleTimeout = 15 * 24 * time.Hour }, []string{"xsignin: Config.Session.IdleTimeout is 360h0m0s, longer than the lifetime of 336h0m0s"}},
		{"a script as a redirect", func(c *xsignin.Config) {
			c.Advanced.Native.RedirectURIs = []string{"app:/callback", "JavaScript:alert(1)"}
		}, []string{"xsignin: Config.Advanced.Native.RedirectURIs[1] has the scheme"}},
		{"a document as a redirect", func(c *xsignin.Config) { c.Advanced.Native.RedirectURIs = []string{"data:text/html,x"} }, []string{"xsignin: Config.Advanced.Native.RedirectURIs[0] has the scheme"}},
		{"a transport that is a nil pointer", func(c *xsignin.Config) { c.X.Transport = (*http.Transport)(nil) }, []string{"xsignin: Config.X.Transport is a nil pointer of type *http.Transport"}},
		{"a provider's name with a colon", func(c *xsignin.Config) { c.Providers = []provider.Provider{named{name: "a:b"}} }, []string{`xsignin: Config.Providers[1] has the name "a:b"`, "colon"}},
		{"a refresh after the expiry", func(c *xsignin.Config) { c.Advanced.RefreshBefore = -1 }, []string{"RefreshBefore"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good()
			tt.edit(&c)
			kit, err := xsignin.New(c)
			if err == nil {
				t.Fatalf("no error, %v", kit)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in the error: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), "OAuth2Config") || strings.Contains(err.Error(), "OAuth1Config") {
				t.Errorf("the error names what nobody wrote: %v", err)
			}
		})
	}
	if _, err := xsignin.New(good()); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// TestAPublicURLIsWrittenAsBrowsersWriteIt: browsers and X compare addresses to the letter.
func TestAPublicURLIsWrittenAsBrowsersWriteIt(t *testing.T) {
	const host, path, port, shape = "has the host", "has the path", "write a port", "must be"
	for _, tt := range []struct{ public, want string }{
		{"https://site.example", ""},
		{"HTTPS://site.example", ""},
		{"https://site.example.", ""},
		{"https://my_site.example:8443/", ""},
		{"https://site.example:443", ""},
		{"https://xn--bcher-kva.example", ""},
		{"https://1st.example", ""},
		{"https://site.example/@acme", ""},
		{"https://site.example/%40acme/", ""},
		{"https://site.example/caf\u00e9", ""},
		{"https://site.example/a=b,c", ""},
		{"https://site.example/a;b", path},
		{"https://192.0.2.1", ""},
		{"https://[2001:db8::1]:8443", ""},
		{"https://b\u00fccher.example", host},
		{"https://b%C3%BCcher.example", host},
		{"https://site\u3002example", host},
		{"https://\uff53ite.example", host},
		{"https://$HOST", host},
		{"https://*.site.example", host},
		{"https://a.example,b.example", host},
		{"https://site..example", host},
		{"https://.site.example", host},
		{"https://" + strings.Repeat("a", 64) + ".example", host},
		{"https://127.1", host},
		{"https://2130706433", host},
		{"https://0x7f000001", host},
		{"https://0177.0.0.1", host},
		{"https://256.0.0.1", host},
		{"https://[fe80::1%25eth0]:8080", "write fe80::1"},
		{"https://[0:0:0:0:0:0:0:1]", "write ::1"},
		{"https://[2001:DB8::1]", ""},
		{"https://[::ffff:127.0.0.1]", "write 127.0.0.1"},
		{"https://site.example:", port},
		{"https://site.example:0", port},
		{"https://site.example:65536", port},
		{"https://site.example:0443", port},
		{"https://[2001:db8::1]:08080", port},
		{"https://https://site.example", port},
		{"https://site.example?", shape},
		{"https://site.example/?", shape},
		{"https://site.example/#top", shape},
		{"https:site.example", shape},
		{"https:/site.example", shape},
		{" https://site.example", shape},
		{"https://site.example\n", shape},
		{`"https://site.example"`, "quotation marks"},
		{"https://site.example/a ", path},
		{"https://site.example/a b", path},
		{"https://site.example/a%2Fb", path},
		{"https://site.example/a%3Fb", path},
		{"https://site.example/a%25b", path},
		{"https://site.example//a", path},
		{"https://site.example/a/../b", path},
		{"https://site.example/a/%2e%2e/b", path},
		{"https://site.example/./", path},
		{"https://site.example/${PREFIX}", path},
		{`https://site.example/a\b`, path},
	} {
		_, err := xsignin.New(xsignin.Config{
			PublicURL: tt.public, ClientID: "id", Secrets: []string{strings.Repeat("k", 32)}, Logger: slog.New(slog.DiscardHandler),
		})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), "Config.PublicURL") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.public, err, tt.want)
		}
	}
}

// hashing returns a session manager that hashes ids and whose cookie is Secure.
func hashing() *scs.SessionManager {
	sm := scs.New()
	sm.HashTokenInStore, sm.Cookie.Secure = true, true
	return sm
}

// named is a provider of which only the name is used.
type named struct {
	provider.Provider
	name string
}

func (n named) Name() string { return n.name }

// TestSecurePerRequest: the application's manager sets Secure for each request.
func TestSecurePerRequest(t *testing.T) {
	sm := hashing()
	sm.Cookie.Secure = false
	_, err := xsignin.New(xsignin.Config{
		PublicURL: "https://site.example", ClientID: "id", Secrets: []string{strings.Repeat("k", 32)},
		Session: xsignin.SessionConfig{Manager: sm, SecurePerRequest: true}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWithoutKeysOnLoopbackThereIsOneWarning(t *testing.T) {
	for _, public := range []string{"http://127.0.0.1:8080", "http://localhost:3000", "http://[::1]:8080", "http://app.localhost"} {
		var log bytes.Buffer
		_, err := xsignin.New(xsignin.Config{PublicURL: public, ClientID: xtest.DefaultPublicClientID, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Errorf("%s: %v", public, err)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("%s: %d warnings: %s", public, n, log.String())
		}
	}
}

func TestAFaultOfBothProvidersIsToldOnce(t *testing.T) {
	_, err := xsignin.New(xsignin.Config{
		PublicURL: "http://localhost:8080", ClientID: "id", OAuth1: xsignin.OAuth1Config{ConsumerKey: "key", ConsumerSecret: "secret"}, X: xsignin.XEndpoints{APIURL: "http://api.example"},
	})
	if err == nil || strings.Count(err.Error(), "xsignin: Config.X.APIURL is http") != 1 {
		t.Errorf("the error: %v", err)
	}
}

func TestANewThatFailsDoesNotWarn(t *testing.T) {
	for name, edit := range map[string]func(*xsignin.Config){
		"a provider's fault":  func(c *xsignin.Config) { c.Scopes = []string{"tweet.write"} },
		"the handlers' fault": func(c *xsignin.Config) { c.Paths.DefaultReturnTo = "//evil.example" },
		"over plain http": func(c *xsignin.Config) {
			c.PublicURL, c.Secrets, c.Advanced.RefreshBefore = "http://site.example", []string{strings.Repeat("k", 32)}, -1
		},
	} {
		var log bytes.Buffer
		c := xsignin.Config{PublicURL: "http://localhost:8080", ClientID: "id", Logger: slog.New(slog.NewTextHandler(&log, nil))}
		edit(&c)
		if _, err := xsignin.New(c); err == nil || log.Len() > 0 {
			t.Errorf("%s: error %v, log %s", name, err, log.String())
		}
	}
}

func TestPlainHTTPOffLoopbackIsSaidAloud(t *testing.T) {
	var log bytes.Buffer
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: "http://site.example", ClientID: "id", Secrets: []string{strings.Repeat("k", 32)},
		Logger: slog.New(slog.NewTextHandler(&log, nil)), X: xsignin.XEndpoints{Transport: xtest.New(xtest.Config{}).Transport()},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "plain http") {
		t.Errorf("the log: %s", log.String())
	}
	for _, f := range kit.Check(t.Context(), nil) {
		if f.Code == "plain_http" {
			return
		}
	}
	t.Error("Check does not find it")
}

func TestTheCallbackIsPublicURLToTheLetter(t *testing.T) {
	s := testkit.NewSite(t, func(c *xsignin.Config) { c.PublicURL = "https://Site.Example:443/caf\u00e9" })
	s.Mux.Handle("/caf\u00e9/auth/", s.Kit)
	s.X.SetCallbacks("https://Site.Example:443/caf%C3%A9/auth/callback")
	a := s.Browser().Get("https://site.example/caf%C3%A9/auth/login")
	u, err := url.Parse(a.Redirect())
	if err != nil || u.Query().Get("redirect_uri") != "https://Site.Example:443/caf%C3%A9/auth/callback" {
		t.Errorf("status %d to %q", a.StatusCode, a.Redirect())
	}
	if got := s.Kit.LoginURL("x", ""); got != "/caf%C3%A9/auth/login" {
		t.Errorf("LoginURL is %q", got)
	}
}

func TestKeysRotate(t *testing.T) {
	oldKey, newKey := strings.Repeat("o", 32), strings.Repeat("n", 32)
	s := testkit.NewSite(t, func(c *xsignin.Config) { c.Secrets = []string{oldKey} })
	b := s.Browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	underWay := b.Approve(b.Begin("/auth/login?return_to=/after"), xtest.DefaultUserID)

	// The same browser, stores and X, and another process.
	rotated := testkit.NewSite(t, func(c *xsignin.Config) {
		c.Secrets = []string{newKey, oldKey}
		c.TokenStore, c.Session.Store, c.X.Transport = s.Tokens, s.Sessions, s.X.Transport()
	})
	b.Client.Transport = testkit.InProcess{Handler: rotated.Mux}
	if got := b.Who(); got != xtest.DefaultUserID {
		t.Errorf("signed in as %q", got)
	}
	if a := b.Get("/api"); a.StatusCode != 200 {
		t.Errorf("/api: status %d, body %s", a.StatusCode, a.Text)
	}
	if a := b.Get(underWay); a.Redirect() != "/after" {
		t.Errorf("the sign-in under way: status %d to %q", a.StatusCode, a.Redirect())
	}
}

func TestAHalfConfigurationIsSaidAloud(t *testing.T) {
	over := hashing()
	over.Store = storeOfOnesOwn{over.Store}
	both := func(c *xsignin.Config) { c.Session.Store, c.TokenStore = storeOfOnesOwn{}, tokensOfOnesOwn{} }
	for _, tt := range []struct {
		name string
		edit func(*xsignin.Config)
		want string // in the one warning; "" for none
	}{
		{"the quick start, deployed", func(*xsignin.Config) {}, "in memory"},
		{"sessions alone", func(c *xsignin.Config) { c.Session.Store = storeOfOnesOwn{} }, "Set TokenStore to a store"},
		{"tokens alone", func(c *xsignin.Config) { c.TokenStore = tokensOfOnesOwn{} }, "Set Session.Store, or"},
		{"both", both, ""},
		{"sessions alone, on loopback", func(c *xsignin.Config) { c.PublicURL, c.Session.Store = "http://localhost:8080", storeOfOnesOwn{} }, ""},
		{"an application with its own session", func(c *xsignin.Config) { c.Session.Disabled, c.Success = true, http.NotFoundHandler() }, ""},
		{"an application with its own session, on loopback", func(c *xsignin.Config) {
			c.PublicURL, c.Secrets, c.Session.Disabled, c.Success = "http://localhost:8080", nil, true, http.NotFoundHandler()
		}, ""},
		{"an application's sessions alone", func(c *xsignin.Config) { c.Session.Manager = over }, "Set TokenStore to a store"},
		{"an application's sessions in memory", func(c *xsignin.Config) { c.Session.Manager = hashing() }, "in memory"},
		{"memory that is named", func(c *xsignin.Config) { c.Session.Store, c.TokenStore = memstore.New(), tokenstore.NewMemory() }, "in memory"},
		{"an application's sessions in memory, with tokens", func(c *xsignin.Config) { c.Session.Manager, c.TokenStore = hashing(), tokensOfOnesOwn{} }, "the Store of Session.Manager, to a store"},
		{"kept tokens that nothing renews", func(c *xsignin.Config) {
			both(c)
			c.Advanced.KeepTokensOnLogout, c.Scopes = true, []string{"tweet.read", "users.read"}
		}, "offline.access"},
		{"kept tokens with the usual scopes", func(c *xsignin.Config) { both(c); c.Advanced.KeepTokensOnLogout = true }, ""},
		{"kept tokens that can be renewed", func(c *xsignin.Config) {
			both(c)
			c.Advanced.KeepTokensOnLogout, c.Scopes = true, []string{"tweet.read", "users.read", "offline.access"}
		}, ""},
		{"tokens that need not be renewed", func(c *xsignin.Config) { c.TokenStore, c.Scopes = nil, []string{"tweet.read", "users.read"} }, "in memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			c := xsignin.Config{
				PublicURL: "https://site.example", ClientID: xtest.DefaultPublicClientID, Secrets: []string{strings.Repeat("k", 32)},
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			}
			tt.edit(&c)
			if _, err := xsignin.New(c); err != nil {
				t.Fatal(err)
			}
			n := strings.Count(log.String(), "level=WARN")
			if tt.want == "" && n != 0 || tt.want != "" && (n != 1 || !strings.Contains(log.String(), tt.want)) {
				t.Errorf("the log: %s", log.String())
			}
		})
	}
}

// tokensOfOnesOwn is a token store that is not memory.
type tokensOfOnesOwn struct{ tokenstore.Store }

// storeOfOnesOwn is a session store that is not memory.
type storeOfOnesOwn struct{ scs.Store }

// TestAPublicURLThatIsNoneIsNotRepeated: a secret may have come into the wrong field.
func TestAPublicURLThatIsNoneIsNotRepeated(t *testing.T) {
	for _, secret := range []string{"c2VjcmV0LXNlY3JldC1zZWNyZXQ", "https://user:c2VjcmV0@", "user:c2VjcmV0@site.example", "c2VjcmV0=.x"} {
		if _, err := xsignin.New(xsignin.Config{PublicURL: secret, ClientID: "id"}); err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%v", err)
		}
	}
}

func TestWhatOnlyLooksLikeTheCallbackIsASite(t *testing.T) {
	for _, public := range []string{"http://localhost:8080/auth", "http://localhost:8080/callback", "http://localhost:8080/auth/callbacks"} {
		if _, err := xsignin.New(xsignin.Config{PublicURL: public, ClientID: "id", Logger: slog.New(slog.DiscardHandler)}); err != nil {
			t.Errorf("%s: %v", public, err)
		}
	}
}

func TestParseSecrets(t *testing.T) {
	a, b := strings.Repeat("a", 32), strings.Repeat("b", 32)
	for _, tt := range []struct {
		value string
		want  []string
		err   string
	}{
		{"", nil, ""},
		{a, []string{a}, ""},
		{" " + a + "\n\t" + b + "\n", []string{a, b}, ""},
		{a + "," + b, nil, "secret 1 has a comma, a semicolon or a bar in it (separate secrets by spaces)"},
		{a + ", " + b, nil, "secret 1 has a comma"},
		{`"` + a + `"`, nil, "without quotation marks"},
		{a + " short", nil, "secret 2 has 5 bytes and needs at least 32"},
		{" \n", nil, "the value has no secret in it"},
		{a + "\r\n" + b, []string{a, b}, ""},
		{a + "\u00a0" + b, []string{a, b}, ""},
		{a + ";" + b, nil, "secret 1 has a comma, a semicolon or a bar"},
		{a + "|" + b, nil, "secret 1 has a comma, a semicolon or a bar"},
		{a + `\n` + b, nil, "written with a backslash"},
		{a + `\t`, nil, "written with a backslash"},
		{`["` + a + `","` + b + `"]`, nil, "secret 1 has a comma"},
		{"'" + a + "'", nil, "without quotation marks"},
		{"`" + a + "`", nil, "without quotation marks"},
		{"\u201c" + a + "\u201d", nil, "not printable ASCII"},
		{"\ufeff" + a, nil, "not printable ASCII"},
		{a + "\u200b" + b, nil, "not printable ASCII"},
		{a + "\x00" + b, nil, "not printable ASCII"},
		{strings.Repeat("\xff", 32), nil, "not printable ASCII"},
		{"${SECRETS_OF_THE_APPLICATION_FROM_THE_VAULT}", nil, "name of a variable"},
		{"$SECRETS_OF_THE_APPLICATION_FROM_THE_VAULT", nil, "name of a variable"},
		{"$(openssl-rand-base64-32-of-the-shell)", nil, "name of a variable"},
		{"<the-output-of-openssl-rand-base64-32>", nil, "name of a variable"},
		{"{{secrets.of.the.application.from.vault}}", nil, "name of a variable"},
		{"%SECRETS_OF_THE_APPLICATION_FROM_THE_VAULT%", nil, "name of a variable"},
		{"/run/secrets/secrets_of_the_application.txt", nil, "name of a variable or a file"},
		{"file:///run/secrets/secrets_of_the_application", nil, "name of a variable or a file"},
		{"op://production/site.example/session-secret", nil, "placeholder"},
		{"@Microsoft.KeyVault(SecretUri=https://site.vault.azure.net/secrets/x)", nil, "placeholder"},
		{"vault:secret/data/production/site.example#key", nil, "placeholder"},
		{"arn:aws:secretsmanager:eu-central-1:123456789012:secret:site", nil, "placeholder"},
		{"/" + a + "/B+c=", []string{"/" + a + "/B+c="}, ""},
		{"base64:" + a + "=", []string{"base64:" + a + "="}, ""},
		{"$" + a, []string{"$" + a}, ""},
		{a[1:] + "=", []string{a[1:] + "="}, ""},
	} {
		got, err := xsignin.ParseSecrets(tt.value)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.err == "") {
			t.Errorf("%q: %q, %v", tt.value, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "aaa")) {
			t.Errorf("%q: %v, want %s", tt.value, err, tt.err)
		}
	}
}

func TestNewLogsTheCallbackToRegister(t *testing.T) {
	var log bytes.Buffer
	_, err := xsignin.New(xsignin.Config{
		PublicURL: "http://localhost:8080/app", ClientID: "id", Paths: xsignin.Paths{Base: "/in"},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if want := `provider=x login=/app/in/login callback=http://localhost:8080/app/in/callback where="console.x.com, the app, User authentication settings"`; err != nil || strings.Count(log.String(), want) != 1 {
		t.Errorf("%v, the log: %s", err, log.String())
	}
}
