package xsignin_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/internal/xplatform"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

func TestCheckFindsNothingWhereAllIsWell(t *testing.T) {
	s := testkit.NewSite(t)
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/", http.NoBody)
	if found := s.Kit.Check(t.Context(), r); len(found) != 0 {
		t.Errorf("%v", found)
	}
	if found := s.Kit.Check(t.Context(), nil); len(found) != 0 {
		t.Errorf("%v", found)
	}
	if s.X.Count(http.MethodGet, "/2/users/me") != 0 {
		t.Error("a check cost a billed call")
	}
}

func TestCheckFindsWhatDeploymentsGetWrong(t *testing.T) {
	request := func(target string, headers ...string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return r
	}
	https := func(c *xsignin.Config) { c.PublicURL = "https://site.example" }
	type test struct {
		name    string
		edit    func(*xsignin.Config)
		x       func(*xtest.X)
		request *http.Request
		want    []string // code, and a word of the fix
	}
	tests := []test{
		{"another host", nil, nil, request("http://localhost:8080/"), []string{"public_url_host", "localhost and 127.0.0.1"}},
		{"another port", nil, nil, request("http://127.0.0.1:9000/"), []string{"public_url_host", "PublicURL"}},
		{"another host behind a proxy", https, nil, request("http://10.0.0.1/", "X-Forwarded-Host", "www.site.example", "X-Forwarded-Proto", "https"), []string{"public_url_host", "PublicURL"}},
		{"https that is not configured", nil, nil, request("http://127.0.0.1:8080/", "X-Forwarded-Proto", "https"), []string{"public_url_scheme", "https address"}},
		{"http that is still answered", https, nil, request("http://site.example:443/", "X-Forwarded-Proto", "http"), []string{"public_url_scheme", "redirect"}},
		{"a clock that is slow", nil, func(x *xtest.X) {
			x.Fail(xtest.Fault{Method: http.MethodHead, Status: 404, Header: http.Header{"Date": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}})
		}, nil, []string{"clock_skew", "NTP"}},
		{"wrong client credentials", func(c *xsignin.Config) {
			c.ClientSecret, c.OAuth1.ConsumerKey, c.OAuth1.ConsumerSecret = "wrong", "", ""
		}, nil, nil, []string{"credentials", "Native App"}},
		{"wrong consumer credentials", func(c *xsignin.Config) { c.OAuth1.ConsumerSecret, c.ClientID, c.ClientSecret = "wrong", "", "" }, nil, nil, []string{"credentials", "Compare OAuth1.ConsumerKey and OAuth1.ConsumerSecret with the API key"}},
		{"a callback that is not registered", nil, func(x *xtest.X) { x.SetCallbacks("http://localhost:8080/auth/callback") }, nil, []string{"callback", "http://127.0.0.1:8080/auth/callback"}},
		{"an API key for a client id", func(c *xsignin.Config) { c.ClientID = xtest.DefaultConsumerKey }, nil, nil, []string{"client_id_shape", "OAuth1.ConsumerKey"}},
		{"X that cannot be reached", nil, func(x *xtest.X) { x.Fail(xtest.Fault{CutAfter: -1}) }, nil, []string{"unreachable", "X.APIURL"}},
		{"X that is down", nil, func(x *xtest.X) { x.Fail(xtest.Fault{Method: http.MethodPost, Status: 503}) }, nil, []string{"unavailable", "later"}},
		{"X that limits", nil, func(x *xtest.X) { x.Fail(xtest.Fault{Method: http.MethodPost, Status: 429}) }, nil, []string{"rate_limited", "Wait"}},
		{"an application without access", nil, func(x *xtest.X) {
			x.Fail(xtest.Fault{Method: http.MethodPost, Status: 403, Body: `{"errors":[{"code":416,"message":"suspended"}]}`})
		}, nil, []string{"access", "console"}},
		{"an application in no package", nil, func(x *xtest.X) {
			x.Fail(xtest.Fault{Method: http.MethodPost, Status: 403, Body: `{"title":"Client Forbidden","reason":"client-not-enrolled","type":"https://api.twitter.com/2/problems/client-forbidden"}`})
		}, nil, []string{"not_enrolled", "Pay-per-use"}},
		{"no credits", nil, func(x *xtest.X) {
			x.Fail(xtest.Fault{Method: http.MethodPost, Status: 402, Body: `{"title":"CreditsDepleted","type":"https://api.x.com/2/problems/credits"}`})
		}, nil, []string{"credits", "Buy credits"}},
		{"a spending limit that is reached", nil, func(x *xtest.X) {
			x.Fail(xtest.Fault{Method: http.MethodPost, Status: 403, Body: `{"title":"SpendCapReached","type":"https://api.x.com/2/problems/credits"}`})
		}, nil, []string{"credits", "raise the limit"}},
		{"a 403 that proves nothing", nil, func(x *xtest.X) {
			x.Fail(xtest.Fault{Method: http.MethodPost, Status: 403, Body: `{"title":"Forbidden","type":"about:blank","detail":"Forbidden"}`})
		}, nil, []string{"refused", "answer"}},
		{"no offline.access", func(c *xsignin.Config) { c.Scopes = []string{"tweet.read", "users.read"} }, nil, nil, []string{"offline_access", `"offline.access"`}},
		{"a scope that X does not have", func(c *xsignin.Config) { c.Scopes = []string{"tweet.read", "users.read", "tweets.write"} }, nil, nil, []string{"scope_of_x", "tweet.write,"}},
		{"sessions in memory", func(c *xsignin.Config) { c.PublicURL, c.Session.Store = "https://site.example", nil }, nil, nil, []string{"memory_stores", "Session.Store"}},
		{"tokens in memory", func(c *xsignin.Config) { c.PublicURL, c.TokenStore = "https://site.example", tokenstore.NewMemory() }, nil, nil, []string{"memory_stores", "TokenStore"}},
		{"tokens of an application with its own session in memory", func(c *xsignin.Config) {
			c.PublicURL, c.TokenStore = "https://site.example", tokenstore.NewMemory()
			c.Session, c.Success = xsignin.SessionConfig{Disabled: true}, http.NotFoundHandler()
		}, nil, nil, []string{"memory_stores", "TokenStore"}},
		{"an application's sessions in memory", func(c *xsignin.Config) {
			c.PublicURL, c.Session.Store, c.Session.Manager = "https://site.example", nil, hashing()
		}, nil, nil, []string{"memory_stores", "Session.Store"}},
		{"another server in place of X", func(c *xsignin.Config) {
			c.X.APIURL = "https://www.site.example"
			c.X.Transport = answering(http.NotFoundHandler())
		}, nil, nil, []string{"api_url", "X.APIURL unset"}},
		{"something else", nil, func(x *xtest.X) {
			x.Fail(xtest.Fault{Method: http.MethodPost, Status: 403, Body: `{"errors":[{"code":99999,"message":"strange"}]}`})
		}, nil, []string{"refused", "answer"}},
		{"a time that X refuses", nil, func(x *xtest.X) {
			x.Fail(xtest.Fault{Path: "/oauth/request_token", Status: 401, Body: `{"errors":[{"code":135,"message":"Timestamp out of bounds."}]}`})
		}, nil, []string{"clock_skew", "NTP"}},
	}
	// Sessions and marks of ended sessions have an expiry, so volatile-* deletes them, too.
	for _, policy := range []string{"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "a new one"} {
		tests = append(tests, test{"Redis with " + policy, func(c *xsignin.Config) { c.TokenStore = evicting{c.TokenStore, policy, nil} }, nil, nil, []string{"redis_evicts", "maxmemory-policy noeviction"}})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := testkit.NewSite(t, func(c *xsignin.Config) {
				if tt.edit != nil {
					tt.edit(c)
				}
			})
			if tt.x != nil {
				tt.x(s.X)
			}
			found := s.Kit.Check(t.Context(), tt.request)
			for _, f := range found {
				if f.Code != tt.want[0] {
					continue
				}
				if !strings.Contains(f.Fix, tt.want[1]) || f.Problem == "" || strings.Contains(f.Problem, "%!") || f.Severity == "" ||
					!strings.HasSuffix(f.Help, "/docs/troubleshooting.md#"+f.Code) {
					t.Errorf("%+v", f)
				}
				return
			}
			t.Errorf("found %v, want %s", found, tt.want[0])
		})
	}
}

// evicting is a token store in Redis.
type evicting struct {
	tokenstore.Store
	policy string
	err    error
}

func (e evicting) EvictionPolicy(context.Context) (string, error) { return e.policy, e.err }

// answering is a transport to a server.
func answering(h http.Handler) http.RoundTripper { return testkit.InProcess{Handler: h} }

func TestCheckFindsNothingInRightSettings(t *testing.T) {
	for name, edit := range map[string]func(*xsignin.Config){
		"all documented scopes": func(c *xsignin.Config) { c.Scopes = xplatform.Scopes() },
		"stores behind https":   func(c *xsignin.Config) { c.PublicURL = "https://site.example" },
		"tokens that are not kept": func(c *xsignin.Config) {
			c.PublicURL, c.Session, c.TokenStore = "https://site.example", xsignin.SessionConfig{Disabled: true}, nil
			c.Success, c.Scopes = http.NotFoundHandler(), []string{"tweet.read", "users.read"}
		},
		"memory on loopback":            func(c *xsignin.Config) { c.TokenStore, c.Session.Store = nil, nil },
		"Redis that does not evict":     func(c *xsignin.Config) { c.TokenStore = evicting{c.TokenStore, "noeviction", nil} },
		"Redis that hides its settings": func(c *xsignin.Config) { c.TokenStore = evicting{c.TokenStore, "", errors.New("NOPERM")} },
		"a public client":               func(c *xsignin.Config) { c.ClientID, c.ClientSecret = xtest.DefaultPublicClientID, "" },
		"scopes without a client of X":  func(c *xsignin.Config) { c.ClientID, c.ClientSecret, c.Scopes = "", "", []string{"read:user"} },
	} {
		t.Run(name, func(t *testing.T) {
			s := testkit.NewSite(t, edit)
			if found := s.Kit.Check(t.Context(), nil); len(found) != 0 {
				t.Errorf("%v", found)
			}
		})
	}
}

// silent is a token store that does not answer what its eviction policy is.
type silent struct{ tokenstore.Store }

func (silent) EvictionPolicy(ctx context.Context) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

func TestCheckLeavesTimeForX(t *testing.T) {
	s := testkit.NewSite(t, func(c *xsignin.Config) { c.TokenStore = silent{c.TokenStore} })
	s.Bubble(func() {
		if found := s.Kit.Check(context.Background(), nil); len(found) != 0 {
			t.Errorf("%v", found)
		}
	})
}

func TestCheckTakesAnHTTPSRequestForOne(t *testing.T) {
	s := testkit.NewSite(t, func(c *xsignin.Config) { c.PublicURL = "https://site.example" })
	r := httptest.NewRequest(http.MethodGet, "https://SITE.example/", http.NoBody)
	r.TLS = &tls.ConnectionState{}
	if found := s.Kit.Check(t.Context(), r); len(found) != 0 {
		t.Errorf("%v", found)
	}
	for _, tt := range []struct{ proto, host string }{
		{"https", ""}, {"HTTPS", "site.example"}, {"https, http", "site.example"}, {"https,https", "SITE.example:443, 10.0.0.1:8080"},
		// Each proxy adds a value. The first value comes from the visitor's request.
		{"https,http", "site.example, 10.0.0.2"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://site.example/", http.NoBody)
		r.Header.Set("X-Forwarded-Proto", tt.proto)
		r.Header.Set("X-Forwarded-Host", tt.host)
		if found := s.Kit.Check(t.Context(), r); len(found) != 0 {
			t.Errorf("%v: %v", tt, found)
		}
	}
}

// other is a provider that the kit knows nothing of.
type other struct{ provider.Provider }

func (other) Name() string { return "other" }

func (other) CallbackURL() string { return "https://site.example/auth/callback" }

func TestCheckLeavesOtherProvidersAlone(t *testing.T) {
	s := testkit.NewSite(t, func(c *xsignin.Config) { c.Providers = []provider.Provider{other{}} })
	if found := s.Kit.Check(t.Context(), nil); len(found) != 0 {
		t.Errorf("%v", found)
	}
}

// TestCheckNamesTheCallbackOfAnotherApplication: an application may sign in by two of X's apps.
func TestCheckNamesTheCallbackOfAnotherApplication(t *testing.T) {
	s := testkit.NewSite(t, func(c *xsignin.Config) {
		x, err := provider.NewXOAuth1(provider.OAuth1Config{
			Name: "second", ConsumerKey: c.OAuth1.ConsumerKey, ConsumerSecret: c.OAuth1.ConsumerSecret,
			CallbackURL: c.PublicURL + "/auth/callback/second", APIURL: c.X.APIURL, Transport: c.X.Transport,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Providers = []provider.Provider{x}
	})
	found := s.Kit.Check(t.Context(), nil)
	if len(found) != 1 || found[0].Provider != "second" || !strings.HasSuffix(found[0].Fix, "at X, to the letter: "+s.Public+"/auth/callback/second.") {
		t.Errorf("%+v", found)
	}
}

func TestCheckAsksXOnlyWhereXIsAWayToSignIn(t *testing.T) {
	s := testkit.NewSite(t, func(c *xsignin.Config) {
		c.ClientID, c.ClientSecret, c.OAuth1.ConsumerKey, c.OAuth1.ConsumerSecret = "", "", "", ""
		c.Providers = []provider.Provider{other{}}
	})
	if found := s.Kit.Check(t.Context(), nil); len(found) != 0 || len(s.X.Requests()) != 0 {
		t.Errorf("%v", found)
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	s := testkit.NewSite(t)
	hold := make(chan struct{})
	defer close(hold)
	s.X.Fail(xtest.Fault{Hold: hold})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if found := s.Kit.Check(ctx, nil); len(found) != 1 || found[0].Code != "unreachable" {
		t.Errorf("%v", found)
	}
}

func TestCheckReadsTheStores(t *testing.T) {
	s := testkit.NewSite(t)
	s.Sessions.SetFail(errors.New(`relation "sessions" does not exist`))
	s.Tokens.SetFail(errors.New(`relation "xsignin_tokens" does not exist`))
	found := s.Kit.Check(t.Context(), nil)
	if len(found) != 2 || found[0].Code != "session_store" || !strings.Contains(found[0].Problem, `"sessions"`) || !strings.Contains(found[0].Fix, "scs makes no tables") ||
		found[1].Code != "token_store" || !strings.Contains(found[1].Problem, `"xsignin_tokens"`) || !strings.Contains(found[1].Fix, "docs/stores.md") {
		t.Errorf("%v", found)
	}

	sessions := scs.New()
	sessions.HashTokenInStore, sessions.Store = true, s.Sessions
	joined := testkit.NewSite(t, func(c *xsignin.Config) { c.Session.Store, c.Session.Manager = nil, sessions })
	if found := joined.Kit.Check(t.Context(), nil); len(found) != 1 || found[0].Code != "session_store" {
		t.Errorf("an application's own sessions: %v", found)
	}
}

// hungStore answers only when it is given up.
type hungStore struct{ scs.CtxStore }

func (hungStore) FindCtx(ctx context.Context, _ string) ([]byte, bool, error) {
	<-ctx.Done()
	return nil, false, ctx.Err()
}

// stuckStore takes no context and answers an hour late.
type stuckStore struct{ scs.Store }

func (s stuckStore) Find(key string) ([]byte, bool, error) {
	time.Sleep(time.Hour)
	return s.Store.Find(key)
}

func TestCheckGivesUpAStoreThatHangs(t *testing.T) {
	for name, wrap := range map[string]func(scs.Store) scs.Store{
		"with contexts":    func(scs.Store) scs.Store { return hungStore{} },
		"without contexts": func(s scs.Store) scs.Store { return stuckStore{s} },
	} {
		for _, limit := range []time.Duration{0, time.Second} {
			t.Run(name+", "+limit.String(), func(t *testing.T) {
				s := testkit.NewSite(t, func(c *xsignin.Config) { c.Session.Store = wrap(c.Session.Store) })
				s.Bubble(func() {
					ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(limit, time.Hour))
					defer cancel()
					begun := time.Now()
					found := s.Kit.Check(ctx, nil)
					if took := time.Since(begun); took > cmp.Or(limit, 10*time.Second) {
						t.Errorf("it took %v", took)
					}
					// Only the limit of this test leaves no time to ask X.
					if len(found) == 0 || found[0].Code != "session_store" || len(found) > 1 && (limit == 0 || found[1].Code != "unreachable") {
						t.Errorf("%v", found)
					}
					time.Sleep(time.Hour) // until the store has answered
				})
			})
		}
	}
}
