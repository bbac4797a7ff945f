package xapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"maps"
	"mime"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xsignin/xsignin/xtest"
)

// bodies are the bodies that X's OpenAPI file describes for the endpoints here, with all keys that they may have.
//
//go:embed bodies.json
var bodiesFile []byte

var bodies = func() map[string]schema {
	var all map[string]schema
	if err := json.Unmarshal(bodiesFile, &all); err != nil {
		panic("xapi: bodies.json: " + err.Error())
	}
	return all
}()

// schema describes a JSON object of a request.
type schema map[string]field

// field describes one value. The zero limits do not limit.
type field struct {
	Kind       string `json:"type"` // "string", "integer", "boolean", "array" or "object"
	Required   bool
	Text       bool // may also come as a string, as it must in a form
	Open       bool // an object that may have other keys
	Min, Max   int  // of an integer, of the runes of a string, of the items of an array
	Pattern    string
	Enum       []string
	Items      *field
	Properties schema
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
	c.check("$", raw, field{Kind: "object", Properties: want})
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
	if s, ok := v.(string); ok && f.Text {
		v = fromText(s, f.Kind)
	}
	if got := jsonKind(v); got != f.Kind {
		fault("%s found, %s expected", got, f.Kind)
		return
	}
	switch v := v.(type) {
	case string:
		n := utf8.RuneCountInString(v)
		switch {
		case n < f.Min:
			fault("must be at least %d characters long", f.Min)
		case f.Max > 0 && n > f.Max:
			fault("may only be %d characters long", f.Max)
		case f.Pattern == "id" && !idPattern.MatchString(v):
			fault("does not match the regex pattern %s", idPattern)
		case f.Enum != nil && !slices.Contains(f.Enum, v):
			fault("does not have a value in the enumeration [%s]", strings.Join(f.Enum, ", "))
		}
	case json.Number:
		n, err := strconv.Atoi(v.String())
		switch {
		case err != nil || n < f.Min:
			fault("must have a minimum value of %d", f.Min)
		case f.Max > 0 && n > f.Max:
			fault("must have a maximum value of %d", f.Max)
		}
	case []any:
		switch {
		case len(v) < f.Min:
			fault("there must be a minimum of %d items in the array", f.Min)
		case f.Max > 0 && len(v) > f.Max:
			fault("there must be a maximum of %d items in the array", f.Max)
		}
		for i, item := range v {
			c.check(path+"["+strconv.Itoa(i)+"]", item, *f.Items)
		}
	case map[string]any:
		c.checkObject(path, v, f)
	}
}

func (c *call) checkObject(path string, v map[string]any, f field) {
	want := f.Properties
	keys := slices.Collect(maps.Keys(v))
	for k, p := range want {
		if _, ok := v[k]; !ok && p.Required {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		at := path + "." + k
		value, given := v[k]
		p, known := want[k]
		switch {
		case !known && f.Open:
		case !known:
			c.AddFault(at, []string{asJSON(value)}, "%s: is not defined in the schema and the schema does not allow additional properties", at)
		case !given:
			c.AddFault(at, nil, "%s: is missing but it is required", at)
		default:
			c.check(at, value, p)
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
