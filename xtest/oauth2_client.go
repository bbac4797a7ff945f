package xtest

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// oauthError is an error body of the OAuth 2.0 endpoints.
func (x *X) oauthError(status int, code, description string) *problem {
	body := struct {
		Error       string              `json:"error"`
		Description string              `json:"error_description"`
		Errors      []map[string]string `json:"errors,omitempty"`
	}{Error: code, Description: description}
	if x.cfg.Switches.ErrorsArray {
		body.Errors = []map[string]string{{"message": description}}
	}
	b, _ := json.Marshal(body)
	return &problem{status, typeJSON, string(b)}
}

func (x *X) invalidRequest(description string) *problem {
	return x.oauthError(http.StatusBadRequest, "invalid_request", description)
}

func (x *X) missing(parameter string) *problem {
	return x.invalidRequest("Missing required parameter [" + parameter + "].")
}

// missingHeader is what X answers to everything that is wrong with a client's authentication.
func (x *X) missingHeader(reason string) *problem {
	x.explain(reason)
	return x.oauthError(http.StatusUnauthorized, "unauthorized_client", "Missing valid authorization header")
}

// clientForm reads the form of a request to an OAuth 2.0 endpoint and finds out which client sent it. mu is held.
func (x *X) clientForm(r *http.Request) (client string, form url.Values, p *problem) {
	form, _ = bufferForm(r)
	for name, values := range form {
		if len(values) > 1 {
			return "", nil, x.invalidRequest("Duplicate parameter [" + name + "].")
		}
	}
	named := form.Get("client_id")
	id, secret, basic := r.BasicAuth()
	if basic {
		id, secret = unescaped(id), unescaped(secret)
		if named != "" && named != id {
			return "", nil, x.missingHeader("client_id in the body is not the one of the header")
		}
	}
	switch {
	case basic && id == x.cfg.ClientID:
		if secret != x.cfg.ClientSecret {
			return "", nil, x.missingHeader("the client secret is wrong")
		}
		return id, form, nil
	case named == x.cfg.PublicClientID:
		// A header beside it does no harm, and its secret, which a public app does not have, is not looked at.
		return named, form, nil
	case basic && id == x.cfg.PublicClientID:
		return "", nil, x.missing("client_id")
	case named == x.cfg.ClientID:
		return "", nil, x.missingHeader("a confidential app authenticates by Basic and not in the body")
	case basic || named != "":
		return "", nil, x.missingHeader("no app has this client id")
	default:
		return "", nil, x.missingHeader("neither an Authorization header nor a client_id")
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
