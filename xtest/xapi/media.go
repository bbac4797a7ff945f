package xapi

import (
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	mediaLifetime = 24 * time.Hour          // of an upload that no post uses
	adLifetime    = 1_296_000 * time.Second // the same of amplify_video
	maxSegments   = 1000
	maxSegment    = 5 << 20 // bytes; X answers 413 above about this much
	mediaPath     = "/media/"
	mediaStep     = time.Second // of the processing of videos and GIFs
)

// mediaCategory is one of X's uses of media: what may be in it, and how much.
type mediaCategory struct {
	types    []string
	maxBytes int
	slow     bool   // is processed after its upload
	kind     string // the type of the media object
	prefix   string // of the media key
}

var (
	imageTypes    = []string{"image/jpeg", "image/png", "image/webp", "image/gif", "image/pjpeg", "image/bmp", "image/tiff"}
	videoTypes    = []string{"video/mp4", "video/webm", "video/mp2t", "video/quicktime"}
	subtitleTypes = []string{"text/srt", "text/vtt"}

	mediaCategories = map[string]mediaCategory{
		"tweet_image":   {imageTypes, 5 << 20, false, "photo", "3_"},
		"dm_image":      {imageTypes, 5 << 20, false, "photo", "3_"},
		"tweet_gif":     {[]string{"image/gif"}, 15 << 20, true, "animated_gif", "16_"},
		"dm_gif":        {[]string{"image/gif"}, 15 << 20, true, "animated_gif", "16_"},
		"tweet_video":   {videoTypes, 512 << 20, true, "video", "7_"},
		"dm_video":      {videoTypes, 512 << 20, true, "video", "7_"},
		"amplify_video": {videoTypes, 512 << 20, true, "video", "13_"},
		"subtitles":     {subtitleTypes, 5 << 20, false, "subtitles", "31_"},
	}
)

// media is one upload, from its first request on.
type media struct {
	id, key, owner string
	owners         []string // further ones
	category, mime string
	total          int
	segments       map[int][]byte
	data           []byte // when finalized
	image          imageInfo
	created        time.Time
	finalized      time.Time
	polls          int
	fails          bool
	posted         bool
	metadata       map[string]any
}

func (m *media) kind() mediaCategory { return mediaCategories[m.category] }

func (m *media) done() bool { return !m.finalized.IsZero() }

// stage is how far the processing is: it takes a step with each STATUS call and with each second, whichever is further,
// so that a client that waits as told and a test that only asks both get there.
func (m *media) stage(now time.Time) int {
	if !m.kind().slow {
		return 2
	}
	return max(m.polls, int(now.Sub(m.finalized)/mediaStep))
}

func (m *media) ready(now time.Time) bool {
	return m.done() && m.stage(now) >= 2 && !m.fails
}

func (m *media) expires() time.Time {
	if m.category == "amplify_video" {
		return m.created.Add(adLifetime)
	}
	return m.created.Add(mediaLifetime)
}

func (m *media) expired(now time.Time) bool { return !m.posted && !now.Before(m.expires()) }

// ownMedia gives an upload to those who may use it; on X an expired or foreign id is like one that never was.
func (a *API) ownMedia(c *call, id string) *media {
	m := a.media[id]
	me := c.User.ID
	if m == nil || m.expired(c.Now) || m.owner != me && !slices.Contains(m.owners, me) {
		return nil
	}
	return m
}

func (a *API) newMedia(c *call, category, mime string, owners []string) *media {
	return a.keep(&media{owner: c.User.ID, owners: owners, category: category, mime: mime, segments: map[int][]byte{}})
}

// keep gives an upload its id, and forgets expired ones: uploads are the only big things here.
func (a *API) keep(m *media) *media {
	m.id, m.created = a.x.NewID(), a.x.Now()
	m.key = m.kind().prefix + m.id
	maps.DeleteFunc(a.media, func(_ string, old *media) bool { return old.expired(m.created) })
	a.media[m.id] = m
	return m
}

// categoryFor is what X assumes when an upload does not say what it is for.
func categoryFor(mime string) string {
	switch {
	case strings.HasPrefix(mime, "video/"):
		return "tweet_video"
	case strings.HasPrefix(mime, "text/"):
		return "subtitles"
	default:
		return "tweet_image"
	}
}

// uploadObject is the answer about an upload.
func (m *media) uploadObject(c *call) map[string]any {
	left := int(m.expires().Sub(c.Now) / time.Second)
	o := map[string]any{"id": m.id, "media_key": m.key, "expires_after_secs": max(left, 0)}
	if !m.done() {
		return o
	}
	o["size"] = len(m.data)
	switch {
	case m.kind().kind == "photo":
		o["image"] = map[string]any{"image_type": m.image.mime, "w": m.image.width, "h": m.image.height}
	case m.kind().kind == "video":
		o["video"] = map[string]any{"video_type": m.mime}
	}
	if !m.kind().slow {
		return o
	}
	info := map[string]any{}
	switch stage := m.stage(c.Now); {
	case stage == 0:
		info["state"], info["check_after_secs"], info["progress_percent"] = "pending", 1, 0
	case stage == 1:
		info["state"], info["check_after_secs"], info["progress_percent"] = "in_progress", 1, 50
	case m.fails:
		info["state"], info["progress_percent"] = "failed", 100
	default:
		info["state"], info["progress_percent"] = "succeeded", 100
	}
	o["processing_info"] = info
	return o
}

// mediaObject is what posts include.
func (c *call) mediaObject(m *media) map[string]any {
	o := map[string]any{"media_key": m.key, "type": m.kind().kind}
	url := c.PictureURL + mediaPath + m.key
	for f := range c.List("media.fields") {
		switch f {
		case "url":
			if m.kind().kind == "photo" {
				o[f] = url
			}
		case "preview_image_url":
			if m.kind().kind == "animated_gif" {
				o[f] = url
			}
		case "variants":
			if m.kind().kind != "photo" {
				o[f] = []any{map[string]any{"bit_rate": 0, "content_type": m.mime, "url": url}}
			}
		case "width":
			o[f] = m.image.width
		case "height":
			o[f] = m.image.height
		case "alt_text":
			if alt, ok := m.metadata["alt_text"].(map[string]any); ok {
				o[f] = alt["text"]
			}
		case "public_metrics":
			if m.kind().kind == "video" {
				o[f] = map[string]any{"view_count": 0}
			}
		}
	}
	return o
}
