package provider

import (
	"bytes"
	"encoding/json"
	"html"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// form is the form of an error's body. X sends JSON, XML and plain text, and the servers
// in front of it HTML. Other token endpoints send forms. The content type does not
// distinguish them.
type form int

const (
	formNone form = iota
	formJSON
	formXML
	formForm
	formText
	formHTML
)

// fault is the content of an error's body.
type fault struct {
	form form
	// codes are X's numbers and RFC 6749's words, unchanged.
	codes []string
	// problem is the last segment of a problem document's type. Its host is
	// api.twitter.com in some answers and api.x.com in others.
	problem string
	// reason is the field "reason" of X's "client-forbidden" documents.
	reason string
	// texts are the messages, the most precise first.
	texts []string
}

// parseFault parses an error's body in any of the forms.
func parseFault(body []byte) fault {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	switch {
	case len(body) == 0:
		return fault{}
	case body[0] == '{':
		return parseJSONFault(body)
	case body[0] == '<':
		return parseXMLFault(body)
	case body[0] == '[' || body[0] == '"':
		return fault{form: formNone}
	}
	if fields, err := url.ParseQuery(string(body)); err == nil && fields.Has("error") {
		f := fault{form: formForm}
		f.addCode(fields.Get("error"))
		f.addText(fields.Get("error_description"))
		return f
	}
	return fault{form: formText, texts: []string{string(body)}}
}

func (f fault) has(codes ...string) bool {
	return slices.ContainsFunc(codes, func(c string) bool {
		return slices.Contains(f.codes, c) || c == f.problem || c == f.reason
	})
}

// says reports whether one of the texts contains one of parts, ignoring case.
func (f fault) says(parts ...string) bool {
	return slices.ContainsFunc(f.texts, func(t string) bool {
		t = strings.ToLower(t)
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(t, p) })
	})
}

// code is the one code to show.
func (f fault) code() string {
	if len(f.codes) > 0 {
		return f.codes[0]
	}
	return f.problem
}

// text is the one text to show.
func (f fault) text() string {
	if len(f.texts) > 0 {
		return f.texts[0]
	}
	return ""
}

func (f *fault) addCode(code string) {
	if code != "" {
		f.codes = append(f.codes, code)
	}
}

func (f *fault) addText(text string) {
	if text != "" {
		f.texts = append(f.texts, text)
	}
}

// maxErrors bounds the errors of one answer that are parsed.
const maxErrors = 16

func parseJSONFault(body []byte) fault {
	answer, ok := jsonObject(body)
	if !ok {
		return fault{form: formNone}
	}
	f := fault{form: formJSON}
	// RFC 6749, section 5.2. X's first API sent a sentence in place of the code; other
	// providers send a number.
	if e := scalarOf(answer["error"]); strings.Contains(e, " ") {
		f.addText(e)
	} else {
		f.addCode(e)
	}
	f.addText(stringOf(answer["error_description"]))
	f.add(answer)
	errs, ok := answer["errors"].([]any)
	if !ok {
		errs = []any{answer["errors"]}
	}
	for _, e := range errs[:min(len(errs), maxErrors)] {
		if one, ok := e.(object); ok {
			f.add(one)
		} else {
			f.addText(stringOf(e))
		}
	}
	return f
}

// add adds a problem document (RFC 9457) or one of X's own errors.
func (f *fault) add(o object) {
	f.addCode(scalarOf(o["code"]))
	f.addText(stringOf(o["detail"]))
	f.addText(stringOf(o["message"]))
	f.addText(stringOf(o["title"]))
	if t := stringOf(o["type"]); f.problem == "" && strings.Contains(t, "/problems/") {
		f.problem = path.Base(t)
	}
	if f.reason == "" {
		f.reason = stringOf(o["reason"])
	}
}

var (
	xmlRoot  = regexp.MustCompile(`^(?:<\?[^>]*>)?\s*<(?:errors|hash|error)[\s>]`)
	xmlError = regexp.MustCompile(`<error(?:\s+code="([^"]*)")?\s*>([^<]*)`)
)

// parseXMLFault parses <errors><error code="415">text</error></errors> and
// <hash><error>text</error></hash>. Any other markup is a page.
func parseXMLFault(body []byte) fault {
	if !xmlRoot.Match(body) {
		return fault{form: formHTML}
	}
	f := fault{form: formXML}
	for _, m := range xmlError.FindAllSubmatch(body, maxErrors) {
		f.addCode(string(m[1]))
		f.addText(strings.TrimSpace(html.UnescapeString(string(m[2]))))
	}
	return f
}

// object is a JSON object. A struct would match field names in any case, and would reject
// a whole answer for one field of an unexpected type.
type object = map[string]any

// jsonObject parses a JSON object. Numbers keep every digit.
func jsonObject(b []byte) (object, bool) {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\ufeff")))
	if !json.Valid(b) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var o object
	err := d.Decode(&o)
	return o, err == nil && o != nil
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
