package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	demox "github.com/xsignin/xsignin/examples/internal/demo"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// lab is a local X and a user's machine. It records the secrets in use and all output, and its
// test ends with a search for the secrets in the output.
type lab struct {
	*testing.T
	x    *xtest.X
	api  *xapi.API
	url  string
	file string
	env  map[string]string

	mu      sync.Mutex // guards the following
	secrets map[string]string
	printed []string
	waited  []time.Duration
	issues  []map[string]any // tokens that X issued, by the names of -auth
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{T: t, x: xtest.New(xtest.Config{}), file: filepath.Join(t.TempDir(), "home", "tokens.db"), secrets: map[string]string{}}
	l.api = demox.Mount(l.x)
	srv := httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(srv.Close)
	l.url = srv.URL
	l.env = map[string]string{
		"X_API_URL": srv.URL, "X_AUTHORIZE_URL": srv.URL + "/i/oauth2/authorize", "XPOST_DB": l.file,
		"X_CLIENT_ID": xtest.DefaultPublicClientID, "X_CONSUMER_KEY": xtest.DefaultConsumerKey, "X_CONSUMER_SECRET": xtest.DefaultConsumerSecret,
	}
	l.secret("the consumer secret", xtest.DefaultConsumerSecret)
	t.Cleanup(l.search)
	return l
}

// serve is X, and records the tokens that it issues.
func (l *lab) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/2/oauth2/token" && r.URL.Path != "/oauth/access_token" && r.URL.Path != "/oauth/request_token" {
		l.x.ServeHTTP(w, r)
		return
	}
	rec := httptest.NewRecorder()
	l.x.ServeHTTP(rec, r)
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(rec.Body.Bytes(), &tokens) == nil {
		l.secret("an access token", tokens.Access)
		l.secret("a refresh token", tokens.Refresh)
		l.issue("access_token", tokens.Access, "refresh_token", tokens.Refresh)
	} else if q, err := url.ParseQuery(rec.Body.String()); err == nil {
		// The address that a person opens contains a request token.
		if r.URL.Path == "/oauth/access_token" {
			l.secret("an OAuth 1.0a token", q.Get("oauth_token"))
			l.issue("oauth_token", q.Get("oauth_token"), "oauth_token_secret", q.Get("oauth_token_secret"))
		}
		l.secret("a token's secret", q.Get("oauth_token_secret"))
	}
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

func (l *lab) issue(name, value, other, otherValue string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.issues = append(l.issues, map[string]any{name: value, other: otherValue})
}

func (l *lab) secret(what, value string) {
	if value == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets[value] = what
}

// known are the secrets that were used so far.
func (l *lab) known() map[string]string {
	for _, r := range l.x.Requests() {
		for _, name := range []string{"code", "code_verifier", "refresh_token", "token"} {
			l.secret("the form's "+name, r.Form.Get(name))
		}
		if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			l.secret("a bearer token", bearer)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]string{}
	for value, what := range l.secrets {
		all[value] = what
	}
	return all
}

func (l *lab) search() {
	for value, what := range l.known() {
		for _, text := range l.printed {
			if strings.Contains(text, value) {
				l.Errorf("%s was printed", what)
			}
		}
	}
}

// answer is the result of a command.
type answer struct {
	*lab
	args           []string
	status         int
	stdout, stderr string
}

// person is the user of the command.
type person struct {
	stdin    io.Reader
	browse   func(ctx context.Context, address string)
	terminal bool
}

func (l *lab) run(args ...string) answer { l.Helper(); return l.runAs(l.Context(), person{}, args...) }

func (l *lab) runAs(ctx context.Context, p person, args ...string) answer {
	l.Helper()
	var stdout, stderr strings.Builder
	w := world{
		env:    func(name string) string { return l.env[name] },
		stdin:  p.stdin,
		stdout: &stdout, stderr: &stderr,
		terminal: p.terminal, browse: p.browse, listen: net.Listen,
		after: func(d time.Duration) <-chan time.Time {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.waited = append(l.waited, d)
			now := make(chan time.Time, 1)
			now <- time.Time{}
			return now
		},
	}
	if p.stdin == nil {
		w.stdin = strings.NewReader("")
	}
	if len(args) > 0 && args[len(args)-1] == "login" {
		w.listen = l.callback()
	}
	a := answer{lab: l, args: args}
	a.status = run(ctx, w, args)
	a.stdout, a.stderr = stdout.String(), stderr.String()
	l.mu.Lock()
	l.printed = append(l.printed, a.stdout, a.stderr)
	l.mu.Unlock()
	return a
}

// callback takes a free port and registers its callback. The listener exists before the port is
// known, so no other test gets the port.
func (l *lab) callback() func(string, string) (net.Listener, error) {
	l.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { _ = listener.Close() })
	at := listener.Addr().String()
	_, l.env["X_CALLBACK_PORT"], _ = net.SplitHostPort(at)
	l.x.SetCallbacks("http://" + at + "/callback")
	return func(_, address string) (net.Listener, error) {
		if address != at {
			return nil, fmt.Errorf("%s was asked for and not %s", address, at)
		}
		return listener, nil
	}
}

// want checks the status, and texts on standard output. If the command must fail, it checks
// standard error.
func (a answer) want(status int, texts ...string) answer {
	a.Helper()
	where := a.stdout
	if status != 0 {
		where = a.stderr
	}
	if a.status != status {
		a.Fatalf("%q: status %d, not %d\n%s%s", a.args, a.status, status, a.stdout, a.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(where, text) {
			a.Fatalf("%q: %q is not in\n%s", a.args, text, where)
		}
	}
	return a
}

// json reads the single document on standard output.
func (a answer) json(v any) {
	a.Helper()
	d := json.NewDecoder(strings.NewReader(a.stdout))
	if err := d.Decode(v); err != nil {
		a.Fatalf("%q: %v in\n%s", a.args, err, a.stdout)
	}
	if _, err := d.Token(); err != io.EOF {
		a.Fatalf("%q: more than one document:\n%s", a.args, a.stdout)
	}
}

var (
	formToken = regexp.MustCompile(`name="form_token" value="([^"]+)"`)
	shownPIN  = regexp.MustCompile(`>\s*(\d{7})\s*<`)
)

// consent allows the application at the consent page, in a separate browser, and returns the
// last page.
func (l *lab) consent(address, user, decision string) (*http.Response, string) {
	l.Helper()
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	get := func(resp *http.Response, err error) (*http.Response, string) {
		if err != nil {
			l.Error(err)
			return &http.Response{}, ""
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			l.Error(err)
		}
		return resp, string(b)
	}
	_, page := get(browser.Get(address))
	token := formToken.FindStringSubmatch(page)
	if token == nil {
		l.Errorf("this is no consent page:\n%s", page)
		return &http.Response{}, ""
	}
	return get(browser.PostForm(address, url.Values{"form_token": {token[1]}, "decision": {decision}, "account": {user}}))
}

// pin approves and reads the PIN from the page.
func (l *lab) pin(address, user string) string {
	l.Helper()
	_, page := l.consent(address, user, "authorize")
	found := shownPIN.FindStringSubmatch(page)
	if found == nil {
		l.Errorf("there is no PIN on\n%s", page)
		return ""
	}
	l.secret("the PIN", found[1])
	return found[1]
}

const (
	byOAuth2 = "OAuth 2.0"
	byOAuth1 = "OAuth 1.0a"
)

// signIn signs in like a person.
func (l *lab) signIn(protocol, user string) answer {
	l.Helper()
	return l.signInAs(l.Context(), protocol, user)
}

func (l *lab) signInAs(ctx context.Context, protocol, user string) answer {
	l.Helper()
	if protocol == byOAuth1 {
		typed, keyboard := io.Pipe()
		return l.runAs(ctx, person{stdin: typed, browse: func(_ context.Context, address string) {
			go func() { fmt.Fprintf(keyboard, " %s \n", l.pin(address, user)) }()
		}}, "-oauth1", "login")
	}
	return l.runAs(ctx, person{browse: func(_ context.Context, address string) {
		go l.consent(address, user, "authorize")
	}}, "login")
}

// signedIn is a lab in which the demo account is signed in.
func signedIn(t *testing.T, protocol string) *lab {
	t.Helper()
	l := newLab(t)
	l.signIn(protocol, xtest.DefaultUserID).want(0, "Signed in as @demo")
	return l
}

// everyProtocol runs a test with each protocol.
func everyProtocol(t *testing.T, test func(*testing.T, *lab)) {
	for _, protocol := range []string{byOAuth2, byOAuth1} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			test(t, signedIn(t, protocol))
		})
	}
}

// keyboard is standard input that waits until a text is typed, and then ends.
type keyboard struct {
	*io.PipeReader
	w *io.PipeWriter
}

func newKeyboard() *keyboard {
	r, w := io.Pipe()
	return &keyboard{r, w}
}

func (k *keyboard) typed(s string) {
	_, _ = io.WriteString(k.w, s)
	_ = k.w.Close()
}

// tell returns a browse function for a person, which passes the address on.
func tell(address chan<- string) func(context.Context, string) {
	return func(_ context.Context, a string) { address <- a }
}
