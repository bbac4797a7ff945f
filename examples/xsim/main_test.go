package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

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
		{"a scheme that X blocks", map[string]string{"X_CALLBACK_URLS": "ftp://127.0.0.1/a"}, "X_CALLBACK_URLS: "},
		{"eleven callbacks", map[string]string{"X_CALLBACK_URLS": strings.Repeat("http://127.0.0.1/a ", 11)}, "X_CALLBACK_URLS: "},
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

func TestUsageNamesEveryVariable(t *testing.T) {
	t.Parallel()
	var asked []string
	_, _, _ = readConfig(func(name string) string { asked = append(asked, name); return "" })
	for _, name := range asked {
		if !strings.Contains(usage, "\n  "+name+" ") {
			t.Errorf("%s is not in the usage text", name)
		}
	}
}
