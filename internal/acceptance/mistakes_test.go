package acceptance_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
)

// ofNew returns the error of New, and what New logs.
func ofNew(t *testing.T, edit func(*xsignin.Config)) string {
	t.Helper()
	log := &testkit.LogBuffer{}
	cfg := testkit.Config(xtest.New(xtest.Config{}))
	cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	edit(&cfg)
	if _, err := xsignin.New(cfg); err != nil {
		return err.Error()
	}
	return log.String()
}

// ofCheck returns what Check finds.
func ofCheck(t *testing.T, edit func(*xsignin.Config)) string {
	t.Helper()
	var all strings.Builder
	for _, f := range newSite(t, edit).Kit.Check(t.Context(), nil) {
		all.WriteString(f.Problem + " " + f.Fix + " " + f.Help + "\n")
	}
	return all.String()
}

// ofVisits returns the log of a site after visits of a page that needs a user. serve makes the
// site's handler from the kit.
func ofVisits(t *testing.T, serve func(k *xsignin.Kit, me http.Handler) http.Handler) string {
	t.Helper()
	s := newSite(t)
	s.Bubble(func() {
		b := s.browser()
		b.Client.Transport = testkit.InProcess{Handler: serve(s.Kit, s.Kit.RequireUser(http.NotFoundHandler()))}
		for range 3 {
			b.Get(b.Get("/me").Redirect())
			time.Sleep(3 * time.Second)
		}
	})
	return s.Log.String()
}

// ofSignIn returns the log of a sign-in whose call for the user X answers with a fault.
func ofSignIn(t *testing.T, f xtest.Fault) string {
	t.Helper()
	s := newSite(t)
	b := s.browser()
	callback := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
	f.Path = "/2/users/me"
	s.X.Fail(f)
	b.Get(callback)
	return s.Log.String()
}

// mounted serves the kit at a pattern, and a page that needs a user at /me.
func mounted(pattern string) func(k *xsignin.Kit, me http.Handler) http.Handler {
	return func(k *xsignin.Kit, me http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(pattern, k)
		mux.Handle("/me", me)
		return mux
	}
}

// stripping is a proxy that removes /auth from paths.
func stripping(next http.Handler) http.Handler {
	stripped := http.StripPrefix("/auth", next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/auth/") {
			stripped.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

const byChrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

// TestCommonMistakesAreNamed: each is named with its cure, by New, in the log or by Check.
func TestCommonMistakesAreNamed(t *testing.T) {
	const secretA, secretB = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	for _, tt := range []struct {
		mistake string
		told    func(t *testing.T) string
		want    []string // what is wrong, and what to write
	}{
		{"callback not registered", func(t *testing.T) string {
			s := newSite(t)
			s.Bubble(func() {
				s.X.SetCallbacks("http://127.0.0.1:8080/other")
				for range 4 {
					s.browser().Get(s.browser().Begin("/auth/login"))
					time.Sleep(10 * time.Second)
				}
			})
			return s.Log.String()
		}, []string{"level=WARN", "3 sign-ins have begun, and none has reached the callback", "Register the callback at the provider, to the letter", "User authentication settings\" public_url", "#none_came_back"}},
		{"id and secret swapped", func(t *testing.T) string {
			return ofNew(t, func(c *xsignin.Config) { c.ClientID, c.ClientSecret = c.ClientSecret, c.ClientID })
		}, []string{"Config.ClientSecret is a client id", "ClientID and ClientSecret are swapped"}},
		{"consumer key in ClientID", func(t *testing.T) string {
			return ofNew(t, func(c *xsignin.Config) { c.ClientID = "AbCdEfGhIjKlMnOpQrStUv123" })
		}, []string{"Config.ClientID is a consumer key (API key)", "write it into ConsumerKey"}},
		{"quotes in values", func(t *testing.T) string {
			return ofNew(t, func(c *xsignin.Config) {
				c.PublicURL, c.ClientSecret, c.OAuth1.ConsumerKey = `"`+c.PublicURL+`"`, "'"+c.ClientSecret+"'", `"`+c.OAuth1.ConsumerKey+`"`
				c.Secrets = []string{`"` + secretA + `"`}
			}) + ofNew(t, func(c *xsignin.Config) { c.ClientSecret, c.OAuth1.ConsumerKey = "'a'", `"b"` })
		}, []string{"Config.PublicURL has quotation marks", "Config.ClientSecret has quotation marks: write the value without them", "Config.OAuth1.ConsumerKey has quotation marks", "Config.Secrets[0] has a quotation mark"}},
		{"comma in secrets", func(t *testing.T) string {
			return ofNew(t, func(c *xsignin.Config) { c.Secrets = []string{secretA + "," + secretB} })
		}, []string{"Config.Secrets[0] has a comma, a semicolon or a bar in it", "separate secrets by spaces"}},
		{"kit mounted at /auth without the slash", func(t *testing.T) string {
			return ofVisits(t, mounted("/auth"))
		}, []string{"level=ERROR", "the kit has received no request there", "and a slash", "login=/auth/login help", "#login_not_reached"}},
		{"proxy strips the path", func(t *testing.T) string {
			return ofVisits(t, func(k *xsignin.Kit, me http.Handler) http.Handler { return stripping(mounted("/auth/")(k, me)) })
		}, []string{"level=ERROR", "the kit has received no request there", "A proxy must pass the whole path"}},
		{"memory on https", func(t *testing.T) string {
			return ofNew(t, func(c *xsignin.Config) { c.PublicURL = "https://site.example" })
		}, []string{"level=WARN", "sessions and tokens are in memory", "Set TokenStore, and Session.Store or"}},
		{"no offline.access", func(t *testing.T) string {
			return ofCheck(t, func(c *xsignin.Config) {
				c.PublicURL, c.Scopes = "https://site.example", []string{"tweet.read", "users.read"}
			})
		}, []string{"sign in again after two hours", `Add "offline.access" to Scopes`}},
		{"missing users.read with a local X", func(t *testing.T) string {
			return ofNew(t, func(c *xsignin.Config) { c.X.APIURL, c.Scopes = "http://127.0.0.1:9000", []string{"tweet.read"} })
		}, []string{"Config.Scopes lacks users.read", `add "users.read"`}},
		{"https URL opened by http", func(t *testing.T) string {
			s := newSite(t, func(c *xsignin.Config) { c.PublicURL = "https://site.example" })
			for range 2 {
				s.browser().Send("GET", "http://site.example/auth/login", nil, "User-Agent", byChrome, "Upgrade-Insecure-Requests", "1")
			}
			return s.Log.String()
		}, []string{"level=WARN", "a browser has opened the login by http", "Open the site at PublicURL", "public_url=https://site.example"}},
		{"wrong X_API_URL", func(t *testing.T) string {
			unused := "http://127.0.0.1:" + testservers.FreePort(t)
			return ofCheck(t, func(c *xsignin.Config) { c.X.APIURL, c.X.Transport = unused, nil })
		}, []string{"X's API at http://127.0.0.1:", "could not be reached", "Check X.APIURL, which stays unset for X itself"}},
		{"app not enrolled", func(t *testing.T) string {
			return ofSignIn(t, xtest.Fault{Status: 403, Body: `{"title":"Client Forbidden","reason":"client-not-enrolled","type":"https://api.twitter.com/2/problems/client-forbidden"}`})
		}, []string{"level=ERROR", "(not_enrolled)", "take Pay-per-use with the environment Production", "help=https://github.com/xsignin/xsignin/blob/main/docs/troubleshooting.md#not_enrolled"}},
		{"no credits", func(t *testing.T) string {
			return ofSignIn(t, xtest.Fault{Status: 402, Body: `{"title":"CreditsDepleted","type":"https://api.x.com/2/problems/credits"}`})
		}, []string{"level=ERROR", "(no_credits)", "buy credits or raise the limit in X's console", "troubleshooting.md#credits"}},
	} {
		t.Run(tt.mistake, func(t *testing.T) {
			told := tt.told(t)
			for _, want := range tt.want {
				if n := strings.Count(told, want); n != 1 && (n == 0 || !strings.HasPrefix(want, "level=")) {
					t.Errorf("%q is there %d times in: %s", want, n, told)
				}
			}
		})
	}
}
