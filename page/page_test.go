package page_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
)

func TestTheStatusIsThePagesUnlessAnotherIsWritten(t *testing.T) {
	for name, tt := range map[string]struct {
		f      func(http.ResponseWriter, *http.Request, page.Page)
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
				page.Pages{Render: tt.f}.Show(w, r, page.Page{Kind: page.Denied, Status: 403, Title: "title"})
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
		`<html lang="en" dir="ltr">`, ">Back to the site</a>", "If you ask the site for help, mention <code>c</code>",
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
		`<html lang="de&#34;&lt;" dir="ltr">`, "<title>T&lt;</title>", "<h1>T&lt;</h1>", "<p>X&lt;</p>", ">R&lt;</time>", `href="/a?b=%3c"`, ">L&lt;</a>",
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

func TestTranslateReplacesTheTextsOfPagesAndDocuments(t *testing.T) {
	pages := page.Pages{SiteName: "Beispiel", Accent: "#fd0", Translate: func(_ *http.Request, p *page.Page) {
		if p.Kind == page.Denied {
			p.Lang, p.Title, p.Text = "de", "Abgebrochen", "Nichts wurde gespeichert."
		}
	}}
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	problem := page.ProblemOf(page.Denied)
	w := httptest.NewRecorder()
	pages.Show(w, r, problem.Page())
	for _, want := range []string{`<html lang="de" dir="ltr">`, "<title>Abgebrochen - Beispiel</title>", "Nichts wurde gespeichert.", "--key: #fd0; --key-ink: #000"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
	w = httptest.NewRecorder()
	pages.Problem(r, problem).Write(w)
	if got := w.Body.String(); !strings.Contains(got, `"title":"Abgebrochen"`) || !strings.Contains(got, `"detail":"Nichts wurde gespeichert."`) ||
		!strings.Contains(got, `"code":"denied"`) || w.Header().Get("Content-Language") != "de" {
		t.Errorf("%v %s", w.Header(), got)
	}
	other := page.ProblemOf(page.Expired)
	if got := pages.Problem(r, other); got.Title != other.Title {
		t.Errorf("another text changed: %s", got.Title)
	}
}

func TestAFormCarriesTheApplicationsFields(t *testing.T) {
	w := httptest.NewRecorder()
	page.Page{Title: "T", Post: true, Label: "L", Link: "/out", Fields: []page.Field{{Name: "csrf", Value: `a"b`}}}.
		Render(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if !strings.Contains(w.Body.String(), `<input type="hidden" name="csrf" value="a&#34;b">`) {
		t.Errorf("%s", w.Body)
	}
}

func TestEveryProblemIsComplete(t *testing.T) {
	for _, err := range []error{
		provider.ErrDenied, provider.ErrNotGranted, provider.ErrExpired, provider.ErrOtherBrowser, provider.ErrNotAllowed,
		provider.ErrRateLimited, provider.ErrRefused, provider.ErrUnavailable, provider.ErrAccountRefused, client.ErrAccountTaken, errors.New("any other"),
	} {
		p := page.ProblemFor(&provider.Error{Kind: err})
		if p.Status < 400 || p.Title == "" || p.Detail == "" || p.Code == "" || p.Kind == "" {
			t.Errorf("%v: %+v", err, p)
		}
	}
	if p := page.ProblemOf("unknown"); p.Status != http.StatusInternalServerError || p.Code != "internal" {
		t.Errorf("an unknown kind: %+v", p)
	}
	if p := page.ProblemFor(&page.Error{Kind: page.VisitorLeft, Err: provider.ErrUnavailable}); p.Level != slog.LevelDebug {
		t.Errorf("a visitor who left: %+v", p)
	}
}

func TestAdviceNamesTheSetting(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code string
		fix  string
	}{
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCredentials, Provider: "x"}, "credentials", "ClientSecret"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCredentials, Provider: "x-oauth1"}, "credentials", "ConsumerSecret"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCallback}, "callback", "to the letter: https://site.example/auth/callback"},
		{&provider.Error{Kind: provider.ErrRateLimited}, "rate_limited", "wait"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonOther}, "refused", "answer"},
	} {
		if got := page.AdviceFor(tt.err, "https://site.example/auth/callback"); got.Code != tt.code || !strings.Contains(got.Fix, tt.fix) {
			t.Errorf("%v: %+v", tt.err, got)
		}
	}
}
