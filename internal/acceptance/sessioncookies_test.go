package acceptance_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
)

// TestTheSessionIsFoundAmongOtherCookies: browsers, other hosts of the site and older versions
// of an application put cookies of the same name in front.
func TestTheSessionIsFoundAmongOtherCookies(t *testing.T) {
	own := scs.New()
	own.HashTokenInStore, own.Cookie.Name = true, "xsignin"
	junk := strings.Repeat("A", 43)
	for _, tt := range []struct {
		name string
		line []string // SESSION is the id of the user's session, VISIT that of one without a user
		want bool
	}{
		{"alone", []string{"xsignin=SESSION"}, true},
		{"in quotation marks", []string{`xsignin="SESSION"`}, true},
		{"by RFC 2109", []string{`$Version=1; xsignin=SESSION; $Path=/`}, true},
		{"without blanks", []string{"a=b;xsignin=SESSION;c=d"}, true},
		{"with more blanks", []string{"  a=b ;\txsignin=SESSION \t;"}, true},
		{"in a second line", []string{"a=b", "xsignin=SESSION"}, true},
		{"in a second line after another", []string{"xsignin=" + junk, "xsignin=SESSION"}, true},
		{"after an older session", []string{"xsignin=" + junk + "; xsignin=SESSION"}, true},
		{"before an older session", []string{"xsignin=SESSION; xsignin=" + junk}, true},
		{"after a session of nobody", []string{"xsignin=VISIT; xsignin=SESSION"}, true},
		{"before a session of nobody", []string{"xsignin=SESSION; xsignin=VISIT"}, true},
		{"after an empty one", []string{"xsignin=; xsignin=SESSION"}, true},
		{"after one without a value", []string{"xsignin; xsignin=SESSION"}, true},
		{"after a short one", []string{"xsignin=x; xsignin=SESSION"}, true},
		{"after a long one", []string{"xsignin=" + strings.Repeat("x", 4000) + "; xsignin=SESSION"}, true},
		{"after an encoded one", []string{"xsignin=%22a%3Db%22; xsignin=SESSION"}, true},
		{"after one with an equals sign", []string{"xsignin=a=b; xsignin=SESSION"}, true},
		{"after one that is not ASCII", []string{"xsignin=\xff\xfe; xsignin=SESSION"}, true},
		{"after one with a comma", []string{"xsignin=a,b; xsignin=SESSION"}, true},
		{"after one in capitals", []string{"XSIGNIN=" + junk + "; xsignin=SESSION"}, true},
		{"after a nameless one", []string{"=xsignin=" + junk + "; xsignin=SESSION"}, true},
		{"after seven", []string{strings.Repeat("xsignin="+junk+"; ", 7) + "xsignin=SESSION"}, true},
		{"after eight, which is the limit", []string{strings.Repeat("xsignin="+junk+"; ", 8) + "xsignin=SESSION"}, false},
		{"after many of other names", []string{strings.Repeat("a=b; ", 500) + "xsignin=SESSION"}, true},
		{"with another name", []string{"Xsignin=SESSION"}, false},
		{"with the prefix of https", []string{"__Host-xsignin=SESSION"}, false},
		{"as a value of another", []string{"a=xsignin=SESSION"}, false},
		{"cut short", []string{"xsignin=SESSIO"}, false},
	} {
		for sessions, edit := range map[string]func(*xsignin.Config){
			"the kit's sessions":         func(*xsignin.Config) {},
			"the application's sessions": func(c *xsignin.Config) { c.Session.Store, c.Session.Manager = nil, own },
		} {
			for _, around := range []string{"none", "LoadAndSave", "scs's LoadAndSave"} {
				s := newSite(t, edit)
				b, values := s.browser(), s.Kit.Sessions().SCS()
				var h http.Handler = s.Mux
				switch around {
				case "LoadAndSave":
					h = s.Kit.Sessions().LoadAndSave(s.Mux)
				case "scs's LoadAndSave":
					h = values.LoadAndSave(s.Mux)
				}
				b.SignIn("/auth/login", xtest.DefaultUserID)
				ctx, err := values.Load(context.Background(), "")
				if err != nil {
					t.Fatal(err)
				}
				values.Put(ctx, "seen", true)
				visit, _, err := values.Commit(ctx)
				if err != nil {
					t.Fatal(err)
				}
				ask := func(method, path string) *httptest.ResponseRecorder {
					r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, http.NoBody)
					r.Header.Set("Accept", "text/html")
					for _, line := range tt.line {
						r.Header.Add("Cookie", strings.NewReplacer("SESSION", b.cookieValue("xsignin"), "VISIT", visit).Replace(line))
					}
					w := httptest.NewRecorder()
					h.ServeHTTP(w, r)
					return w
				}
				answers := []bool{
					ask("GET", "/me").Code == http.StatusOK,
					strings.Contains(ask("GET", "/").Body.String(), "@"),
					strings.Contains(ask("GET", "/auth/session").Body.String(), `"signed_in":true`),
				}
				for i, got := range answers {
					if got != tt.want {
						t.Errorf("%s, %s, middleware: %s: answer %d: signed in %t", tt.name, sessions, around, i, got)
					}
				}
				if out := ask("POST", "/auth/logout"); out.Code != http.StatusSeeOther || (b.Who() == "") != tt.want {
					t.Errorf("%s, %s, middleware: %s: sign-out: status %d, signed in as %q", tt.name, sessions, around, out.Code, b.Who())
				}
			}
		}
	}
}
