package provider

import (
	"bytes"
	"encoding/json"
)

// object is a decoded JSON object. A struct would match field names in any case, and
// would reject the whole answer for one field of an unexpected type.
type object = map[string]any

// jsonObject parses a JSON object. If a name occurs more than once, the last one
// counts. Numbers keep every digit.
func jsonObject(b []byte) (object, bool) {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\ufeff")))
	if !json.Valid(b) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	o, ok := v.(object)
	return o, ok
}

// stringOf returns v if v is a JSON string, and "" otherwise.
func stringOf(v any) string {
	s, _ := v.(string)
	return s
}

// scalarOf returns v if v is a JSON string, the digits of v if v is a JSON number, and
// "" otherwise.
func scalarOf(v any) string {
	if n, ok := v.(json.Number); ok {
		return n.String()
	}
	return stringOf(v)
}
