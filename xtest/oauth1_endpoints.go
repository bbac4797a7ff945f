package xtest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

const outOfBand = "oob"

func hashError(message, path string) *Reply {
	return newReply(http.StatusUnauthorized, typeXML, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<hash>\n  <error>"+message+
		"</error>\n  <request>"+path+"</request>\n</hash>\n")
}

// callbackNotApproved is the 415 of request_token.
func (x *X) callbackNotApproved() *Reply {
	const message = "Callback URL not approved for this client application. " +
		"Approved callback URLs can be adjusted in your application settings"
	if x.cfg.Switches.CallbackErrorJSON {
		return coded(http.StatusForbidden, 415, message)
	}
	return newReply(http.StatusForbidden, typeXML,
		`<?xml version='1.0' encoding='UTF-8'?><errors><error code="415">`+message+`</error></errors>`)
}

func (x *X) serveRequestToken(r *http.Request) *Reply {
	s, p := x.readSigned(r)
	if p != nil {
		return p
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sweep()
	if s.get("oauth_token") != "" {
		return invalidToken("request_token takes no oauth_token: sign it with the consumer key and secret alone")
	}
	if p := x.verify(s, ""); p != nil {
		return p
	}
	callback := s.get("oauth_callback")
	switch {
	case callback == "":
		return badAuthentication("oauth_callback is missing: send a registered URL, or oob")
	case callback == outOfBand:
	case len(x.cfg.Callbacks) == 0:
		return hashError("Desktop applications only support the oauth_callback value 'oob'", r.URL.Path).because("the app has no callback: register one, or send oob")
	case !x.registered(callback, x.cfg.Switches.CallbackQueryCounts):
		return x.callbackNotApproved().because("oauth_callback %q is not registered: register it, or send one of %q", callback, x.cfg.Callbacks)
	}
	access := s.get("x_auth_access_type")
	if access != "" && access != "read" && access != "write" {
		return badAuthentication("x_auth_access_type is neither read nor write")
	}
	lifetime := x.cfg.Switches.RequestTokenLifetime
	if lifetime <= 0 {
		lifetime = requestTokenLifetime
	}
	rt := &requestToken{
		value: newRequestToken(), secret: random(32, alphanumeric), callback: callback,
		// The type lowers what the app may do and never raises it.
		readOnly: x.cfg.ReadOnly || access == "read",
		expires:  x.Now().Add(lifetime),
	}
	x.requestTokens[rt.value] = rt
	return newReply(http.StatusOK, typeForm,
		"oauth_token="+rt.value+"&oauth_token_secret="+rt.secret+"&oauth_callback_confirmed=true")
}

// liveRequestToken finds one that is unspent and in time. mu is held.
func (x *X) liveRequestToken(value string) *requestToken {
	rt := x.requestTokens[value]
	if rt == nil || !x.Now().Before(rt.expires) {
		return nil
	}
	return rt
}

func (x *X) serveAccessToken(r *http.Request) *Reply {
	s, p := x.readSigned(r)
	if p != nil {
		return p
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sweep()
	if s.get("oauth_token") == "" {
		return newReply(http.StatusUnauthorized, typeText, "Request token missing").
			because("oauth_token is missing: send the request token in the header")
	}
	rt := x.liveRequestToken(s.get("oauth_token"))
	if rt == nil {
		if s.get("oauth_consumer_key") != x.cfg.ConsumerKey {
			return x.verify(s)
		}
		return invalidToken("the request token is unknown, spent or expired: begin the sign-in again")
	}
	secrets := []string{rt.secret}
	if !x.cfg.Switches.Strict {
		secrets = append(secrets, "") // gologin, Kratos and twitter-lite sign without the secret
	}
	if p := x.verify(s, secrets...); p != nil {
		return p
	}
	verifier := s.get("oauth_verifier")
	if verifier == "" {
		return hashError("Required oauth_verifier parameter not provided", r.URL.Path).because("oauth_verifier is missing: send the one of the callback")
	}
	if rt.user == nil || verifier != rt.verifier {
		return newReply(http.StatusUnauthorized, typeText, "Error processing your OAuth request: Invalid oauth_verifier parameter").
			because("oauth_verifier is not the one of this request token")
	}
	delete(x.requestTokens, rt.value)
	value, secret := x.oauth1Token(rt.user, rt.readOnly)
	body := "oauth_token=" + value + "&oauth_token_secret=" + secret
	if !x.cfg.Switches.OmitUserID {
		body += "&user_id=" + rt.user.ID + "&screen_name=" + percentEncode(rt.user.Username)
	}
	return newReply(http.StatusOK, typeForm, body)
}

// oauth1Token makes a token, or gives the one that is alive when the switch says so. mu is held.
func (x *X) oauth1Token(u *account, readOnly bool) (value, secret string) {
	if x.cfg.Switches.SameOAuth1Token {
		for value, t := range x.tokens {
			if t.kind == kindOAuth1 && t.user == u && t.readOnly == readOnly {
				return value, t.secret
			}
		}
	}
	value, secret = u.ID+"-"+random(40, alphanumeric), random(45, alphanumeric)
	x.tokens[value] = &token{kind: kindOAuth1, user: u, app: x.cfg.ConsumerKey, secret: secret, readOnly: readOnly}
	return value, secret
}

func (x *X) serveInvalidate(r *http.Request) *Reply {
	s, p := x.readSigned(r)
	if p != nil {
		return p
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, p := x.verifyUser(s); p != nil {
		return p
	}
	value := s.get("oauth_token")
	delete(x.tokens, value)
	b, _ := json.Marshal(value)
	return newReply(http.StatusOK, typeJSON, fmt.Sprintf(`{"access_token":%s}`, b))
}
