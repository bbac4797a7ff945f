package acceptance_test

import (
	"crypto/fips140"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

// inFIPSMode is the variable of a process of this test in FIPS mode: its mode.
const inFIPSMode = "XSIGNIN_TEST_FIPS_MODE"

// TestInFIPSMode runs TestSignInsInFIPSMode in processes of each mode of Go's FIPS 140 module.
func TestInFIPSMode(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"on", "only"} {
		t.Run(mode, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestSignInsInFIPSMode$", "-test.v")
			cmd.Env = append(os.Environ(), "GODEBUG=fips140="+mode, inFIPSMode+"="+mode)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestSignInsInFIPSMode") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestSignInsInFIPSMode: a whole visit works by OAuth 2.0. New refuses OAuth 1.0a where its
// signatures are forbidden.
func TestSignInsInFIPSMode(t *testing.T) {
	mode := os.Getenv(inFIPSMode)
	if mode == "" {
		return // TestInFIPSMode runs this test in another process
	}
	if !fips140.Enabled() {
		t.Fatal("the process is not in FIPS mode")
	}
	strict := mode == "only"
	if strict {
		_, err := xsignin.New(testkit.Config(xtest.New(xtest.Config{})))
		if err == nil || !strings.Contains(err.Error(), "xsignin: Config.OAuth1.ConsumerKey cannot be used: OAuth 1.0a signs with HMAC-SHA1") {
			t.Fatalf("New with OAuth 1.0a: %v", err)
		}
	}
	own := scs.New()
	own.HashTokenInStore = true
	for name, edit := range map[string]func(*xsignin.Config){
		"the kit's sessions":         func(*xsignin.Config) {},
		"the application's sessions": func(c *xsignin.Config) { c.Session.Store, c.Session.Manager = nil, own },
	} {
		s := newSite(t, edit, func(c *xsignin.Config) {
			if strict {
				c.OAuth1 = xsignin.OAuth1Config{}
			}
		})
		for _, p := range flows {
			if strict && p.name == "x-oauth1" {
				continue
			}
			b := s.browser()
			if a := b.SignIn(p.login+"?return_to=/me", xtest.DefaultUserID); a.Redirect() != "/me" {
				t.Fatalf("%s, %s: to %q", name, p.name, a.Redirect())
			}
			if p.name == "x" {
				if err := s.Kit.RefreshToken(t.Context(), s.Tokens.Keys()[0]); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if done, err := s.Kit.ReencryptTokens(t.Context()); err != nil {
				t.Errorf("%s, %s: %v, %v", name, p.name, done, err)
			}
			if a := b.Get("/api"); a.StatusCode != http.StatusOK {
				t.Errorf("%s, %s: calling X: status %d, %s", name, p.name, a.StatusCode, a.Text)
			}
			if a := b.Send(http.MethodPost, "/auth/logout?everywhere=1", nil); a.StatusCode != http.StatusSeeOther || b.Who() != "" {
				t.Errorf("%s, %s: signing out: status %d", name, p.name, a.StatusCode)
			}
		}
	}
}
