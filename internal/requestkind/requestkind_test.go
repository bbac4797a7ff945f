package requestkind_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/xsignin/xsignin/internal/requestkind"
)

func TestWhoAsks(t *testing.T) {
	const browserAccept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	tests := []struct {
		name             string
		method           string
		header           map[string]string
		page, json, htmx bool
	}{
		{"a browser that loads a page", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Accept": browserAccept}, true, false, false},
		{"an old browser that loads a page", "GET", map[string]string{"Accept": browserAccept}, true, false, false},
		{"a HEAD of a page", "HEAD", map[string]string{"Accept": browserAccept}, false, false, false},
		{"a client without an Accept header", "GET", nil, true, false, false},
		{"a form that is sent", "POST", map[string]string{"Sec-Fetch-Mode": "navigate", "Accept": browserAccept}, false, false, false},
		{"fetch", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Accept": "*/*"}, false, true, false},
		{"fetch from the same origin", "GET", map[string]string{"Sec-Fetch-Mode": "same-origin", "Accept": "*/*"}, false, true, false},
		{"fetch in an old browser", "GET", map[string]string{"Accept": "*/*"}, false, false, false},
		{"XMLHttpRequest by jQuery", "GET", map[string]string{"X-Requested-With": "XMLHttpRequest", "Accept": "*/*"}, false, true, false},
		{"a client that wants JSON", "GET", map[string]string{"Accept": "application/json"}, false, true, false},
		{"a client that wants problem documents", "GET", map[string]string{"Accept": "application/problem+json"}, false, true, false},
		{"a client that wants anything but JSON", "GET", map[string]string{"Accept": "application/json; q=0, text/plain"}, false, false, false},
		{"JSON or HTML", "GET", map[string]string{"Accept": "application/json, text/html"}, true, false, false},
		{"an event stream", "GET", map[string]string{"Accept": "text/event-stream"}, false, false, false},
		{"an event stream of a browser", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Accept": "text/event-stream"}, false, true, false},
		{"a websocket", "GET", map[string]string{"Upgrade": "websocket", "Connection": "Upgrade"}, false, false, false},
		{"a websocket of a browser", "GET", map[string]string{"Sec-Fetch-Mode": "websocket", "Upgrade": "websocket"}, false, true, false},
		{"htmx", "GET", map[string]string{"HX-Request": "true", "Sec-Fetch-Mode": "cors", "Accept": "*/*"}, false, true, true},
		{"an image", "GET", map[string]string{"Sec-Fetch-Mode": "no-cors", "Accept": "image/*"}, false, true, false},
		{"XHTML in capitals", "GET", map[string]string{"Accept": "Application/XHTML+XML"}, true, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/", http.NoBody)
			for k, v := range tt.header {
				r.Header.Set(k, v)
			}
			if got := requestkind.Page(r); got != tt.page {
				t.Errorf("Page = %t, want %t", got, tt.page)
			}
			if got := requestkind.JSON(r); got != tt.json {
				t.Errorf("JSON = %t, want %t", got, tt.json)
			}
			if got, want := requestkind.Form(r), tt.name == "a form that is sent"; got != want {
				t.Errorf("Form = %t, want %t", got, want)
			}
			if got := requestkind.HTMX(r); got != tt.htmx {
				t.Errorf("HTMX = %t, want %t", got, tt.htmx)
			}
		})
	}
}
