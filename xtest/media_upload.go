package xtest

import (
	"encoding/json"
	"net/http"
	"slices"
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
func (x *X) postMedia(c *call) *reply {
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
		return x.oneShot(c, in)
	case "INIT":
		return x.initialize(c, in)
	case "APPEND":
		rep := x.appendSegment(c, in, id)
		if rep.status == http.StatusOK {
			return &reply{status: http.StatusNoContent}
		}
		return rep
	case "FINALIZE":
		return x.finalize(c, id)
	}
	return c.refused("command", []string{command}, "The `command` query parameter value [%s] is not one of [APPEND,FINALIZE,INIT,STATUS]", command)
}

func (x *X) oneShot(c *call, in *mediaInput) *reply {
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
	kept := x.newMedia(c, m.category, m.mime, in.list("additional_owners"))
	kept.data, kept.total, kept.image, kept.finalized = m.data, len(m.data), m.image, c.now
	return found(http.StatusOK, map[string]any{"data": kept.uploadObject(c)})
}

func (x *X) initializeMedia(c *call) *reply {
	in, rep := c.mediaInput()
	if rep != nil {
		return rep
	}
	return x.initialize(c, in)
}

func (x *X) initialize(c *call, in *mediaInput) *reply {
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
		return c.refused("media_type", []string{mime}, "The `media_type` [%s] does not go with the `media_category` [%s]", mime, category)
	}
	if total > kind.maxBytes {
		return c.refused("total_bytes", []string{in.text("total_bytes")}, "File size exceeds %d bytes.", kind.maxBytes)
	}
	m := x.newMedia(c, category, mime, in.list("additional_owners"))
	m.total = total
	return found(http.StatusOK, map[string]any{"data": m.uploadObject(c)})
}

func (x *X) appendMedia(c *call) *reply {
	in, rep := c.mediaInput()
	if rep != nil {
		return rep
	}
	return x.appendSegment(c, in, c.vars["id"])
}

func (x *X) appendSegment(c *call, in *mediaInput, id string) *reply {
	if rep := in.check(c, schema{
		"segment_index": {kind: "integer", max: maxSegments - 1, required: true, text: true},
	}, true); rep != nil {
		return rep
	}
	m := x.ownMedia(c, id)
	if m == nil || m.done() {
		return c.noMedia(id)
	}
	index := in.number("segment_index")
	size := len(in.media) - len(m.segments[index])
	for _, s := range m.segments {
		size += len(s)
	}
	if size > m.total {
		return c.refused("media", nil, "Segments do not add up to provided total file size.")
	}
	m.segments[index] = in.media
	return found(http.StatusOK, map[string]any{"data": map[string]any{"expires_at": m.created.Add(mediaLifetime).Unix()}})
}

func (x *X) finalizeMedia(c *call) *reply { return x.finalize(c, c.vars["id"]) }

func (x *X) finalize(c *call, id string) *reply {
	m := x.ownMedia(c, id)
	if m == nil {
		return c.noMedia(id)
	}
	if !m.done() {
		data := make([]byte, 0, m.total)
		for i := range maxSegments {
			data = append(data, m.segments[i]...)
		}
		if len(data) != m.total {
			return c.refused("media_id", []string{id}, "Segments do not add up to provided total file size.")
		}
		m.data = data
		if rep := m.complete(c); rep != nil {
			m.data = nil
			return rep
		}
		m.segments, m.finalized, m.fails = nil, c.now, c.sw.MediaFails && m.kind().slow
	}
	return found(http.StatusOK, map[string]any{"data": m.uploadObject(c)})
}

// complete looks at the whole file: its size, and for images its true type, whatever the upload called it.
func (m *media) complete(c *call) *reply {
	kind := m.kind()
	if len(m.data) == 0 {
		return c.refused("media", nil, "The `media` of an upload is required")
	}
	if len(m.data) > kind.maxBytes {
		return c.refused("media", nil, "File size exceeds %d bytes.", kind.maxBytes)
	}
	if kind.kind != "photo" && kind.kind != "animated_gif" {
		return nil
	}
	info, ok := readImage(m.data)
	if !ok || !slices.Contains(kind.types, info.mime) {
		return c.refused("media", nil, "media type unrecognized.")
	}
	m.image, m.mime = info, info.mime
	return nil
}

func (x *X) getMediaStatus(c *call) *reply {
	if command := c.query.Get("command"); command != "STATUS" {
		return c.refused("command", []string{command}, "The `command` query parameter value [%s] is not one of [STATUS]", command)
	}
	id := c.query.Get("media_id")
	m := x.ownMedia(c, id)
	if m == nil {
		return c.noMedia(id)
	}
	if m.done() {
		m.polls++
	}
	return found(http.StatusOK, map[string]any{"data": m.uploadObject(c)})
}

func (c *call) noMedia(id string) *reply {
	return c.refused("media_id", []string{id}, "The `media_id` value [%s] is not valid", id)
}

func (x *X) postMediaMetadata(c *call) *reply {
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
	m := x.ownMedia(c, in.ID)
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
	return found(http.StatusOK, map[string]any{"data": map[string]any{
		"id": m.id, "associated_metadata": map[string]any{"alt_text": map[string]any{"text": m.alt}},
	}})
}
