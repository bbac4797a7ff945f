package main

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// place writes a file and returns its path.
func place(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func noise(n int) []byte {
	b := make([]byte, n)
	state := uint32(1)
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = byte(state >> 24)
	}
	return b
}

// film begins like an MP4 file. The simulator checks no more.
func film(size int) []byte {
	return append([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), noise(size-24)...)
}

// photo does not compress, and has size by size by four bytes.
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

func (l *lab) appends() int {
	n := 0
	for _, r := range l.x.Requests() {
		if strings.HasSuffix(r.Path, "/append") {
			n++
		}
	}
	return n
}

// uploaded is the media of the newest post at X.
func (l *lab) uploaded(key string) []byte {
	l.Helper()
	resp, err := http.Get(l.url + "/media/" + key)
	if err != nil {
		l.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		l.Fatal(resp.Status, err)
	}
	return b
}

func TestImages(t *testing.T) {
	everyProtocol(t, func(t *testing.T, l *lab) {
		content := photo(t, 700) // of two segments
		one, two := place(t, "one.png", content), place(t, "two.jpg", photo(t, 10))
		var p posted
		l.run("-json", "image", "-text", "Two", "-alt", "Grey noise", one, two).want(0).json(&p)
		got := l.newest()
		if got.ID != p.ID || got.Text != "Two" || len(got.MediaKeys) != 2 || len(p.Media) != 2 {
			t.Fatalf("%+v %+v", p, got)
		}
		if !bytes.Equal(l.uploaded(got.MediaKeys[0]), content) {
			t.Error("the picture arrived as another")
		}
		if n := l.appends(); n != 3 {
			t.Errorf("%d segments, not 3", n)
		}
		l.run("timeline", "-user", "me").want(0, "[photo] Grey noise")
		if len(l.waited) != 0 {
			t.Errorf("waited %v for pictures", l.waited)
		}
		l.run("image", "-reply", got.ID, two).want(0)
		if reply := l.newest(); reply.ReplyToID != got.ID {
			t.Errorf("%+v", reply)
		}
	})
}

func TestGIF(t *testing.T) {
	everyProtocol(t, func(t *testing.T, l *lab) {
		l.run("gif", "-alt", "It blinks", place(t, "x.gif", animation(t))).want(0)
		if got := l.newest(); len(got.MediaKeys) != 1 || !strings.HasPrefix(got.MediaKeys[0], "16_") {
			t.Errorf("%+v", got)
		}
		if len(l.waited) == 0 {
			t.Error("X was not waited for")
		}
		l.run("timeline", "-user", "me").want(0, "[animated_gif] It blinks")
	})
}

func TestVideo(t *testing.T) {
	everyProtocol(t, func(t *testing.T, l *lab) {
		content := film(3<<20 + 17)
		l.run("video", "-text", "A film", place(t, "film.mp4", content)).want(0)
		got := l.newest()
		if got.Text != "A film" || len(got.MediaKeys) != 1 || !bytes.Equal(l.uploaded(got.MediaKeys[0]), content) {
			t.Errorf("%+v", got)
		}
		if n := l.appends(); n != 4 {
			t.Errorf("%d segments, not 4", n)
		}
		// The simulator needs two questions, and asks to come back after a second.
		if n := l.x.Count(http.MethodGet, "/2/media/upload"); n != 2 || len(l.waited) != 2 || l.waited[0] != time.Second {
			t.Errorf("%d questions, after %v", n, l.waited)
		}
	})
}

func TestVideoThatXCannotProcess(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	l.x.SetSwitches(xtest.Switches{APISwitches: xtest.APISwitches{MediaFails: true}})
	l.run("video", place(t, "film.mp4", film(1000))).want(1, "film.mp4: X cannot process the file")
	if n := l.x.Count(http.MethodPost, "/2/tweets"); n != 0 {
		t.Error("X was asked to post")
	}
}

func TestFilesThatAreNotSent(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	before := len(l.x.Requests())
	good := place(t, "good.png", photo(t, 4))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"image", good, filepath.Join(t.TempDir(), "none.png")}, "none.png"},
		{[]string{"image", place(t, "film.png", film(100))}, "film.png looks like video/mp4"},
		{[]string{"image", t.TempDir()}, "is not a file"},
		{[]string{"image", place(t, "big.png", append(photo(t, 4), make([]byte, 5<<20)...))}, "up to 5 MB"},
		{[]string{"image", place(t, "empty.png", nil)}, "empty.png"},
		{[]string{"gif", good}, "give a GIF"},
		{[]string{"video", good}, "give an MP4"},
	} {
		l.run(c.args...).want(1, c.want)
	}
	l.run("video", "-alt", "x", place(t, "film.mp4", film(100))).want(2, "no description")
	if n := len(l.x.Requests()); n != before {
		t.Errorf("X was asked %d times", n-before)
	}
}

func TestTypeOf(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]string{
		"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ": "video/quicktime",
		"\x00\x00\x00\x14ftypisom\x00\x00\x00\x00avc1": "video/mp4",
		"\x00\x00\x00\x14ftypheic\x00\x00\x00\x00mif1": "application/octet-stream",
		"\x1a\x45\xdf\xa3": "video/webm",
		"GIF89a":           "image/gif",
		"words":            "text/plain",
	} {
		if got := typeOf([]byte(head)); got != want {
			t.Errorf("%q: %s, not %s", head, got, want)
		}
	}
}

// Count a body as the network takes it, not as the libraries buffer it.
func TestProgress(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	path := place(t, "film.mp4", film(2<<20))
	a := l.runAs(t.Context(), person{terminal: true}, "video", path).want(0)
	for _, text := range []string{"film.mp4", "film.mp4, processed by X", "50%"} {
		if !strings.Contains(a.stderr, text) {
			t.Errorf("%q is not in\n%q", text, a.stderr)
		}
	}
	between := map[string]bool{}
	for _, m := range regexp.MustCompile(`film.mp4 +(\d+)%`).FindAllStringSubmatch(a.stderr, -1) {
		between[m[1]] = true
	}
	if len(between) < 10 {
		t.Errorf("the file was drawn at %v percent only", between)
	}
	clean(t, a.stderr)
	// Scripts do not see any of it.
	if a := l.run("-json", "video", "-text", "Again", path).want(0); a.stderr != "" {
		t.Errorf("said %q", a.stderr)
	}
}

// clean checks that a terminal's cursor ends at the beginning of an empty line.
func clean(t *testing.T, drawn string) {
	t.Helper()
	last := drawn[strings.LastIndex(drawn, "\n")+1:]
	if !strings.HasSuffix(last, "\r") {
		t.Fatalf("the cursor is not at the beginning of a line: %q", last)
	}
	// The remaining character of each column.
	var line []rune
	for part := range strings.SplitSeq(last, "\r") {
		for i, r := range []rune(part) {
			if i >= len(line) {
				line = append(line, r)
			}
			line[i] = r
		}
	}
	if left := strings.TrimSpace(string(line)); left != "" {
		t.Errorf("%q is left on the terminal", left)
	}
	if strings.Contains(drawn, "\x1b[?25l") && !strings.Contains(drawn, "\x1b[?25h") {
		t.Error("the cursor is hidden")
	}
}

// held makes X hold the n-th request of an upload, and returns a channel that reports that.
func (l *lab) held(n int) <-chan struct{} {
	reached, hold := make(chan struct{}), make(chan struct{})
	if n > 1 {
		l.x.Fail(xtest.Fault{Path: "/2/media/upload/*", Times: n - 1})
	}
	l.x.Fail(xtest.Fault{Path: "/2/media/upload/*", Reached: reached, Hold: hold})
	l.Cleanup(func() { close(hold) })
	return reached
}

func TestAnUploadIsStopped(t *testing.T) {
	everyProtocol(t, func(t *testing.T, l *lab) {
		// After initialize and one segment of three.
		reached := l.held(3)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-reached
			cancel()
		}()
		a := l.runAs(ctx, person{terminal: true}, "video", place(t, "film.mp4", film(3<<20))).want(130, "stopped; nothing was posted")
		drawn, _, _ := strings.Cut(a.stderr, "xpost: ")
		clean(t, drawn)
		if n := len(l.api.Posts(xtest.DefaultUserID)); l.x.Count(http.MethodPost, "/2/tweets") != 0 {
			t.Errorf("%d posts", n)
		}
		if n := l.appends(); n != 2 {
			t.Errorf("%d segments were begun, not 2", n)
		}
		l.x.ClearFaults()
		l.run("text", "Still signed in").want(0)
	})
}

func TestAPostIsStopped(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	reached, hold := make(chan struct{}), make(chan struct{})
	l.x.Fail(xtest.Fault{Path: "/2/tweets", Reached: reached, Hold: hold})
	defer close(hold)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		cancel()
	}()
	l.runAs(ctx, person{}, "text", "Perhaps").want(130, "may or may not have been executed")
}
