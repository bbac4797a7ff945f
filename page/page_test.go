package page_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
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
	problem := page.ProblemFor(page.Denied)
	w := httptest.NewRecorder()
	pages.Show(w, r, problem.Page())
	for _, want := range []string{`<html lang="de" dir="ltr">`, "<title>Abgebrochen - Beispiel</title>", "Nichts wurde gespeichert.", "--key: #fd0; --key-ink: #000"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
	w = httptest.NewRecorder()
	pages.Write(w, r, problem)
	if got := w.Body.String(); !strings.Contains(got, `"title":"Abgebrochen"`) || !strings.Contains(got, `"detail":"Nichts wurde gespeichert."`) ||
		!strings.Contains(got, `"code":"denied"`) || w.Header().Get("Content-Language") != "de" {
		t.Errorf("%v %s", w.Header(), got)
	}
	other := page.ProblemFor(page.Kind("expired"))
	w = httptest.NewRecorder()
	pages.Write(w, r, other)
	if got := w.Body.String(); !strings.Contains(got, `"title":"`+other.Title+`"`) || w.Header().Get("Content-Language") != "" {
		t.Errorf("another text changed: %s", got)
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
	if p := page.ProblemFor(page.Kind("unknown")); p.Status != http.StatusInternalServerError || p.Code != "internal" {
		t.Errorf("an unknown kind: %+v", p)
	}
	if p := page.ProblemFor(fmt.Errorf("%w: %w", page.Kind("visitor_left"), provider.ErrUnavailable)); p.Level != slog.LevelDebug {
		t.Errorf("a visitor who left: %+v", p)
	}
}

// TestTheTableIsComplete: problems.json is for translators too, so its rows are checked here.
func TestTheTableIsComplete(t *testing.T) {
	b, err := os.ReadFile("problems.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Problems []struct {
			Kind, Page, Code, Title, Text, Label, Everywhere, Cause, Fix string
			OtherTitle                                                   string `json:"other_title"`
			OtherFix                                                     string `json:"other_fix"`
			Status, Wait                                                 int
			Level                                                        slog.Level
		}
		Refusals []struct{ Reason, Provider, Code, Cause, Fix string }
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&table); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range table.Problems {
		if row.Kind == "" || seen[row.Kind] || row.Title == "" || row.Text == "" || http.StatusText(row.Status) == "" {
			t.Errorf("a row that is not complete or repeated: %+v", row)
		}
		seen[row.Kind] = true
		if (row.Status == http.StatusServiceUnavailable) != (row.Wait > 0) && row.Kind != "visitor_left" && row.Kind != "unavailable" {
			t.Errorf("%s: status %d, wait %d", row.Kind, row.Status, row.Wait)
		}
		x := func(text string) string { return strings.ReplaceAll(text, "{provider}", "X") }
		if p := page.ProblemFor(page.Kind(row.Kind)); p.Title != x(row.Title) || p.Detail != x(row.Text) || p.Status != row.Status || p.Code == "" || p.Kind == "" {
			t.Errorf("%s: %+v", row.Kind, p)
		}
	}
	for _, row := range table.Refusals {
		if row.Reason == "" || row.Code == "" || row.Cause == "" || row.Fix == "" {
			t.Errorf("a refusal that is not complete: %+v", row)
		}
	}
	// The handlers and the middleware name rows by literals.
	for _, pattern := range []string{"../handlers/*.go", "../middleware/*.go"} {
		files, _ := filepath.Glob(pattern)
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?:page\.Kind\(|\.problem\(|\.problemAt\(.*, )"(\w+)"`).FindAllStringSubmatch(string(src), -1) {
				if !seen[m[1]] {
					t.Errorf("%s: no row of the table is called %q", name, m[1])
				}
			}
		}
	}
	if len(seen) < 40 {
		t.Errorf("%d rows", len(seen))
	}
}

func TestAdviceNamesTheSetting(t *testing.T) {
	for _, tt := range []struct {
		err    error
		reason string
		fix    string
	}{
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCredentials, Provider: "x"}, "credentials", "ClientSecret"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCredentials, Provider: "x-oauth1"}, "credentials", "ConsumerSecret"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCallback}, "callback", "to the letter"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonClock}, "clock_skew", "NTP"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonAccess}, "access", "user authentication"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonAccess}, "access", "suspended the application"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonScope}, "scope", "tweet.read"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonScope}, "scope", "Request email from users"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCredits}, "credits", "console"},
		{&provider.Error{Kind: provider.ErrRateLimited}, "", "wait"},
		{&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonOther}, "", "answer"},
	} {
		if got := page.ProblemFor(tt.err); got.Reason != tt.reason || !strings.Contains(got.Fix, tt.fix) {
			t.Errorf("%v: %+v", tt.err, got)
		}
	}
}

// TestAPageIsLaidOutForItsLanguage: Translate sets the language, and the page its direction.
func TestAPageIsLaidOutForItsLanguage(t *testing.T) {
	for lang, dir := range map[string]string{
		"": "ltr", "en": "ltr", "de-CH": "ltr", "zh-Hant-TW": "ltr", "az": "ltr", "arn": "ltr", "1234": "ltr",
		"ar": "rtl", "ar-EG": "rtl", "AR_eg": "rtl", "he": "rtl", "iw": "rtl", "fa": "rtl", "fa-IR": "rtl", "ur": "rtl", "ps": "rtl",
		"ckb": "rtl", "yi": "rtl", "dv": "rtl", "ug": "rtl", "sd": "rtl",
		"az-Arab": "rtl", "pa-Arab-PK": "rtl", "ar-Latn": "ltr", "sd-Deva": "ltr", "fa-Latn-IR": "ltr", "ar-1994": "rtl",
	} {
		pages := page.Pages{Translate: func(_ *http.Request, p *page.Page) {
			p.Lang, p.Title = lang, "X"
		}}
		w := httptest.NewRecorder()
		pages.Show(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody), page.ProblemFor(page.Denied).Page())
		if !strings.Contains(w.Body.String(), ` dir="`+dir+`">`) {
			t.Errorf("%q: %.60s", lang, w.Body)
		}
	}
}

// TestAPageShowsNoHiddenCharacters: those in a text from outside could hide or reorder it.
func TestAPageShowsNoHiddenCharacters(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"overrides of the direction": {"a\u202egnp.exe\u202c b", "agnp.exe b"},
		"embeddings":                 {"a\u202ab\u202bc\u202dd", "abcd"},
		"control characters":         {"a\x00b\x1b[31mc\u0085d\x7f", "a b [31mc d "},
		"lines":                      {"a\r\nb", "a  b"},
		"Persian, with a joiner":     {"می\u200cخواهم", "می\u200cخواهم"},
		"marks of an Arabic text":    {"\u200fX\u2069", "\u200fX\u2069"},
		"markup":                     {"<b>&", "&lt;b&gt;&amp;"},
	} {
		w := httptest.NewRecorder()
		page.Pages{SiteName: tt.text}.Show(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody), page.Page{
			Title: tt.text, Text: tt.text, Code: tt.text, RetryText: tt.text, Link: "/", Label: tt.text, Post: true, Everywhere: tt.text, Home: "/", HomeLabel: tt.text,
		})
		// The title is also the document's, with the site's name.
		if got := strings.Count(w.Body.String(), tt.want); got != 10 {
			t.Errorf("%s: %d times %q in %s", name, got, tt.want, w.Body)
		}
	}
	odd := page.ProblemFor(page.WithProvider(page.Kind("unavailable"), "Ac\u202eme\n\x00"+strings.Repeat("é", 100)))
	if want := "Ac me " + strings.Repeat("é", 47); odd.Provider != want || odd.Title != want+" could not be reached" || odd.Page().Provider != want {
		t.Errorf("a provider is called %q: %q", odd.Provider, odd.Title)
	}
}

// TestEveryButtonHasAName: text browsers send a form without a named field by GET.
func TestEveryButtonHasAName(t *testing.T) {
	w := httptest.NewRecorder()
	page.Page{Title: "T", Post: true, Link: "/out", Label: "L", Everywhere: "E"}.Render(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	buttons := regexp.MustCompile(`<button[^>]*>`).FindAllString(w.Body.String(), -1)
	for _, b := range buttons {
		if !strings.Contains(b, ` name="`) || !strings.Contains(b, ` value="1"`) {
			t.Error(b)
		}
	}
	if len(buttons) != 2 {
		t.Errorf("%d buttons", len(buttons))
	}
}

// TestTextsNameTheProvider: without a name they are about X.
func TestTextsNameTheProvider(t *testing.T) {
	for _, tt := range []struct {
		err             error
		provider, title string
		fix             string
	}{
		{provider.ErrUnavailable, "", "X could not be reached", "X.APIURL"},
		{&provider.Error{Kind: provider.ErrUnavailable, Provider: "x-oauth1"}, "X", "X could not be reached", "X.APIURL"},
		{&provider.Error{Kind: provider.ErrUnavailable, Provider: "acme"}, "acme", "acme could not be reached", "the provider's configuration"},
		{page.WithProvider(&provider.Error{Kind: provider.ErrUnavailable, Provider: "acme"}, "Acme"), "Acme", "Acme could not be reached", "the provider's configuration"},
		{page.WithProvider(&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCredentials, Provider: "x-brand"}, "X"), "X", "X does not accept", "in X's console"},
		{page.WithProvider(&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCredentials, Provider: "acme"}, "Acme"), "Acme", "Acme does not accept", "settings at Acme"},
		{page.WithProvider(&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCallback}, "Acme"), "Acme", "Acme does not accept", "at Acme, to the letter"},
		{page.WithProvider(&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonAccess}, "Acme"), "Acme", "Acme does not accept", "permissions at Acme"},
		{page.WithProvider(&provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonScope}, "Acme"), "Acme", "Acme does not accept", "that Acme requires"},
		{fmt.Errorf("outer: %w", page.WithProvider(page.Kind("expired"), "Acme")), "Acme", "This sign-in with Acme has expired", ""},
		{page.WithProvider(page.Kind("expired"), "x"), "X", "This sign-in has expired", ""},
	} {
		if p := page.ProblemFor(tt.err); p.Provider != tt.provider || !strings.HasPrefix(p.Title, tt.title) || !strings.Contains(p.Fix, tt.fix) || strings.Contains(p.Title+p.Detail+p.Cause+p.Fix+p.Label, "{") {
			t.Errorf("%v: %+v", tt.err, p)
		}
	}
	if err := page.WithProvider(provider.ErrDenied, "Acme"); !errors.Is(err, provider.ErrDenied) || err.Error() != provider.ErrDenied.Error() {
		t.Errorf("the name changes the error: %v", err)
	}
}

// TestTheProvidersMessageIsThatOfARefusal: other details are the operator's, or a stranger's.
func TestTheProvidersMessageIsThatOfARefusal(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&provider.Error{Kind: provider.ErrDenied, Op: "callback", Detail: "no"}, "no"},
		{fmt.Errorf("%w: %w", page.Kind("denied_signed_in"), &provider.Error{Kind: provider.ErrDenied, Op: "callback", Detail: "no"}), "no"},
		{&provider.Error{Kind: provider.ErrRefused, Op: "callback", Detail: "a\x00b\u202e" + strings.Repeat("c", 400)}, "a b " + strings.Repeat("c", 296)},
		{&provider.Error{Kind: provider.ErrOtherBrowser, Op: "callback", Detail: "no"}, ""},
		{&provider.Error{Kind: provider.ErrRefused, Op: "token", Detail: "no"}, ""},
		{provider.ErrDenied, ""},
	} {
		if got := page.ProblemFor(tt.err).Page().ProviderMessage; got != tt.want {
			t.Errorf("%v: %q", tt.err, got)
		}
	}
}
