package xtest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func (x *X) serveToken(r *http.Request) *answer {
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
		return x.invalidRequest("Value passed for the grant type was invalid.")
	}
}

func (x *X) exchange(client string, form url.Values) *answer {
	for _, name := range []string{"code", "redirect_uri", "code_verifier"} {
		if form.Get(name) == "" {
			return x.missing(name)
		}
	}
	c := x.codes[form.Get("code")]
	if c == nil || c.client != client || !x.Now().Before(c.expires) {
		x.explain("the code is unknown, spent, another client's, or older than 30 seconds")
		return x.invalidRequest("Value passed for the authorization code was invalid.")
	}
	delete(x.codes, form.Get("code"))
	if form.Get("redirect_uri") != c.redirectURI {
		return x.invalidRequest("Value passed for the redirect uri did not match the uri of the authorization code.")
	}
	if !c.proves(form.Get("code_verifier")) {
		return x.invalidRequest("Value passed for the code verifier did not match the code challenge.")
	}
	return x.issue(&grant{user: c.user, client: client, scopes: c.scopes})
}

// proves checks a PKCE verifier: its shape (RFC 7636 section 4.1) and that the challenge was made of it.
func (c *code) proves(verifier string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	for i := 0; i < len(verifier); i++ {
		if !isUnreserved(verifier[i]) {
			return false
		}
	}
	if c.method == "plain" {
		return verifier == c.challenge
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]) == c.challenge
}

func (x *X) refresh(client string, form url.Values) *answer {
	value := form.Get("refresh_token")
	if value == "" {
		return x.missing("refresh_token")
	}
	t := x.live(value)
	if t == nil || t.kind != kindRefresh || t.app != client {
		x.explain("the refresh token is unknown, spent, revoked, or another client's")
		if g := x.spent.grants[value]; g != nil && g.client == client && x.cfg.Switches.RefreshReuseRevokes {
			x.endGrant(g, "")
		}
		return x.invalidRequest("Value passed for the token was invalid.")
	}
	delete(x.tokens, value)
	x.spent.add(value, t.grant)
	if x.cfg.Switches.RefreshEndsAccess {
		x.endGrant(t.grant, kindOAuth2)
	}
	a := x.issue(t.grant)
	if x.cfg.Switches.RefreshAnswerLost {
		a.status = 0
	}
	return a
}

// issue makes an access token and, with offline.access, a refresh token.
func (x *X) issue(g *grant) *answer {
	now, life := x.Now(), cmp.Or(x.cfg.Switches.AccessLifetime, accessLifetime)
	access := x.newOpaque("at")
	x.tokens[access] = &token{kind: kindOAuth2, user: g.user, app: g.client, grant: g, expires: now.Add(life)}
	body := struct {
		TokenType    string `json:"token_type"`
		ExpiresIn    int    `json:"expires_in"`
		AccessToken  string `json:"access_token"`
		Scope        string `json:"scope"`
		RefreshToken string `json:"refresh_token,omitempty"`
	}{TokenType: "bearer", ExpiresIn: int(life.Seconds()), AccessToken: access}
	scopes := slices.Clone(g.scopes)
	if !x.cfg.Switches.ScopeOrderAsAsked {
		slices.Reverse(scopes)
	}
	body.Scope = strings.Join(scopes, " ")
	if slices.Contains(scopes, "offline.access") {
		body.RefreshToken = x.newOpaque("rt")
		t := &token{kind: kindRefresh, user: g.user, app: g.client, grant: g}
		if d := x.cfg.Switches.RefreshLifetime; d > 0 {
			t.expires = now.Add(d)
		}
		x.tokens[body.RefreshToken] = t
	}
	b, _ := json.Marshal(body)
	return &answer{http.StatusOK, typeJSON, string(b)}
}

func (x *X) serveRevoke(r *http.Request) *answer {
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
		return x.invalidRequest("Value passed for the token type hint was invalid.")
	}
	// A token that is not alive is no error (RFC 7009 section 2.2): what the client wanted is so.
	if t := x.live(value); t != nil && t.grant != nil {
		if t.app != client {
			x.explain("the token is another client's")
			return x.invalidRequest("Value passed for the token was invalid.")
		}
		delete(x.tokens, value)
		if x.cfg.Switches.RevokeEndsGrant {
			x.endGrant(t.grant, "")
		}
	}
	if x.cfg.Switches.RevokeEmptyBody {
		return &answer{http.StatusOK, typeJSON, ""}
	}
	return &answer{http.StatusOK, typeJSON, `{"revoked":true}`}
}

// serveAppOnly gives an app the bearer token that stands for no user: always the same while it is alive.
func (x *X) serveAppOnly(r *http.Request) *answer {
	x.mu.Lock()
	defer x.mu.Unlock()
	key, secret, ok := r.BasicAuth()
	if !ok || unescaped(key) != x.cfg.ConsumerKey || unescaped(secret) != x.cfg.ConsumerSecret {
		return &problem{http.StatusForbidden, typeJSON,
			`{"errors":[{"code":99,"message":"Unable to verify your credentials","label":"authenticity_token_error"}]}`}
	}
	form, _ := bufferForm(r)
	if v := form["grant_type"]; len(v) != 1 || v[0] != "client_credentials" {
		return &problem{http.StatusForbidden, typeJSON,
			`{"errors":[{"code":170,"message":"Missing required parameter: grant_type","label":"forbidden_missing_parameter"}]}`}
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
	return &answer{http.StatusOK, typeJSON, fmt.Sprintf(`{"token_type":"bearer","access_token":%q}`, value)}
}
