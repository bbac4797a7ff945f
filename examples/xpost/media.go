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
)

// kind is a category of media at X.
type kind struct {
	one, several string
	types        []string
	most         int64 // bytes
	inPost       int   // how many X accepts in a post
	words        string
}

func imageKind() kind {
	return kind{"picture", "pictures", []string{"image/jpeg", "image/png", "image/webp"}, 5 << 20, 4, "a JPEG, PNG or WebP picture of up to 5 MB"}
}

func gifKind() kind {
	return kind{"GIF", "GIFs", []string{"image/gif"}, 15 << 20, 1, "a GIF of up to 15 MB"}
}

func videoKind() kind {
	return kind{"video", "videos", []string{"video/mp4", "video/quicktime", "video/webm"}, 512 << 20, 1, "an MP4, QuickTime or WebM video of up to 512 MB"}
}

func allKinds() []kind { return []kind{imageKind(), gifKind(), videoKind()} }

// maxAltText is X's limit for a description, in characters.
const maxAltText = 1000

// mediaFile is a file to upload.
type mediaFile struct {
	*os.File
	kind      kind
	name      string
	mediaType string
	size      int64
	alt       string
	temporary bool
}

// fileError is an error about one of several files.
type fileError struct {
	name string
	err  error
}

func (e *fileError) Error() string { return e.name + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// openMedia opens the files, checks that each has one of the kinds, and sets their descriptions.
// The caller closes the files, also after an error.
func (c *call) openMedia(ctx context.Context, paths []string, kinds ...kind) (files []*mediaFile, err error) {
	if len(c.opt.alt) > len(paths) {
		return nil, usagef("%s: there are %d -alt for %d files", c.command.name, len(c.opt.alt), len(paths))
	}
	for _, alt := range c.opt.alt {
		if n := utf8.RuneCountInString(alt); n > maxAltText {
			return nil, usagef("%s: an -alt has %d characters; X takes %d", c.command.name, n, maxAltText)
		}
	}
	if n := len(slices.DeleteFunc(append([]string{c.opt.text}, paths...), func(s string) bool { return s != "-" })); n > 1 {
		return nil, usagef("%s: standard input can be read once, and %d arguments are -", c.command.name, n)
	}
	for i, path := range paths {
		f, err := c.open(ctx, path)
		if err != nil {
			return files, err
		}
		files = append(files, f)
		if err := f.check(kinds); err != nil {
			return files, err
		}
		if i < len(c.opt.alt) {
			f.alt = c.opt.alt[i]
		}
		if f.alt != "" && f.kind.one == "video" {
			return files, usagef("%s: X accepts no description for a video, so -alt is for pictures and GIFs", c.command.name)
		}
	}
	return files, nil
}

// open opens a file. For "-" it copies standard input to a file.
func (c *call) open(ctx context.Context, path string) (*mediaFile, error) {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		return &mediaFile{File: file, name: plain(filepath.Base(path))}, nil
	}
	file, err := os.CreateTemp("", "xpost-")
	if err != nil {
		return nil, err
	}
	f := &mediaFile{File: file, name: "standard input", temporary: true}
	_, err = waitFor(ctx, func() (int64, error) { return io.Copy(file, io.LimitReader(c.input, videoKind().most+1)) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("standard input cannot be read: %w", err), closeMedia([]*mediaFile{f}))
	}
	return f, nil
}

func closeMedia(files []*mediaFile) (err error) {
	for _, f := range files {
		err = errors.Join(err, f.Close())
		if f.temporary {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}
	return err
}

// check determines the kind of the file, and its size.
func (f *mediaFile) check(kinds []kind) error {
	var words []string
	for _, k := range kinds {
		words = append(words, k.words)
	}
	give := strings.Join(words, ", or ")
	info, err := f.Stat()
	if err != nil {
		return err
	}
	f.size = info.Size()
	head := make([]byte, 512)
	n, err := f.ReadAt(head, 0)
	// X checks the bytes, and a name may be wrong.
	f.mediaType = typeOf(head[:n])
	i := slices.IndexFunc(kinds, func(k kind) bool { return slices.Contains(k.types, f.mediaType) })
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file; give %s", f.name, give)
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case i < 0:
		return fmt.Errorf("%s looks like %s; give %s", f.name, f.mediaType, give)
	case f.size > kinds[i].most:
		return fmt.Errorf("%s has %d MB; give %s", f.name, f.size>>20, kinds[i].words)
	}
	f.kind = kinds[i]
	return nil
}

// checkMixture refuses combinations that X does not accept in one post. X accepts up to four
// pictures, or a GIF, or a video.
func (c *call) checkMixture(files []*mediaFile) error {
	var found []string
	fits := true
	for _, k := range allKinds() {
		n := len(slices.DeleteFunc(slices.Clone(files), func(f *mediaFile) bool { return f.kind.one != k.one }))
		switch {
		case n == 1:
			found = append(found, "1 "+k.one)
		case n > 1:
			found = append(found, fmt.Sprintf("%d %s", n, k.several))
		}
		fits = fits && n <= k.inPost
	}
	if fits && len(found) <= 1 {
		return nil
	}
	return usagef("%s: X takes up to four pictures, or one GIF, or one video in a post; here are %s. xpost upload takes them all, without a post",
		c.command.name, strings.Join(found, " and "))
}

// typeOf knows the video formats that http.DetectContentType does not. The brand after "ftyp"
// names the format (ISO/IEC 14496-12, 4.3).
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
