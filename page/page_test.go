package page_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/page"
)

func TestTheStatusIsThePagesUnlessAnotherIsWritten(t *testing.T) {
	for name, tt := range map[string]struct {
		f      page.Func
		status int
		body   string
	}{
		"a template and nothing else": {func(w http.ResponseWriter, _ *http.Request, p page.Page) {
			_, _ = io.WriteString(w, p.Title)
		}, 403, "title"},
		"nothing at all":       {func(http.ResponseWriter, *http.Request, page.Page) {}, 403, ""},
		"a redirect elsewhere": {func(w http.ResponseWriter, _ *http.Request, _ page.Page) { w.WriteHeader(303) }, 303, ""},
		"a flush before the first word": {func(w http.ResponseWriter, _ *http.Request, _ page.Page) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, "flushed")
		}, 403, "flushed"},
		"early hints first": {func(w http.ResponseWriter, _ *http.Request, _ page.Page) {
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "hinted")
		}, 403, "hinted"},
		"a status that was changed": {func(w http.ResponseWriter, r *http.Request, p page.Page) {
			p.Status, p.Title = 418, "tea"
			p.Render(w, r)
		}, 418, "<h1>tea</h1>"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tt.f.Show(w, r, page.Page{Kind: page.Denied, Status: 403, Title: "title"})
			}))
			defer srv.Close()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := srv.Client().Transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || !strings.Contains(string(b), tt.body) {
				t.Errorf("status %d, body %s", resp.StatusCode, b)
			}
		})
	}
}

func TestThereIsADefaultForEveryWord(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	page.Page{Title: "T", Code: "c", Home: "/", RetryAt: time.Date(2026, 5, 1, 12, 30, 0, 0, time.UTC)}.Render(w, r)
	for _, want := range []string{
		`<html lang="en">`, ">Back to the site</a>", "If you ask the site for help, mention <code>c</code>",
		`<time datetime="2026-05-01T12:30:00Z">You can try again from 12:30 UTC on 1 May 2026.</time>`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
	if w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
}

func TestEveryWordCanBeAnother(t *testing.T) {
	p := page.Page{
		Status: 503, Title: "T<", Text: "X<", Code: "c<", RetryAt: time.Unix(0, 0), Link: "/a?b=<", Label: "L<", Home: "/h",
		Lang: `de"<`, RetryText: "R<", HomeLabel: "H<", CodeLabel: "K<",
	}
	w := httptest.NewRecorder()
	p.Render(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	for _, want := range []string{
		`<html lang="de&#34;&lt;">`, "<title>T&lt;</title>", "<h1>T&lt;</h1>", "<p>X&lt;</p>", ">R&lt;</time>", `href="/a?b=%3c"`, ">L&lt;</a>",
		">H&lt;</a>", "K&lt; <code>c&lt;</code>",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
	for _, english := range []string{"Back to", "If you ask", "You can"} {
		if strings.Contains(w.Body.String(), english) {
			t.Errorf("%q is left in %s", english, w.Body)
		}
	}
	head := httptest.NewRecorder()
	p.Render(head, httptest.NewRequest(http.MethodHead, "/", http.NoBody))
	if head.Body.Len() != 0 || head.Code != 503 {
		t.Errorf("HEAD: status %d, %d bytes", head.Code, head.Body.Len())
	}
}

func TestALinkIsNoScript(t *testing.T) {
	w := httptest.NewRecorder()
	page.Page{Title: "T", Link: "javascript:alert(1)", Label: "L"}.Render(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if strings.Contains(w.Body.String(), "javascript") {
		t.Errorf("%s", w.Body)
	}
}
