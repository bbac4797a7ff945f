package xtest

import (
	"bytes"
	"hash/fnv"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strconv"
	"strings"
)

const (
	mediaPath  = "/media/"
	avatarPath = "/profile_images/"
)

// avatarURL is the account's own picture, or one that the simulator draws and serves, so that pages work offline.
func (c *Call) avatarURL(u User) string {
	if u.AvatarURL != "" {
		return u.AvatarURL
	}
	return c.PictureURL + avatarPath + u.ID + "_normal.png"
}

// pictureBase is where a browser finds pictures: under BaseURL where there is one, also for a client that comes through
// Transport, since a browser cannot.
func (x *X) pictureBase(r *http.Request) string {
	if x.cfg.BaseURL != "" {
		return x.cfg.BaseURL
	}
	return x.baseURL(r)
}

// serveAvatar serves the accounts' pictures. As on X no token is asked for.
func (x *X) serveAvatar(w http.ResponseWriter, r *http.Request) {
	data := x.avatarFile(strings.TrimPrefix(r.URL.Path, avatarPath))
	if data == nil {
		x.finish(w, r, notFound())
		return
	}
	ServePicture(w, r, data, "image/png")
}

// ServePicture answers with a picture in a way that is harmless on a page of an application's choice. A contentType of
// application/octet-stream makes it a download.
func ServePicture(w http.ResponseWriter, r *http.Request, data []byte, contentType string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if contentType == "application/octet-stream" {
		h.Set("Content-Disposition", "attachment")
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(data)
	}
}

// avatarSizes are the endings that X's clients put in place of "_normal".
var avatarSizes = map[string]int{"_mini": 24, "_normal": 48, "_bigger": 73, "_200x200": 200, "_400x400": 400, "": 400}

func (x *X) avatarFile(name string) []byte {
	name, ok := strings.CutSuffix(name, ".png")
	if !ok {
		return nil
	}
	id, ending := name, ""
	if i := strings.IndexByte(name, '_'); i >= 0 {
		id, ending = name[:i], name[i:]
	}
	size, ok := avatarSizes[ending]
	x.mu.Lock()
	known := x.users[id] != nil
	x.mu.Unlock()
	if !ok || !known {
		return nil
	}
	return drawAvatar(id, size)
}

// drawAvatar makes a pattern of five by five fields, the same on the left and the right, that the id decides.
func drawAvatar(id string, size int) []byte {
	h := fnv.New64a()
	_, _ = h.Write([]byte("avatar " + id))
	bits := h.Sum64()
	ink := color.RGBA{uint8(bits>>40)/2 + 40, uint8(bits>>48)/2 + 40, uint8(bits>>56)/2 + 40, 255}
	paper := color.RGBA{238, 240, 243, 255}
	img := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{paper, ink})
	for y := range size {
		for x := range size {
			column, row := x*5/size, y*5/size
			if bits>>(min(column, 4-column)*5+row)&1 == 1 {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic("xtest: " + err.Error())
	}
	return b.Bytes()
}
