package xapi

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"github.com/xsignin/xsignin/xtest"
)

// postMedia takes a file in one request. X refuses the older form of the chunked upload, whose POST said INIT, APPEND or
// FINALIZE in "command", since 30 May 2025: "command" is no parameter and no key of the body.
func (a *API) postMedia(c *call) *xtest.Reply {
	in, rep := c.mediaInput(bodies["one_shot"], true)
	if rep != nil {
		return rep
	}
	m := &media{category: in.text("media_category"), mime: in.text("media_type"), data: in.media}
	if m.mime == "" {
		m.mime = m.kind().types[0]
	}
	if rep := m.complete(c); rep != nil {
		return rep
	}
	kept := a.newMedia(c, m.category, m.mime, in.list("additional_owners"))
	kept.data, kept.total, kept.image, kept.finalized = m.data, len(m.data), m.image, c.Now
	kept.fails = c.Switches.MediaFails && kept.kind().slow
	return c.Found(http.StatusOK, map[string]any{"data": kept.uploadObject(c)})
}

func (a *API) initializeMedia(c *call) *xtest.Reply {
	in, rep := c.mediaInput(bodies["initialize"], false)
	if rep != nil {
		return rep
	}
	mime, category, total := in.text("media_type"), in.text("media_category"), in.number("total_bytes")
	if category == "" {
		category = categoryFor(mime)
	}
	kind := mediaCategories[category]
	mime = cmp.Or(mime, kind.types[0])
	if !slices.Contains(kind.types, mime) {
		return c.Refuse("media_type", []string{mime}, "The `media_type` [%s] does not go with the `media_category` [%s]", mime, category)
	}
	if total > kind.maxBytes {
		return c.Refuse("total_bytes", []string{in.text("total_bytes")}, "File size exceeds %d bytes.", kind.maxBytes)
	}
	m := a.newMedia(c, category, mime, in.list("additional_owners"))
	m.total = total
	return c.Found(http.StatusOK, map[string]any{"data": m.uploadObject(c)})
}

// appendMedia takes a segment. Those above 5 MiB do not reach X: what is before it answers 413 without a body.
func (a *API) appendMedia(c *call) *xtest.Reply {
	id := c.Vars["id"]
	if len(c.Body) > maxSegment {
		return &xtest.Reply{Status: http.StatusRequestEntityTooLarge, Reason: "the segment is above 5 MiB: send 1 MiB in each"}
	}
	in, rep := c.mediaInput(bodies["append"], true)
	if rep != nil {
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
	if limit := cmp.Or(m.total, m.kind().maxBytes); size > limit {
		return c.Refuse("media", nil, "Segments do not add up to provided total file size.")
	}
	m.segments[index] = in.media
	return c.Found(http.StatusOK, map[string]any{"data": map[string]any{"expires_at": m.expires().Unix()}})
}

func (a *API) finalizeMedia(c *call) *xtest.Reply {
	id := c.Vars["id"]
	m := a.ownMedia(c, id)
	if m == nil {
		return c.noMedia(id)
	}
	if !m.done() {
		data := make([]byte, 0, m.total)
		for i := range maxSegments {
			data = append(data, m.segments[i]...)
		}
		if m.total > 0 && len(data) != m.total {
			return c.Refuse("media_id", []string{id}, "Segments do not add up to provided total file size.")
		}
		m.data = data
		if rep := m.complete(c); rep != nil {
			m.data = nil
			return rep
		}
		m.segments, m.finalized, m.fails = nil, c.Now, c.Switches.MediaFails && m.kind().slow
	}
	return c.Found(http.StatusOK, map[string]any{"data": m.uploadObject(c)})
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
	if command := c.Query.Get("command"); c.Query.Has("command") && command != "STATUS" {
		return c.Refuse("command", []string{command}, "The `command` query parameter value [%s] is not one of [STATUS]", command)
	}
	id := c.Query.Get("media_id")
	m := a.ownMedia(c, id)
	switch {
	case m == nil:
		return c.noMedia(id)
	case !m.kind().slow:
		rep := c.noMedia(id)
		if c.Switches.PictureStatusNotFound {
			rep = xtest.NotFound()
		}
		rep.Reason = "only videos and GIFs are processed and have a STATUS: a picture can be posted at once"
		return rep
	}
	if m.done() {
		m.polls++
	}
	return c.Found(http.StatusOK, map[string]any{"data": m.uploadObject(c)})
}

func (c *call) noMedia(id string) *xtest.Reply {
	return c.Refuse("media_id", []string{id}, "The `media_id` value [%s] is not valid", id)
}

func (a *API) postMediaMetadata(c *call) *xtest.Reply {
	var in struct {
		ID       string         `json:"id"`
		Metadata map[string]any `json:"metadata"`
	}
	if rep := c.readJSON(&in, bodies["metadata"]); rep != nil {
		return rep
	}
	m := a.ownMedia(c, in.ID)
	if m == nil {
		return c.noMedia(in.ID)
	}
	if m.metadata == nil {
		m.metadata = map[string]any{}
	}
	maps.Copy(m.metadata, in.Metadata)
	return c.Found(http.StatusOK, map[string]any{"data": map[string]any{"id": m.id, "associated_metadata": m.metadata}})
}
