package acceptance_test

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/dghubble/gologin/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// tells is a provider's server with one answer.
type tells struct {
	status int
	body   string
}

// RoundTrip implements [http.RoundTripper].
func (a tells) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(a.body)), Request: r,
	}, nil
}

// ownProvider is a provider of the application's own: it has a name for people.
type ownProvider struct{ provider.Provider }

func (ownProvider) DisplayName() string { return "Our Intranet" }

// namedProvider is a provider beside X. If own is set, it has a method for its name.
type namedProvider struct {
	name, shown string // shown is its name for people
	configure   func(callback string) provider.OAuth2Config
	own         bool
}

func (o namedProvider) make(callback string, tr http.RoundTripper) (provider.Provider, error) {
	cfg := o.configure(callback)
	cfg.Transport = tr
	p, err := provider.NewOAuth2(cfg)
	if o.own {
		p = ownProvider{p}
	}
	return p, err
}

// discordAs configures a provider with a name of its own.
func discordAs(name, display string) func(callback string) provider.OAuth2Config {
	return func(callback string) provider.OAuth2Config {
		cfg := provider.Discord("id", "secret", callback)
		cfg.Name, cfg.DisplayName = name, display
		return cfg
	}
}

// elsewhere are providers beside X.
var elsewhere = []namedProvider{
	{name: "github", shown: "GitHub", configure: func(callback string) provider.OAuth2Config { return provider.GitHub("id", "secret", callback) }},
	{name: "google", shown: "Google", configure: func(callback string) provider.OAuth2Config { return provider.Google("id", "secret", callback) }},
	{name: "discord", shown: "Discord", configure: func(callback string) provider.OAuth2Config { return provider.Discord("id", "secret", callback) }},
	{name: "qq", shown: "QQ", configure: func(callback string) provider.OAuth2Config { return provider.QQ("id", "secret", callback) }},
	{name: "acme", shown: "Acme & Sons", configure: discordAs("acme", "Acme & Sons")},
	{name: "plain", shown: "plain", configure: discordAs("plain", "")},
	{name: "intranet", shown: "Our Intranet", configure: discordAs("intranet", "Discord"), own: true},
}

// x is X's name as a word.
var x = regexp.MustCompile(`\bX\b`)

// TestAProviderIsCalledByItsName: a failure at another provider does not blame X.
func TestAProviderIsCalledByItsName(t *testing.T) {
	for _, failure := range []struct {
		name     string
		code     string // of the document
		answer   tells
		callback []string // parameters to change in the callback
		fix      bool     // the log says what to do, with the name
	}{
		{"a refusal by the user", "denied", tells{}, []string{"code", "", "error", "access_denied"}, false},
		{"a refusal of the application", "refused", tells{}, []string{"code", "", "error", "unauthorized_client"}, true},
		{"an outage", "unavailable", tells{503, ""}, nil, false},
		{"a limit", "rate_limited", tells{429, "{}"}, nil, false},
		{"a wrong code", "expired", tells{400, `{"error":"invalid_grant"}`}, nil, false},
		{"wrong credentials", "refused", tells{401, `{"error":"invalid_client"}`}, nil, true},
		{"another browser", "other_browser", tells{}, []string{"state", "made-up"}, false},
	} {
		for _, p := range elsewhere {
			t.Run(failure.name+"/"+p.name, func(t *testing.T) {
				s := newSite(t, func(c *xsignin.Config) {
					made, err := p.make(c.PublicURL+"/auth/callback/"+p.name, failure.answer)
					if err != nil {
						t.Fatal(err)
					}
					c.Providers = []provider.Provider{made}
				})
				see := func(headers ...string) answer {
					b := s.browser()
					consent := b.Begin("/auth/login/" + p.name)
					callback := s.Public + "/auth/callback/" + p.name + "?" + url.Values{
						"state": {testkit.Param(t, consent, "state")}, "code": {"some-code"},
					}.Encode()
					return b.Get(testkit.Edited(t, callback, failure.callback...), headers...)
				}
				shown := strings.ReplaceAll(p.shown, "&", "&amp;")
				if a := see(); !strings.Contains(a.Text, shown) || x.MatchString(a.Text) || !strings.Contains(a.Text, `href="/auth/login/`+p.name) {
					t.Errorf("the page: %s", a.Text)
				}
				var document struct{ Title, Detail, Code, Provider string }
				a := see("Accept", "application/json")
				if err := json.Unmarshal([]byte(a.Text), &document); err != nil {
					t.Fatalf("%v: %s", err, a.Text)
				}
				if text := document.Title + document.Detail; !strings.Contains(text, p.shown) || x.MatchString(text) ||
					document.Provider != p.shown || document.Code != failure.code {
					t.Errorf("the document: %+v", document)
				}
				log := s.Log.String()
				if failure.code == "other_browser" {
					return // no provider is known
				}
				if !strings.Contains(log, "provider="+p.name+" cause="+failure.code) || failure.fix && !strings.Contains(log, p.shown) || regexp.MustCompile(`fix=.*\bX('s|\.APIURL)`).MatchString(log) {
					t.Errorf("the log: %s", log)
				}
			})
		}
	}
}

// TestPagesForAUserOfAnnamedProviderNameIt: the pages of the logout and of the middleware.
func TestPagesForAUserOfAnnamedProviderNameIt(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		cfg := provider.Discord("id", "secret", c.PublicURL+"/auth/callback/discord")
		cfg.Transport = tells{200, `{"access_token":"some-token","token_type":"bearer","scope":"identify","id":"7","username":"demo"}`}
		discord, err := provider.NewOAuth2(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.Providers = []provider.Provider{discord}
	})
	s.Mux.Handle("/guilds", s.Kit.RequireScopes("guilds")(http.NotFoundHandler()))
	b := s.browser()
	state := testkit.Param(t, b.Begin("/auth/login/discord"), "state")
	if a := b.Get("/auth/callback/discord?code=some-code&state=" + state); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d: %s", a.StatusCode, a.Text)
	}
	for want, a := range map[string]answer{
		"You stay signed in at Discord.":                                       b.Get("/auth/logout"),
		"Discord has not granted this site the permission that the page needs": b.Send(http.MethodPost, "/guilds", nil, "Sec-Fetch-Mode", "navigate"),
		">Continue at Discord</a>":                                             b.Send(http.MethodPost, "/guilds", nil, "Sec-Fetch-Mode", "navigate"),
	} {
		if !strings.Contains(a.Text, want) || x.MatchString(a.Text) {
			t.Errorf("no %q, or X, in %s", want, a.Text)
		}
	}
}

// TestTheKitsOwnWordsAreNotTheProvidersMessage: they are for the log.
func TestTheKitsOwnWordsAreNotTheProvidersMessage(t *testing.T) {
	got := "none"
	s := newSite(t, func(c *xsignin.Config) {
		c.Pages.Translate = func(_ *http.Request, p *xsignin.Page) { got = p.ProviderMessage }
	})
	b := s.browser()
	consent := b.Begin("/auth/login")
	denial, err := s.X.Deny(consent, xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	b.Get(denial)
	a := b.Get(b.Approve(consent, xtest.DefaultUserID)) // the visitor went back at X
	if log := s.Log.String(); got != "" || !strings.Contains(log, "declined at first") {
		t.Errorf("status %d, message %q, log %s", a.StatusCode, got, log)
	}
}

// TestAProvidersMessageIsShownWhereTheApplicationAllowsIt: as text, and never by default.
func TestAProvidersMessageIsShownWhereTheApplicationAllowsIt(t *testing.T) {
	for name, tt := range map[string]struct{ description, want string }{
		"words":                {"You said no", "You said no"},
		"markup":               {"<b>no</b><script>alert(1)</script>", "<b>no</b><script>alert(1)</script>"},
		"other alphabets":      {"Пользователь отказал 用户拒绝", "Пользователь отказал 用户拒绝"},
		"lines":                {"one\r\ntwo\tthree\x00four", "one two three four"},
		"marks of direction":   {"a\u202egpj.exe\u2066b", "a gpj.exe b"},
		"very long":            {strings.Repeat("no ", 200), strings.TrimSpace(strings.Repeat("no ", 100))},
		"longer, with accents": {strings.Repeat("é", 1000), strings.Repeat("é", 150)},
		"what is like a code":  {"the code AbCdEf0123456789xyz failed", "the code [redacted] failed"},
		"bytes":                {"a\xff\xfeb", "a b"},
		"none":                 {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			allowed := true
			s := newSite(t, func(c *xsignin.Config) {
				c.Pages.Translate = func(_ *http.Request, p *xsignin.Page) {
					got = p.ProviderMessage
					if allowed && got != "" {
						p.Text += " " + p.Provider + " says: " + got
					}
				}
			})
			refused := func(b *browser, state string) answer {
				return b.Get("/auth/callback?" + url.Values{"state": {state}, "error": {"access_denied"}, "error_description": {tt.description}}.Encode())
			}
			for _, allowed = range []bool{true, false} {
				b := s.browser()
				a := refused(b, testkit.Param(t, b.Begin("/auth/login"), "state"))
				shown := "X says: " + html.EscapeString(tt.want)
				if got != tt.want || strings.Contains(a.Text, shown) != (allowed && tt.want != "") || strings.Contains(a.Text, "<script>alert") {
					t.Errorf("the message is %q; the page: %s", got, a.Text)
				}
			}
			b := s.browser()
			state := testkit.Param(t, b.Begin("/auth/login"), "state")
			refused(b, state)
			got = "none"
			if a := b.Get("/auth/callback?code=late&state=" + state); a.StatusCode != http.StatusBadRequest || got != "" {
				t.Errorf("after a refusal the kit's own reason is the message %q: status %d", got, a.StatusCode)
			}
			got = "none"
			if a := refused(s.browser(), "made-up"); got != "" || tt.want != "" && strings.Contains(a.Text, html.EscapeString(tt.want)) {
				t.Errorf("a stranger's message %q: %s", got, a.Text)
			}
		})
	}
}

// TestAFailureHandlerSeesTheProvidersName: its page says the same as the kit's.
func TestAFailureHandlerSeesTheProvidersName(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		github, err := elsewhere[0].make(c.PublicURL+"/auth/callback/github", tells{503, ""})
		if err != nil {
			t.Fatal(err)
		}
		c.Providers = []provider.Provider{github}
		c.Failure = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p := page.ProblemFor(gologin.ErrorFromContext(r.Context()))
			http.Error(w, p.Title, p.Status)
		})
	})
	b := s.browser()
	state := testkit.Param(t, b.Begin("/auth/login/github"), "state")
	for range 2 { // the second time, the callback is loaded again
		if a := b.Get("/auth/callback/github?code=some-code&state=" + state); a.Text != "GitHub could not be reached\n" {
			t.Errorf("status %d: %s", a.StatusCode, a.Text)
		}
	}
}
