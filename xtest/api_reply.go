package xtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// enrolledAccount is the number that X puts into its 402 answers: 19 digits, which makes the body 185 bytes long, as
// recorded.
const enrolledAccount = "1500000000000000001"

// object writes a JSON object with its keys in the order given, so that bodies are byte for byte what was recorded.
func object(pairs ...any) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(Encode(pairs[i]))
		b.WriteByte(':')
		b.Write(Encode(pairs[i+1]))
	}
	b.WriteByte('}')
	return b.Bytes()
}

// Encode is json.Marshal without HTML escapes: X sends "&" as it is.
func Encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("xtest: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Found answers with a JSON document. Its keys are written in X's older vocabulary; the switch Vocabulary decides what
// goes out.
func (c *Call) Found(status int, v map[string]any) *Reply {
	return newReply(status, typeJSON, string(Encode(c.rename(v))))
}

// newNames are the keys of answers that X renames.
var newNames = map[string]string{
	"tweets": "posts", "tweet_count": "post_count", "retweet_count": "repost_count", "referenced_tweets": "referenced_posts",
	"edit_history_tweet_ids": "edit_history_post_ids", "most_recent_tweet_id": "most_recent_post_id",
}

func (c *Call) rename(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = c.rename(v[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			value = c.rename(value)
			name := newNames[key]
			if name == "" || c.Switches.Vocabulary != PostVocabulary {
				m[key] = value
			}
			if name != "" && c.Switches.Vocabulary != TweetVocabulary {
				m[name] = value
			}
		}
		return m
	}
	return v
}

// Forbidden is the form of an endpoint's own 403, in the order of X's recorded answer to a duplicate post.
func Forbidden(detail string) *Reply {
	return &Reply{Status: http.StatusForbidden, ContentType: typeJSON,
		Body: object("detail", detail, "type", "about:blank", "title", "Forbidden", "status", 403)}
}

// flat is a status and nothing more, in the form of X's 401 and 403.
func flat(status int) *Reply {
	text := http.StatusText(status)
	return &Reply{Status: status, ContentType: typeProblem,
		Body: object("title", text, "type", "about:blank", "status", status, "detail", text)}
}

// NotFound is X's flat 404.
func NotFound() *Reply { return flat(http.StatusNotFound) }
func apiUnauthorized(reason string, args ...any) *Reply {
	return flat(http.StatusUnauthorized).because(reason, args...)
}

func apiForbidden(reason string, args ...any) *Reply {
	return flat(http.StatusForbidden).because(reason, args...)
}

func (c *Call) unsupportedAuth() *Reply {
	with := "OAuth 2.0 Application-Only"
	if c.Switches.UnknownAuth {
		with = "Unknown"
	}
	return &Reply{Status: http.StatusForbidden, ContentType: typeProblem, Body: object(
		"title", "Unsupported Authentication",
		"detail", "Authenticating with "+with+" is forbidden for this endpoint.  Supported authentication types are [OAuth 1.0a User Context, OAuth 2.0 User Context].",
		"type", c.problemType("unsupported-authentication"),
		"status", 403)}
}

func (c *Call) readOnlyApp() *Reply {
	return &Reply{Status: http.StatusForbidden, ContentType: typeProblem, Body: object(
		"title", "Forbidden",
		"detail", "Your client app is not configured with the appropriate oauth1 app permissions for this endpoint.",
		"type", c.problemType("oauth1-permissions"),
		"status", 403)}
}

func (c *Call) notEnrolled() *Reply {
	return &Reply{Status: http.StatusForbidden, ContentType: typeJSON, Body: object(
		"client_id", "10000001",
		"detail", "When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens from a Twitter developer App that is attached to a Project. You can create a project via the developer portal.",
		"registration_url", "https://developer.twitter.com/en/docs/projects/overview",
		"title", "Client Forbidden",
		"required_enrollment", "Appropriate Level of API Access",
		"reason", "client-not-enrolled",
		"type", c.problemType("client-forbidden"))}
}

func (c *Call) noCredits() *Reply {
	return &Reply{Status: http.StatusPaymentRequired, ContentType: typeJSON, noLimits: true, Body: object(
		"title", "CreditsDepleted",
		"detail", "Your enrolled account ["+enrolledAccount+"] does not have any credits to fulfill this request.",
		"type", c.problemType("credits"))}
}

func (c *Call) usageCap() *Reply {
	return newReply(http.StatusTooManyRequests, typeJSON, string(object(
		"account_id", enrolledAccount,
		"product_name", "standard-basic",
		"title", "UsageCapExceeded",
		"period", "Monthly",
		"scope", "Product",
		"detail", "Usage cap exceeded: Monthly product cap",
		"type", c.problemType("usage-capped"))))
}

// spendCap is also an answer of the token endpoint.
func (c *Call) spendCap() *Reply {
	year, month, _ := c.Now.UTC().Date()
	return newReply(http.StatusForbidden, typeJSON, string(object(
		"account_id", enrolledAccount,
		"title", "SpendCapReached",
		"detail", "Your enrolled account ["+enrolledAccount+"] has reached its billing cycle spend cap.",
		"reset_date", time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
		"type", c.problemType("credits"))))
}

// suspended is the refusal of every call of a suspended user.
func (c *Call) suspended() *Reply {
	if c.v1 {
		return coded(http.StatusForbidden, 64, "Your account is suspended and is not permitted to access this feature.")
	}
	return newReply(http.StatusForbidden, typeProblem, string(object(
		"title", "Forbidden",
		"detail", "Your account is suspended and is not permitted to access this feature.",
		"type", c.problemType("user-suspended"),
		"status", 403)))
}

func (c *Call) tooMany() *Reply {
	if c.Switches.LegacyRateLimitBody || c.v1 {
		return coded(http.StatusTooManyRequests, 88, "Rate limit exceeded")
	}
	return &Reply{Status: http.StatusTooManyRequests, ContentType: typeProblem,
		Body: object("title", "Too Many Requests", "detail", "Too Many Requests", "type", "about:blank", "status", 429)}
}

// paramFault is one entry of a 400: the parameter at fault with its values, and what X says about it.
type paramFault struct {
	name    string
	values  []string
	message string
}

// AddFault notes a fault; a call with faults is answered with all of them.
func (c *Call) AddFault(name string, values []string, format string, args ...any) {
	c.faults = append(c.faults, paramFault{name, values, fmt.Sprintf(format, args...)})
}

// Faulty reports whether AddFault was called.
func (c *Call) Faulty() bool { return len(c.faults) > 0 }

// Invalid is X's 400 with all faults of the call.
func (c *Call) Invalid() *Reply {
	list := []any{}
	for _, b := range c.faults {
		params := object()
		if b.name != "" {
			params = object(b.name, append([]string{}, b.values...))
		}
		list = append(list, object("parameters", params, "message", b.message))
	}
	return &Reply{Status: http.StatusBadRequest, ContentType: typeJSON, Body: object(
		"errors", list,
		"title", "Invalid Request",
		"detail", "One or more parameters to your request was invalid.",
		"type", c.problemType("invalid-request"))}
}

// Refuse is invalid with a single fault.
func (c *Call) Refuse(name string, values []string, format string, args ...any) *Reply {
	c.AddFault(name, values, format, args...)
	return c.Invalid()
}

// Missing is an entry of "errors" beside or in place of "data": X answers 200 to a lookup that finds nothing.
func (c *Call) Missing(resource, parameter, value string) json.RawMessage {
	return object(
		"value", value,
		"detail", fmt.Sprintf("Could not find %s with %s: [%s].", resource, parameter, value),
		"title", "Not Found Error",
		"resource_type", resource,
		"parameter", parameter,
		"resource_id", value,
		"type", c.problemType("resource-not-found"))
}

// Suspended is the entry for an account that X has suspended.
func (c *Call) Suspended(parameter, value string) json.RawMessage {
	return object(
		"value", value,
		"detail", "User has been suspended: ["+value+"].",
		"title", "Forbidden",
		"resource_type", "user",
		"parameter", parameter,
		"resource_id", value,
		"type", c.problemType("resource-not-found"))
}

// Hidden is the entry for what a protected account does not show to the caller.
func (c *Call) Hidden(resource, parameter, value string) json.RawMessage {
	return object(
		"value", value,
		"detail", fmt.Sprintf("Sorry, you are not authorized to see the %s with %s: [%s].", resource, parameter, value),
		"title", "Authorization Error",
		"resource_type", resource,
		"parameter", parameter,
		"resource_id", value,
		"type", c.problemType("not-authorized-for-resource"))
}

func (c *Call) problemType(name string) string {
	host := c.Switches.ProblemHost
	switch {
	case host != "":
	case name == "invalid-request", name == "resource-not-found", name == "not-authorized-for-resource":
		host = "api.x.com" // as the OpenAPI file has it; the others are as recorded
	default:
		host = "api.twitter.com"
	}
	return "https://" + host + "/2/problems/" + name
}

func edgePage(status int, title, text string) *Reply {
	return &Reply{Status: status, ContentType: typeHTML, noLimits: true, Body: fmt.Appendf(nil,
		"<!DOCTYPE html>\n<html><head><title>%s</title></head>\n<body><h1>%s</h1><p>%s</p><p>This page stands for one of the edge's; it was made by a local simulator.</p></body></html>\n",
		title, title, text)}
}
