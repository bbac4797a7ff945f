package provider_test

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

func TestNewXReportsEveryFaultAtOnce(t *testing.T) {
	_, err := newX(provider.OAuth2Config{
		Name: "No Name", ClientSecret: clientSecret + "\n", CallbackURL: "/auth/callback", Scopes: []string{"tweet.read,users.read"},
		APIURL: "http://api.x.com", AuthorizeURL: "x.com", APIHosts: []string{"https://a"}, Timeout: -1,
	})
	if err == nil {
		t.Fatal("no error")
	}
	noSecrets(t, err)
	fields := []string{"Name", "ClientID", "ClientSecret", "CallbackURL", "APIURL", "Scopes[0]", "AuthorizeURL", "APIHosts[0]", "Timeout"}
	for _, field := range fields {
		if n := strings.Count(err.Error(), "provider: OAuth2Config."+field+" "); n != 1 {
			t.Errorf("%d faults are about %s:\n%v", n, field, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != len(fields) {
		t.Errorf("%d faults, want %d:\n%v", n, len(fields), err)
	}
}

func TestNewXOAuth1ReportsEveryFaultAtOnce(t *testing.T) {
	_, err := newXOAuth1(provider.OAuth1Config{Name: "é", CallbackURL: "", APIURL: "https://u:p@x", AccessType: "all", APIHosts: []string{"a/b"}, Timeout: -1})
	if err == nil {
		t.Fatal("no error")
	}
	fields := []string{"Name", "ConsumerKey", "ConsumerSecret", "CallbackURL", "APIURL", "AccessType", "APIHosts[0]", "Timeout"}
	for _, field := range fields {
		if n := strings.Count(err.Error(), "provider: OAuth1Config."+field+" "); n != 1 {
			t.Errorf("%d faults are about %s:\n%v", n, field, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != len(fields) {
		t.Errorf("%d faults, want %d:\n%v", n, len(fields), err)
	}
}

func TestConfigurationsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*provider.OAuth2Config)
		fault  string
	}{
		"nothing but what is required":      {func(*provider.OAuth2Config) {}, ""},
		"a public app":                      {func(c *provider.OAuth2Config) { c.ClientSecret = "" }, ""},
		"a client id with a blank":          {func(c *provider.OAuth2Config) { c.ClientID = " a" }, "ClientID"},
		"a client id with a letter of ours": {func(c *provider.OAuth2Config) { c.ClientID = "ä" }, "ClientID"},
		"a callback of an app of its own":   {func(c *provider.OAuth2Config) { c.CallbackURL = "myapp://callback" }, ""},
		"a callback without a host":         {func(c *provider.OAuth2Config) { c.CallbackURL = "https:///cb" }, "CallbackURL"},
		"a callback by script":              {func(c *provider.OAuth2Config) { c.CallbackURL = "javascript:alert(1)" }, "CallbackURL"},
		"a callback with a fragment":        {func(c *provider.OAuth2Config) { c.CallbackURL += "#" }, "CallbackURL"},
		"a callback with user info":         {func(c *provider.OAuth2Config) { c.CallbackURL = "https://a:SECRET@b/" }, "CallbackURL"},
		"a callback that is no URL":         {func(c *provider.OAuth2Config) { c.CallbackURL = "https://a:SECRET%zz@b/" }, "CallbackURL"},
		"a callback as OAuth 1.0a has it":   {func(c *provider.OAuth2Config) { c.CallbackURL = "oob" }, "CallbackURL"},
		"a callback with a query":           {func(c *provider.OAuth2Config) { c.CallbackURL += "?a=b" }, ""},
		"scopes without users.read":         {func(c *provider.OAuth2Config) { c.Scopes = []string{"tweet.read"} }, "Scopes"},
		"scopes without tweet.read":         {func(c *provider.OAuth2Config) { c.Scopes = []string{"users.read"} }, "Scopes"},
		"no users.read at another server": {func(c *provider.OAuth2Config) {
			c.APIURL, c.Scopes = "http://127.0.0.1:9000", []string{"tweet.read"}
		}, "Scopes"},
		"a scope that is empty":              {func(c *provider.OAuth2Config) { c.Scopes = []string{"tweet.read", "users.read", ""} }, "Scopes[2]"},
		"scopes joined by a blank":           {func(c *provider.OAuth2Config) { c.Scopes = []string{"tweet.read users.read"} }, "Scopes[0]"},
		"an API by http elsewhere":           {func(c *provider.OAuth2Config) { c.APIURL = "http://192.168.0.1" }, "APIURL"},
		"an API by http here":                {func(c *provider.OAuth2Config) { c.APIURL = "http://[::1]:8080/x/" }, ""},
		"an API by http at localhost":        {func(c *provider.OAuth2Config) { c.APIURL = "http://x.localhost" }, ""},
		"an API by another scheme":           {func(c *provider.OAuth2Config) { c.APIURL = "ftp://a" }, "APIURL"},
		"an API with a version":              {func(c *provider.OAuth2Config) { c.APIURL = "http://127.0.0.1:8080/2/" }, "APIURL"},
		"an API with an old version":         {func(c *provider.OAuth2Config) { c.APIURL = "https://api.example/1.1" }, "APIURL"},
		"X's API with a call":                {func(c *provider.OAuth2Config) { c.APIURL = "https://api.x.com/2/users/me" }, "APIURL"},
		"X's API with a slash":               {func(c *provider.OAuth2Config) { c.APIURL = "https://api.x.com/" }, ""},
		"an API behind a proxy's path":       {func(c *provider.OAuth2Config) { c.APIURL = "https://proxy.example/x" }, ""},
		"an API with a query":                {func(c *provider.OAuth2Config) { c.APIURL = "https://a?" }, "APIURL"},
		"an API with a fragment":             {func(c *provider.OAuth2Config) { c.APIURL = "https://a#" }, "APIURL"},
		"an API with user info":              {func(c *provider.OAuth2Config) { c.APIURL = "https://u:SECRET@a" }, "APIURL"},
		"an API with a port alone":           {func(c *provider.OAuth2Config) { c.APIURL = "https://:443" }, "APIURL"},
		"an API that is no URL":              {func(c *provider.OAuth2Config) { c.APIURL = "https://SECRET%zz" }, "APIURL"},
		"a consent page by http elsewhere":   {func(c *provider.OAuth2Config) { c.AuthorizeURL = "http://a" }, "AuthorizeURL"},
		"a consent page with a state":        {func(c *provider.OAuth2Config) { c.AuthorizeURL = "https://a?state=1" }, "AuthorizeURL"},
		"a code that means nothing":          {func(c *provider.OAuth2Config) { c.Codes = map[string]error{"odd": nil} }, "Codes"},
		"a consent page that sends a form":   {func(c *provider.OAuth2Config) { c.AuthorizeURL = "https://a?response_mode=form_post" }, "AuthorizeURL"},
		"a consent page with a query":        {func(c *provider.OAuth2Config) { c.AuthorizeURL = "https://a?x=1" }, ""},
		"a further host with a port":         {func(c *provider.OAuth2Config) { c.APIHosts = []string{"a.example:8443"} }, ""},
		"a further host with a wild card":    {func(c *provider.OAuth2Config) { c.APIHosts = []string{"a", "*.example"} }, "APIHosts[1]"},
		"a name with an upper-case letter":   {func(c *provider.OAuth2Config) { c.Name = "X" }, "Name"},
		"a name with digits and a hyphen":    {func(c *provider.OAuth2Config) { c.Name = "x-2" }, ""},
		"a name that ends in a line end":     {func(c *provider.OAuth2Config) { c.Name = "x\n" }, "Name"},
		"a client id that is a consumer key": {func(c *provider.OAuth2Config) { c.ClientID = "xvz1evFS4wEEPTGEFPHBog" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := provider.OAuth2Config{ClientID: clientID, ClientSecret: clientSecret, CallbackURL: callbackURL}
			c.change(&cfg)
			x, err := newX(cfg)
			if c.fault == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || x != nil || !strings.HasPrefix(err.Error(), "provider: OAuth2Config."+c.fault+" ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("fault is %v, want one about %s", err, c.fault)
			}
			noSecrets(t, err)
		})
	}
}

// TestXsNamesAreForXAlone: tokens and owners of accounts are stored under the name.
func TestXsNamesAreForXAlone(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"x", "x-oauth1"} {
		two := s.oauth2Config()
		two.Name = name
		if _, err := provider.NewOAuth2(two); err == nil || !strings.HasPrefix(err.Error(), "provider: OAuth2Config.Name is reserved") {
			t.Errorf("NewOAuth2 takes the name %q: %v", name, err)
		}
		one := provider.OAuth1Config{
			Name: name, ConsumerKey: consumerKey, ConsumerSecret: consumerSecret, CallbackURL: callbackURL,
			RequestTokenURL: s.URL + "/r", AuthorizeURL: s.URL + "/a", AccessTokenURL: s.URL + "/t",
			UserURL: s.URL + "/user", User: exampleUser,
		}
		if _, err := provider.NewOAuth1(one); err == nil || !strings.HasPrefix(err.Error(), "provider: OAuth1Config.Name is reserved") {
			t.Errorf("NewOAuth1 takes the name %q: %v", name, err)
		}
	}
}

func TestAConfigurationIsCopied(t *testing.T) {
	scopes := []string{"tweet.read", "users.read", "tweet.read"}
	hosts := []string{"a.example"}
	x, err := newX(provider.OAuth2Config{ClientID: clientID, CallbackURL: callbackURL, Scopes: scopes, APIHosts: hosts})
	if err != nil {
		t.Fatal(err)
	}
	scopes[0], hosts[0] = "changed", "changed"
	_, p, err := x.Begin(ctx, provider.Options{})
	if err != nil || fmt.Sprint(p.Scopes) != "[tweet.read users.read]" {
		t.Errorf("scopes are %v (%v)", p.Scopes, err)
	}
	if u, _ := url.Parse("https://changed/"); x.AllowsURL(u) {
		t.Error("a changed host is accepted")
	}
}

func TestDefaults(t *testing.T) {
	var asked []string
	tr := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.String())
		if d, ok := r.Context().Deadline(); !ok || time.Until(d) > 10*time.Second {
			t.Error("no deadline")
		}
		return nil, http.ErrHandlerTimeout
	})
	x, err := newX(provider.OAuth2Config{ClientID: clientID, CallbackURL: callbackURL, Transport: tr})
	if err != nil {
		t.Fatal(err)
	}
	redirect, _, _ := x.Begin(ctx, provider.Options{})
	if x.Name() != "x" || !strings.HasPrefix(redirect, "https://x.com/i/oauth2/authorize?client_id=") {
		t.Errorf("name %s, redirect %s", x.Name(), redirect)
	}
	_, _ = x.Refresh(ctx, stored())
	y, err := newXOAuth1(provider.OAuth1Config{ConsumerKey: consumerKey, ConsumerSecret: consumerSecret, CallbackURL: callbackURL, Transport: tr})
	if err != nil {
		t.Fatal(err)
	}
	_, _, _ = y.Begin(ctx, provider.Options{})
	if got := fmt.Sprint(asked); y.Name() != "x-oauth1" || got != "[https://api.x.com/2/oauth2/token https://api.x.com/oauth/request_token]" {
		t.Errorf("name %s, asked %s", y.Name(), got)
	}
}

func TestAccepts(t *testing.T) {
	for name, c := range map[string]struct {
		api   string
		hosts []string
		yes   []string
		no    []string
	}{
		"X's own API": {"", []string{"more.example", "Other.example:8443"},
			[]string{"https://api.x.com/2/users/me", "HTTPS://API.X.COM:443/", "https://api.twitter.com/", "https://upload.x.com/", "https://upload.twitter.com/", "https://more.example/", "https://more.example:443", "https://other.EXAMPLE:8443/"},
			[]string{"http://api.x.com/", "https://api.x.com:8443/", "https://x.com/", "https://u@api.x.com/", "https://u:p@api.x.com/", "https://api.x.com.evil.example/", "https://evil-api.x.com/", "https://api.x.com./", "//api.x.com/", "/2/users/me", "ftp://api.x.com/", "https:api.x.com", "https://api.x.com@evil.example/", "https://other.example/", "https://more.example:8443/", "http://more.example/", ""}},
		"X's API under its old name": {"https://api.twitter.com", nil, []string{"https://api.x.com/"}, []string{"https://x.com/"}},
		"another API": {"https://x.internal:8443/prefix", nil,
			[]string{"https://x.internal:8443/anything"},
			[]string{"https://x.internal/", "https://api.x.com/", "http://x.internal:8443/"}},
		"an API here": {"http://127.0.0.1:8080", []string{"127.0.0.1:9090"},
			[]string{"http://127.0.0.1:8080/2/users/me", "https://127.0.0.1:9090/"},
			[]string{"http://127.0.0.1:8081/", "http://127.0.0.1/", "https://127.0.0.1:8080/", "http://localhost:8080/", "http://127.0.0.1:9090/"}},
		"an API here at port 80": {"http://[::1]", nil, []string{"http://[::1]:80/", "http://[::1]/"}, []string{"http://[::1]:443/"}},
	} {
		t.Run(name, func(t *testing.T) {
			x, err := newX(provider.OAuth2Config{ClientID: clientID, CallbackURL: callbackURL, APIURL: c.api, APIHosts: c.hosts})
			if err != nil {
				t.Fatal(err)
			}
			y, err := newXOAuth1(provider.OAuth1Config{ConsumerKey: "k", ConsumerSecret: "s", CallbackURL: "oob", APIURL: c.api, APIHosts: c.hosts})
			if err != nil {
				t.Fatal(err)
			}
			for want, list := range map[bool][]string{true: c.yes, false: c.no} {
				for _, raw := range list {
					u, err := url.Parse(raw)
					if err != nil {
						t.Fatal(err)
					}
					if x.AllowsURL(u) != want || y.AllowsURL(u) != want {
						t.Errorf("%s: accepted %t and %t, want %t", raw, x.AllowsURL(u), y.AllowsURL(u), want)
					}
				}
			}
			if x.AllowsURL(nil) || x.AllowsURL(&url.URL{Scheme: "https", Host: "api.x.com", Opaque: "//evil.example/"}) {
				t.Error("what is no address is accepted")
			}
		})
	}
}

// TestAnAnswerWithManyScopesCostsLittle: an answer may have 1 MiB.
func TestAnAnswerWithManyScopesCostsLittle(t *testing.T) {
	var scopes strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&scopes, "s%d ", i)
	}
	s := newServer(t)
	s.reply("/2/oauth2/token", 200, `{"access_token":"`+newAccess+`","scope":"a a `+scopes.String()+`"}`)
	var got tokenstore.Token
	fastest := time.Duration(math.MaxInt64)
	for i := 0; i < 5 && fastest > 5*time.Second; i++ { // another process may slow some down
		began := time.Now()
		var err error
		if got, err = s.x(t).Refresh(ctx, stored()); err != nil {
			t.Fatal(err)
		}
		fastest = min(fastest, time.Since(began))
	}
	if len(got.Scopes) != 256 || cap(got.Scopes) > 1000 || got.Scopes[0] != "a" || got.Scopes[255] != "s254" {
		t.Errorf("%d scopes (%d in memory), from %q to %q", len(got.Scopes), cap(got.Scopes), got.Scopes[0], got.Scopes[len(got.Scopes)-1])
	}
	if fastest > 5*time.Second {
		t.Errorf("took %v", fastest)
	}
}

// TestKeysInTheWrongPlacesAreRefused: the shapes of X's keys prove these mistakes.
func TestKeysInTheWrongPlacesAreRefused(t *testing.T) {
	key, secret := strings.Repeat("Kk1", 8)+"K", strings.Repeat("Ss2Zz", 10)
	confidential, public := xtest.DefaultClientID, xtest.DefaultPublicClientID
	const local = "http://127.0.0.1:9000"
	for name, c := range map[string]struct {
		first, second, api string
		fault2, fault1     string // of NewX and NewXOAuth1; "" for none
	}{
		"a Web App":                         {confidential, "client-secret", "", "", "ConsumerKey is a client id"},
		"a Web App without its secret":      {confidential, "", "", "ClientSecret is missing", "-"},
		"the same at a local X":             {confidential, "", local, "ClientSecret is missing", "-"},
		"a Native App":                      {public, "", "", "", "-"},
		"a Native App with a secret":        {public, "client-secret", "", "ClientSecret is set", "ConsumerKey is a client id"},
		"an id with base64's padding":       {public + "==", "client-secret", "", "ClientSecret is set", "ConsumerKey is a client id"},
		"OAuth 2.0 swapped":                 {"client-secret", confidential, "", "ClientSecret is a client id: ClientID and ClientSecret are swapped", "ConsumerSecret is a client id"},
		"the id twice":                      {confidential, confidential, "", "ClientSecret is a client id", "ConsumerKey is a client id"},
		"OAuth 1.0a":                        {key, secret, "", "ClientID is a consumer key", ""},
		"OAuth 1.0a at a local X":           {key, secret, local, "", ""},
		"a short secret":                    {"an-id", key, "", "", ""},
		"OAuth 1.0a swapped at a local X":   {secret, key, local, "", ""},
		"OAuth 1.0a swapped":                {secret, key, "", "", "ConsumerKey is an API secret"},
		"an id that only ends like X's":     {"bm90LW9mLVg6MTp4eA", "", "", "", "-"},
		"double quotes":                     {`"id"`, "s", "", "ClientID has quotation marks", "ConsumerKey has quotation marks"},
		"single quotes around the secret":   {"id", "'s'", "", "ClientSecret has quotation marks", "ConsumerSecret has quotation marks"},
		"one quotation mark":                {"id", "`s", "", "ClientSecret has quotation marks", "ConsumerSecret has quotation marks"},
		"quotation marks around the APIURL": {"id", "s", `"` + local + `"`, "APIURL has quotation marks", "APIURL has quotation marks"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err2 := newX(provider.OAuth2Config{ClientID: c.first, ClientSecret: c.second, CallbackURL: callbackURL, APIURL: c.api})
			_, err1 := newXOAuth1(provider.OAuth1Config{ConsumerKey: c.first, ConsumerSecret: c.second, CallbackURL: callbackURL, APIURL: c.api})
			for want, err := range map[string]error{"OAuth2Config." + c.fault2: err2, "OAuth1Config." + c.fault1: err1} {
				_, fault, _ := strings.Cut(want, ".")
				switch {
				case fault == "-":
				case fault == "" && err != nil:
					t.Errorf("%v", err)
				case fault != "" && (err == nil || !strings.HasPrefix(err.Error(), "provider: "+want) || strings.Contains(err.Error(), "\n")):
					t.Errorf("%v, want %s", err, want)
				}
				if err != nil && (strings.Contains(err.Error(), key) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), confidential)) {
					t.Errorf("the error repeats a key: %v", err)
				}
			}
		})
	}
}
