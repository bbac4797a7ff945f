package localx_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/examples/internal/localx"
)

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestConfig(t *testing.T) {
	for _, vars := range []map[string]string{
		{"X_CLIENT_ID": "id", "X_CLIENT_SECRET": "secret", "SECRETS": "a  b"},
		{"X_CONSUMER_KEY": "key", "X_CONSUMER_SECRET": "secret", "SECRETS": "a b"},
	} {
		cfg, x := localx.Config("http://127.0.0.1:1", env(vars))
		if x != nil || cfg.X.Transport != nil || cfg.X.AuthorizeURL != "" || cfg.ClientID != vars["X_CLIENT_ID"] ||
			cfg.ClientSecret != vars["X_CLIENT_SECRET"] || cfg.OAuth1.ConsumerKey != vars["X_CONSUMER_KEY"] ||
			cfg.OAuth1.ConsumerSecret != vars["X_CONSUMER_SECRET"] || len(cfg.Secrets) != 2 {
			t.Errorf("%v: %v", vars, cfg)
		}
	}
	cfg, x := localx.Config("http://127.0.0.1:1", env(nil))
	if x == nil {
		t.Fatal("no local X")
	}
	defer x.Close()
	if cfg.X.Transport == nil || !strings.HasPrefix(cfg.X.AuthorizeURL, x.URL) {
		t.Errorf("%v", cfg)
	}
}

// TestAddrIsALoopbackAddress: other machines must not reach the examples.
func TestAddrIsALoopbackAddress(t *testing.T) {
	for _, addr := range []string{":8080", "0.0.0.0:0", "[::]:0", "192.0.2.1:80", "example.com:80", "8080"} {
		if err := localx.Run(context.Background(), env(map[string]string{"ADDR": addr}), io.Discard, nil); err == nil || !strings.HasPrefix(err.Error(), "ADDR") {
			t.Errorf("%s: %v", addr, err)
		}
	}
}
