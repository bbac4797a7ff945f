package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	tweettypes "github.com/michimani/gotwi/tweet/managetweet/types"
)

// kind is a use that X has for media.
type kind struct {
	types []string
	most  int64 // bytes
	words string
}

func imageKind() kind {
	return kind{[]string{"image/jpeg", "image/png", "image/webp"}, 5 << 20, "a JPEG, PNG or WebP picture of up to 5 MB"}
}

func gifKind() kind {
	return kind{[]string{"image/gif"}, 15 << 20, "a GIF of up to 15 MB"}
}

func videoKind() kind {
	return kind{[]string{"video/mp4", "video/quicktime", "video/webm"}, 512 << 20, "an MP4, QuickTime or WebM video of up to 512 MB"}
}

// maxAltText is X's limit of a description, in characters.
const maxAltText = 1000

func postImages(ctx context.Context, c *call) (result, error) { return c.postMedia(ctx, imageKind()) }
func postGIF(ctx context.Context, c *call) (result, error)    { return c.postMedia(ctx, gifKind()) }

func postVideo(ctx context.Context, c *call) (result, error) {
	if len(c.opt.alt) > 0 {
		return result{}, usagef("video: X takes no description of a video, so -alt is for pictures and GIFs")
	}
	return c.postMedia(ctx, videoKind())
}

// postMedia uploads the files and posts them.
func (c *call) postMedia(ctx context.Context, k kind) (r result, err error) {
	if len(c.opt.alt) > len(c.args) {
		return result{}, usagef("%s: there are %d -alt for %d files", c.command.name, len(c.opt.alt), len(c.args))
	}
	for _, alt := range c.opt.alt {
		if n := utf8.RuneCountInString(alt); n > maxAltText {
			return result{}, usagef("%s: an -alt has %d characters; X takes %d", c.command.name, n, maxAltText)
		}
	}
	// All files are looked at before the first one is sent.
	var files []*mediaFile
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, path := range c.args {
		f, err := openMedia(path, k)
		if err != nil {
			return result{}, err
		}
		files = append(files, f)
	}
	text, err := c.readArg(ctx, c.opt.text, maxText)
	if err != nil {
		return result{}, err
	}
	x, err := c.api(ctx, "tweet.write", "media.write")
	if err != nil {
		return result{}, err
	}
	in := &tweettypes.CreateInput{Media: &tweettypes.CreateInputMedia{}}
	if text != "" {
		in.Text = &text
	}
	for i, f := range files {
		if i < len(c.opt.alt) {
			f.alt = c.opt.alt[i]
		}
		id, err := c.upload(ctx, x, f)
		if err != nil {
			return result{}, &fileError{f.name, err}
		}
		in.Media.MediaIDs = append(in.Media.MediaIDs, id)
	}
	return c.create(ctx, x, in)
}

// fileError is an error about one of several files.
type fileError struct {
	name string
	err  error
}

func (e *fileError) Error() string { return e.name + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// mediaFile is a file to upload.
type mediaFile struct {
	*os.File
	kind      kind
	name      string
	mediaType string
	size      int64
	alt       string
}

func openMedia(path string, k kind) (*mediaFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &mediaFile{File: file, kind: k, name: plain(filepath.Base(path))}
	if err := f.check(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}

func (f *mediaFile) check() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	f.size = info.Size()
	head := make([]byte, 512)
	n, err := f.ReadAt(head, 0)
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file; give %s", f.name, f.kind.words)
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case f.size > f.kind.most:
		return fmt.Errorf("%s has %d MB; give %s", f.name, f.size>>20, f.kind.words)
	}
	// X looks at the bytes, and a name may be wrong.
	f.mediaType = typeOf(head[:n])
	if !slices.Contains(f.kind.types, f.mediaType) {
		return fmt.Errorf("%s looks like %s; give %s", f.name, f.mediaType, f.kind.words)
	}
	return nil
}

// typeOf knows the films that http.DetectContentType does not: the brand after "ftyp" says
// which of the formats of that family a file is (ISO/IEC 14496-12, 4.3).
func typeOf(head []byte) string {
	if len(head) >= 12 && string(head[4:8]) == "ftyp" {
		switch brand := string(head[8:12]); {
		case brand == "qt  ":
			return "video/quicktime"
		case strings.HasPrefix(brand, "mp4"), strings.HasPrefix(brand, "iso"), brand == "avc1", brand == "M4V ", brand == "dash":
			return "video/mp4"
		}
	}
	kind, _, _ := strings.Cut(http.DetectContentType(head), ";")
	return kind
}
