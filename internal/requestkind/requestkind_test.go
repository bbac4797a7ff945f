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
		{"XHTML that is not wanted", "GET", map[string]string{"Accept": "application/xhtml+xml;q=0.000, */*"}, requestkind.Script, false},
		{"HTML that is not wanted, by level", "GET", map[string]string{"Accept": "text/html;level=1; Q=0 , */*"}, requestkind.Script, false},
		{"a page load of curl over HTTP/2", "GET", map[string]string{"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"a page load that offers TLS", "GET", map[string]string{"Upgrade": "TLS/1.3", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"a websocket among other protocols", "GET", map[string]string{"Upgrade": "h2c, WebSocket", "Accept": browserAccept}, requestkind.Script, false},
		{"a websocket over HTTP/2", "CONNECT", map[string]string{"Accept": browserAccept}, requestkind.Script, false},
		{"a page load that wants https", "GET", map[string]string{"Upgrade-Insecure-Requests": "1", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"a page load of a browser application", "GET", map[string]string{"X-Requested-With": "org.mozilla.focus", "Sec-Fetch-Mode": "navigate", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"a page load with an empty X-Requested-With", "GET", map[string]string{"X-Requested-With": "", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"XMLHttpRequest in lower case", "GET", map[string]string{"X-Requested-With": "xmlhttprequest", "Accept": browserAccept}, requestkind.Script, false},
		{"a client of JSON:API", "GET", map[string]string{"Accept": "application/vnd.api+json"}, requestkind.Script, true},
		{"a client of an API with versions", "GET", map[string]string{"Accept": "application/vnd.example.v2+json; charset=utf-8"}, requestkind.Script, true},
		{"HX-Request that is not set", "GET", map[string]string{"HX-Request": "false", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"htmx that restores a page of the history", "GET", map[string]string{"HX-Request": "true", "HX-History-Restore-Request": "true", "Accept": "*/*"}, requestkind.Boosted, false},
		{"HX-Boosted without HX-Request", "GET", map[string]string{"HX-Boosted": "true", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"a visit of Turbo", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Accept": "text/html, application/xhtml+xml"}, requestkind.Script, false},
		{"a form of Turbo", "POST", map[string]string{"Sec-Fetch-Mode": "cors", "Accept": "text/vnd.turbo-stream.html, text/html, application/xhtml+xml"}, requestkind.Form, false},
		{"a form of an old browser", "POST", map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": browserAccept}, requestkind.Form, false},
		{"a form of Lynx", "POST", map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html, text/plain, text/sgml, */*;q=0.01"}, requestkind.Form, false},
		{"a script that posts in an old browser", "POST", map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/plain, */*"}, requestkind.Script, true},
		{"jQuery that posts and accepts a page", "POST", map[string]string{"X-Requested-With": "XMLHttpRequest", "Accept": "text/html, */*; q=0.01"}, requestkind.Script, false},
		{"a script that deletes", "DELETE", map[string]string{"Accept": browserAccept}, requestkind.Script, false},
		{"a form that is sent by fetch", "POST", map[string]string{"Sec-Fetch-Mode": "same-origin", "Accept": "text/html"}, requestkind.Script, false},
		{"an embedded document", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "fencedframe", "Accept": browserAccept}, requestkind.Frame, false},
		{"a page load behind a service worker", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "empty", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"Word on a Mac", "GET", map[string]string{"User-Agent": "Microsoft Office/16.89 (Macintosh; Microsoft Word)", "Accept": "*/*"}, requestkind.Office, false},
		{"Office that looks at a link", "HEAD", map[string]string{"User-Agent": "Microsoft Office Existence Discovery"}, requestkind.Office, false},
		{"a browser inside an office program", "GET", map[string]string{"User-Agent": "Mozilla/5.0 AppleWebKit/605.1.15 Microsoft Office/16.89", "Sec-Fetch-Mode": "navigate", "Accept": browserAccept}, requestkind.PageLoad, false},
		{"a client with an empty Accept header", "GET", map[string]string{"Accept": ""}, requestkind.PageLoad, false},
		{"the script of a service worker", "GET", map[string]string{"Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "serviceworker", "Service-Worker": "script", "Accept": "*/*"}, requestkind.Script, true},
		{"a beacon", "POST", map[string]string{"Sec-Fetch-Mode": "no-cors", "Content-Type": "text/plain;charset=UTF-8", "Accept": "*/*"}, requestkind.Script, true},
		{"a page load of Dillo", "GET", map[string]string{"Accept": "text/*,image/*,*/*;q=0.2"}, requestkind.PageLoad, false},
		{"a form of Dillo", "POST", map[string]string{"Accept": "text/*,image/*,*/*;q=0.2"}, requestkind.Form, false},
		{"texts that are not wanted", "GET", map[string]string{"Accept": "text/*;q=0, */*"}, requestkind.Script, false},
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
			if requestkind.Page(r) && !requestkind.MaySignIn(r) {
				t.Error("the login refuses a page load that was sent there")
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
		{"X-Sec-Purpose", "prefetch", false},
		{"Sec-Purpose", "prefetch;anonymous-client-ip", false},
		{"Sec-Purpose", "prefetch; prerender", false},
		{"Purpose", "Prefetch", false},
		{"X-Purpose", "instant", false},
		{"Purpose", "navigate", true},
		{"X-Requested-With", "XMLHttpRequest", false},
		{"HX-Request", "false", true},
		{"Sec-Fetch-Dest", "fencedframe", false},
		{"User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0", true},
		{"User-Agent", "Microsoft Office Word 2014", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/auth/login", http.NoBody)
		r.Header.Set(tt.header, tt.value)
		if got := requestkind.MaySignIn(r); got != tt.want {
			t.Errorf("%s: %s: %t", tt.header, tt.value, got)
		}
	}
}
