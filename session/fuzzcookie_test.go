package session_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/session"
)

// FuzzSessionCookie: whatever a browser sends, it is somebody only with somebody's cookie,
// and what is made up costs the store no write.
func FuzzSessionCookie(f *testing.F) {
	spy := newSpy()
	m := newManager(f, session.Config{Store: spy})
	token := signIn(f, m, "ann")
	for _, seed := range []string{
		"", "xsignin=", "xsignin=TOKEN", `xsignin="TOKEN"`, "xsignin=x; xsignin=TOKEN", "a=b;;xsignin=TOKEN;", "xsignin=TOKENx",
		"xsignin=" + strings.Repeat("A", 43), "xsignin=" + strings.Repeat("A", 5000), "xsignin", "=", "xsignin=\xff", "XSIGNIN=TOKEN",
		"xsignin-pending-x=TOKEN", "xsignin= TOKEN ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		sent := strings.ReplaceAll(header, "TOKEN", token)
		request := func() (*httptest.ResponseRecorder, *http.Request) {
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			r.Header["Cookie"] = []string{sent}
			return httptest.NewRecorder(), r
		}
		spy.reset(nil)
		w, r := request()
		u, ok, err := m.Load(w, r)
		if err != nil || ok != (u.ID != "") || ok && u != user("ann") {
			t.Fatalf("%q gives %v, %t, %v", header, u, ok, err)
		}
		if ok && !strings.Contains(sent, "xsignin="+token) && !strings.Contains(sent, `xsignin="`+token) {
			t.Fatalf("%q is somebody", header)
		}
		if !ok {
			w, r = request()
			if err := m.SignOut(w, r); err != nil {
				t.Fatalf("%q: %v", header, err)
			}
			for _, line := range w.Header()["Set-Cookie"] {
				if c, err := http.ParseSetCookie(line); err != nil || c.MaxAge >= 0 || c.Value != "" {
					t.Fatalf("%q is answered with %q", header, line)
				}
			}
		}
		if n := spy.count("commit", "delete"); n != 0 {
			t.Fatalf("%q costs %d writes", header, n)
		}
	})
}
