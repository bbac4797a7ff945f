package xapi

import (
	"bytes"
	"encoding/json"
	"mime"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xsignin/xsignin/xtest"
)

// schema describes a JSON object of a request: every key that it may have.
type schema map[string]field

// field describes one value. The zero limits do not limit.
type field struct {
	kind       string // "string", "integer", "boolean", "array" or "object"
	required   bool
	text       bool // may also come as a string, as it must in a form
	min, max   int  // of an integer, of the runes of a string, of the items of an array
	pattern    *regexp.Regexp
	oneOf      []string
	items      *field
	properties schema
}

// readJSON reads the body into v, after holding it to its description. X checks bodies against a JSON schema, refuses
// keys that are not in it, and says so in the words of its validator.
func (c *call) readJSON(v any, want schema) *xtest.Reply {
	kind, _, err := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return c.Refuse("", nil, "Requests with bodies must have content-type of application/json.")
	}
	d := json.NewDecoder(bytes.NewReader(c.Body))
	d.UseNumber()
	var raw any
	if err := d.Decode(&raw); err != nil || d.More() {
		return c.Refuse("", nil, "Request body is not valid JSON")
	}
	c.check("$", raw, field{kind: "object", properties: want})
	if c.Faulty() {
		return c.Invalid()
	}
	if err := json.Unmarshal(c.Body, v); err != nil {
		return c.Refuse("", nil, "Request body is not valid JSON")
	}
	return nil
}

func (c *call) check(path string, v any, f field) {
	fault := func(format string, args ...any) {
		c.AddFault(path, []string{asJSON(v)}, path+": "+format, args...)
	}
	if s, ok := v.(string); ok && f.text {
		v = fromText(s, f.kind)
	}
	if got := jsonKind(v); got != f.kind {
		fault("%s found, %s expected", got, f.kind)
		return
	}
	switch v := v.(type) {
	case string:
		n := utf8.RuneCountInString(v)
		switch {
		case n < f.min:
			fault("must be at least %d characters long", f.min)
		case f.max > 0 && n > f.max:
			fault("may only be %d characters long", f.max)
		case f.pattern != nil && !f.pattern.MatchString(v):
			fault("does not match the regex pattern %s", f.pattern)
		case f.oneOf != nil && !slices.Contains(f.oneOf, v):
			fault("does not have a value in the enumeration [%s]", strings.Join(f.oneOf, ", "))
		}
	case json.Number:
		n, err := strconv.Atoi(v.String())
		switch {
		case err != nil || n < f.min:
			fault("must have a minimum value of %d", f.min)
		case f.max > 0 && n > f.max:
			fault("must have a maximum value of %d", f.max)
		}
	case []any:
		switch {
		case len(v) < f.min:
			fault("there must be a minimum of %d items in the array", f.min)
		case f.max > 0 && len(v) > f.max:
			fault("there must be a maximum of %d items in the array", f.max)
		}
		for i, item := range v {
			c.check(path+"["+strconv.Itoa(i)+"]", item, *f.items)
		}
	case map[string]any:
		c.checkObject(path, v, f.properties)
	}
}

func (c *call) checkObject(path string, v map[string]any, want schema) {
	var keys []string
	for k := range v {
		keys = append(keys, k)
	}
	for k, f := range want {
		if _, ok := v[k]; !ok && f.required {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		at := path + "." + k
		value, given := v[k]
		f, known := want[k]
		switch {
		case !known:
			c.AddFault(at, []string{asJSON(value)}, "%s: is not defined in the schema and the schema does not allow additional properties", at)
		case !given:
			c.AddFault(at, nil, "%s: is missing but it is required", at)
		default:
			c.check(at, value, f)
		}
	}
}

func jsonKind(v any) string {
	switch v := v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "number"
		}
		return "integer"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}

// fromText makes of a form's value what JSON would have had in its place, if it can.
func fromText(s, kind string) any {
	switch {
	case kind == "integer" && s != "" && strings.Trim(s, "0123456789") == "":
		return json.Number(s)
	case kind == "boolean" && (s == "true" || s == "false"):
		return s == "true"
	case kind == "array" && s != "":
		var list []any
		for _, v := range strings.Split(s, ",") {
			list = append(list, v)
		}
		return list
	}
	return s
}

// asJSON is a value in the words of an error, with "&" as it is.
func asJSON(v any) string { return string(xtest.Encode(v)) }
