package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

func TestItSaysWhatAnApplicationNeeds(t *testing.T) {
	t.Parallel()
	env := map[string]string{"X_CLIENT_SECRET": "it's a secret", "X_CALLBACK_URLS": "http://127.0.0.1:1/a, http://127.0.0.1:2/b"}
	at, said := testkit.Start(t, env, func(ctx context.Context, getenv func(string) string, out io.Writer) error {
		return run(ctx, getenv, out, slog.New(slog.DiscardHandler))
	})
	for _, want := range []string{
		"Callbacks: http://127.0.0.1:1/a http://127.0.0.1:2/b\n",
		"export X_API_URL=" + at + "\n",
		"export X_AUTHORIZE_URL=" + at + "/i/oauth2/authorize\n",
		"export X_CLIENT_ID=" + xtest.DefaultClientID + "\n",
		`export X_CLIENT_SECRET='it'\''s a secret'` + "\n",
		"export X_CONSUMER_KEY=" + xtest.DefaultConsumerKey + "\n",
		"export X_CONSUMER_SECRET=" + xtest.DefaultConsumerSecret + "\n",
		"# export X_CLIENT_ID=" + xtest.DefaultPublicClientID + "\n# export X_CLIENT_SECRET=\n",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
	for path, status := range map[string]int{"/": http.StatusOK, "/2/users/me": http.StatusUnauthorized} {
		resp, err := http.Get(at + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%s: %d, not %d", path, resp.StatusCode, status)
		}
	}
}

func TestConfigErrorsNameTheVariable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"no port", map[string]string{"ADDR": "localhost"}, "ADDR: "},
		{"a port that is no port", map[string]string{"ADDR": "127.0.0.1:http-or-so"}, "ADDR: "},
		{"a path for a callback", map[string]string{"X_CALLBACK_URLS": "/auth/callback"}, "X_CALLBACK_URLS: "},
		{"no host", map[string]string{"X_CALLBACK_URLS": "http:/auth/callback"}, "X_CALLBACK_URLS: "},
		{"a scheme that X blocks", map[string]string{"X_CALLBACK_URLS": "ftp://127.0.0.1/a"}, "X_CALLBACK_URLS: "},
		{"eleven callbacks", map[string]string{"X_CALLBACK_URLS": strings.Repeat("http://127.0.0.1/a ", 11)}, "X_CALLBACK_URLS: "},
		{"a switch that is none", map[string]string{"SWITCHES": "Strict Strictly"}, "SWITCHES: "},
		{"a structure of switches", map[string]string{"SWITCHES": "APISwitches"}, "SWITCHES: "},
		{"a refusal that is none", map[string]string{"SWITCHES": "Refuse=RefuseAll"}, "SWITCHES: "},
		{"a directory for a state", map[string]string{"STATE": "."}, "STATE: "},
		{"one id for two clients", map[string]string{"X_CLIENT_ID": "a", "X_PUBLIC_CLIENT_ID": "a"}, "X_PUBLIC_CLIENT_ID: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := run(t.Context(), func(name string) string { return c.env[name] }, io.Discard, slog.New(slog.DiscardHandler))
			var faults *configError
			if !errors.As(err, &faults) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// X takes schemes of applications, with and without a host.
func TestCallbacksOfApplications(t *testing.T) {
	t.Parallel()
	env := map[string]string{"X_CALLBACK_URLS": "twitterclient://callback com.example.app:/callback"}
	_, _, cfg, err := readConfig(func(name string) string { return env[name] })
	if err != nil || len(cfg.Callbacks) != 2 {
		t.Fatalf("%q, %v", cfg.Callbacks, err)
	}
	if _, err := simulate(cfg); err != nil {
		t.Error(err)
	}
}

func TestUsageNamesEveryVariable(t *testing.T) {
	t.Parallel()
	var asked []string
	_, _, _, _ = readConfig(func(name string) string { asked = append(asked, name); return "" })
	for _, name := range asked {
		if !strings.Contains(usage, "\n  "+name+" ") {
			t.Errorf("%s is not in the usage text", name)
		}
	}
}

func TestSwitchesAreSetByName(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"SWITCHES": "Strict AccessLifetime=1m Refuse=RefuseSpendCap Vocabulary=PostVocabulary DailyLimit=7 ProblemHost=h SelfServePlan=false",
	}
	_, _, cfg, err := readConfig(func(name string) string { return env[name] })
	want := xtest.Switches{Strict: true, AccessLifetime: time.Minute}
	want.Refuse, want.Vocabulary, want.DailyLimit, want.ProblemHost = xtest.RefuseSpendCap, xtest.PostVocabulary, 7, "h"
	if err != nil || cfg.Switches != want {
		t.Errorf("got %+v, %v", cfg.Switches, err)
	}
}

// TestTheStateOutlivesTheProcess: the token of an application is taken after a restart.
func TestTheStateOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.json")
	token := "none"
	for _, want := range []int{http.StatusUnauthorized, http.StatusOK} {
		ctx, stop := context.WithCancel(t.Context())
		ready, ended := make(chan string, 1), make(chan error, 1)
		out, in := io.Pipe()
		go func() {
			env := map[string]string{"STATE": file, "ADDR": "127.0.0.1:0"}
			ended <- run(ctx, func(name string) string { return env[name] }, in, slog.New(slog.DiscardHandler))
		}()
		go func() {
			line, _ := bufio.NewReader(out).ReadString('\n')
			ready <- strings.Fields(line)[1]
			_, _ = io.Copy(io.Discard, out)
		}()
		at := <-ready
		req, err := http.NewRequest(http.MethodGet, at+"/2/users/by/username/tkowal", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("got %d, want %d", resp.StatusCode, want)
		}
		token = appToken(t, at)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// appToken fetches the app-only token.
func appToken(t *testing.T, at string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, at+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.Token == "" {
		t.Fatalf("no token: %d, %v", resp.StatusCode, err)
	}
	return body.Token
}
