package xtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const maxState = 500

// maxSent is how much of a callback is shown.
const maxSent = 300

// The consent pages.
const (
	pathAuthenticate = "/oauth/authenticate"
	pathAuthorize1   = "/oauth/authorize"
	pathAuthorize2   = "/i/oauth2/authorize"
	pathSDK          = "/i/oauth/authenticate" // built by X's own SDK, for pathAuthenticate
)

func consentPaths() []string {
	return []string{pathSDK, pathAuthenticate, pathAuthorize1, pathAuthorize2}
}

// question is a valid request for consent, to be put to a person.
type question struct {
	words      []string // what the app will be able to do
	forceLogin bool
	screenName string
	silent     bool // may be answered by an earlier approval

	request *requestToken // OAuth 1.0a
	code    *code         // OAuth 2.0, without a user as yet
	state   string        // OAuth 2.0
}

// outcome is what a browser gets: it is sent on, or it sees a page.
type outcome struct {
	location string
	page     *page
	reason   string // why X sends the browser on with an error
}

func redirect(location string) *outcome { return &outcome{location: location} }

// ask reads a request for consent. A question comes without an outcome. mu is held.
func (x *X) ask(path, rawQuery string) (*question, *outcome) {
	x.sweep()
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, wentWrong("the query of the URL cannot be read")
	}
	for name, values := range query {
		if len(values) > 1 {
			return nil, wentWrong("the parameter " + name + " comes twice")
		}
	}
	if path == pathAuthorize2 {
		return x.ask2(query)
	}
	return x.ask1(path, query)
}

func (x *X) ask1(path string, query url.Values) (*question, *outcome) {
	rt := x.liveRequestToken(query.Get("oauth_token"))
	if rt == nil || rt.user != nil {
		return nil, &outcome{page: &page{
			Kind: "error", Status: http.StatusForbidden, Title: "Whoa there!",
			Text: "This page needs a request token that is still unused. Go back to the application " +
				"that sent you here and start again.",
			Reason: "oauth_token is missing, unknown, used or expired: send the one of the last request_token.",
		}}
	}
	return &question{
		words:      oauth1Words(rt.readOnly),
		forceLogin: query.Get("force_login") == "true",
		screenName: query.Get("screen_name"),
		silent:     path != pathAuthorize1,
		request:    rt,
	}, nil
}

func (x *X) ask2(query url.Values) (*question, *outcome) {
	client, redirectURI := query.Get("client_id"), query.Get("redirect_uri")
	switch {
	case client != x.cfg.ClientID && client != x.cfg.PublicClientID:
		return nil, wentWrong("client_id is missing or not the OAuth 2.0 client id of an app: the API key of OAuth 1.0a is another")
	case !x.registered(redirectURI, true):
		sent := redirectURI[:min(len(redirectURI), maxSent)]
		out := wentWrong(fmt.Sprintf("redirect_uri is missing or not one of the registered callbacks, compared exactly: it is %q, and registered is %q", sent, x.cfg.Callbacks))
		out.page.Compared, out.page.Sent, out.page.Callbacks = true, sent, x.cfg.Callbacks
		return nil, out
	case query.Get("response_type") != "code":
		return nil, wentWrong("response_type is not code: send response_type=code")
	}
	state := query.Get("state")
	if len(state) > maxState {
		const reason = "state is longer than 500 characters: keep its content and send a short handle"
		if x.cfg.Switches.LongStatePage {
			return nil, wentWrong(reason)
		}
		location := withQuery(redirectURI, "error", "invalid_request", "error_description", "Redirect is requested.")
		return nil, &outcome{location: location, reason: reason}
	}
	// Fields and not Split: X's documents separate by one space, and a list of nothing else is an empty one.
	scopes := strings.Fields(query.Get("scope"))
	words, seen := []string{}, map[string]bool{}
	unique := scopes[:0:0]
	for _, s := range scopes {
		if scopeWords[s] == "" {
			reason := "scope has " + s + ", which X does not know: send scopes separated by spaces"
			if x.cfg.Switches.InvalidScopeCallback {
				return nil, &outcome{location: x.withState(redirectURI, state, "error", "invalid_scope"), reason: reason}
			}
			return nil, wentWrong(reason)
		}
		if !seen[s] {
			seen[s] = true
			unique, words = append(unique, s), append(words, scopeWords[s])
		}
	}
	if len(unique) == 0 {
		return nil, wentWrong("scope is missing: send at least tweet.read users.read")
	}
	method := query.Get("code_challenge_method")
	switch method {
	case "S256":
	case "s256": // node-twitter-api-v2 sends it
		if x.cfg.Switches.Strict {
			return nil, wentWrong("code_challenge_method is s256: send S256 (RFC 7636 section 4.3)")
		}
		method = "S256"
	case "plain", "":
		method = "plain" // RFC 7636 section 4.3: the default
	default:
		return nil, wentWrong("code_challenge_method is neither S256 nor plain: send S256")
	}
	if query.Get("code_challenge") == "" {
		return nil, wentWrong("code_challenge is missing: X insists on PKCE")
	}
	return &question{
		words: words,
		state: state,
		code: &code{
			client: client, redirectURI: redirectURI, challenge: query.Get("code_challenge"), method: method, scopes: unique,
		},
	}, nil
}

// withState is a callback that carries the state first, as X does, if there was one.
func (x *X) withState(callback, state string, pairs ...string) string {
	if state != "" {
		pairs = append([]string{"state", state}, pairs...)
	}
	return withQuery(callback, pairs...)
}

// wentWrong is the page that X shows for everything that is wrong with a request for consent.
func wentWrong(reason string) *outcome {
	return &outcome{page: &page{
		Kind: "error", Status: http.StatusBadRequest, Title: "Something went wrong",
		Text:   "You weren't able to give access to the App. Go back and try logging in again.",
		Reason: reason + ".", // begins with the name of a parameter, as a rule
	}}
}

// allow is what "Authorize app" does. mu is held.
func (x *X) allow(q *question, u *account) *outcome {
	if q.code != nil {
		c := *q.code
		c.user, c.expires = u, x.Now().Add(codeLifetime)
		value := x.newOpaque("ac")
		x.codes[value] = &c
		return redirect(x.withState(c.redirectURI, q.state, "code", value))
	}
	rt := q.request
	rt.user = u
	if old, ok := x.approvals[u.ID]; !ok || old.ReadOnly {
		x.approvals[u.ID] = approval{ReadOnly: rt.readOnly}
	}
	if rt.callback == outOfBand {
		rt.verifier = random(7, digits)
		return &outcome{page: &page{Kind: "pin", Status: http.StatusOK, Title: "Your PIN", App: x.cfg.AppName, PIN: rt.verifier}}
	}
	rt.verifier = random(32, alphanumeric)
	return redirect(withQuery(rt.callback, "oauth_token", rt.value, "oauth_verifier", rt.verifier))
}

// refuse is what "Cancel" does. OAuth 1.0a shows a page with a link back, OAuth 2.0 goes back at once. mu is held.
func (x *X) refuse(q *question) *outcome {
	if q.code != nil {
		state := q.state
		if x.cfg.Switches.DenyWithoutState {
			state = ""
		}
		return redirect(x.withState(q.code.redirectURI, state, "error", "access_denied"))
	}
	delete(x.requestTokens, q.request.value)
	p := &page{Kind: "denied", Status: http.StatusOK, Title: "You have not given access", App: x.cfg.AppName}
	if q.request.callback != outOfBand {
		p.Link = withQuery(q.request.callback, "denied", q.request.value)
	}
	return &outcome{page: p}
}

// alreadyAllowed reports whether an earlier approval answers a question. mu is held.
func (x *X) alreadyAllowed(q *question, u *account) bool {
	a, ok := x.approvals[u.ID]
	return ok && q.silent && !q.forceLogin && (!a.ReadOnly || q.request.readOnly)
}
