package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/examples/internal/keyfile"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xapi"
)

// authParameters is the file of -auth. The names are those that toolkits for X use.
type authParameters struct {
	RedirectURI      string `json:"redirect_uri"`
	Scope            scopes `json:"scope"`
	ClientID         string `json:"client_id"`
	ClientSecret     string `json:"client_secret"`
	AccessToken      string `json:"access_token"`
	RefreshToken     string `json:"refresh_token"`
	OAuthToken       string `json:"oauth_token"`
	OAuthTokenSecret string `json:"oauth_token_secret"`
	ConsumerKey      string `json:"oauth_consumer_key"`
	ConsumerSecret   string `json:"oauth_consumer_secret"`
}

// scopes is a list of scopes: a string with spaces, or an array of strings.
type scopes string

// UnmarshalJSON implements json.Unmarshaler.
func (s *scopes) UnmarshalJSON(b []byte) error {
	var list []string
	if json.Unmarshal(b, &list) == nil {
		*s = scopes(strings.Join(list, " "))
		return nil
	}
	return json.Unmarshal(b, (*string)(s))
}

// readAuth reads the file of -auth. It does not accept JSON in place of the file's name, because
// other users of a machine can read arguments.
func readAuth(file string) (a authParameters, err error) {
	fail := func(format string, args ...any) (authParameters, error) {
		return authParameters{}, &configError{[]error{fmt.Errorf("-auth "+format, args...)}}
	}
	if strings.HasPrefix(strings.TrimSpace(file), "{") {
		return fail("takes the name of a file: other users of this machine can read arguments")
	}
	if keyfile.Open(file) {
		return fail("%s can be read by others on this machine: run chmod 600 %s", file, file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return fail("cannot be read: %v", err)
	}
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(b, &a); errors.As(err, &wrong) {
		return fail("%s: %s is not a string", file, wrong.Field)
	} else if err != nil {
		return fail("%s is not JSON", file)
	}
	return a, nil
}

// outside is a token that was not issued by a sign-in here.
type outside struct {
	provider string
	token    tokenstore.Token
}

// tokensFrom returns the complete tokens. OAuth 2.0 comes last, as if it had signed in last. Its
// scopes are assumed to be the configured ones, until a refresh returns the real ones.
func tokensFrom(token, secret, access, refresh string, scopes []string) (all []outside) {
	now := time.Now()
	if token != "" && secret != "" {
		all = append(all, outside{oauth1Name, tokenstore.Token{AccessToken: token, TokenSecret: secret, ObtainedAt: now}})
	}
	if access != "" || refresh != "" {
		// X's access tokens live for two hours. This one may be older. X then refuses it, and
		// the kit refreshes it.
		t := tokenstore.Token{AccessToken: access, RefreshToken: refresh, Scopes: scopes, ObtainedAt: now, Expiry: now.Add(2 * time.Hour)}
		if access == "" {
			// The kit refreshes it before the first use.
			t.AccessToken, t.Expiry = "none", now.Add(-time.Hour)
		}
		all = append(all, outside{oauth2Name, t})
	}
	return all
}

// fingerprint identifies the token without revealing it.
func (o outside) fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{o.provider, o.token.AccessToken, o.token.TokenSecret, o.token.RefreshToken}, "\n")))
	return hex.EncodeToString(sum[:16])
}

// importsTable records which tokens from outside were imported, and for which account.
const importsTable = `CREATE TABLE IF NOT EXISTS xpost_imports (
	fingerprint TEXT PRIMARY KEY, provider TEXT NOT NULL, user_id TEXT NOT NULL)`

// adopt imports the tokens from outside, each once. Afterwards only xpost has the current
// tokens, because X replaces a refresh token at each refresh. Commands then act for their
// accounts.
func (c *call) adopt(ctx context.Context) error {
	if len(c.adopted) > 0 {
		return nil
	}
	for _, o := range c.cfg.outside {
		key, err := c.adoptOne(ctx, o)
		if errors.Is(err, client.ErrReauthRequired) {
			return &notSignedIn{"X does not accept the " + protocol(o.provider) + " token from outside: get a new one, or run xpost login without it"}
		}
		if err != nil {
			return err
		}
		c.adopted = append(c.adopted, key)
	}
	return nil
}

func (c *call) adoptOne(ctx context.Context, o outside) (tokenstore.Key, error) {
	id := o.fingerprint()
	var userID string
	err := c.db.QueryRowContext(ctx, `SELECT user_id FROM xpost_imports WHERE fingerprint = ?`, id).Scan(&userID)
	if !errors.Is(err, sql.ErrNoRows) {
		return tokenstore.Key{Provider: o.provider, UserID: userID, AccountID: userID}, err
	}
	// The token is saved before X is asked for its account. If the token is refreshed in that
	// call, the file has the new one, so a killed command loses nothing.
	temporary := tokenstore.Key{Provider: o.provider, UserID: "import:" + id, AccountID: id}
	_, _, err = c.vault.Get(ctx, temporary)
	if errors.Is(err, tokenstore.ErrNotFound) {
		_, err = c.vault.Put(ctx, temporary, o.token)
	}
	if err != nil {
		return tokenstore.Key{}, err
	}
	u, err := c.userOf(ctx, temporary)
	t, version, readErr := c.vault.Get(context.WithoutCancel(ctx), temporary)
	if errors.Is(err, client.ErrReauthRequired) && readErr == nil {
		return tokenstore.Key{}, errors.Join(err, c.vault.Delete(ctx, temporary, version))
	}
	if err = errors.Join(err, readErr); err != nil {
		return tokenstore.Key{}, err
	}
	t.AccountID, t.Username, t.Name = u.AccountID, u.Username, u.Name
	if err := c.save(ctx, u, t); err != nil {
		return tokenstore.Key{}, err
	}
	_, err = c.db.ExecContext(ctx, `INSERT OR REPLACE INTO xpost_imports VALUES (?, ?, ?)`, id, o.provider, u.ID)
	return u.Key(), errors.Join(err, c.vault.Delete(ctx, temporary, version))
}

// userOf asks X for the user of the token under key.
func (c *call) userOf(ctx context.Context, key tokenstore.Key) (provider.User, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/2/users/me", nil)
	if err != nil {
		return provider.User{}, err
	}
	me, err := xapi.Decode[struct {
		Data struct{ ID, Username, Name string }
	}](c.clients.Client(ctx, key).Do(r))
	if err == nil && me.Data.ID == "" {
		err = errors.New("the answer of X does not name the token's user")
	}
	return provider.User{
		Provider: key.Provider, ID: me.Data.ID, AccountID: me.Data.ID, Username: me.Data.Username, Name: me.Data.Name, SignedInAt: time.Now(),
	}, err
}
