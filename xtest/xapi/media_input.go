package xapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strconv"

	"github.com/xsignin/xsignin/xtest"
)

// mediaInput is the body of an upload: JSON with the file in base64, or a form with the file in one part.
type mediaInput struct {
	values map[string]any
	media  []byte
	given  bool // there is a file
}

// mediaInput reads the body, holds its values to their description, and wants a file or none.
func (c *call) mediaInput(want schema, file bool) (*mediaInput, *xtest.Reply) {
	in := &mediaInput{values: map[string]any{}}
	kind, params, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	var ok bool
	switch kind {
	case "multipart/form-data":
		ok = in.readParts(c.Body, params["boundary"])
	case "application/json":
		d := json.NewDecoder(bytes.NewReader(c.Body))
		d.UseNumber()
		ok = d.Decode(&in.values) == nil && in.values != nil
	default:
		ok = len(c.Body) == 0
	}
	if !ok {
		return nil, c.Refuse("", nil, "The request body is not valid")
	}
	if s, text := in.values["media"].(string); text {
		data, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, c.Refuse("media", nil, "The `media` is not valid base64")
		}
		in.media, in.given = data, true
		delete(in.values, "media")
	}
	c.checkObject("$", in.values, field{Properties: want})
	if file && !in.given {
		c.AddFault("$.media", nil, "$.media: is missing but it is required")
	}
	if c.Faulty() {
		return nil, c.Invalid()
	}
	return in, nil
}

func (in *mediaInput) readParts(body []byte, boundary string) bool {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return false
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return false
		}
		if part.FormName() == "media" {
			in.media, in.given = data, true
		} else {
			in.values[part.FormName()] = string(data)
		}
	}
}

func (in *mediaInput) text(name string) string {
	switch v := in.values[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (in *mediaInput) number(name string) int {
	n, _ := strconv.Atoi(in.text(name))
	return n
}

func (in *mediaInput) list(name string) []string {
	v := in.values[name]
	if s, ok := v.(string); ok {
		v = fromText(s, "array")
	}
	items, _ := v.([]any)
	var list []string
	for _, item := range items {
		s, _ := item.(string)
		list = append(list, s)
	}
	return list
}
