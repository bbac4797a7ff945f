package xsignin_test

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
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
)

// watch knows the secrets that passed by, and everything that came out of the kit. Every
// test with a site ends with a search for the ones in the other.
type watch struct {
	mu      sync.Mutex
	secrets map[string]string // to what it is
	out     []string
}

func (w *watch) secret(what, value string) {
	// Shorter ones, made up by tests, would be found by chance.
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

func (w *watch) came(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = append(w.out, text)
}

// find returns a line for each secret that came out.
func (w *watch) find() []string {
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

// answered notes what a browser got. The address of the consent page carries the handle
// of the sign-in, as it must, and Set-Cookie the sealed cookies and the session's id.
func (w *watch) answered(a answer) {
	h := a.Header.Clone()
	for _, line := range h.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil {
			w.secret("a cookie", c.Value)
		}
	}
	h.Del("Set-Cookie")
	to := a.location()
	if on := a.onward(); on != "" {
		// Once in the page, and nowhere else.
		to, a.body = on, strings.Replace(a.body, followed.FindStringSubmatch(a.body)[1], "", 1)
	}
	if u, err := url.Parse(to); err == nil && u.Host != "" {
		w.secret("the state", u.Query().Get("state"))
		w.secret("the request token", u.Query().Get("oauth_token"))
	}
	if u, err := url.Parse(a.location()); err == nil && u.Host != "" {
		h.Del("Location")
		// The body of a redirect is a link to the same place.
		a.body = ""
	}
	var b bytes.Buffer
	_ = h.Write(&b)
	w.came(b.String() + a.body)
}

// transport is a way to X that notes the secrets in both directions.
type transport struct {
	http.RoundTripper
	w *watch
}

var (
	inHeader = regexp.MustCompile(`(oauth_token|oauth_verifier|oauth_signature)="([^"]+)"`)
	inForm   = []string{"code", "code_verifier", "refresh_token", "token", "client_secret", "oauth_token", "oauth_token_secret"}
)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	kind, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch kind {
	case "OAuth":
		for _, m := range inHeader.FindAllStringSubmatch(credentials, -1) {
			if v, err := url.QueryUnescape(m[2]); err == nil {
				t.w.secret("an "+m[1], v)
			}
		}
	default:
		t.w.secret("an Authorization header", credentials)
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
				t.w.secret("an "+name, v)
			}
		}
	}
	return resp, nil
}

func (t transport) form(body string) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return
	}
	for _, name := range inForm {
		t.w.secret("a "+name, form.Get(name))
	}
}

// ending ends a body as the original one did.
type ending struct{ err error }

func (f ending) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// noSecretCameOut searches everything that came out: answers, log, events, errors and
// whatever the kit's values print.
func (s *site) noSecretCameOut(cfg xsignin.Config) {
	s.watch.came(s.log.String())
	for _, v := range []any{s.kit, *s.kit, cfg, &cfg, s.kit.Sessions(), s.kit.Middleware(), s.kit.ClientFor(xsignin.Key{Provider: "x", UserID: "1"})} {
		s.watch.came(fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v, v))
	}
	s.mu.Lock()
	for _, e := range s.events {
		s.watch.came(fmt.Sprintf("%v %+v %#v", e, e, e))
		for err := e.Err; err != nil; {
			s.watch.came(fmt.Sprintf("%v %+v %#v", err, err, err))
			u, ok := err.(interface{ Unwrap() error })
			if !ok {
				break
			}
			err = u.Unwrap()
		}
	}
	s.mu.Unlock()
	for _, key := range cfg.Keys {
		s.watch.secret("a key", key)
	}
	s.watch.secret("the client secret", cfg.ClientSecret)
	s.watch.secret("the consumer secret", cfg.ConsumerSecret)
	s.watch.secret("the Basic credentials", base64.StdEncoding.EncodeToString([]byte(cfg.ClientID+":"+cfg.ClientSecret)))
	for _, found := range s.watch.find() {
		s.t.Error(found)
	}
}

// TestNoSecretComesOut goes through every path with its eyes open; all other tests of
// sites look as well.
func TestNoSecretComesOut(t *testing.T) {
	for _, p := range flows {
		for _, f := range failures {
			if f.only != "" && f.only != p.name {
				continue
			}
			t.Run(p.name+"/"+f.name, func(t *testing.T) {
				s := newSite(t)
				s.bubble(func() { f.run(t, s, s.browser(), p) })
			})
		}
	}
	t.Run("what X repeats of a request", func(t *testing.T) {
		// A server that answers with what it was sent.
		echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{
				"error": "invalid_request " + r.Form.Encode(), "error_description": r.Form.Encode() + r.Header.Get("Authorization"),
			})
		})
		for _, p := range flows {
			s := newSite(t)
			b := s.browser()
			c := b.approve(b.begin(p.login), xtest.DefaultUserID)
			s.x.Fail(xtest.Fault{Path: p.last, Handler: echo})
			if a := b.get(c); a.StatusCode < 400 {
				t.Errorf("status %d", a.StatusCode)
			}
		}
	})
	t.Run("refreshing, failing to, and signing out", func(t *testing.T) {
		s := newSite(t)
		s.bubble(func() {
			b := s.browser()
			b.signIn("/auth/login", xtest.DefaultUserID)
			time.Sleep(3 * time.Hour)
			b.get("/api")
			time.Sleep(3 * time.Hour)
			s.x.Fail(xtest.Fault{Path: "/2/oauth2/token", Status: 500, Times: 1})
			b.get("/api")
			b.get("/api")
			s.x.RevokeApp(xtest.DefaultUserID)
			time.Sleep(3 * time.Hour)
			b.get("/api")
			b.get("/api")
			b.signIn("/auth/login", xtest.DefaultUserID)
			b.signIn("/auth/login/x-oauth1", xtest.DefaultUserID)
			s.x.Fail(xtest.Fault{Path: "/2/oauth2/revoke", Status: 500})
			b.send(http.MethodPost, "/auth/logout", nil)
		})
	})
	t.Run("a watch that sees nothing proves nothing", func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		b.signIn("/auth/login", xtest.DefaultUserID)
		b.signIn("/auth/login/x-oauth1", xtest.DefaultUserID)
		b.get("/api")
		if err := s.kit.Refresh(t.Context(), xsignin.Key{Provider: "x", UserID: xtest.DefaultUserID}); err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]bool)
		s.watch.mu.Lock()
		for _, what := range s.watch.secrets {
			seen[what] = true
		}
		s.watch.mu.Unlock()
		for _, want := range []string{
			"a cookie", "the state", "an oauth_token", "an oauth_verifier", "an oauth_signature",
			"an Authorization header", "a code", "a code_verifier", "a refresh_token", "a oauth_token_secret", "an access_token", "an refresh_token",
		} {
			if !seen[want] && !seen[strings.Replace(want, "an ", "a ", 1)] {
				t.Errorf("no secret seen that is %s; seen: %v", want, seen)
			}
		}
	})
}
