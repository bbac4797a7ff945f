package xtest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func (x *X) serveToken(r *http.Request) *Reply {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sweep()
	client, form, p := x.clientForm(r)
	if p != nil {
		return p
	}
	switch form.Get("grant_type") {
	case "authorization_code":
		return x.exchange(client, form)
	case "refresh_token":
		return x.refresh(client, form)
	case "":
		return x.missing("grant_type")
	default:
		return x.invalidRequest("Value passed for the grant type was invalid.",
			"grant_type is neither authorization_code nor refresh_token")
	}
}

func (x *X) exchange(client string, form url.Values) *Reply {
	for _, name := range []string{"code", "redirect_uri", "code_verifier"} {
		if form.Get(name) == "" {
			return x.missing(name)
		}
	}
	c := x.codes[form.Get("code")]
	if c == nil || c.client != client || !x.Now().Before(c.expires) {
		return x.invalidRequest("Value passed for the authorization code was invalid.",
			"the code is unknown, spent, another client's, or older than 30 seconds: exchange it once and at once")
	}
	delete(x.codes, form.Get("code"))
	if form.Get("redirect_uri") != c.redirectURI {
		return x.invalidRequest("Value passed for the redirect uri did not match the uri of the authorization code.",
			"redirect_uri %q is not the one of the consent page: send the same, to the letter", form.Get("redirect_uri"))
	}
	verifier := form.Get("code_verifier")
	if x.cfg.Switches.Strict && !isVerifier(verifier) {
		return x.invalidRequest("Value passed for the code verifier was invalid.",
			"code_verifier is not 43 to 128 unreserved characters (RFC 7636 section 4.1)")
	}
	if !c.proves(verifier) {
		return x.invalidRequest("Value passed for the code verifier did not match the code challenge.",
			"code_challenge was not made of code_verifier: with S256 it is base64url, unpadded, of the verifier's SHA-256")
	}
	return x.issue(&grant{user: c.user, client: client, scopes: c.scopes})
}

// isVerifier reports whether a PKCE verifier has the form of RFC 7636 section 4.1. X takes others: its own documentation
// shows one of 9 characters, and its own SDK sends 171.
func isVerifier(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isUnreserved(s[i]) {
			return false
		}
	}
	return 43 <= len(s) && len(s) <= 128
}

// proves reports whether the challenge was made of a verifier.
func (c *code) proves(verifier string) bool {
	if c.method == "plain" {
		return verifier == c.challenge
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]) == c.challenge
}

func (x *X) refresh(client string, form url.Values) *Reply {
	value := form.Get("refresh_token")
	if value == "" {
		return x.missing("refresh_token")
	}
	t := x.live(value)
	if t == nil || t.kind != kindRefresh || t.app != client {
		if spent := x.tokens[value]; spent != nil && spent.kind == kindSpent && spent.app == client && x.cfg.Switches.RefreshReuseRevokes {
			x.endGrant(spent.grant, "")
		}
		return x.invalidRequest("Value passed for the token was invalid.",
			"the refresh token is unknown, spent, revoked, or another client's: keep the newest one, or sign in again")
	}
	delete(x.tokens, value)
	if x.cfg.Switches.RefreshReuseRevokes {
		x.tokens[value] = &token{kind: kindSpent, app: client, grant: t.grant, expires: x.Now().Add(spentLifetime)}
	}
	if x.cfg.Switches.RefreshEndsAccess {
		x.endGrant(t.grant, kindOAuth2)
	}
	return x.issue(t.grant)
}

// issue makes an access token and, with offline.access, a refresh token.
func (x *X) issue(g *grant) *Reply {
	now, life := x.Now(), cmp.Or(x.cfg.Switches.AccessLifetime, accessLifetime)
	access := x.newOpaque("at")
	x.tokens[access] = &token{kind: kindOAuth2, user: g.user, app: g.client, grant: g, expires: now.Add(life)}
	scopes := slices.Clone(g.scopes)
	if !x.cfg.Switches.ScopeOrderAsAsked {
		slices.Reverse(scopes)
	}
	body := []any{
		"token_type", "bearer", "expires_in", int(life.Seconds()), "access_token", access, "scope", strings.Join(scopes, " "),
	}
	if slices.Contains(scopes, "offline.access") {
		refresh := x.newOpaque("rt")
		t := &token{kind: kindRefresh, user: g.user, app: g.client, grant: g}
		if d := x.cfg.Switches.RefreshLifetime; d > 0 {
			t.expires = now.Add(d)
		}
		x.tokens[refresh] = t
		body = append(body, "refresh_token", refresh)
	}
	return newReply(http.StatusOK, typeJSON, string(object(body...)))
}

func (x *X) serveRevoke(r *http.Request) *Reply {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sweep()
	client, form, p := x.clientForm(r)
	if p != nil {
		return p
	}
	value, hint := form.Get("token"), form.Get("token_type_hint")
	switch {
	case value == "":
		return x.missing("token")
	case hint == "" && !x.cfg.Switches.RevokeWithoutHint:
		return x.missing("token_type_hint")
	case hint != "" && hint != "access_token" && hint != "refresh_token":
		return x.invalidRequest("Value passed for the token type hint was invalid.",
			"token_type_hint is neither access_token nor refresh_token")
	}
	// A token that is not alive is no error (RFC 7009 section 2.2): what the client wanted is so.
	if t := x.live(value); t != nil && t.grant != nil {
		if t.app != client {
			return x.invalidRequest("Value passed for the token was invalid.", "the token is another client's")
		}
		delete(x.tokens, value)
		if x.cfg.Switches.RevokeEndsGrant {
			x.endGrant(t.grant, "")
		}
	}
	if x.cfg.Switches.RevokeEmptyBody {
		return newReply(http.StatusOK, typeJSON, "")
	}
	return newReply(http.StatusOK, typeJSON, `{"revoked":true}`)
}

// serveAppOnly issues the app-only bearer token, which belongs to no user. It is the same one while it is alive.
func (x *X) serveAppOnly(r *http.Request) *Reply {
	x.mu.Lock()
	defer x.mu.Unlock()
	refused := func(code int, message, label, reason string) *Reply {
		return newReply(http.StatusForbidden, typeJSON,
			fmt.Sprintf(`{"errors":[{"code":%d,"message":%q,"label":%q}]}`, code, message, label)).because("%s", reason)
	}
	key, secret, ok := r.BasicAuth()
	if !ok || unescaped(key) != x.cfg.ConsumerKey || unescaped(secret) != x.cfg.ConsumerSecret {
		return refused(99, "Unable to verify your credentials", "authenticity_token_error",
			"the header is not Basic with the API key and secret of OAuth 1.0a")
	}
	form, rep := x.parameters(r)
	if rep != nil {
		return rep
	}
	if form.Get("grant_type") != "client_credentials" {
		return refused(170, "Missing required parameter: grant_type", "forbidden_missing_parameter",
			"grant_type is not client_credentials")
	}
	value := ""
	for v, t := range x.tokens {
		if t.kind == kindApp {
			value = v
		}
	}
	if value == "" {
		value = strings.Repeat("A", 22) + random(90, alphanumeric)
		x.tokens[value] = &token{kind: kindApp, app: x.cfg.ConsumerKey}
	}
	return newReply(http.StatusOK, typeJSON, fmt.Sprintf(`{"token_type":"bearer","access_token":%q}`, value))
}
