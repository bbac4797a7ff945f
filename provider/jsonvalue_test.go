package provider

import (
	"encoding/json"
	"slices"
	"testing"
)

// FuzzJSONObject: the quick way gives what encoding/json does.
func FuzzJSONObject(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { } `, `{"a":1}`, `{"a" : "b" , "c":[1,{"d":"}"}],"e":{"f":[]},"g":null,"h":true,"i":-1.5e3}`,
		`{"a":"\\"","b\\"":"\\\\","\\u0041":2,"A":3}`, "{\"a\":\"\xff\",\"\xff\":1}", `{"a":1,"a":2}`, `{"a":1`, `{"a":1}x`, `[1]`, `"s"`, ``, `{"a":1 }`,
		"{\n\t\"a\"\r:\n1\t,\"b\":\"\u00e9\"}", `{"a":"\u2028"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := jsonObject(body)
		var want map[string]json.RawMessage
		trimmed := slices.Clone(body)
		if len(trimmed) >= 3 && string(trimmed[:3]) == "\ufeff" {
			trimmed = trimmed[3:]
		}
		err := json.Unmarshal(trimmed, &want)
		if ok != (err == nil && want != nil) {
			// TrimSpace knows more blanks than JSON does.
			if _, again := jsonObject(trimmed); again && err != nil {
				return
			}
			t.Fatalf("%q: %t, want %v", body, ok, err)
		}
		if !ok {
			return
		}
		for _, field := range got {
			if _, ok := want[string(field.name)]; !ok {
				t.Fatalf("%q: %q is no field", body, field.name)
			}
		}
		for name, value := range want {
			if string(got.get(name)) != string(value) {
				t.Fatalf("%q: %q is %q, want %q", body, name, got.get(name), value)
			}
			var s string
			if json.Unmarshal(value, &s) != nil {
				s = ""
			}
			if jsonString(value) != s {
				t.Errorf("%q: %q, want %q", value, jsonString(value), s)
			}
			var list []json.RawMessage
			_ = json.Unmarshal(value, &list)
			if len(jsonArray(value)) != len(list) {
				t.Errorf("%q: another array", value)
			}
		}
	})
}
