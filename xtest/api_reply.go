package xtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
)

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
	return newReply(http.StatusForbidden, typeJSON,
		string(object("detail", detail, "type", "about:blank", "title", "Forbidden", "status", 403)))
}

// flat is a status and nothing more, in the form of X's 401 and 403.
func flat(status int) *Reply {
	text := http.StatusText(status)
	return newReply(status, typeProblem, string(object("title", text, "type", "about:blank", "status", status, "detail", text)))
}

// NotFound is X's flat 404.
func NotFound() *Reply { return flat(http.StatusNotFound) }

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
	return newReply(http.StatusBadRequest, typeJSON, string(object(
		"errors", list,
		"title", "Invalid Request",
		"detail", "One or more parameters to your request was invalid.",
		"type", c.problemType("invalid-request"))))
}

// Refuse is invalid with a single fault.
func (c *Call) Refuse(name string, values []string, format string, args ...any) *Reply {
	c.AddFault(name, values, format, args...)
	return c.Invalid()
}

// Missing is an entry of "errors" beside or in place of "data": X answers 200 to a lookup that finds nothing.
func (c *Call) Missing(resource, parameter, value string) json.RawMessage {
	detail := fmt.Sprintf("Could not find %s with %s: [%s].", resource, parameter, value)
	return c.entry("resource-not-found", "Not Found Error", detail, resource, parameter, value)
}

// Suspended is the entry for an account that X has suspended.
func (c *Call) Suspended(parameter, value string) json.RawMessage {
	return c.entry("resource-not-found", "Forbidden", "User has been suspended: ["+value+"].", "user", parameter, value)
}

// Hidden is the entry for what a protected account does not show to the caller.
func (c *Call) Hidden(resource, parameter, value string) json.RawMessage {
	detail := fmt.Sprintf("Sorry, you are not authorized to see the %s with %s: [%s].", resource, parameter, value)
	return c.entry("not-authorized-for-resource", "Authorization Error", detail, resource, parameter, value)
}

func (c *Call) entry(kind, title, detail, resource, parameter, value string) json.RawMessage {
	return object("value", value, "detail", detail, "title", title, "resource_type", resource,
		"parameter", parameter, "resource_id", value, "type", c.problemType(kind))
}

// problemType names a type that the OpenAPI file has.
func (c *Call) problemType(name string) string {
	return "https://" + cmp.Or(c.Switches.ProblemHost, "api.x.com") + "/2/problems/" + name
}
