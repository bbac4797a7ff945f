package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/handlers"
)

func TestRedirectAfterSignIn(t *testing.T) {
	for _, tt := range []struct {
		name, header, value, path string
		status                    int
		want                      string
	}{
		{"a page load", "Sec-Fetch-Mode", "navigate", "/a?b=c&d='e'", 200, `content="0;url=/a?b=c&amp;d=&#39;e&#39;"`},
		{"the link for text browsers", "Accept", "text/html, text/plain", "/a#b", 200, `<a href="/a#b">`},
		{"a path with markup", "Accept", "text/html", `/a?"><script>`, 200, `url=/a?%22%3E%3Cscript%3E"`},
		{"a path elsewhere", "Sec-Fetch-Mode", "navigate", "//evil.example", 200, `content="0;url=/"`},
		{"a script", "Sec-Fetch-Mode", "cors", "/a?b=c", 303, "/a?b=c"},
		{"a client that says nothing", "X-None", "", "/a", 303, "/a"},
		{"XMLHttpRequest", "X-Requested-With", "XMLHttpRequest", "/a", 303, "/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/auth/callback?code=secret", http.NoBody)
			r.Header.Set(tt.header, tt.value)
			w := httptest.NewRecorder()
			handlers.RedirectAfterSignIn(w, r, tt.path)
			got := w.Header().Get("Location")
			if tt.status == 200 {
				got = w.Body.String()
			}
			if w.Code != tt.status || !strings.Contains(got, tt.want) || strings.Contains(got, "<script") || strings.Contains(got, "secret") {
				t.Errorf("status %d, %s", w.Code, got)
			}
			if h := w.Header(); h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("headers %v", h)
			}
			if (tt.status == 200) == (w.Header().Get("Location") != "") {
				t.Errorf("Location %q", w.Header().Get("Location"))
			}
		})
	}
}
