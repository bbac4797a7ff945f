package xapi_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

func pngOf(w, h int) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)))
	return b.Bytes()
}

func jpegOf(w, h int) []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)), nil)
	return b.Bytes()
}

func gifOf(w, h int) []byte {
	var b bytes.Buffer
	_ = gif.Encode(&b, image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.Black}), nil)
	return b.Bytes()
}

func webpOf(chunk string, header ...byte) []byte {
	data := make([]byte, 40)
	copy(data, "RIFF\x20\x00\x00\x00WEBP"+chunk)
	copy(data[20:], header)
	return data
}

// multipartOf makes a body with a file and its fields, and what sets the Content-Type.
func multipartOf(as credentials, file []byte, fields ...string) (credentials, []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if file != nil {
		part, _ := w.CreateFormFile("media", "file")
		_, _ = part.Write(file)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		_ = w.WriteField(fields[i], fields[i+1])
	}
	_ = w.Close()
	return func(r *http.Request) {
		r.Header.Set("Content-Type", w.FormDataContentType())
		as(r)
	}, b.Bytes()
}

func (l *apiLab) upload(path string, as credentials, file []byte, fields ...string) *result {
	l.t.Helper()
	as, body := multipartOf(as, file, fields...)
	return l.send("POST", path, as, body)
}

// chunked uploads data in segments by the separate endpoints, and gives the answer of the last.
func (l *apiLab) chunked(as credentials, data []byte, mime, category string) *result {
	l.t.Helper()
	init := l.send("POST", "/2/media/upload/initialize", as, object{"media_type": mime, "total_bytes": len(data), "media_category": category}).want(200)
	id := init.text("data", "id")
	for i := 0; i*1000 < len(data); i++ {
		l.upload("/2/media/upload/"+id+"/append", as, data[i*1000:min(len(data), (i+1)*1000)], "segment_index", fmt.Sprint(i)).want(200)
	}
	return l.send("POST", "/2/media/upload/"+id+"/finalize", as, nil)
}

func TestImagesGoUpInOneRequest(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	tests := []struct {
		name, mime string
		data       []byte
	}{
		{"a PNG", "image/png", pngOf(3, 2)},
		{"a JPEG", "image/jpeg", jpegOf(3, 2)},
		{"a GIF", "image/gif", gifOf(3, 2)},
		{"a lossy WebP", "image/webp", webpOf("VP8 ", 0, 0, 0, 0x9d, 0x01, 0x2a, 3, 0, 2, 0)},
		{"a lossless WebP", "image/webp", webpOf("VP8L", 0x2f, 2, 0x40, 0, 0)},
		{"an extended WebP", "image/webp", webpOf("VP8X", 0, 0, 0, 0, 2, 0, 0, 1, 0, 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for form, res := range map[string]*result{
				"multipart":  l.upload("/2/media/upload", as, tt.data, "media_category", "tweet_image"),
				"JSON":       l.send("POST", "/2/media/upload", as, object{"media": base64.StdEncoding.EncodeToString(tt.data), "media_category": "tweet_image", "shared": false}),
				"OAuth 1.0a": l.upload("/2/media/upload", l.oauth1(one), tt.data, "media_category", "tweet_image"),
			} {
				id := res.want(200).text("data", "id")
				res.wantBody(200, jsonType, fmt.Sprintf(`{"data":{"expires_after_secs":86400,"id":"%s","image":{"h":2,"image_type":"%s","w":3},"media_key":"3_%s","size":%d}}`, id, tt.mime, id, len(tt.data)))
				got := l.get("/media/3_"+id, nobody).want(200)
				if !bytes.Equal(got.body, tt.data) || got.header.Get("Content-Type") != tt.mime || got.header.Get("X-Content-Type-Options") != "nosniff" ||
					got.header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" || got.header.Get("Content-Disposition") != "" {
					t.Errorf("%s: served as %v", form, got.header)
				}
			}
		})
	}
}

func TestUploadsThatXRefuses(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	big := append(pngOf(2, 2), make([]byte, 5<<20)...)
	b64 := base64.StdEncoding.EncodeToString
	tests := []struct {
		name, path string
		body       any
		message    string
	}{
		{"without a category", "", object{"media": b64(pngOf(1, 1))}, "$.media_category: is missing but it is required"},
		{"without a file", "", object{"media_category": "tweet_image"}, "$.media: is missing but it is required"},
		{"of an empty file", "", object{"media": "", "media_category": "tweet_image"}, "The `media` of an upload is required"},
		{"an advertisement in one request", "", object{"media": b64([]byte("x")), "media_category": "amplify_video"}, "$.media_category: does not have a value in the enumeration [tweet_image, tweet_video, tweet_gif, dm_image, dm_video, dm_gif, subtitles]"},
		{"of what is not base64", "", object{"media": "***", "media_category": "tweet_image"}, "The `media` is not valid base64"},
		{"of an image that is none", "", object{"media": b64([]byte("<svg onload=alert(1)>")), "media_category": "tweet_image"}, "media type unrecognized."},
		{"of a broken image", "", object{"media": b64(pngOf(1, 1)[:12]), "media_category": "tweet_image"}, "media type unrecognized."},
		{"of a broken WebP", "", object{"media": b64(webpOf("VP9 ")), "media_category": "tweet_image"}, "media type unrecognized."},
		{"of a short WebP", "", object{"media": b64(webpOf("VP8 ")[:20]), "media_category": "tweet_image"}, "media type unrecognized."},
		{"of an image above 5 MB", "", object{"media": b64(big), "media_category": "tweet_image"}, "File size exceeds 5242880 bytes."},
		{"with an unknown key", "", object{"media": b64(pngOf(1, 1)), "media_category": "tweet_image", "name": "x"}, "$.name: is not defined in the schema and the schema does not allow additional properties"},
		{"with a command", "?command=STOP", nil, "The query parameter [command] is not one of []"},
		{"of less than no bytes", "/initialize", object{"media_type": "image/png", "total_bytes": -1}, "$.total_bytes: must have a minimum value of 0"},
		{"above 16 GiB", "/initialize", object{"media_type": "video/mp4", "total_bytes": 16<<30 + 1}, "$.total_bytes: must have a maximum value of 17179869184"},
		{"of an image above 5 MB", "/initialize", object{"media_type": "image/png", "total_bytes": 5<<20 + 1}, "File size exceeds 5242880 bytes."},
		{"of a GIF above 15 MB", "/initialize", object{"media_type": "image/gif", "media_category": "tweet_gif", "total_bytes": 15<<20 + 1}, "File size exceeds 15728640 bytes."},
		{"of a video above 512 MB", "/initialize", object{"media_type": "video/mp4", "total_bytes": 512<<20 + 1}, "File size exceeds 536870912 bytes."},
		{"of an unknown category", "/initialize", object{"media_type": "image/png", "total_bytes": 5, "media_category": "banner"}, "$.media_category: does not have a value in the enumeration [amplify_video, tweet_gif, tweet_image, tweet_video, dm_gif, dm_image, dm_video, subtitles]"},
		{"of a picture as a video", "/initialize", object{"media_type": "image/png", "total_bytes": 5, "media_category": "tweet_video"}, "The `media_type` [image/png] does not go with the `media_category` [tweet_video]"},
		{"to nothing", "/1/append", object{"media": b64([]byte("x")), "segment_index": 0}, "The `media_id` value [1] is not valid"},
		{"of segment 1000", "/1/append", object{"media": b64([]byte("x")), "segment_index": 1000}, "$.segment_index: must have a maximum value of 999"},
		{"without a segment", "/1/append", object{"segment_index": 0}, "$.media: is missing but it is required"},
		{"that was never begun", "/1/finalize", nil, "The `media_id` value [1] is not valid"},
	}
	for _, tt := range tests {
		t.Run(tt.name+tt.path, func(t *testing.T) { l.send("POST", "/2/media/upload"+tt.path, as, tt.body).wantInvalid(tt.message) })
	}
	typed := func(contentType string) credentials {
		return func(r *http.Request) { as(r); r.Header.Set("Content-Type", contentType) }
	}
	for contentType, body := range map[string]string{
		"text/plain": "x", "application/json": "null", "multipart/form-data; boundary=b": "--b\r\nbroken",
		"multipart/form-data": "x", "application/x-www-form-urlencoded": "%zz",
	} {
		for _, path := range []string{"", "/initialize", "/1/append"} {
			l.send("POST", "/2/media/upload"+path, typed(contentType), body).wantInvalid("The request body is not valid")
		}
	}
	l.get("/2/media/upload?command=STATUS&media_id=1", as).wantInvalid("The `media_id` value [1] is not valid")
	l.get("/2/media/upload?media_id=1", as).wantInvalid("The `media_id` value [1] is not valid")
	l.get("/2/media/upload?command=&media_id=1", as).wantInvalid("The `command` query parameter value [] is not one of [STATUS]")
}

func TestChunkedUpload(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	data := append(pngOf(4, 3), bytes.Repeat([]byte{7}, 2500)...)
	init := l.send("POST", "/2/media/upload/initialize", as, object{"media_type": "image/png", "total_bytes": len(data), "media_category": "tweet_image", "additional_owners": []any{two}})
	id := init.want(200).text("data", "id")
	init.wantBody(200, jsonType, fmt.Sprintf(`{"data":{"expires_after_secs":86400,"id":"%s","media_key":"3_%s"}}`, id, id))
	at := "/2/media/upload/" + id
	l.upload(at+"/append", as, data[1000:], "segment_index", "7").wantBody(200, jsonType, fmt.Sprintf(`{"data":{"expires_at":%d}}`, apiNoon.Add(24*time.Hour).Unix()))
	l.send("POST", at+"/finalize", as, nil).wantInvalid("Segments do not add up to provided total file size.")
	l.send("POST", at+"/append", as, object{"media": base64.StdEncoding.EncodeToString(data[:900]), "segment_index": 0}).want(200)
	l.upload(at+"/append", as, data[:1001], "segment_index", "0").wantInvalid("Segments do not add up to provided total file size.")
	l.send("POST", at+"/append", as, object{"media": base64.StdEncoding.EncodeToString(data[:1000]), "segment_index": "0"}).want(200)
	l.send("POST", "/2/tweets", as, object{"text": "too early", "media": object{"media_ids": []any{id}}}).wantInvalid("Your media IDs are invalid.")
	l.get("/media/3_"+id, nobody).want(404)
	res := l.send("POST", at+"/finalize", as, nil).want(200)
	wantEqual(t, "size", res.text("data", "size"), fmt.Sprint(len(data)))
	wantEqual(t, "width", res.text("data", "image", "w"), "4")
	wantEqual(t, "again", string(l.send("POST", at+"/finalize", as, nil).want(200).body), string(res.body))
	l.upload(at+"/append", as, data[:1], "segment_index", "0").want(400)
	if got := l.get("/media/3_"+id, nobody); !bytes.Equal(got.body, data) {
		t.Error("segments out of order")
	}
	l.send("POST", "/2/tweets", l.full(two), object{"text": "by a further owner", "media": object{"media_ids": []any{id}}}).want(201)

	fake := l.chunked(as, []byte("<html>not a picture at all</html>"), "image/png", "tweet_image")
	fake.wantInvalid("media type unrecognized.")
	wrong := l.chunked(as, pngOf(1, 1), "image/gif", "tweet_gif")
	wrong.wantInvalid("media type unrecognized.")
}

// X refuses the older form since 30 May 2025.
func TestTheOlderFormOfChunkedUploadIsRefused(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	l.send("POST", "/2/media/upload?command=INIT", as, nil).
		wantInvalid("The query parameter [command] is not one of []")
	for _, command := range []string{"INIT", "APPEND", "FINALIZE"} {
		res := l.upload("/2/media/upload", as, nil, "command", command, "media_category", "tweet_gif", "media_id", "1").want(400)
		if !strings.Contains(string(res.body), "$.command: is not defined in the schema") {
			t.Errorf("%s: %s", command, res.body)
		}
	}
}

func TestProcessingTakesItsTime(t *testing.T) {
	t.Parallel()
	states := func(l *apiLab, as credentials, id string, wait time.Duration) string {
		var got []string
		for range 3 {
			l.Advance(wait)
			info := l.get("/2/media/upload?command=STATUS&media_id="+id, as).want(200).at("data", "processing_info").(map[string]any)
			got = append(got, fmt.Sprint(info["state"], " ", info["progress_percent"], " ", info["check_after_secs"]))
		}
		return strings.Join(got, ", ")
	}
	video := append([]byte("\x00\x00\x00\x18ftypmp42"), make([]byte, 3000)...)
	tests := []struct {
		name string
		sw   xtest.APISwitches
		wait time.Duration
		want string
	}{
		{"a step with each question", xtest.APISwitches{}, 0, "in_progress 50 1, succeeded 100 <nil>, succeeded 100 <nil>"},
		{"a step with each second", xtest.APISwitches{}, 2 * time.Second, "succeeded 100 <nil>, succeeded 100 <nil>, succeeded 100 <nil>"},
		{"and can fail", xtest.APISwitches{MediaFails: true}, 0, "in_progress 50 1, failed 100 <nil>, failed 100 <nil>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newAPILab(t, xtest.Config{Switches: xtest.Switches{APISwitches: tt.sw}})
			as := l.full(one)
			res := l.chunked(as, video, "video/mp4", "tweet_video").want(200)
			id := res.text("data", "id")
			wantEqual(t, "at first", fmt.Sprint(res.at("data", "processing_info")), "map[check_after_secs:1 progress_percent:0 state:pending]")
			wantEqual(t, "type", res.text("data", "video", "video_type"), "video/mp4")
			post := func() *result {
				return l.send("POST", "/2/tweets", as, object{"text": "moving", "media": object{"media_ids": []any{id}}})
			}
			post().wantInvalid("Your media IDs are invalid.")
			l.get("/media/7_"+id, nobody).want(404)
			wantEqual(t, "states", states(l, as, id, tt.wait), tt.want)
			if tt.sw.MediaFails {
				post().wantInvalid("Your media IDs are invalid.")
				return
			}
			made := post().want(201).text("data", "id")
			file := l.get("/media/7_"+id, nobody).want(200)
			if file.header.Get("Content-Type") != "application/octet-stream" || file.header.Get("Content-Disposition") != "attachment" {
				t.Errorf("only images are shown: %v", file.header)
			}
			seen := l.get("/2/tweets/"+made+"?expansions=attachments.media_keys&media.fields=url,variants,public_metrics,preview_image_url,width,height", as)
			wantEqual(t, "kind", seen.text("includes", "media", 0, "type"), "video")
			wantEqual(t, "file", seen.text("includes", "media", 0, "variants", 0, "url"), l.URL+"/media/7_"+id)
			wantEqual(t, "no picture", seen.at("includes", "media", 0, "url"), nil)
		})
	}
}

func TestMediaInPosts(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	photo := func() string {
		return l.upload("/2/media/upload", as, pngOf(6, 4), "media_category", "tweet_image").want(200).text("data", "id")
	}
	post := func(as credentials, ids ...any) *result {
		return l.send("POST", "/2/tweets", as, object{"text": "with pictures", "media": object{"media_ids": ids}})
	}
	a, b := photo(), photo()
	l.send("POST", "/2/media/metadata", as, object{"id": a, "metadata": object{"alt_text": object{"text": "Grey."}}}).wantBody(200, jsonType,
		`{"data":{"associated_metadata":{"alt_text":{"text":"Grey."}},"id":"`+a+`"}}`)
	id := post(as, a, b).want(201).text("data", "id")
	res := l.get("/2/tweets/"+id+"?expansions=attachments.media_keys&media.fields=url,width,height,alt_text,type,media_key,variants", as)
	wantEqual(t, "attached", res.at("data", "attachments", "media_keys"), []any{"3_" + a, "3_" + b})
	wantEqual(t, "included", fmt.Sprint(res.at("includes", "media", 0)), "map[alt_text:Grey. height:4 media_key:3_"+a+" type:photo url:"+l.URL+"/media/3_"+a+" width:6]")
	wantEqual(t, "no text", res.at("includes", "media", 1, "alt_text"), nil)
	wantEqual(t, "kept", l.Posts(one)[0].MediaKeys, []string{"3_" + a, "3_" + b})
	wantEqual(t, "counted", l.get("/2/users/me?user.fields=public_metrics", as).text("data", "public_metrics", "media_count"), "2")
	post(as, photo()).want(201)
	l.AddPost(one, "so far without")
	l.send("POST", "/2/tweets", as, object{"text": "so far without", "media": object{"media_ids": []any{photo()}}}).want(201)

	c := photo()
	post(as, c, c).wantInvalid("Your media IDs are invalid.")
	post(l.full(two), c).wantInvalid("Your media IDs are invalid.")
	dm := l.upload("/2/media/upload", as, pngOf(1, 1), "media_category", "dm_image").want(200).text("data", "id")
	post(as, dm).wantInvalid("Your media IDs are invalid.")
	l.get("/media/3_"+dm, nobody).want(404)
	moving := l.chunked(as, gifOf(2, 2), "image/gif", "tweet_gif").want(200).text("data", "id")
	l.Advance(2 * time.Second)
	post(as, c, moving).wantInvalid("Your media IDs are invalid.")
	alone := post(as, moving).want(201).text("data", "id")
	wantEqual(t, "preview", l.get("/2/tweets/"+alone+"?expansions=attachments.media_keys&media.fields=preview_image_url", as).text("includes", "media", 0, "preview_image_url"), l.URL+"/media/16_"+moving)
	l.get("/media/16_"+moving, nobody).want(200)

	l.send("POST", "/2/media/metadata", l.full(two), object{"id": c, "metadata": object{}}).wantInvalid("The `media_id` value [" + c + "] is not valid")
	l.send("POST", "/2/media/metadata", as, object{"id": c, "metadata": object{"alt_text": object{"text": strings.Repeat("x", 1001)}}}).wantInvalid("$.metadata.alt_text.text: may only be 1000 characters long")

	l.Advance(24 * time.Hour)
	as = l.full(one)
	post(as, c).wantInvalid("Your media IDs are invalid.")
	l.get("/2/media/upload?command=STATUS&media_id="+c, as).want(400)
	l.get("/media/3_"+c, nobody).want(404)
	l.get("/media/3_"+a, nobody).want(200)
	post(as, photo()).want(201)
	l.SetNow(apiNoon)
	l.get("/media/3_"+c, nobody).want(404)
}

func TestUploadsWithoutACategoryGetOne(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	for mime, prefix := range map[string]string{"image/png": "3_", "video/mp4": "7_", "text/vtt": "31_"} {
		res := l.send("POST", "/2/media/upload/initialize", as, object{"media_type": mime, "total_bytes": 10}).want(200)
		if !strings.HasPrefix(res.text("data", "media_key"), prefix) {
			t.Errorf("%s: %s", mime, res.body)
		}
	}
}

func TestAvatars(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	for ending, size := range map[string]int{"_normal": 48, "_bigger": 73, "_mini": 24, "_400x400": 400, "_200x200": 200, "": 400} {
		res := l.get("/profile_images/"+one+ending+".png", nobody).want(200)
		cfg, err := png.DecodeConfig(bytes.NewReader(res.body))
		if err != nil || cfg.Width != size || cfg.Height != size || res.header.Get("Content-Type") != "image/png" {
			t.Errorf("%q: %v %v %v", ending, cfg, err, res.header)
		}
	}
	mine, theirs := l.get("/profile_images/"+one+"_normal.png", nobody).body, l.get("/profile_images/"+two+"_normal.png", nobody).body
	if bytes.Equal(mine, theirs) {
		t.Error("one picture for two accounts")
	}
	for _, path := range []string{"/profile_images/1_normal.png", "/profile_images/" + one + "_huge.png", "/profile_images/" + one + "_normal.jpg", "/media/3_1", "/media/"} {
		l.get(path, nobody).want(404)
	}
	l.send("POST", "/profile_images/"+one+"_normal.png", nobody, nil).want(405)
	if res := l.send("HEAD", "/profile_images/"+one+"_normal.png", nobody, nil).want(200); len(res.body) != 0 || res.header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: %v", res.header)
	}
}
