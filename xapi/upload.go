package xapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	segmentSize       = 1 << 20
	maxSegments       = 1000            // X's limit
	requestTimeout    = 2 * time.Minute // of a segment on a slow line
	processingTimeout = 20 * time.Minute
)

// Media is a file to upload. Content, Size and Type are required.
type Media struct {
	Content io.ReaderAt
	Size    int64
	// Type is the content type, such as "image/png".
	Type string
	// Category is X's use of the file. Default tweet_gif, tweet_video or tweet_image.
	Category string
	// AltText describes a picture or a GIF in words, in at most 1,000 characters.
	AltText string
	// Progress gets the state of the upload: "sending" in bytes, "processing" in percent.
	// Another goroutine may call it, and for a moment after a canceled Upload has returned.
	Progress func(stage string, done, total int64)
	// After is the clock for questions whether X has processed the file. Default [time.After].
	After func(time.Duration) <-chan time.Time
}

// Upload sends a file in segments, waits until X has processed it, and returns its media
// id, for a post within 24 hours. c is the kit's client of the user, whose token needs the
// scope media.write. A request may take two minutes, and X's processing 20 minutes. If ctx
// is canceled, Upload returns at once, and X forgets the segments within a day.
func Upload(ctx context.Context, c *http.Client, m Media) (id string, err error) {
	u := upload{m, *c}
	u.client.Timeout = requestTimeout
	if m.After == nil {
		u.After = time.After
	}
	if m.Progress == nil {
		u.Progress = func(string, int64, int64) {}
	}
	kind, _, _ := strings.Cut(m.Type, "/")
	if m.Type == "image/gif" {
		kind = "gif"
	}
	at, err := u.call(ctx, http.MethodPost, "/2/media/upload/initialize", JSON(map[string]any{
		"media_type": m.Type, "media_category": cmp.Or(m.Category, "tweet_"+kind), "total_bytes": m.Size,
	}))
	id = at.ID
	path := "/2/media/upload/" + url.PathEscape(id)
	size := max(segmentSize, (m.Size+maxSegments-1)/maxSegments)
	for from := int64(0); err == nil && from < m.Size; from += size {
		err = u.segment(ctx, path+"/append", from, size)
	}
	if err == nil {
		at, err = u.call(ctx, http.MethodPost, path+"/finalize", nil)
	}
	if err == nil {
		err = u.processed(ctx, id, at)
	}
	if err == nil && m.AltText != "" {
		_, err = u.call(ctx, http.MethodPost, "/2/media/metadata", JSON(map[string]any{
			"id": id, "metadata": map[string]any{"alt_text": map[string]any{"text": m.AltText}},
		}))
	}
	if err != nil {
		return "", fmt.Errorf("upload: %w", err)
	}
	return id, nil
}

type upload struct {
	Media
	client http.Client
}

// uploaded is X's answer about an upload.
type uploaded struct {
	ID         string
	Processing struct {
		State    string
		After    int   `json:"check_after_secs"`
		Progress int64 `json:"progress_percent"`
	} `json:"processing_info"`
}

func (u upload) call(ctx context.Context, method, path string, body io.Reader) (uploaded, error) {
	r, err := http.NewRequestWithContext(ctx, method, path, body)
	if err != nil {
		return uploaded{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	out, err := Decode[struct{ Data uploaded }](u.client.Do(r))
	return out.Data, err
}

// segment sends the segment at from without holding it in memory.
func (u upload) segment(ctx context.Context, path string, from, size int64) error {
	var head bytes.Buffer
	form := multipart.NewWriter(&head)
	_ = form.WriteField("segment_index", strconv.FormatInt(from/size, 10))
	_, _ = form.CreateFormFile("media", "media")
	tail := "\r\n--" + form.Boundary() + "--\r\n"
	size = min(size, u.Size-from)
	body := func() (io.ReadCloser, error) {
		content := io.NewSectionReader(u, from, size)
		return io.NopCloser(io.MultiReader(bytes.NewReader(head.Bytes()), content, strings.NewReader(tail))), nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, path, http.NoBody)
	if err != nil {
		return err
	}
	// After a refresh the kit sends the segment again.
	r.Body, _ = body()
	r.GetBody, r.ContentLength = body, int64(head.Len()+len(tail))+size
	r.Header.Set("Content-Type", form.FormDataContentType())
	_, err = Decode[json.RawMessage](u.client.Do(r))
	return err
}

// ReadAt implements [io.ReaderAt]. It reports what was read.
func (u upload) ReadAt(p []byte, at int64) (int, error) {
	n, err := u.Content.ReadAt(p, at)
	u.Progress("sending", at+int64(n), u.Size)
	return n, err
}

// processed asks, as often as X says, until X has processed the upload. Pictures are ready
// at once.
func (u upload) processed(ctx context.Context, id string, at uploaded) (err error) {
	ctx, cancel := context.WithTimeout(ctx, processingTimeout)
	defer cancel()
	status := "/2/media/upload?" + url.Values{"command": {"STATUS"}, "media_id": {id}}.Encode()
	for err == nil && (at.Processing.State == "pending" || at.Processing.State == "in_progress") {
		u.Progress("processing", at.Processing.Progress, 100)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-u.After(time.Duration(min(max(at.Processing.After, 1), 60)) * time.Second):
			at, err = u.call(ctx, http.MethodGet, status, nil)
		}
	}
	if err == nil && at.Processing.State == "failed" {
		err = &Error{Status: http.StatusOK, Cause: "refused", Code: "processing_failed",
			Detail: "the file is damaged, or of a format or length that X does not take"}
	}
	return err
}
