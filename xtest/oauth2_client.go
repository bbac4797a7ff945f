package xtest

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
)

// oauthError is an error body of the OAuth 2.0 endpoints.
func (x *X) oauthError(status int, code, description string) *Reply {
	body := []any{"error", code, "error_description", description}
	if x.cfg.Switches.ErrorsArray {
		body = append(body, "errors", []any{object("message", description)})
	}
	return newReply(status, typeJSON, string(object(body...)))
}

func (x *X) invalidRequest(description, reason string, args ...any) *Reply {
	return x.oauthError(http.StatusBadRequest, "invalid_request", description).because(reason, args...)
}

func (x *X) missing(parameter string) *Reply {
	return x.invalidRequest("Missing required parameter ["+parameter+"].", "the parameter %s is missing", parameter)
}

// missingHeader is what X answers to everything that is wrong with a client's authentication.
func (x *X) missingHeader(reason string) *Reply {
	return x.oauthError(http.StatusUnauthorized, "unauthorized_client", "Missing valid authorization header").because("%s", reason)
}

// parameters reads the parameters of an OAuth 2.0 endpoint, which X takes as a form, as JSON, and in the query. Strict
// leaves the form. mu is held.
func (x *X) parameters(r *http.Request) (url.Values, *Reply) {
	form, _ := bufferForm(r)
	all := map[string][]string{}
	add := func(name string, values ...string) { all[name] = append(all[name], values...) }
	for name, values := range form {
		add(name, values...)
	}
	if !x.cfg.Switches.Strict {
		for name, values := range r.URL.Query() {
			add(name, values...)
		}
		for name, value := range jsonBody(r) {
			add(name, value)
		}
	}
	for name, values := range all {
		if len(values) > 1 && (x.cfg.Switches.Strict || slices.ContainsFunc(values, func(v string) bool { return v != values[0] })) {
			return nil, x.invalidRequest("Duplicate parameter ["+name+"].", "the parameter %s comes twice: send it once", name)
		}
	}
	return all, nil
}

// jsonBody reads a body that is a JSON object of strings. Anything else has no parameters.
func jsonBody(r *http.Request) map[string]string {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		return nil
	}
	var all map[string]any
	_ = json.NewDecoder(io.LimitReader(r.Body, maxForm)).Decode(&all)
	params := map[string]string{}
	for name, value := range all {
		if s, ok := value.(string); ok {
			params[name] = s
		}
	}
	return params
}

// clientForm reads a request to an OAuth 2.0 endpoint and finds the client that sent it. mu is held.
func (x *X) clientForm(r *http.Request) (client string, form url.Values, rep *Reply) {
	form, rep = x.parameters(r)
	if rep != nil {
		return "", nil, rep
	}
	named := form.Get("client_id")
	id, secret, basic := r.BasicAuth()
	if basic {
		id, secret = unescaped(id), unescaped(secret)
		if named != "" && named != id {
			return "", nil, x.missingHeader("client_id in the body is not the one of the header")
		}
		if x.cfg.Switches.Strict && form.Get("client_secret") != "" {
			return "", nil, x.invalidRequest("More than one client authentication method was used.",
				"there is a client_secret in the body beside the header: leave it out (RFC 6749 section 2.3)")
		}
	}
	const send = `: send "Authorization: Basic" with base64 of client_id:client_secret`
	switch {
	case basic && id == x.cfg.ClientID:
		if secret != x.cfg.ClientSecret {
			return "", nil, x.missingHeader("the client secret is wrong" + send)
		}
		return id, form, nil
	case named == x.cfg.PublicClientID:
		// A header beside it does no harm, and its secret, which a public app does not have, is not looked at.
		return named, form, nil
	case basic && id == x.cfg.PublicClientID:
		return "", nil, x.missing("client_id")
	case named == x.cfg.ClientID:
		return "", nil, x.missingHeader("a confidential app authenticates in the header and not in the body" + send)
	case basic || named != "":
		return "", nil, x.missingHeader("no app has this client id: the API key of OAuth 1.0a is another")
	case r.ContentLength > 0 && len(form) == 0:
		return "", nil, x.missingHeader("the body was not read: send application/x-www-form-urlencoded")
	default:
		return "", nil, x.missingHeader("there is neither an Authorization header nor a client_id" + send)
	}
}

// unescaped undoes the form encoding that RFC 6749 section 2.3.1 asks for in front of Basic; clients that leave it out
// mean the same, since X's ids and secrets have no character that it changes.
func unescaped(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}
