package xsignin_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

func public(c *xsignin.Config) { c.PublicURL = "https://site.example" }

// TestSignInsThatDoNotComeBackAreToldOnce checks when, and when not.
func TestSignInsThatDoNotComeBackAreToldOnce(t *testing.T) {
	begin := func(s *testkit.Site, n int, every time.Duration) {
		for i := range n {
			if i > 0 {
				time.Sleep(every)
			}
			s.Browser().Begin("/auth/login")
		}
	}
	for name, tt := range map[string]struct {
		edit  func(*xsignin.Config)
		visit func(s *testkit.Site)
		want  string
	}{
		"two on loopback":         {nil, func(s *testkit.Site) { begin(s, 2, time.Hour) }, ""},
		"three on loopback":       {nil, func(s *testkit.Site) { begin(s, 3, 10*time.Second) }, "3 sign-ins have begun"},
		"ten at once on loopback": {nil, func(s *testkit.Site) { begin(s, 10, time.Second) }, ""},
		"many on loopback":        {nil, func(s *testkit.Site) { begin(s, 20, 10*time.Second) }, "3 sign-ins have begun"},
		"four in public":          {public, func(s *testkit.Site) { begin(s, 4, time.Hour) }, ""},
		"five in public":          {public, func(s *testkit.Site) { begin(s, 5, 3*time.Minute) }, "5 sign-ins have begun"},
		"many at once in public":  {public, func(s *testkit.Site) { begin(s, 50, time.Second) }, ""},
		"one that was denied": {nil, func(s *testkit.Site) {
			b := s.Browser()
			callback, err := s.X.Deny(b.Begin("/auth/login"), xtest.DefaultUserID)
			if err != nil {
				t.Error(err)
			}
			b.Get(callback)
			begin(s, 5, time.Minute)
		}, ""},
		"one that was denied by OAuth 1.0a": {nil, func(s *testkit.Site) {
			b := s.Browser()
			callback, err := s.X.Deny(b.Begin("/auth/login/x-oauth1"), xtest.DefaultUserID)
			if err != nil {
				t.Error(err)
			}
			b.Get(callback)
			begin(s, 5, time.Minute)
		}, ""},
		"a callback that is mounted apart": {nil, func(s *testkit.Site) {
			s.Mux.Handle("/auth/callback", s.Kit.Handlers().Callback(nil, nil))
			s.Browser().SignIn("/auth/login", xtest.DefaultUserID)
			begin(s, 5, time.Minute)
		}, ""},
		"one that failed": {nil, func(s *testkit.Site) {
			s.Browser().Get("/auth/callback?state=of-another-browser")
			begin(s, 5, time.Minute)
		}, ""},
		"one by OAuth 1.0a": {nil, func(s *testkit.Site) {
			s.Browser().SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
			begin(s, 5, time.Minute)
		}, ""},
		"by a provider with its own callback": {func(c *xsignin.Config) { c.Providers = []provider.Provider{beginning{}} }, func(s *testkit.Site) {
			for range 3 {
				s.Browser().Get("/auth/login/other")
				time.Sleep(10 * time.Second)
			}
		}, "callback=https://site.example/auth/callback/other "},
		"a robot at the callback": {nil, func(s *testkit.Site) {
			s.Browser().Get("/auth/callback")
			begin(s, 3, time.Minute)
		}, "3 sign-ins have begun"},
	} {
		t.Run(name, func(t *testing.T) {
			edits := []func(*xsignin.Config){}
			if tt.edit != nil {
				edits = append(edits, tt.edit)
			}
			s := testkit.NewSite(t, edits...)
			s.Bubble(func() { tt.visit(s) })
			wantOnce(t, s.Log.String(), "none_came_back", tt.want)
		})
	}
}

// beginning is a provider that does not send its visitors back.
type beginning struct{ other }

func (beginning) CallbackURL() string { return "https://site.example/auth/callback/other" }

func (beginning) Begin(context.Context, provider.Options) (string, provider.Pending, error) {
	return "https://other.example/", provider.Pending{Provider: "other", State: rand.Text()}, nil
}

// wantOnce checks that the log has one line with a cause, or none if want is "".
func wantOnce(t *testing.T, log, cause, want string) {
	t.Helper()
	n := strings.Count(log, "cause="+cause+" ")
	if want == "" && n != 0 || want != "" && (n != 1 || !strings.Contains(log, want) || !strings.Contains(log, "troubleshooting.md#"+cause+"\n")) {
		t.Errorf("%s is there %d times, want %q, in: %s", cause, n, want, log)
	}
}

// TestALoginThatIsNotReachedIsToldOnce checks when, and when not.
func TestALoginThatIsNotReachedIsToldOnce(t *testing.T) {
	const navigate = "navigate"
	for name, tt := range map[string]struct {
		edit   func(*xsignin.Config)
		n      int
		every  time.Duration
		accept string
		mode   string
		reach  string // what the visitor opens in between
		want   string
	}{
		"one":                         {nil, 1, time.Minute, "text/html", navigate, "", ""},
		"two":                         {nil, 2, 3 * time.Second, "text/html", navigate, "", "2 page loads"},
		"many":                        {nil, 30, 3 * time.Second, "text/html", "", "", "2 page loads"},
		"tabs that open at once":      {nil, 30, 0, "text/html", navigate, "", ""},
		"a program":                   {nil, 30, time.Minute, "*/*", "", "", ""},
		"a script":                    {nil, 30, time.Minute, "*/*", "cors", "", ""},
		"the login is reached":        {nil, 30, time.Minute, "text/html", navigate, "/auth/login", ""},
		"another login is reached":    {nil, 30, time.Minute, "text/html", navigate, "/auth/login/x-oauth1", ""},
		"the login begins nothing":    {nil, 30, time.Minute, "text/html", navigate, "/auth/login?scope=unknown", ""},
		"only the session is reached": {nil, 30, time.Minute, "text/html", navigate, "/auth/session", "2 page loads"},
		"nine in public":              {public, 9, time.Hour, "text/html", navigate, "", ""},
		"ten in public":               {public, 10, 7 * time.Second, "text/html", navigate, "", "10 page loads"},
		"a monitor in public":         {public, 99, time.Hour, "text/html", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			edits := []func(*xsignin.Config){}
			if tt.edit != nil {
				edits = append(edits, tt.edit)
			}
			s := testkit.NewSite(t, edits...)
			s.Bubble(func() {
				b := s.Browser()
				for i := range tt.n {
					if i > 0 {
						time.Sleep(tt.every)
					}
					headers := []string{"Accept", tt.accept}
					if tt.mode != "" {
						headers = append(headers, "Sec-Fetch-Mode", tt.mode)
					}
					b.Get("/me", headers...)
					if tt.reach != "" {
						b.Get(tt.reach)
					}
				}
			})
			wantOnce(t, s.Log.String(), "login_not_reached", tt.want)
		})
	}
}

// TestAnHTTPSSiteThatIsOpenedByHTTPIsToldOnce checks when, and when not: behind a proxy each
// request arrives by http.
func TestAnHTTPSSiteThatIsOpenedByHTTPIsToldOnce(t *testing.T) {
	const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	const safari15 = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.6 Safari/605.1.15"
	of := func(agent string, more ...string) []string {
		return append([]string{"User-Agent", agent, "Upgrade-Insecure-Requests", "1"}, more...)
	}
	for name, tt := range map[string]struct {
		edit     func(*xsignin.Config)
		requests [][]string
		told     bool
	}{
		"Chrome by http":                 {public, [][]string{of(chrome), of(chrome)}, true},
		"a proxy that says so":           {public, [][]string{of(chrome, "X-Forwarded-Proto", "http")}, true},
		"Firefox by http":                {public, [][]string{of("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")}, true},
		"a proxy that says nothing":      {public, [][]string{of(chrome, "Sec-Fetch-Mode", "navigate")}, false},
		"two proxies":                    {public, [][]string{of(chrome, "Sec-Fetch-Mode", "navigate", "X-Forwarded-Proto", "http")}, false},
		"a proxy that says https":        {public, [][]string{of(chrome, "X-Forwarded-Proto", "HTTPS")}, false},
		"several proxies":                {public, [][]string{of(chrome, "X-Forwarded-Proto", "https, http")}, false},
		"a site that is used by both":    {public, [][]string{of(chrome, "Sec-Fetch-Mode", "navigate"), of(chrome)}, false},
		"an old Safari, behind a proxy":  {public, [][]string{of(safari15)}, false},
		"a robot":                        {public, [][]string{{"User-Agent", "curl/8"}, {"User-Agent", chrome}}, false},
		"a site that is on http":         {func(c *xsignin.Config) { c.PublicURL = "http://site.example" }, [][]string{of(chrome)}, false},
		"a site in development, by http": {nil, [][]string{of(chrome)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			edits := []func(*xsignin.Config){}
			if tt.edit != nil {
				edits = append(edits, tt.edit)
			}
			s := testkit.NewSite(t, edits...)
			for _, headers := range tt.requests {
				s.Browser().Send(http.MethodGet, "http://site.example/auth/login", nil, headers...)
			}
			want := ""
			if tt.told {
				want = "opened the login by http"
			}
			wantOnce(t, s.Log.String(), "public_url_scheme", want)
		})
	}
}

// TestNewLogsOnLoopbackWhatNeedsNoNetwork: in public Check is for that.
func TestNewLogsOnLoopbackWhatNeedsNoNetwork(t *testing.T) {
	odd := func(c *xsignin.Config) {
		c.ClientID, c.Scopes = "an-id", []string{"tweet.read", "users.read", "tweets.write"}
	}
	s := testkit.NewSite(t, odd)
	for _, cause := range []string{"client_id_shape", "offline_access", "scope_of_x"} {
		wantOnce(t, s.Log.String(), cause, "level=WARN")
	}
	if n := len(s.X.Requests()); n != 0 {
		t.Errorf("New made %d requests", n)
	}
	s = testkit.NewSite(t, odd, public, func(c *xsignin.Config) { c.Scopes = append(c.Scopes, "offline.access") })
	if log := s.Log.String(); strings.Contains(log, "level=WARN") {
		t.Errorf("in public the log has %s", log)
	}
	if log := testkit.NewSite(t).Log.String(); strings.Contains(log, "level=WARN") {
		t.Errorf("with good settings the log has %s", log)
	}
}

// TestNewNamesTheServerWhereTheCallbackBelongs: X's console has nothing to do with a local X.
func TestNewNamesTheServerWhereTheCallbackBelongs(t *testing.T) {
	s := testkit.NewSite(t, func(c *xsignin.Config) { c.X.APIURL = "http://127.0.0.1:9000" })
	if log := s.Log.String(); !strings.Contains(log, "where=http://127.0.0.1:9000\n") || strings.Contains(log, "x.com") {
		t.Errorf("the log: %s", log)
	}
	s = testkit.NewSite(t, func(c *xsignin.Config) { c.X.APIURL = "https://API.twitter.com" })
	if log := s.Log.String(); !strings.Contains(log, "where=\"console.x.com,") {
		t.Errorf("at the old name of X's API, the log: %s", log)
	}
}

// TestNoCACertificates runs itself in a process that finds no certificates: a process reads
// them once.
func TestNoCACertificates(t *testing.T) {
	const inside = "XSIGNIN_TEST_WITHOUT_CERTIFICATES"
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	check := func(transport http.RoundTripper) (codes, log string) {
		var buffer testkit.LogBuffer
		cfg := testkit.Config(xtest.New(xtest.Config{}))
		cfg.X.APIURL, cfg.X.Transport = server.URL, transport
		cfg.Logger = slog.New(slog.NewTextHandler(&buffer, nil))
		kit, err := xsignin.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range kit.Check(context.Background(), nil) {
			codes += f.Code + " "
		}
		return codes, buffer.String()
	}
	if os.Getenv(inside) == "" {
		if codes, log := check(nil); codes != "unreachable " || strings.Contains(log, "no_ca_certificates") {
			t.Errorf("with certificates: %s, the log: %s", codes, log)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestNoCACertificates$", "-test.v")
		nowhere := filepath.Join(t.TempDir(), "nowhere")
		cmd.Env = append(os.Environ(), inside+"=1", "SSL_CERT_FILE="+nowhere, "SSL_CERT_DIR="+nowhere)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestNoCACertificates") {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	codes, log := check(nil)
	if codes != "no_ca_certificates " || strings.Count(log, "cause=no_ca_certificates") != 1 || !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "ca-certificates") {
		t.Errorf("Check finds %s, the log: %s", codes, log)
	}
	// An application's transport may have certificates of its own, so only its failure counts.
	if codes, log := check(&http.Transport{}); codes != "no_ca_certificates " || strings.Contains(log, "no_ca_certificates") {
		t.Errorf("with another transport: Check finds %s, the log: %s", codes, log)
	}
	if codes, _ := check(server.Client().Transport); codes == "no_ca_certificates " {
		t.Errorf("with a transport that trusts the server: %s", codes)
	}
}
