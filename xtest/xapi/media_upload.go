package xapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/xsignin/xsignin/xtest"
)

func mediaUploadSchema(categories []string) schema {
	id := field{kind: "string", pattern: idPattern}
	return schema{
		"media_category":    {kind: "string", oneOf: categories},
		"media_type":        {kind: "string", oneOf: mediaTypes},
		"additional_owners": {kind: "array", items: &id, text: true},
		"shared":            {kind: "boolean", text: true},
	}
}

// postMedia takes an image in one request, and the older form of the chunked upload, which says in "command" what it is
// about.
func (a *API) postMedia(c *call) *xtest.Reply {
	in, rep := c.mediaInput()
	if rep != nil {
		return rep
	}
	command := in.text("command")
	delete(in.values, "command")
	id := in.text("media_id")
	if command != "" && command != "INIT" {
		delete(in.values, "media_id")
	}
	switch command {
	case "":
		return a.oneShot(c, in)
	case "INIT":
		return a.initialize(c, in)
	case "APPEND":
		rep := a.appendSegment(c, in, id)
		if rep.Status == http.StatusOK {
			return &xtest.Reply{Status: http.StatusNoContent}
		}
		return rep
	case "FINALIZE":
		return a.finalize(c, id)
	}
	return c.Refuse("command", []string{command}, "The `command` query parameter value [%s] is not one of [APPEND,FINALIZE,INIT,STATUS]", command)
}

func (a *API) oneShot(c *call, in *mediaInput) *xtest.Reply {
	var names []string
	for _, n := range categoryNames {
		if mediaCategories[n].oneShot {
			names = append(names, n)
		}
	}
	want := mediaUploadSchema(names)
	category := want["media_category"]
	category.required = true
	want["media_category"] = category
	if rep := in.check(c, want, true); rep != nil {
		return rep
	}
	m := &media{category: in.text("media_category"), mime: in.text("media_type"), data: in.media}
	if rep := m.complete(c); rep != nil {
		return rep
	}
	kept := a.newMedia(c, m.category, m.mime, in.list("additional_owners"))
	kept.data, kept.total, kept.image, kept.finalized = m.data, len(m.data), m.image, c.Now
	return xtest.Found(http.StatusOK, map[string]any{"data": kept.uploadObject(c)})
}

func (a *API) initializeMedia(c *call) *xtest.Reply {
	in, rep := c.mediaInput()
	if rep != nil {
		return rep
	}
	return a.initialize(c, in)
}

func (a *API) initialize(c *call, in *mediaInput) *xtest.Reply {
	want := mediaUploadSchema(categoryNames)
	want["total_bytes"] = field{kind: "integer", min: 1, max: maxTotalBytes, required: true, text: true}
	mediaType := want["media_type"]
	mediaType.required = true
	want["media_type"] = mediaType
	if rep := in.check(c, want, false); rep != nil {
		return rep
	}
	mime, category, total := in.text("media_type"), in.text("media_category"), in.number("total_bytes")
	if category == "" {
		category = categoryFor(mime)
	}
	kind := mediaCategories[category]
	if !slices.Contains(kind.types, mime) {
		return c.Refuse("media_type", []string{mime}, "The `media_type` [%s] does not go with the `media_category` [%s]", mime, category)
	}
	if total > kind.maxBytes {
		return c.Refuse("total_bytes", []string{in.text("total_bytes")}, "File size exceeds %d bytes.", kind.maxBytes)
	}
	m := a.newMedia(c, category, mime, in.list("additional_owners"))
	m.total = total
	return xtest.Found(http.StatusOK, map[string]any{"data": m.uploadObject(c)})
}

func (a *API) appendMedia(c *call) *xtest.Reply {
	in, rep := c.mediaInput()
	if rep != nil {
		return rep
	}
	return a.appendSegment(c, in, c.Vars["id"])
}

func (a *API) appendSegment(c *call, in *mediaInput, id string) *xtest.Reply {
	if rep := in.check(c, schema{
		"segment_index": {kind: "integer", max: maxSegments - 1, required: true, text: true},
	}, true); rep != nil {
		return rep
	}
	m := a.ownMedia(c, id)
	if m == nil || m.done() {
		return c.noMedia(id)
	}
	index := in.number("segment_index")
	size := len(in.media) - len(m.segments[index])
	for _, s := range m.segments {
		size += len(s)
	}
	if size > m.total {
		return c.Refuse("media", nil, "Segments do not add up to provided total file size.")
	}
	m.segments[index] = in.media
	return xtest.Found(http.StatusOK, map[string]any{"data": map[string]any{"expires_at": m.created.Add(mediaLifetime).Unix()}})
}

func (a *API) finalizeMedia(c *call) *xtest.Reply { return a.finalize(c, c.Vars["id"]) }

func (a *API) finalize(c *call, id string) *xtest.Reply {
	m := a.ownMedia(c, id)
	if m == nil {
		return c.noMedia(id)
	}
	if !m.done() {
		data := make([]byte, 0, m.total)
		for i := range maxSegments {
			data = append(data, m.segments[i]...)
		}
		if len(data) != m.total {
			return c.Refuse("media_id", []string{id}, "Segments do not add up to provided total file size.")
		}
		m.data = data
		if rep := m.complete(c); rep != nil {
			m.data = nil
			return rep
		}
		m.segments, m.finalized, m.fails = nil, c.Now, c.Switches.MediaFails && m.kind().slow
	}
	return xtest.Found(http.StatusOK, map[string]any{"data": m.uploadObject(c)})
}

// complete looks at the whole file: its size, and for images its true type, whatever the upload called it.
func (m *media) complete(c *call) *xtest.Reply {
	kind := m.kind()
	if len(m.data) == 0 {
		return c.Refuse("media", nil, "The `media` of an upload is required")
	}
	if len(m.data) > kind.maxBytes {
		return c.Refuse("media", nil, "File size exceeds %d bytes.", kind.maxBytes)
	}
	if kind.kind != "photo" && kind.kind != "animated_gif" {
		return nil
	}
	info, ok := readImage(m.data)
	if !ok || !slices.Contains(kind.types, info.mime) {
		return c.Refuse("media", nil, "media type unrecognized.")
	}
	m.image, m.mime = info, info.mime
	return nil
}

func (a *API) getMediaStatus(c *call) *xtest.Reply {
	if command := c.Query.Get("command"); command != "STATUS" {
		return c.Refuse("command", []string{command}, "The `command` query parameter value [%s] is not one of [STATUS]", command)
	}
	id := c.Query.Get("media_id")
	m := a.ownMedia(c, id)
	if m == nil {
		return c.noMedia(id)
	}
	if m.done() {
		m.polls++
	}
	return xtest.Found(http.StatusOK, map[string]any{"data": m.uploadObject(c)})
}

func (c *call) noMedia(id string) *xtest.Reply {
	return c.Refuse("media_id", []string{id}, "The `media_id` value [%s] is not valid", id)
}

func (a *API) postMediaMetadata(c *call) *xtest.Reply {
	var in struct {
		ID       string          `json:"id"`
		Metadata json.RawMessage `json:"metadata"`
	}
	text := field{kind: "object", properties: schema{"text": {kind: "string", required: true, max: maxAltText}}}
	if rep := c.readJSON(&in, schema{
		"id":       {kind: "string", required: true, pattern: idPattern},
		"metadata": {kind: "object", required: true, properties: schema{"alt_text": text}},
	}); rep != nil {
		return rep
	}
	m := a.ownMedia(c, in.ID)
	if m == nil {
		return c.noMedia(in.ID)
	}
	var meta struct {
		Alt *struct {
			Text string `json:"text"`
		} `json:"alt_text"`
	}
	_ = json.Unmarshal(in.Metadata, &meta)
	if meta.Alt != nil {
		m.alt = meta.Alt.Text
	}
	return xtest.Found(http.StatusOK, map[string]any{"data": map[string]any{
		"id": m.id, "associated_metadata": map[string]any{"alt_text": map[string]any{"text": m.alt}},
	}})
}
