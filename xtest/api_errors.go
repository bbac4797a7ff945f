package xtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// enrolledAccount is the number that X puts into its 402 answers: 19 digits, which makes the body 185 bytes long, as
// recorded.
const enrolledAccount = "1500000000000000001"

// reply is the answer to one API call. Nothing of it is written before the lock is released.
type reply struct {
	status      int
	contentType string
	body        []byte
	noLimits    bool // X was not recorded to send rate-limit headers with this one
}

// object writes a JSON object with its keys in the order given, so that bodies are byte for byte what was recorded.
func object(pairs ...any) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(pairs[i]))
		b.WriteByte(':')
		b.Write(encode(pairs[i+1]))
	}
	b.WriteByte('}')
	return b.Bytes()
}

// encode is json.Marshal without HTML escapes: X sends "&" as it is.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("xtest: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func found(status int, v any) *reply {
	return &reply{status: status, contentType: typeJSON, body: encode(v)}
}

// forbiddenBecause is the form of an endpoint's own 403, in the order of X's recorded answer to a duplicate post.
func forbiddenBecause(detail string) *reply {
	return &reply{status: http.StatusForbidden, contentType: typeJSON,
		body: object("detail", detail, "type", "about:blank", "title", "Forbidden", "status", 403)}
}

// flat is a status and nothing more, in the form of X's 401 and 403.
func flat(status int) *reply {
	text := http.StatusText(status)
	return &reply{status: status, contentType: typeProblem,
		body: object("title", text, "type", "about:blank", "status", status, "detail", text)}
}

func apiNotFound() *reply      { return flat(http.StatusNotFound) }
func methodNotAllowed() *reply { return flat(http.StatusMethodNotAllowed) }
func apiUnauthorized() *reply  { return flat(http.StatusUnauthorized) }
func apiForbidden() *reply     { return flat(http.StatusForbidden) }

func (c *call) unsupportedAuth() *reply {
	with := "OAuth 2.0 Application-Only"
	if c.sw.UnknownAuth {
		with = "Unknown"
	}
	return &reply{status: http.StatusForbidden, contentType: typeProblem, body: object(
		"title", "Unsupported Authentication",
		"detail", "Authenticating with "+with+" is forbidden for this endpoint.  Supported authentication types are [OAuth 1.0a User Context, OAuth 2.0 User Context].",
		"type", c.problemType("unsupported-authentication"),
		"status", 403)}
}

func (c *call) readOnlyApp() *reply {
	return &reply{status: http.StatusForbidden, contentType: typeProblem, body: object(
		"title", "Forbidden",
		"detail", "Your client app is not configured with the appropriate oauth1 app permissions for this endpoint.",
		"type", c.problemType("oauth1-permissions"),
		"status", 403)}
}

func (c *call) notEnrolled() *reply {
	return &reply{status: http.StatusForbidden, contentType: typeJSON, body: object(
		"client_id", "10000001",
		"detail", "When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens from a Twitter developer App that is attached to a Project. You can create a project via the developer portal.",
		"registration_url", "https://developer.twitter.com/en/docs/projects/overview",
		"title", "Client Forbidden",
		"required_enrollment", "Appropriate Level of API Access",
		"reason", "client-not-enrolled",
		"type", c.problemType("client-forbidden"))}
}

func (c *call) noCredits() *reply {
	return &reply{status: http.StatusPaymentRequired, contentType: typeJSON, noLimits: true, body: object(
		"title", "CreditsDepleted",
		"detail", "Your enrolled account ["+enrolledAccount+"] does not have any credits to fulfill this request.",
		"type", c.problemType("credits"))}
}

func (c *call) usageCap() *reply {
	return &reply{status: http.StatusTooManyRequests, contentType: typeJSON, body: object(
		"title", "UsageCapExceeded",
		"detail", "Usage cap exceeded: Monthly product cap",
		"type", c.problemType("usage-capped"))}
}

func (c *call) tooMany() *reply {
	if c.sw.LegacyRateLimitBody || c.v1 {
		return v1Error(http.StatusTooManyRequests, 88, "Rate limit exceeded")
	}
	return &reply{status: http.StatusTooManyRequests, contentType: typeProblem,
		body: object("title", "Too Many Requests", "detail", "Too Many Requests", "type", "about:blank", "status", 429)}
}

// v1Error is the form of API v1.1.
func v1Error(status, code int, message string) *reply {
	return &reply{status: status, contentType: typeJSON,
		body: object("errors", []any{object("code", code, "message", message)})}
}

// badParam is one entry of a 400: the parameter at fault with its values, and what X says about it.
type badParam struct {
	name    string
	values  []string
	message string
}

// refuseParam notes a fault; a call with faults is answered with all of them.
func (c *call) refuseParam(name string, values []string, format string, args ...any) {
	c.bad = append(c.bad, badParam{name, values, fmt.Sprintf(format, args...)})
}

func (c *call) invalid() *reply {
	list := []any{}
	for _, b := range c.bad {
		params := object()
		if b.name != "" {
			params = object(b.name, append([]string{}, b.values...))
		}
		list = append(list, object("parameters", params, "message", b.message))
	}
	return &reply{status: http.StatusBadRequest, contentType: typeJSON, body: object(
		"errors", list,
		"title", "Invalid Request",
		"detail", "One or more parameters to your request was invalid.",
		"type", c.problemType("invalid-request"))}
}

// refused is invalid with a single fault.
func (c *call) refused(name string, values []string, format string, args ...any) *reply {
	c.refuseParam(name, values, format, args...)
	return c.invalid()
}

// missing is an entry of "errors" beside or in place of "data": X answers 200 to a lookup that finds nothing.
func (c *call) missing(resource, parameter, value string) json.RawMessage {
	return object(
		"value", value,
		"detail", fmt.Sprintf("Could not find %s with %s: [%s].", resource, parameter, value),
		"title", "Not Found Error",
		"resource_type", resource,
		"parameter", parameter,
		"resource_id", value,
		"type", c.problemType("resource-not-found"))
}

// hidden is the entry for what a protected account does not show to the caller.
func (c *call) hidden(resource, parameter, value string) json.RawMessage {
	return object(
		"value", value,
		"detail", fmt.Sprintf("Sorry, you are not authorized to see the %s with %s: [%s].", resource, parameter, value),
		"title", "Authorization Error",
		"resource_type", resource,
		"parameter", parameter,
		"resource_id", value,
		"type", c.problemType("not-authorized-for-resource"))
}

func (c *call) problemType(name string) string {
	host := c.sw.ProblemHost
	if host == "" {
		host = "api.twitter.com"
	}
	return "https://" + host + "/2/problems/" + name
}

func edgePage(status int, title, text string) *reply {
	return &reply{status: status, contentType: "text/html; charset=utf-8", noLimits: true, body: fmt.Appendf(nil,
		"<!DOCTYPE html>\n<html><head><title>%s</title></head>\n<body><h1>%s</h1><p>%s</p><p>This page stands for one of the edge's; it was made by a local simulator.</p></body></html>\n",
		title, title, text)}
}
