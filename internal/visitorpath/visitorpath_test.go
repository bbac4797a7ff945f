package visitorpath_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/xsignin/xsignin/internal/visitorpath"
)

func TestURI(t *testing.T) {
	for _, tt := range []struct{ request, base, want, path string }{
		{"/photos?a=b", "", "/photos?a=b", "/photos"},
		{"/", "", "/", "/"},
		{"//evil.example/a", "", "/evil.example/a", "/evil.example/a"},
		{"/a//b", "", "/a//b", "/a/b"},
		{"/photos?a=b", "/app", "/app/photos?a=b", "/app/photos"},
		{"/app/photos", "/app", "/app/photos", "/app/photos"},
		{"//app//photos", "/app", "/app//photos", "/app/photos"},
		{"/app", "/app", "/app", "/app"},
		{"/apple", "/app", "/app/apple", "/app/apple"},
		{"/", "/app", "/app/", "/app"},
		{"/%40acme/x", "/@acme", "/@acme/x", "/@acme/x"},
		{"/@acme/x", "/%40acme", "/%40acme/x", "/@acme/x"},
		{"/caf%C3%A9/a%2Fb", "/caf%c3%a9", "/caf%c3%a9/a%2Fb", "/caf\u00e9/a/b"},
		{"/a/b/c?", "/a/b", "/a/b/c?", "/a/b/c"},
		{"/a/c", "/a/b", "/a/b/a/c", "/a/b/a/c"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://site.example/", http.NoBody)
		r.RequestURI = tt.request
		if got := visitorpath.URI(r, tt.base); got != tt.want {
			t.Errorf("URI(%s, %q) is %s, want %s", tt.request, tt.base, got, tt.want)
		}
		if got := visitorpath.Path(r, tt.base); got != tt.path {
			t.Errorf("Path(%s, %q) is %s, want %s", tt.request, tt.base, got, tt.path)
		}
	}
}

func TestWithQuery(t *testing.T) {
	for want, parameters := range map[string][]string{
		"/in":                           nil,
		"/in?return_to=%2Fa%3Fb%3Dc":    {"return_to", "/a?b=c", "scope", ""},
		"/in?return_to=%2F&scope=a+b.c": {"scope", "a b.c", "test", "", "return_to", "/"},
	} {
		if got := visitorpath.WithQuery("/in", parameters...); got != want {
			t.Errorf("%q: %s, want %s", parameters, got, want)
		}
	}
}
