package fleet

import (
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// TestNoTokenIsInAFileInClear searches for tokens that are valid and for tokens that were.
func TestNoTokenIsInAFileInClear(t *testing.T) {
	t.Run(inSQLite, func(t *testing.T) {
		dir := t.TempDir()
		wantSealed(t, inFile(filepath.Join(dir, "tokens.db")), dir, func() {
			if wal, err := os.Stat(filepath.Join(dir, "tokens.db-wal")); err != nil || wal.Size() == 0 {
				t.Errorf("there is no write-ahead log to look into: %v", err)
			}
		})
	})
	t.Run(inPostgres, func(t *testing.T) {
		s := testservers.NewPostgres(t)
		b := backend{inPostgres, s.URL}
		wantSealed(t, b, s.Dir, func() {
			db, err := b.database()
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), "CHECKPOINT"); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run(inRedis, func(t *testing.T) {
		s := testservers.NewRedis(t)
		wantSealed(t, backend{inRedis, s.Addr}, s.Dir, func() {
			c := redis.NewClient(&redis.Options{Addr: s.Addr})
			defer c.Close()
			// A compressed dump would hide its content.
			if err := c.ConfigSet(t.Context(), "rdbcompression", "no").Err(); err != nil {
				t.Fatal(err)
			}
			if err := c.Save(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(s.Dir, "dump.rdb")); err != nil {
				t.Error(err)
			}
		})
	})
}

// wantSealed uses tokens of both protocols and searches all files below dir for them.
// flush makes the store write its buffers.
func wantSealed(t *testing.T, b backend, dir string, flush func()) {
	t.Helper()
	f := newFleet(t, b, options{workers: 2, users: 2})
	var secrets []string
	oauth1, err := provider.NewXOAuth1(provider.OAuth1Config{
		ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret, CallbackURL: xtest.DefaultCallback,
		Transport: f.x.Transport(), Now: f.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	token := f.x.signIn(t, oauth1, userID(0))
	if _, err := f.vault.Put(t.Context(), tokenstore.Key{Provider: "x-oauth1", UserID: userID(0), AccountID: userID(0)}, token); err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, token.AccessToken, token.TokenSecret)
	for i := range 2 {
		token := f.signIn(userID(i))
		secrets = append(secrets, token.AccessToken, token.RefreshToken)
	}
	for range 3 {
		for i := range 2 {
			f.round(life+10*time.Minute, userID(i), 5)
		}
	}
	f.x.mu.Lock()
	secrets = append(secrets, f.x.issued...)
	f.x.mu.Unlock()
	if len(secrets) != 2*2+2*2*3+2 {
		t.Errorf("%d secrets to search for", len(secrets))
	}

	// The search must find what is stored without a vault, or it proves nothing.
	const open = "a-value-that-nobody-sealed-0123456789"
	if _, err := b.store(t).Put(t.Context(), tokenstore.Key{Provider: "x", UserID: "open", AccountID: "open"}, []byte(open)); err != nil {
		t.Fatal(err)
	}
	flush()
	n := newNeedles()
	n.add(open, open)
	for _, s := range secrets {
		if len(s) < 20 {
			t.Fatalf("a secret of %d characters", len(s))
		}
		n.addAll(s)
	}
	found := n.search(t, dir)
	if len(found[open]) == 0 {
		t.Error("the search does not find what is stored in clear")
	}
	delete(found, open)
	for _, files := range found {
		t.Errorf("a secret is in %v", files)
	}
}

// needles are strings to search for, by their first eight bytes. Each represents a secret.
type needles struct {
	begin   map[[8]byte][][2]string
	perhaps [1 << 16]bool // by the first two bytes
}

func newNeedles() *needles { return &needles{begin: map[[8]byte][][2]string{}} }

func (n *needles) add(needle, secret string) {
	k := [8]byte([]byte(needle))
	n.begin[k] = append(n.begin[k], [2]string{needle, secret})
	n.perhaps[int(k[0])<<8|int(k[1])] = true
}

// addAll adds a secret as it is, in hexadecimal, and in base64 at any offset. It also adds the
// decoded form, because X's tokens are base64.
func (n *needles) addAll(secret string) {
	n.add(secret, secret)
	n.add(hex.EncodeToString([]byte(secret)), secret)
	n.add(strings.ToUpper(hex.EncodeToString([]byte(secret))), secret)
	for before := range 3 {
		// The characters at both ends depend on the bytes around them.
		code := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), secret...))
		code = code[4 : len(code)-4]
		n.add(code, secret)
		n.add(strings.NewReplacer("+", "-", "/", "_").Replace(code), secret)
	}
	if inside, err := base64.RawURLEncoding.DecodeString(secret); err == nil {
		n.add(string(inside), secret)
	}
}

// search returns the files below dir that contain a needle, by secret.
func (n *needles) search(t *testing.T, dir string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i := 0; i+8 <= len(b); i++ {
			if !n.perhaps[int(b[i])<<8|int(b[i+1])] {
				continue
			}
			for _, needle := range n.begin[[8]byte(b[i:])] {
				if strings.HasPrefix(string(b[i:min(i+len(needle[0]), len(b))]), needle[0]) {
					found[needle[1]] = append(found[needle[1]], d.Name())
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
