package xtest_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

func TestDefaultsHaveTheShapesOfX(t *testing.T) {
	t.Parallel()
	for id, suffix := range map[string]string{xtest.DefaultClientID: ":1:ci", xtest.DefaultPublicClientID: ":1:na"} {
		b, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil || len(id) != 34 || !strings.HasSuffix(string(b), suffix) {
			t.Errorf("client id %s is %s, %v", id, b, err)
		}
	}
	if len(xtest.DefaultClientSecret) != 50 || len(xtest.DefaultConsumerKey) != 25 || len(xtest.DefaultConsumerSecret) != 50 {
		t.Error("a secret or key has another length than X's")
	}
	above := 0
	us := xtest.New(xtest.Config{}).Users()
	for _, u := range us {
		n, err := strconv.ParseInt(u.ID, 10, 64)
		if err != nil {
			t.Error(err)
		}
		if n > 1<<53 {
			above++
		}
	}
	if len(us) != 2 || above != 1 || us[0].Email == "" || us[1].Email != "" {
		t.Errorf("default users are %+v", us)
	}
	x := xtest.New(xtest.Config{})
	a, _ := strconv.ParseInt(x.NewID(), 10, 64)
	if b, _ := strconv.ParseInt(x.NewID(), 10, 64); a <= 1<<53 || b <= a {
		t.Errorf("ids are %d, %d", a, b)
	}
}

func TestConfigurationsThatXWouldNotTakePanic(t *testing.T) {
	t.Parallel()
	var eleven []string
	for i := range 11 {
		eleven = append(eleven, fmt.Sprint("https://app.example/", i))
	}
	user := func(id, name string) xtest.User { return xtest.User{ID: id, Username: name} }
	for name, cfg := range map[string]xtest.Config{
		"eleven callbacks":             {Callbacks: eleven},
		"a relative callback":          {Callbacks: []string{"/auth/callback"}},
		"a callback that is no URL":    {Callbacks: []string{"http://[::1"}},
		"a javascript callback":        {Callbacks: []string{"JavaScript:alert(1)"}},
		"a BaseURL without a host":     {BaseURL: "/x"},
		"a BaseURL of another scheme":  {BaseURL: "ftp://x.example"},
		"a user without an id":         {Users: []xtest.User{user("", "a")}},
		"a user id of 20 digits":       {Users: []xtest.User{user("12345678901234567890", "a")}},
		"a user id with letters":       {Users: []xtest.User{user("1a", "a")}},
		"a user without a name":        {Users: []xtest.User{user("1", "")}},
		"two users with the same id":   {Users: []xtest.User{user("1", "a"), user("1", "b")}},
		"two users with the same name": {Users: []xtest.User{user("1", "a"), user("2", "A")}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if p, _ := recover().(string); !strings.HasPrefix(p, "xtest: ") {
					t.Errorf("got %q", p)
				}
			}()
			xtest.New(cfg)
		})
	}
}

func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	cfg := xtest.Config{Callbacks: []string{callback}, Users: []xtest.User{{ID: "1", Username: "demo"}}}
	s := newSim(t, cfg)
	cfg.Callbacks[0], cfg.Users[0].Username = "https://evil.example/", "other"
	s.code(authorizeQuery(), "1")
	if s.Users()[0].Username != "demo" {
		t.Error("the user changed")
	}
}

func TestNamesChangeAndIDsStay(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	if err := s.RenameUser(xtest.DefaultUserID, "renamed"); err != nil {
		t.Fatal(err)
	}
	if v := s.accessToken(xtest.DefaultUserID); v.Get("user_id") != xtest.DefaultUserID || v.Get("screen_name") != "renamed" {
		t.Errorf("got %v", v)
	}
	if err := s.RenameUser(xtest.SecondUserID, xtest.DefaultUserName); err != nil {
		t.Errorf("a freed name cannot be taken: %v", err)
	}
	for _, tt := range [][2]string{{"1", "x"}, {xtest.DefaultUserID, ""}, {xtest.DefaultUserID, "DEMO"}} {
		if err := s.RenameUser(tt[0], tt[1]); err == nil {
			t.Errorf("renaming %s to %q has no error", tt[0], tt[1])
		}
	}
	s.AddUser(xtest.User{ID: "77", Username: "demo_three"})
	if us := s.Users(); len(us) != 3 || us[2].ID != "77" || !us[2].CreatedAt.Equal(epoch) {
		t.Errorf("got %+v", us)
	}
}

func TestTheClock(t *testing.T) {
	t.Parallel()
	start := epoch
	x := xtest.New(xtest.Config{Now: func() time.Time { return start }})
	s := &sim{X: x, t: t, http: noRedirects(x, nil)}
	date := func() string { return s.do(newRequest(t, "GET", "https://x.com/", nil)).header.Get("Date") }
	want := func(d time.Duration) {
		t.Helper()
		if got, w := date(), epoch.Add(d).Format("Mon, 02 Jan 2006 15:04:05 GMT"); got != w {
			t.Errorf("got %s, want %s", got, w)
		}
	}
	want(0)
	x.Advance(time.Hour)
	want(time.Hour)
	start = start.Add(time.Minute)
	want(time.Hour + time.Minute)
	x.SetNow(epoch)
	start = start.Add(time.Minute)
	want(0)
	x.Advance(-time.Second)
	want(-time.Second)
}

func TestTheLogSaysWhyAndHasNoSecrets(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := newSim(t, xtest.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	c := consumer().with("oauth_callback", callback)
	c.secret = "wrong"
	s.do(c.request(t, "POST", s.base+"/oauth/request_token", nil))
	s.confidential("/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"a-secret-token"}})
	for _, want := range []string{"signature does not verify", "https://api.x.com/oauth/request_token", "refresh token is unknown"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "a-secret-token") || strings.Contains(log.String(), xtest.DefaultConsumerSecret) {
		t.Errorf("there is a secret in %s", log.String())
	}
}
