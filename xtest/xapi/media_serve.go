package xapi

import (
	"net/http"
	"strings"

	"github.com/xsignin/xsignin/xtest"
)

// serveMedia serves finished uploads. As on X no token is asked for.
func (a *API) serveMedia(w http.ResponseWriter, r *http.Request) {
	data, contentType := a.mediaFile(strings.TrimPrefix(r.URL.Path, mediaPath))
	if data == nil {
		http.NotFound(w, r)
		return
	}
	xtest.ServePicture(w, r, data, contentType)
}

// mediaFile gives a finished upload. Files that are not images are downloads without a type.
func (a *API) mediaFile(key string) ([]byte, string) {
	_, id, _ := strings.Cut(key, "_")
	now := a.x.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.media[id]
	if m == nil || m.key != key || !m.ready(now) || m.expired(now) || strings.HasPrefix(m.category, "dm_") {
		return nil, ""
	}
	if m.image.mime == "" {
		return m.data, "application/octet-stream"
	}
	return m.data, m.image.mime
}
