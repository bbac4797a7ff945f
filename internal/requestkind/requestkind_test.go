package requestkind_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/xsignin/xsignin/internal/requestkind"
)

func TestOf(t *testing.T) {
	const browserAccept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	tests := []struct {
		name   string
		method string
		header map[string]string
		want   requestkind.Kind
		json   bool
	}{
		{"a browser that loads a page", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"an old browser that loads a page", "GET", map[string]string{"Accept": browserAccept}, requestkind.PageLoad, false},
		{"a HEAD of a page", "HEAD", map[string]string{"Accept": browserAccept}, requestkind.PageLoad, false},
		{"a client without an Accept header", "GET", nil, requestkind.PageLoad, false},
		{"a form that is sent", "POST", map[string]string{"Sec-Fetch-Mode": "navigate", "Accept": browserAccept}, requestkind.Form, false},
		{"a form that is sent in a frame", "POST", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Accept": browserAccept}, requestkind.Form, false},
		{"fetch", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Accept": "*/*"}, requestkind.Script, true},
		{"fetch from the same origin", "GET", map[string]string{"Sec-Fetch-Mode": "same-origin", "Accept": "*/*"}, requestkind.Script, true},
		{"fetch in an old browser", "GET", map[string]string{"Accept": "*/*"}, requestkind.Script, false},
		{"XMLHttpRequest by jQuery", "GET", map[string]string{"X-Requested-With": "XMLHttpRequest", "Accept": "*/*"}, requestkind.Script, true},
		{"XMLHttpRequest that accepts a page", "GET", map[string]string{"X-Requested-With": "XMLHttpRequest", "Accept": browserAccept}, requestkind.Script, false},
		{"a page load of Android's WebView", "GET", map[string]string{"X-Requested-With": "com.twitter.android", "Sec-Fetch-Mode": "navigate", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"a page load of an old WebView", "GET", map[string]string{"X-Requested-With": "com.twitter.android", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"a page load that claims to be a script", "GET", map[string]string{"X-Requested-With": "XMLHttpRequest", "Sec-Fetch-Mode": "navigate", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"a frame", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Accept": browserAccept}, requestkind.Frame, false},
		{"a link in an Office document", "GET", map[string]string{"User-Agent": "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"}, requestkind.Office, false},
		{"a client that wants JSON", "GET", map[string]string{"Accept": "application/json"}, requestkind.Script, true},
		{"a client that wants problem documents", "GET", map[string]string{"Accept": "application/problem+json"}, requestkind.Script, true},
		{"a client that wants anything but JSON", "GET", map[string]string{"Accept": "application/json; q=0, text/plain"}, requestkind.Script, false},
		{"JSON or HTML", "GET", map[string]string{"Accept": "application/json, text/html"}, requestkind.PageLoad, false},
		{"an event stream", "GET", map[string]string{"Accept": "text/event-stream"}, requestkind.Script, false},
		{"an event stream of a browser", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Accept": "text/event-stream"}, requestkind.Script, true},
		{"a websocket", "GET", map[string]string{"Upgrade": "websocket", "Connection": "Upgrade"}, requestkind.Script, false},
		{"a websocket of a browser", "GET", map[string]string{"Sec-Fetch-Mode": "websocket", "Upgrade": "websocket"}, requestkind.Script, true},
		{"htmx", "GET", map[string]string{"HX-Request": "true", "Sec-Fetch-Mode": "cors", "Accept": "*/*"}, requestkind.HTMX, true},
		{"a boosted link", "GET", map[string]string{"HX-Request": "true", "HX-Boosted": "true", "Sec-Fetch-Mode": "cors", "Accept": "*/*"}, requestkind.Boosted, true},
		{"a boosted form", "POST", map[string]string{"HX-Request": "true", "HX-Boosted": "true", "Sec-Fetch-Mode": "cors", "Accept": "*/*"}, requestkind.HTMX, true},
		{"an image", "GET", map[string]string{"Sec-Fetch-Mode": "no-cors", "Accept": "image/*"}, requestkind.Script, true},
		{"XHTML in capitals", "GET", map[string]string{"Accept": "Application/XHTML+XML"}, requestkind.PageLoad, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/", http.NoBody)
			for k, v := range tt.header {
				r.Header.Set(k, v)
			}
			if got := requestkind.Of(r); got != tt.want {
				t.Errorf("Of = %d, want %d", got, tt.want)
			}
			if got := requestkind.JSON(r); got != tt.json {
				t.Errorf("JSON = %t, want %t", got, tt.json)
			}
		})
	}
}

func TestMaySignIn(t *testing.T) {
	for _, tt := range []struct {
		header, value string
		want          bool
	}{
		{"X-Any", "", true},
		{"Sec-Fetch-Mode", "navigate", true},
		{"Sec-Fetch-Mode", "cors", false},
		{"Sec-Fetch-Dest", "document", true},
		{"Sec-Fetch-Dest", "iframe", false},
		{"X-Requested-With", "com.twitter.android", true},
		{"HX-Request", "true", false},
		{"Sec-Purpose", "prefetch", false},
		{"Sec-Purpose", "prefetch;prerender", false},
		{"Purpose", "prefetch", false},
		{"X-Purpose", "preview", false},
		{"X-Moz", "prefetch", false},
		{"User-Agent", "Microsoft Office Word 2014", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/auth/login", http.NoBody)
		r.Header.Set(tt.header, tt.value)
		if got := requestkind.MaySignIn(r); got != tt.want {
			t.Errorf("%s: %s: %t", tt.header, tt.value, got)
		}
	}
}
