package provider

import (
	"bytes"
	"encoding/xml"
	"io"
	"path"
	"slices"
	"strings"
)

// form is what kind of body an error came in. X sends JSON, XML and plain text, and
// the servers in front of it HTML; the content type does not tell them apart.
type form int

const (
	formNone form = iota
	formJSON
	formXML
	formText
	formHTML
)

// fault is what an error's body says.
type fault struct {
	form form
	// codes are X's numbers and RFC 6749's words, as they come.
	codes []string
	// problem is the last segment of a problem document's type: its host is
	// api.twitter.com in some answers and api.x.com in others.
	problem string
	// reason is the extra word of X's "client-forbidden" documents.
	reason string
	// texts are what was said to people, the most telling first.
	texts []string
}

// parseFault reads an error's body in whatever form it has.
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
	default:
		return fault{form: formText, texts: []string{string(body)}}
	}
}

func (f fault) has(codes ...string) bool {
	return slices.ContainsFunc(codes, func(c string) bool {
		return slices.Contains(f.codes, c) || c == f.problem || c == f.reason
	})
}

// says reports whether one of the texts contains one of parts, in any case.
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

// maxErrors bounds how many errors of one answer are read.
const maxErrors = 16

func parseJSONFault(body []byte) fault {
	answer, ok := jsonObject(body)
	if !ok {
		return fault{form: formNone}
	}
	f := fault{form: formJSON}
	// RFC 6749, 5.2. X's first API put a sentence where the RFC has a code.
	// Others have a number there.
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

// add reads a problem document (RFC 9457) or one of X's own errors.
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

// parseXMLFault reads <errors><error code="415">text</error></errors> and
// <hash><error>text</error></hash>; all else between angle brackets is a page.
func parseXMLFault(body []byte) fault {
	f := fault{form: formXML}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var text *strings.Builder
	root := ""
	for range 64 {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			if root == "" {
				root = t.Name.Local
			}
			if t.Name.Local != "error" {
				continue
			}
			text = new(strings.Builder)
			for _, a := range t.Attr {
				if a.Name.Local == "code" {
					f.addCode(a.Value)
				}
			}
		case xml.CharData:
			if text != nil {
				text.Write(t)
			}
		case xml.EndElement:
			if t.Name.Local == "error" && text != nil {
				f.addText(strings.TrimSpace(text.String()))
				text = nil
			}
		}
	}
	if root != "errors" && root != "hash" && root != "error" {
		return fault{form: formHTML}
	}
	return f
}
