package xtest

import (
	"net/http"
	"strings"
)

// principal is who makes an API request.
type principal struct {
	user     *account // nil when kind is "app"
	kind     string   // "oauth1", "oauth2" or "app"
	scopes   map[string]bool
	readOnly bool   // OAuth 1.0a: the token may not write
	app      string // client id or consumer key
	token    string
}

// authenticate finds out who makes an API request. A form body is part of an OAuth 1.0a signature; it is read and put
// back. App-only tokens give a principal: whether they will do is for the endpoint to say.
func (x *X) authenticate(r *http.Request) (*principal, *Reply) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 1 {
		if scheme, value, ok := strings.Cut(headers[0], " "); ok && strings.EqualFold(scheme, "Bearer") {
			return x.bearer(r, strings.TrimSpace(value))
		}
	}
	v2 := strings.HasPrefix(r.URL.Path, "/2/")
	if len(headers) == 0 && r.URL.Query().Get("oauth_signature") == "" {
		if form, _ := bufferForm(r); form.Get("oauth_signature") == "" {
			const reason = "there is no Authorization header: send \"Bearer\" with an access token, or sign by OAuth 1.0a"
			if v2 {
				return nil, flat(http.StatusUnauthorized).because(reason)
			}
			return nil, badAuthentication(reason)
		}
	}
	s, p := x.readSigned(r)
	if p != nil {
		return nil, p
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	t, p := x.verifyUser(s)
	if p != nil {
		return nil, p
	}
	return &principal{
		user: t.user, kind: kindOAuth1, readOnly: t.readOnly, app: t.app, token: s.get("oauth_token"),
	}, nil
}

// verifyUser verifies a request signed with a user's token. mu is held.
func (x *X) verifyUser(s *signedRequest) (*token, *Reply) {
	x.sweep()
	if s.get("oauth_consumer_key") != x.cfg.ConsumerKey {
		return nil, x.verify(s)
	}
	t := x.live(s.get("oauth_token"))
	if t == nil || t.kind != kindOAuth1 {
		return nil, invalidToken("the OAuth 1.0a token is unknown or revoked: sign in again")
	}
	return t, x.verify(s, t.secret)
}

func (x *X) bearer(r *http.Request, value string) (*principal, *Reply) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sweep()
	t := x.live(value)
	if t == nil || t.kind != kindOAuth2 && t.kind != kindApp {
		const reason = "the bearer token is unknown, expired or revoked: refresh it, or sign in again"
		if strings.HasPrefix(r.URL.Path, "/2/") {
			return nil, flat(http.StatusUnauthorized).because(reason)
		}
		return nil, invalidToken(reason)
	}
	p := &principal{user: t.user, kind: t.kind, app: t.app, token: value}
	if t.grant != nil {
		p.scopes = make(map[string]bool, len(t.grant.scopes))
		for _, s := range t.grant.scopes {
			p.scopes[s] = true
		}
	}
	return p, nil
}
