package testkit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/xsignin/xsignin"
)

// Watch records the secrets in use, and all output of the kit. Every test with a Site ends with
// a search for the secrets in the output.
type Watch struct {
	mu      sync.Mutex
	secrets map[string]string // to its kind
	out     []string
}

// Secret records a secret value and its kind.
func (w *Watch) Secret(what, value string) {
	// Shorter secrets of tests could match by chance.
	if len(value) < 10 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets[value] = what
	if escaped := url.QueryEscape(value); escaped != value {
		w.secrets[escaped] = what
	}
}

// Came records output of the kit.
func (w *Watch) Came(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = append(w.out, text)
}

// Seen returns the kinds of the recorded secrets.
func (w *Watch) Seen() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	kinds := make(map[string]bool)
	for _, what := range w.secrets {
		kinds[what] = true
	}
	return kinds
}

// find returns a line for each secret in the output.
func (w *Watch) find() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []string
	for _, text := range w.out {
		for value, what := range w.secrets {
			if i := strings.Index(text, value); i >= 0 {
				from, to := max(0, i-60), min(len(text), i+len(value)+20)
				found = append(found, fmt.Sprintf("%s came out: …%s…", what, strings.ReplaceAll(text[from:to], value, "[["+what+"]]")))
			}
		}
	}
	return found
}

// Answered records a browser's response. The address of the consent page must contain the handle
// of the sign-in, and Set-Cookie the sealed cookies and the session's id.
func (w *Watch) Answered(a Answer) {
	h := a.Header.Clone()
	for _, line := range h.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil {
			w.Secret("a cookie", c.Value)
		}
	}
	h.Del("Set-Cookie")
	to := a.Redirect()
	if on := a.Onward(); on != "" {
		// Once in the page, and nowhere else.
		to, a.Text = on, strings.Replace(a.Text, followed.FindStringSubmatch(a.Text)[1], "", 1)
	}
	if u, err := url.Parse(to); err == nil && u.Host != "" {
		w.Secret("the state", u.Query().Get("state"))
		w.Secret("the request token", u.Query().Get("oauth_token"))
	}
	if u, err := url.Parse(a.Redirect()); err == nil && u.Host != "" {
		h.Del("Location")
		// The body of a redirect is a link to the same address.
		a.Text = ""
	}
	var b bytes.Buffer
	_ = h.Write(&b)
	w.Came(b.String() + a.Text)
}

// WatchedTransport sends requests to X and records the secrets in both directions.
type WatchedTransport struct {
	http.RoundTripper
	Watch *Watch
}

var (
	inHeader = regexp.MustCompile(`(oauth_token|oauth_verifier|oauth_signature)="([^"]+)"`)
	inForm   = []string{"code", "code_verifier", "refresh_token", "token", "client_secret", "oauth_token", "oauth_token_secret"}
)

// RoundTrip implements http.RoundTripper.
func (t WatchedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	kind, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch kind {
	case "OAuth":
		for _, m := range inHeader.FindAllStringSubmatch(credentials, -1) {
			if v, err := url.QueryUnescape(m[2]); err == nil {
				t.Watch.Secret("an "+m[1], v)
			}
		}
	default:
		t.Watch.Secret("an Authorization header", credentials)
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		t.form(string(body))
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, readErr := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), ending{readErr}))
	t.form(string(body))
	var doc map[string]any
	if json.Unmarshal(body, &doc) == nil {
		for _, name := range []string{"access_token", "refresh_token"} {
			if v, ok := doc[name].(string); ok {
				t.Watch.Secret("an "+name, v)
			}
		}
	}
	return resp, nil
}

func (t WatchedTransport) form(body string) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return
	}
	for _, name := range inForm {
		t.Watch.Secret("a "+name, form.Get(name))
	}
}

// ending ends a body like the original one.
type ending struct{ err error }

func (f ending) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// noSecretCameOut searches all output: responses, log, events, errors, and the printed forms of
// the kit's values.
func (s *Site) noSecretCameOut(cfg xsignin.Config) {
	s.Watch.Came(s.Log.String())
	values := []any{s.Kit, *s.Kit, cfg, &cfg, s.Kit.ClientFor(xsignin.Key{Provider: "x", UserID: "1", AccountID: "1"})}
	if !cfg.Session.Disabled {
		values = append(values, s.Kit.Sessions(), s.Kit.Middleware())
	}
	for _, v := range values {
		s.Watch.Came(fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v, v))
	}
	s.mu.Lock()
	for _, e := range s.events {
		s.Watch.Came(fmt.Sprintf("%v %+v %#v", e, e, e))
		for err := e.Err; err != nil; {
			s.Watch.Came(fmt.Sprintf("%v %+v %#v", err, err, err))
			u, ok := err.(interface{ Unwrap() error })
			if !ok {
				break
			}
			err = u.Unwrap()
		}
	}
	s.mu.Unlock()
	for _, key := range cfg.Secrets {
		s.Watch.Secret("a key", key)
	}
	s.Watch.Secret("the client secret", cfg.ClientSecret)
	s.Watch.Secret("the consumer secret", cfg.OAuth1.ConsumerSecret)
	s.Watch.Secret("the Basic credentials", base64.StdEncoding.EncodeToString([]byte(cfg.ClientID+":"+cfg.ClientSecret)))
	for _, found := range s.Watch.find() {
		s.T.Error(found)
	}
}

// LogBuffer is a log that several goroutines may write and read.
type LogBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *LogBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns the log so far.
func (l *LogBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
