package proxies

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
)

// TestTheRedisUserHasWhatTheKitNeeds runs the kit as the user of docs/deploy/redis.acl. Redis
// records what it denies. It denies nothing with the user's commands, and something if any of
// these commands is missing.
func TestTheRedisUserHasWhatTheKitNeeds(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "deploy", "redis.acl"))
	if err != nil {
		t.Fatal(err)
	}
	rules := strings.Fields(lineOf(string(file), "user xsignin "))[2:]
	addr := testservers.Redis(t)
	admin := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = admin.Close() })
	do := func(args ...any) any {
		t.Helper()
		result, err := admin.Do(t.Context(), args...).Result()
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	denied := func(t *testing.T, more ...string) []any {
		t.Helper()
		do("FLUSHALL")
		do("SCRIPT", "FLUSH")
		args := []any{"ACL", "SETUSER", "xsignin", "reset"}
		for _, rule := range append(rules, more...) {
			args = append(args, rule)
		}
		do(args...)
		do("ACL", "LOG", "RESET")
		failed := storeJourney(t, "redis://xsignin:change-this-password@"+addr+"/0", xtest.DefaultUserID)
		// The client sends its name to Redis 7.2 and newer, but does not need to.
		named := func(entry any) bool { return strings.Contains(fmt.Sprint(entry), "client|setinfo") }
		log := slices.DeleteFunc(do("ACL", "LOG").([]any), named)
		if failed != nil && len(log) == 0 {
			t.Errorf("the journey failed: %v", failed)
		}
		return log
	}
	if log := denied(t); len(log) != 0 {
		t.Errorf("Redis denied %v", log)
	}
	for _, rule := range rules {
		if command, ok := strings.CutPrefix(rule, "+"); ok && len(denied(t, "-"+command)) == 0 {
			t.Errorf("the kit does not need %s", command)
		}
	}

	do("SET", "other", "secret")
	do("ACL", "SETUSER", "xsignin", "+set")
	user := redis.NewClient(&redis.Options{Addr: addr, Username: "xsignin", Password: "change-this-password"})
	t.Cleanup(func() { _ = user.Close() })
	for _, command := range [][]any{{"GET", "other"}, {"SET", "other", "x"}, {"FLUSHALL"}, {"CONFIG", "GET", "*"}, {"KEYS", "*"}, {"ACL", "LIST"}} {
		if err := user.Do(t.Context(), command...).Err(); err == nil || !strings.Contains(err.Error(), "NOPERM") {
			t.Errorf("%v: %v", command, err)
		}
	}
}

// TestTheRedisUserLetsCheckFindEviction: the user may not ask CONFIG, and INFO says it too.
func TestTheRedisUserLetsCheckFindEviction(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "deploy", "redis.acl"))
	if err != nil {
		t.Fatal(err)
	}
	addr := testservers.Redis(t)
	admin := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = admin.Close() })
	args := []any{"ACL", "SETUSER", "xsignin"}
	for _, rule := range strings.Fields(lineOf(string(file), "user xsignin "))[2:] {
		args = append(args, rule)
	}
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	s, err := openStores(t.Context(), "redis://xsignin:change-this-password@"+addr+"/0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	api := httptest.NewServer(xtest.New(xtest.Config{}))
	t.Cleanup(api.Close)
	kit, err := newKit(setup{PublicURL: "http://127.0.0.1:8080", X: api.URL}, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kit.Close(context.Background()) })
	for _, policy := range []string{"allkeys-lru", "volatile-lru", "noeviction"} {
		if err := admin.ConfigSet(t.Context(), "maxmemory-policy", policy).Err(); err != nil {
			t.Fatal(err)
		}
		found := slices.ContainsFunc(kit.Check(t.Context(), nil), func(f xsignin.Finding) bool {
			return f.Code == "redis_evicts" && strings.Contains(f.Problem, policy) && strings.Contains(f.Fix, "maxmemory-policy noeviction")
		})
		if found != (policy != "noeviction") {
			t.Errorf("%s: found %t", policy, found)
		}
	}
}

// TestAFullRedis: what docs/deployment.md says of noeviction. A user who signs out is told that it
// failed, because the mark of the ended session cannot be written, but the session has ended.
func TestAFullRedis(t *testing.T) {
	addr := testservers.Redis(t)
	s, err := openStores(t.Context(), "redis://"+addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	site := testkit.NewSite(t, func(c *xsignin.Config) { c.Session.Store, c.TokenStore = s.sessions, s.tokens })
	here, other := site.Browser(), site.Browser()
	here.SignIn("/auth/login", xtest.DefaultUserID)
	other.SignIn("/auth/login", xtest.DefaultUserID)
	admin := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = admin.Close() })
	limit := func(bytes string) {
		if err := admin.ConfigSet(t.Context(), "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	stranger := site.Browser()
	callback := stranger.Approve(stranger.Begin("/auth/login"), xtest.DefaultUserID)
	limit("1")
	for what, a := range map[string]testkit.Answer{
		"a sign-in":             stranger.Get(callback),
		"a sign-out":            here.Send(http.MethodPost, "/auth/logout", nil),
		"a sign-out everywhere": other.Send(http.MethodPost, "/auth/logout?everywhere=1", nil),
	} {
		if a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %s", what, a.Status)
		}
	}
	if here.Who() != "" || other.Who() == "" {
		t.Errorf("signed in: %q and %q", here.Who(), other.Who())
	}
	limit("0")
	if a := other.Send(http.MethodPost, "/auth/logout?everywhere=1", nil); a.StatusCode != http.StatusSeeOther || other.Who() != "" {
		t.Errorf("with room again: %s", a.Status)
	}
}

// storeJourney makes all calls that the kit makes to its stores.
func storeJourney(t *testing.T, at, id string) error {
	t.Helper()
	s, err := openStores(t.Context(), at)
	if err != nil {
		return err
	}
	defer s.close()
	x := xtest.New(xtest.Config{Users: users()})
	api := httptest.NewServer(x)
	defer api.Close()
	site := httptest.NewUnstartedServer(nil)
	defer site.Close()
	public := "http://" + site.Listener.Addr().String()
	x.SetCallbacks(public + "/auth/callback")
	kit, err := newKit(setup{PublicURL: public, X: api.URL}, s)
	if err != nil {
		return err
	}
	site.Config.Handler = routes(kit)
	site.Start()
	steps := []func(context.Context) error{
		func(context.Context) error { visitOnce(t, x, public, id); return nil },
		func(ctx context.Context) error { return kit.SignOutEverywhere(ctx, id) },
		func(context.Context) error { visitOnce(t, x, public, id); return nil },
		func(ctx context.Context) error {
			return kit.RefreshToken(ctx, xsignin.Key{Provider: "x", UserID: id, AccountID: id})
		},
		func(ctx context.Context) error { _, err := kit.ReencryptTokens(ctx); return err },
		kit.Close,
	}
	for _, step := range steps {
		if stepErr := step(t.Context()); stepErr != nil && err == nil {
			err = stepErr
		}
	}
	return err
}

// visitOnce signs in, loads pages, signs out and signs in again. It stops at the first step that
// fails.
func visitOnce(t *testing.T, x *xtest.X, public, id string) {
	t.Helper()
	b := testkit.NewBrowser(t, x, public, nil)
	for range 2 {
		login := b.Get("/auth/login")
		if login.StatusCode != http.StatusSeeOther {
			return
		}
		if a := b.Get(b.Approve(login.Redirect(), id)); a.StatusCode != http.StatusSeeOther {
			return
		}
		b.Get("/me")
		b.Get("/api")
		b.Send(http.MethodPost, "/auth/logout", nil, "Sec-Fetch-Site", "same-origin")
	}
	login := b.Get("/auth/login")
	if login.StatusCode == http.StatusSeeOther {
		b.Get(b.Approve(login.Redirect(), id))
	}
}
