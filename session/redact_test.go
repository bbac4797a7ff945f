package session_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/session"
)

// openStore is a store that keeps its password in plain sight.
type openStore struct {
	scs.Store
	Password string
}

// openTokens is openStore for tokens.
func TestConfigurationsPrintNoSecrets(t *testing.T) {
	t.Parallel()
	const word = "SECRET-SECRET-SECRET-SECRET-SECRET"
	jar := session.PendingStoreConfig{Secrets: [][]byte{[]byte(word)}, Secure: true}
	cfg := session.Config{Store: openStore{Password: word}}
	over := session.FromSCSConfig{Secrets: [][]byte{[]byte(word)}}
	b := begun(word)
	b.Pending.Secret = word
	forms := []string{
		word, hex.EncodeToString([]byte(word)), base64.StdEncoding.EncodeToString([]byte(word)), fmt.Sprint([]byte(word))[1:20],
		strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(word)), "[]byte{"), "}")[:20],
	}
	for _, v := range []any{jar, &jar, cfg, &cfg, over, &over, b, &b} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		for _, form := range forms {
			if strings.Contains(strings.ToLower(out.String()), strings.ToLower(form)) {
				t.Errorf("%T prints %q:\n%s", v, form, out.String())
			}
		}
	}
	if s := fmt.Sprint(jar); !strings.Contains(s, "1 secrets, secure true") {
		t.Error(s)
	}
}
