package xtest

import (
	"net/http"
	"strings"
)

const pathMe = "/2/users/me"

// Endpoint is one call of the API: which tokens it takes, how often, and with which query parameters.
type Endpoint struct {
	Method  string
	Pattern string   // such as "/2/users/:id/tweets"; Call.Vars has the value of ":id"
	Scopes  []string // all of them are needed, for a user token of OAuth 2.0
	AppOnly bool     // an app-only token is taken too
	Writes  bool     // a read-only OAuth 1.0a app is refused

	UserLimit int  // calls in 15 minutes for each user; 0: X publishes none
	AppLimit  int  // calls for the app as a whole: in 24 hours with Daily, else in 15 minutes for app-only tokens
	Daily     bool // AppLimit is for 24 hours

	// Params are the query parameters that it takes. X refuses others.
	Params []string
	// Values are the values that a parameter may have, a list separated by commas. A parameter without an entry is
	// checked by Serve.
	Values map[string][]string

	// Serve answers a call that has passed these checks. No lock of the X is held.
	Serve func(*Call) *Reply
}

// Name is the endpoint as X documents it, such as "GET /2/users/:id/tweets".
func (e *Endpoint) Name() string { return e.Method + " " + e.Pattern }

// Extension is what another package adds to an [X], such as package xapi.
type Extension struct {
	// Endpoints are tried after those of the X. A literal stands before a placeholder in the same place.
	Endpoints []Endpoint
	// User completes the answer about a user of the call: it adds fields to object and returns "includes", which may
	// be nil. It may be nil.
	User func(c *Call, u User, object map[string]any) map[string]any
	// Media serves the paths below /media/. It may be nil.
	Media http.Handler
}

// Extend adds an extension. Call it before the X serves requests; a second one replaces User and Media.
func (x *X) Extend(e Extension) {
	x.ext.Endpoints = append(x.ext.Endpoints, e.Endpoints...)
	x.ext.User, x.ext.Media = e.User, e.Media
}

// UserParams are the query parameters of endpoints that answer with users.
func UserParams() []string {
	return []string{"expansions", "post.fields", "tweet.fields", "user.fields"}
}

func (x *X) addOwnEndpoints() {
	x.ext.Endpoints = []Endpoint{
		{
			Method: "GET", Pattern: pathMe, Scopes: []string{"tweet.read", "users.read"}, UserLimit: 75,
			Params: UserParams(), Values: UserValues(), Serve: x.getMe,
		},
		{Method: "GET", Pattern: "/1.1/account/verify_credentials.json", UserLimit: 75, Serve: x.verifyCredentials},
	}
}

// findEndpoint gives the endpoint for a request. Where the path is known and the method is not, the endpoint is nil and
// known is true.
func (x *X) findEndpoint(method, path string) (e *Endpoint, vars map[string]string, known bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for i := range x.ext.Endpoints {
		e := &x.ext.Endpoints[i]
		vars, ok := matchPath(e.Pattern, path)
		if !ok {
			continue
		}
		known = true
		if e.Method == method {
			return e, vars, true
		}
	}
	return nil, nil, known
}

func matchPath(pattern, path string) (map[string]string, bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	vars := map[string]string{}
	for i, w := range want {
		switch {
		case strings.HasPrefix(w, ":") && got[i] != "":
			vars[w[1:]] = got[i]
		case w != got[i]:
			return nil, false
		}
	}
	return vars, true
}
