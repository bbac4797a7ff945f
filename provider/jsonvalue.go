package provider

import (
	"bytes"
	"encoding/json"
)

// Answers are taken apart field by field rather than into structs: encoding/json
// would match field names in any case, and fail the whole answer for one field of
// another type.

// jsonObject returns the fields of a JSON object.
func jsonObject(b []byte) (map[string]json.RawMessage, bool) {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\ufeff")))
	if len(b) == 0 || b[0] != '{' {
		return nil, false
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(b, &object) != nil {
		return nil, false
	}
	return object, true
}

// jsonArray returns the elements of a JSON array, or nil.
func jsonArray(b json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(b, &list) != nil {
		return nil
	}
	return list
}

// jsonString returns a JSON string's value, or "" for anything else.
func jsonString(b json.RawMessage) string {
	var s string
	if json.Unmarshal(b, &s) != nil {
		return ""
	}
	return s
}

// jsonScalar returns the value of a JSON string, or a JSON number as it is written,
// or "" for anything else.
func jsonScalar(b json.RawMessage) string {
	if s := jsonString(b); s != "" {
		return s
	}
	var n json.Number
	if json.Unmarshal(b, &n) != nil {
		return ""
	}
	return n.String()
}
