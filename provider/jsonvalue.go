package provider

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Answers are taken apart field by field rather than into structs: encoding/json
// would match field names in any case, and fail the whole answer for one field of
// another type. It is asked whether an answer is JSON at all, and for what is out of the
// ordinary; what it would do for the rest takes many allocations.

// jsonFields are the fields of a JSON object, in their order.
type jsonFields []jsonField

type jsonField struct {
	name  []byte // without its quotes
	value json.RawMessage
}

// get returns the value of a field, or nil. Of several of one name the last counts, as in
// encoding/json.
func (f jsonFields) get(name string) json.RawMessage {
	for i := len(f) - 1; i >= 0; i-- {
		if string(f[i].name) == name {
			return f[i].value
		}
	}
	return nil
}

// jsonObject returns the fields of a JSON object. They are parts of b.
func jsonObject(b []byte) (jsonFields, bool) {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\ufeff")))
	if len(b) == 0 || b[0] != '{' || !json.Valid(b) {
		return nil, false
	}
	return jsonInside(b), true
}

// jsonInside returns the fields of what is known to be a JSON object without blanks in front.
func jsonInside(b []byte) jsonFields {
	object := make(jsonFields, 0, 8)
	for b = jsonSkip(b[1:], " \t\r\n,"); b[0] != '}'; b = jsonSkip(b, " \t\r\n,") {
		name := b[:jsonEnd(b)]
		b = jsonSkip(b[len(name):], " \t\r\n:")
		if plain := name[1 : len(name)-1]; jsonPlain(plain) {
			name = plain
		} else {
			name = []byte(jsonString(json.RawMessage(name)))
		}
		value := b[:jsonEnd(b)]
		b = b[len(value):]
		object = append(object, jsonField{name, value})
	}
	return object
}

// jsonSkip drops leading characters.
func jsonSkip(b []byte, chars string) []byte { return bytes.TrimLeft(b, chars) }

// jsonEnd is the length of the value that b begins with, in what is known to be JSON.
func jsonEnd(b []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
			if !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i // behind a number or a word
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case depth == 0 && (c == ',' || c <= ' '):
			return i
		}
	}
	return len(b)
}

// jsonArray returns the elements of a JSON array, or nil.
func jsonArray(b json.RawMessage) []json.RawMessage {
	if len(b) == 0 || b[0] == '"' || b[0] == '{' {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(b, &list) != nil {
		return nil
	}
	return list
}

// jsonString returns a JSON string's value, or "" for anything else.
func jsonString(b json.RawMessage) string {
	if len(b) == 0 {
		return ""
	}
	if n := len(b) - 1; n > 0 && b[0] == '"' && b[n] == '"' && jsonPlain(b[1:n]) {
		return string(b[1:n])
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return ""
	}
	return s
}

// jsonPlain reports whether what stands in a JSON string stands for itself.
func jsonPlain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return utf8.Valid(b)
}

// jsonScalar returns the value of a JSON string, or a JSON number as it is written,
// or "" for anything else.
func jsonScalar(b json.RawMessage) string {
	if len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9') {
		return string(b)
	}
	return jsonString(b)
}
