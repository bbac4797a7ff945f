package xapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/xapi"
	"github.com/xsignin/xsignin/xtest"
)

func noise(n int) []byte {
	b := make([]byte, n)
	state := uint32(1)
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = byte(state >> 24)
	}
	return b
}

func film(size int) []byte {
	return append([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), noise(size-24)...)
}

func photo(t *testing.T, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	m := image.NewNRGBA(image.Rect(0, 0, size, size))
	copy(m.Pix, noise(len(m.Pix)))
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func animation(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	frame := image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{color.Black, color.White})
	if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{frame, frame}, Delay: []int{10, 10}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func media(content []byte, kind string) xapi.Media {
	return xapi.Media{Content: bytes.NewReader(content), Size: int64(len(content)), Type: kind}
}

// posted posts the upload, and returns what X has as its file.
func (s *site) posted(c *http.Client, id string) []byte {
	s.Helper()
	in := map[string]any{"text": "With " + id, "media": map[string]any{"media_ids": []string{id}}}
	if _, err := xapi.Decode[any](c.Post("/2/tweets", "application/json", xapi.JSON(in))); err != nil {
		s.Fatal(err)
	}
	post := s.api.Posts(xtest.DefaultUserID)[0]
	if len(post.MediaKeys) != 1 {
		s.Fatalf("%+v", post)
	}
	resp, err := (&http.Client{Transport: s.x.Transport()}).Get("https://api.x.com/media/" + post.MediaKeys[0])
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.Fatal(resp.Status, err)
	}
	return b
}

func (s *site) appends() (n int) {
	for _, r := range s.x.Requests() {
		if strings.HasSuffix(r.Path, "/append") {
			n++
		}
	}
	return n
}

func TestUpload(t *testing.T) {
	for _, c := range []struct {
		name              string
		content           []byte
		kind              string
		segments, answers int
		alt               string
	}{
		{"a picture", photo(t, 700), "image/png", 2, 0, "Grey noise"},
		{"a GIF", animation(t), "image/gif", 1, 2, "It blinks"},
		{"a video", film(3<<20 + 17), "video/mp4", 4, 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachProtocol(t, func(s *site, client *http.Client) {
				m := media(c.content, c.kind)
				m.AltText = c.alt
				begun := time.Now()
				m.After = func(d time.Duration) <-chan time.Time {
					if d != time.Second {
						s.Errorf("waits %v, and X said a second", d)
					}
					return at(begun)
				}
				id, err := xapi.Upload(s.Context(), client, m)
				if err != nil {
					s.Fatal(err)
				}
				if !bytes.Equal(s.posted(client, id), c.content) {
					s.Error("the file has changed on its way")
				}
				if n := s.appends(); n != c.segments {
					s.Errorf("%d segments, not %d", n, c.segments)
				}
				if n := s.x.Count(http.MethodGet, "/2/media/upload"); n != c.answers {
					s.Errorf("%d questions, not %d", n, c.answers)
				}
				if n := s.x.Count(http.MethodPost, "/2/media/metadata"); (n == 1) != (c.alt != "") {
					s.Errorf("%d descriptions of %q", n, c.alt)
				}
			})
		})
	}
}

// at returns a channel that has a time.
func at(t time.Time) <-chan time.Time {
	c := make(chan time.Time, 1)
	c <- t
	return c
}

// X tells how long to wait. The waiting ends with the context, or after 20 minutes.
func TestUploadWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		pending := xapi.Media{Content: strings.NewReader("x"), Size: 1, Type: "video/mp4"}
		c := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return answer(200, `{"data":{"id":"1","processing_info":{"state":"in_progress","check_after_secs":30}}}`), nil
		})}
		if _, err := xapi.Upload(t.Context(), c, pending); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an endless processing: %v", err)
		}
		if d := time.Since(begun); d != 20*time.Minute {
			t.Errorf("waited %v", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
		defer cancel()
		begun = time.Now()
		if _, err := xapi.Upload(ctx, c, pending); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 45*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// A request without an answer ends after two minutes.
func TestUploadToASilentX(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		c := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		_, err := xapi.Upload(t.Context(), c, media([]byte("x"), "image/png"))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 2*time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

func TestUploadReportsProgress(t *testing.T) {
	s := newSite(t)
	var mu sync.Mutex
	sent, processed := []int64{}, []int64{}
	m := media(film(2<<20), "video/mp4")
	m.After = func(time.Duration) <-chan time.Time { return at(time.Time{}) }
	m.Progress = func(stage string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case stage == "sending" && total == 2<<20:
			sent = append(sent, done)
		case stage == "processing" && total == 100:
			processed = append(processed, done)
		default:
			t.Errorf("%s %d of %d", stage, done, total)
		}
	}
	if _, err := xapi.Upload(t.Context(), s.oauth2, m); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(sent) < 20 || sent[0] > 100_000 || sent[len(sent)-1] != 2<<20 {
		t.Errorf("%d reports: %v", len(sent), sent)
	}
	if len(processed) != 2 || processed[1] != 50 {
		t.Errorf("processing: %v", processed)
	}
}

func TestUploadIsCanceled(t *testing.T) {
	eachProtocol(t, func(s *site, c *http.Client) {
		reached, hold := make(chan struct{}), make(chan struct{})
		defer close(hold)
		s.x.Fail(xtest.Fault{Path: "/2/media/upload/*", Times: 2})
		s.x.Fail(xtest.Fault{Path: "/2/media/upload/*", Reached: reached, Hold: hold})
		ctx, cancel := context.WithCancel(s.Context())
		go func() {
			<-reached
			cancel()
		}()
		if id, err := xapi.Upload(ctx, c, media(film(3<<20), "video/mp4")); !errors.Is(err, context.Canceled) || id != "" {
			s.Errorf("%q, %v", id, err)
		}
		if n := s.appends(); n != 2 {
			s.Errorf("%d segments were begun, not 2", n)
		}
	})
}

// X refuses the token in the middle. The kit refreshes it and sends the segment again.
func TestUploadGoesOnAfterARefresh(t *testing.T) {
	s := newSite(t)
	s.x.Fail(xtest.Fault{Path: "/2/media/upload/*", Times: 2})
	s.x.Fail(xtest.Fault{Path: "/2/media/upload/*", Times: 1, Status: 401, After: true})
	content := photo(t, 700)
	id, err := xapi.Upload(t.Context(), s.oauth2, media(content, "image/png"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.posted(s.oauth2, id), content) {
		t.Error("the file has changed on its way")
	}
	if n := s.x.Count(http.MethodPost, "/2/oauth2/token"); n != 2 {
		t.Errorf("%d calls of the token endpoint, not a sign-in and a refresh", n)
	}
}

func TestUploadFails(t *testing.T) {
	s := newSite(t)
	s.x.SetSwitches(xtest.Switches{APISwitches: xtest.APISwitches{MediaFails: true}})
	m := media(film(1000), "video/mp4")
	m.After = func(time.Duration) <-chan time.Time { return at(time.Time{}) }
	var e *xapi.Error
	if _, err := xapi.Upload(t.Context(), s.oauth2, m); !errors.As(err, &e) || e.Code != "processing_failed" || e.Cause != "refused" {
		t.Errorf("a damaged file: %v", err)
	}
	for path, body := range map[string]string{"/initialize": "", "/append": "", "/finalize": "", "": "/2/media/metadata"} {
		s.x.ClearFaults()
		if body == "" {
			body = "/2/media/upload/*"
		}
		times := map[string]int{"/append": 1, "/finalize": 2}[path]
		if times > 0 {
			s.x.Fail(xtest.Fault{Path: body, Times: times})
		}
		s.x.Fail(xtest.Fault{Path: body, Status: 413, Times: 1})
		m := media(photo(t, 4), "image/png")
		m.AltText = "described"
		if id, err := xapi.Upload(t.Context(), s.oauth2, m); !errors.As(err, &e) || e.Cause != "too_large" || id != "" {
			t.Errorf("%s: %q, %v", path, id, err)
		}
	}
}

// zeros is a file of zeros.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }

// Segments count from zero, and there are at most 1,000: X takes no more.
func TestSegments(t *testing.T) {
	for size, want := range map[int64]int{1: 1, 1 << 20: 1, 1<<20 + 1: 2, 1000 << 20: 1000, 1000<<20 + 1: 1000, 5 << 30: 1000} {
		var indices []string
		var lengths int64
		c := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/append") {
				// The field comes before the content, which is not read.
				part, err := multipartField(r)
				if err != nil {
					return nil, err
				}
				indices, lengths = append(indices, part), lengths+r.ContentLength
			}
			return answer(200, `{"data":{"id":"1"}}`), nil
		})}
		if _, err := xapi.Upload(t.Context(), c, xapi.Media{Content: zeros{}, Size: size, Type: "video/mp4"}); err != nil {
			t.Fatal(err)
		}
		if len(indices) != want || indices[0] != "0" || indices[want-1] != strconv.Itoa(want-1) {
			t.Errorf("%d bytes: %d segments, not %d, from %s to %s", size, len(indices), want, indices[0], indices[len(indices)-1])
		}
		if around := lengths - size; around < 0 || around > int64(want)*500 {
			t.Errorf("%d bytes: the requests have %d more", size, around)
		}
	}
}

// multipartField returns the first field of a form.
func multipartField(r *http.Request) (string, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return "", err
	}
	part, err := parts.NextPart()
	if err != nil || part.FormName() != "segment_index" {
		return "", fmt.Errorf("the first field is no segment_index: %w", err)
	}
	b, err := io.ReadAll(part)
	return string(b), err
}

func TestCategories(t *testing.T) {
	for _, c := range []struct{ kind, category, want string }{
		{"image/png", "", "tweet_image"}, {"image/gif", "", "tweet_gif"}, {"video/mp4", "", "tweet_video"}, {"image/gif", "dm_gif", "dm_gif"},
	} {
		var begun struct {
			Category string `json:"media_category"`
			Type     string `json:"media_type"`
			Total    int64  `json:"total_bytes"`
		}
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/initialize") {
				if err := json.NewDecoder(r.Body).Decode(&begun); err != nil {
					return nil, err
				}
			}
			return answer(200, `{"data":{"id":"1"}}`), nil
		})}
		m := media([]byte("abc"), c.kind)
		m.Category = c.category
		if _, err := xapi.Upload(t.Context(), client, m); err != nil || begun.Category != c.want || begun.Type != c.kind || begun.Total != 3 {
			t.Errorf("%s %q: %+v, %v", c.kind, c.category, begun, err)
		}
	}
}
