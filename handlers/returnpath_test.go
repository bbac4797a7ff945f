package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/internal/visitorpath"
)

// hostile are return paths that somebody could send a visitor to the login with. None
// may lead away from the site, and none may stop the sign-in.
var hostile = []string{
	// Other hosts, plainly.
	"https://evil.example", "http://evil.example/", "HTTPS://EVIL.EXAMPLE", "//evil.example", "//evil.example/path",
	"///evil.example", "////evil.example", "https:evil.example", "https:/evil.example", "https:///evil.example",
	"ftp://evil.example", "//user@evil.example", "https://site.example@evil.example/", "//site.example:80@evil.example",
	"//[::1]/", "//127.0.0.1", "//2130706433",
	// Schemes.
	"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "mailto:a@b", "about:blank", "x:y",
	// Backslashes, which browsers take for slashes.
	`/\evil.example`, `\/evil.example`, `\\evil.example`, `/\/evil.example`, `//\evil.example`, `/path\..\..\evil`,
	`/\\evil.example`, `\evil.example`, `/a\b`,
	// Control characters, which browsers drop.
	"/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "\t//evil.example", "\n//evil.example", " //evil.example",
	"/\x00/evil.example", "/path\r\nSet-Cookie: a=b", "/path\r\nLocation: https://evil.example", "\x01/evil", "/a\x7f",
	"/\u0085/evil.example",
	// Encoded once, twice, three times.
	"/%2fevil.example", "/%2Fevil.example", "%2f%2fevil.example", "/%5cevil.example", "/%5Cevil.example", "/%2f%2fevil.example",
	"/%252fevil.example", "/%25252fevil.example", "/%255cevil.example", "/%09/evil.example", "/%0a/evil.example", "/%0d%0aX:%20y",
	"/%252fevil.example/%25", "/%252fevil.example/%", "/%25252f%zz", "/%00", "/a%5cb", "/%e2%80%8b%0a",
	// Dot segments that leave an empty one in front.
	"/.//evil.example", "/..//evil.example", "/a/..//evil.example", "/./\\evil.example", "/%2e//evil.example", "/%2e%2e//evil.example",
	"/..", "/.", "/a/../../b", "/%2e%2e%2fevil",
	// The same in a fragment, which http.Redirect cleans with the path.
	"/#/../auth/login", "/#/../%00", "/a#/../../auth/logout", "/#/..", "/#/./%2fevil.example",
	// The kit's own paths: the visitor would go round in circles, or out again.
	"/auth", "/auth/", "/auth/login", "/auth/login?return_to=/x", "/auth/logout", "/auth/callback?state=x", "/%61uth/logout",
	// No path at all.
	"", " ", "evil.example", "path", "./path", "../path", "?a=b", "#fragment", ";/evil", "@evil.example", ":80/", "*",
	// Not what it says.
	"/\xff\xfe", "/%zz//", "/" + strings.Repeat("a", visitorpath.MaxReturnTo), "/%", "//%",
}

// below is a site at https://site.example/app.
var below = &Handlers{cfg: Config{Origin: "https://site.example", PublicPath: "/app", Path: "/app/auth", DefaultReturnTo: "/app/home"}}

// outside are paths that leave https://site.example/app, and its addresses that lead elsewhere.
var outside = []string{
	"/", "/photos", "/apple", "/ap", "/APP/photos", "/auth", "/auth/logout", "/app/auth", "/app/auth/logout", "/app/%61uth/login",
	"/app//auth/login", "/%61pp//photos/..", "//app/photos", "/app/../photos", "/app/%2e%2e/photos", "/app//../auth/login", "/%2fapp/photos", "/app%2fphotos", "//app/photos", "/photos/app/",
	"https://site.example", "https://site.example/", "https://site.example/photos", "https://site.example/app/auth/logout",
	"https://site.example//evil.example", "https://site.example/\\evil.example", "https://site.example\\@evil.example/app",
	"https://site.example.evil.example/app", "https://site.example@evil.example/app", "https://site.example:8443/app",
	"https://site.example:443@evil.example/app", "https://site.example:80/app", "http://site.example/app", "https://sub.site.example/app",
	"https://site.example?/app", "https://site.example#/app", "https://\u017fite.example/app", "https://site.example\t/app", " https://site.example/app",
	"https://evil.example/?https://site.example/app", "https://site.example/app\r\nX: y", "https://site.example/app/%0a/", "https:site.example/app",
}

func TestReturnPathsStayBelowThePublicPath(t *testing.T) {
	for _, raw := range outside {
		if got := below.local(raw); got != "/app/home" {
			t.Errorf("local(%q) = %q, want the default", raw, got)
		}
	}
	for _, raw := range hostile {
		for _, raw := range []string{raw, "/app" + raw, "https://site.example" + raw, "https://site.example/app" + raw} {
			if got := below.local(raw); leaves(got) || got != "/app/home" && !strings.HasPrefix(got, "/app") || strings.HasPrefix(got, "/app/auth") {
				t.Errorf("local(%q) = %q", raw, got)
			}
		}
	}
	for raw, want := range map[string]string{
		"/app": "/app", "/app/": "/app/", "/app?a=b": "/app?a=b", "/app/photos#top": "/app/photos#top", "/%61pp/photos": "/%61pp/photos", "/app/home": "/app/home",
		"https://site.example/app/photos?page=2#top": "/app/photos?page=2#top", "HTTPS://SITE.EXAMPLE/app": "/app", "https://site.example:443/app": "/app",
		"/app/authors": "/app/authors",
	} {
		if got := below.local(raw); got != want {
			t.Errorf("local(%q) = %q, want %q", raw, got, want)
		}
	}
}

// TestReturnPathsOfSitesBelowAnyPath: the path of the site may need encoding, and paths have
// several spellings.
func TestReturnPathsOfSitesBelowAnyPath(t *testing.T) {
	for _, public := range []string{"/app", "/@acme", "/caf%C3%A9", "/a%20b", "/a%2Fb", "/a/b", "/~me", "/a.b", "/a;b", "/100%25"} {
		h := &Handlers{cfg: Config{Origin: "https://site.example", PublicPath: public, Path: public + "/auth", DefaultReturnTo: public + "/home"}}
		for _, back := range []string{"/photos", "/photos?a=b#c", "/authors", "", "/"} {
			for _, raw := range []string{public + back, "https://site.example" + public + back} {
				if got := h.local(raw); got != public+back {
					t.Errorf("%s: local(%q) = %q", public, raw, got)
				}
			}
		}
		decoded, _ := url.PathUnescape(public)
		for _, back := range []string{
			"/auth", "/auth/", "/auth/login", "/auth/logout?everywhere=1", "/%61uth/login", "/auth%2Flogin", "//auth/login", "/./auth/login", "/x/../auth/login",
			"/%2e/auth/login", "/x/%2e%2e/auth/login", "/%2E%2e/photos", "/../photos", "/..%2fphotos", "/%252e%252e/photos", "/..;/photos/../..", "/auth;a=b/login",
		} {
			for _, base := range []string{public, decoded, "https://site.example" + public, "/%2F" + public[1:], "/x/.." + public, "/." + public} {
				u, err := url.Parse(h.local(base + back))
				want, _ := url.PathUnescape(public)
				if err != nil || !strings.HasPrefix(u.Path, want+"/") || strings.HasPrefix(path.Clean(u.Path)+"/", want+"/auth/") {
					t.Errorf("%s: local(%q) = %q", public, base+back, u)
				}
			}
		}
	}
}

func TestHostileReturnPathsLeadHome(t *testing.T) {
	if len(hostile) < 60 {
		t.Fatalf("only %d forms", len(hostile))
	}
	for _, raw := range hostile {
		if got := localPath(raw, "", "/auth", "/home"); got != "/home" {
			t.Errorf("localPath(%q) = %q, want the default", raw, got)
		}
	}
}

func TestReturnPathsOnThisSiteAreKept(t *testing.T) {
	tests := map[string]string{
		"/":                            "/",
		"/photos":                      "/photos",
		"/photos/":                     "/photos/",
		"/photos?page=2&sort=new":      "/photos?page=2&sort=new",
		"/photos?page=2#top":           "/photos?page=2#top",
		"/#/photos":                    "/#/photos",
		"/search?q=https://x.com/a":    "/search?q=https://x.com/a",
		"/search?q=//evil.example":     "/search?q=//evil.example",
		"/a%20b":                       "/a%20b",
		"/a b":                         "/a%20b",
		"/a//b":                        "/a//b",
		"/ümlaut":                      "/%C3%BCmlaut",
		"/search?q=ümlaut \"x\"":       "/search?q=%C3%BCmlaut%20%22x%22",
		"/files/a%2Fb":                 "/files/a%2Fb",
		"/authors":                     "/authors",
		"/100%25":                      "/100%25",
		"/@name":                       "/@name",
		"/a:b":                         "/a:b",
		"/...":                         "/...",
		"/?return_to=%2F%2Fevil":       "/?return_to=%2F%2Fevil",
		"/／evil.example":               "/%EF%BC%8Fevil.example",
		"/x?a=1;b=2&c":                 "/x?a=1;b=2&c",
		"/" + strings.Repeat("a", 500): "/" + strings.Repeat("a", 500),
	}
	for raw, want := range tests {
		if got := localPath(raw, "", "/auth", "/home"); got != want {
			t.Errorf("localPath(%q) = %q, want %q", raw, got, want)
		}
	}
}

// leaves reports whether a browser that follows location from https://site.example ends
// on another site. It reads as browsers do (WHATWG URL): white space around and tabs and
// line breaks within are dropped, backslashes are slashes.
func leaves(location string) bool {
	s := strings.Trim(location, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
	path, _, _ := strings.Cut(s, "?")
	path, _, _ = strings.Cut(path, "#")
	path = strings.ReplaceAll(path, `\`, "/")
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return true
	}
	// What a proxy or a server that decodes once too often would make of it.
	for range 4 {
		decoded, err := url.PathUnescape(path)
		if err != nil {
			break
		}
		path = strings.ReplaceAll(decoded, `\`, "/")
		if strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\r\n\t\x00") {
			return true
		}
	}
	return false
}

func FuzzReturnPath(f *testing.F) {
	for _, raw := range hostile {
		f.Add(raw)
	}
	for _, raw := range outside {
		f.Add(raw)
	}
	f.Add("/photos?page=2#top")
	f.Fuzz(func(t *testing.T, raw string) {
		for _, raw := range []string{raw, "https://site.example" + raw, "/app" + raw, "https://site.example/app" + raw} {
			got := below.local(raw)
			u, err := url.Parse(got)
			if err != nil || leaves(got) || !strings.HasPrefix(u.Path+"/", "/app/") || strings.HasPrefix(u.Path+"/", "/app/auth/") {
				t.Fatalf("local(%q) = %q leaves the site's part, or leads to the login", raw, got)
			}
		}
		got := localPath(raw, "", "/auth", "/home")
		if leaves(got) {
			t.Fatalf("localPath(%q) = %q leaves the site", raw, got)
		}
		if again := localPath(got, "", "/auth", "/home"); again != got && len(got) <= visitorpath.MaxReturnTo {
			t.Fatalf("localPath(%q) = %q, and once more %q", raw, got, again)
		}
		// The header as it is sent.
		w := httptest.NewRecorder()
		http.Redirect(w, httptest.NewRequest(http.MethodGet, "/auth/callback", http.NoBody), got, http.StatusSeeOther)
		if location := w.Header().Get("Location"); leaves(location) {
			t.Fatalf("localPath(%q): the Location %q leaves the site", raw, location)
		} else if got != "/home" && len(location) <= visitorpath.MaxReturnTo && localPath(location, "", "/auth", "/home") == "/home" {
			t.Fatalf("localPath(%q) = %q, but the Location %q would be refused", raw, got, location)
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("localPath(%q) = %q does not parse: %v", raw, got, err)
		}
		if u = (&url.URL{Scheme: "https", Host: "site.example"}).ResolveReference(u); u.Host != "site.example" || u.Scheme != "https" {
			t.Fatalf("localPath(%q) = %q resolves to %v", raw, got, u)
		}
	})
}
