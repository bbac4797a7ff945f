package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/testservers"
)

// Firefox and WebKit are driven by the W3C's WebDriver commands. Firefox gets them in its
// Marionette protocol, because Debian has no geckodriver. WebKit gets them by HTTP.

// command is a WebDriver command under its names in both protocols. The path may have {id}, an
// element.
type command struct{ marionette, method, path string }

var (
	newSession   = command{"WebDriver:NewSession", "POST", "/session"}
	navigate     = command{"WebDriver:Navigate", "POST", "/url"}
	goBack       = command{"WebDriver:Back", "POST", "/back"}
	refresh      = command{"WebDriver:Refresh", "POST", "/refresh"}
	currentURL   = command{"WebDriver:GetCurrentURL", "GET", "/url"}
	findElements = command{"WebDriver:FindElements", "POST", "/elements"}
	clickElement = command{"WebDriver:ElementClick", "POST", "/element/{id}/click"}
	sendKeys     = command{"WebDriver:ElementSendKeys", "POST", "/element/{id}/value"}
	elementText  = command{"WebDriver:GetElementText", "GET", "/element/{id}/text"}
	clearCookies = command{"WebDriver:DeleteAllCookies", "DELETE", "/cookie"}
	runScript    = command{"WebDriver:ExecuteScript", "POST", "/execute/sync"}
	awaitScript  = command{"WebDriver:ExecuteAsyncScript", "POST", "/execute/async"}
)

type params map[string]any

// driver sends a command to a browser and returns its value.
type driver interface {
	send(c command, p params) (json.RawMessage, error)
}

// marionette is a connection to Firefox. A message is its length, a colon, and JSON.
type marionette struct {
	conn net.Conn
	in   *bufio.Reader
	sent int
}

func (m *marionette) send(c command, p params) (json.RawMessage, error) {
	m.sent++
	message, err := json.Marshal([]any{0, m.sent, c.marionette, p})
	if err != nil {
		return nil, err
	}
	// A new session waits for the first window, which takes long on a busy machine.
	_ = m.conn.SetDeadline(time.Now().Add(4 * patience))
	if _, err := fmt.Fprintf(m.conn, "%d:%s", len(message), message); err != nil {
		return nil, err
	}
	answer, err := m.receive()
	if err != nil {
		return nil, err
	}
	var parts []json.RawMessage // 1, the number, an error or null, the result
	if err := json.Unmarshal(answer, &parts); err != nil || len(parts) != 4 {
		return nil, fmt.Errorf("not an answer: %.200s", answer)
	}
	if string(parts[2]) != "null" {
		return nil, fmt.Errorf("%s: %.300s", c.marionette, parts[2])
	}
	var value struct{ Value json.RawMessage }
	if json.Unmarshal(parts[3], &value) == nil && value.Value != nil {
		return value.Value, nil
	}
	return parts[3], nil
}

func (m *marionette) receive() ([]byte, error) {
	length, err := m.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil {
		return nil, err
	}
	message := make([]byte, n)
	_, err = io.ReadFull(m.in, message)
	return message, err
}

// webDriver is a session at a WebDriver server.
type webDriver struct{ base string }

func (w *webDriver) send(c command, p params) (json.RawMessage, error) {
	path := c.path
	if id, ok := p["id"].(string); ok {
		path = strings.ReplaceAll(path, "{id}", id)
	}
	var body io.Reader
	if c.method == http.MethodPost {
		b, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequest(c.method, w.base+path, body)
	if err != nil {
		return nil, err
	}
	client := http.Client{Timeout: 4 * patience}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %.300s", path, answer.Value)
	}
	return answer.Value, nil
}

// settings are what a test changes in a browser.
type settings struct {
	proxy     string // host and port of an HTTP proxy for names that are not loopback
	noCookies bool   // not in WebKit
	noScript  bool   // not in WebKit
}

// capabilities are the capabilities of a new WebDriver session.
func (s settings) capabilities() params {
	always := params{"acceptInsecureCerts": true}
	if s.proxy != "" {
		always["proxy"] = params{"proxyType": "manual", "httpProxy": s.proxy, "noProxy": []string{"127.0.0.1"}}
	}
	return always
}

// newFirefox starts Firefox with an empty profile. It ends with the test.
func newFirefox(t *testing.T, s settings) *remote {
	t.Helper()
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		if path, err = exec.LookPath("firefox"); err != nil {
			missing(t, "there is no Firefox: install Debian's package firefox-esr")
		}
	}
	profile := newProfile(t)
	prefs := []string{
		`"marionette.port", 0`, `"app.update.disabledForTesting", true`, `"network.captive-portal-service.enabled", false`,
		`"network.connectivity-service.enabled", false`, `"browser.region.network.url", ""`, `"services.settings.server", ""`,
		`"toolkit.telemetry.server", ""`, `"datareporting.policy.dataSubmissionEnabled", false`, `"accessibility.tabfocus", 7`,
	}
	if s.noCookies {
		prefs = append(prefs, `"network.cookie.cookieBehavior", 2`)
	}
	if s.noScript {
		prefs = append(prefs, `"javascript.enabled", false`)
	}
	file := "user_pref(" + strings.Join(prefs, ");\nuser_pref(") + ");\n"
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--marionette", "--no-remote", "--profile", profile)
	cmd.Env = append(os.Environ(), "HOME="+profile, "MOZ_CRASHREPORTER_DISABLE=1")
	run(t, cmd)
	port := waitFor(t, "Firefox does not start", func() (string, error) {
		b, err := os.ReadFile(filepath.Join(profile, "MarionetteActivePort"))
		if err == nil && len(b) == 0 {
			err = io.ErrUnexpectedEOF
		}
		return strings.TrimSpace(string(b)), err
	})
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	m := &marionette{conn: conn, in: bufio.NewReader(conn)}
	if _, err := m.receive(); err != nil { // the greeting
		t.Fatal(err)
	}
	r := &remote{t: t, driver: m}
	r.must(newSession, s.capabilities())
	return r
}

// newWebKit starts WebKitGTK's small browser on a virtual screen.
func newWebKit(t *testing.T, s settings) *remote {
	t.Helper()
	for _, name := range []string{"WebKitWebDriver", "Xvfb"} {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, "there is no "+name+": install Debian's packages webkit2gtk-driver and xvfb")
		}
	}
	home := newProfile(t)
	screen := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1200x900x24", "-nolisten", "tcp")
	number, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	screen.ExtraFiles = []*os.File{w}
	run(t, screen)
	_ = w.Close()
	display, err := bufio.NewReader(number).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb does not start: %v", err)
	}
	port := testservers.FreePort(t)
	cmd := exec.Command("WebKitWebDriver", "--port="+port, "--host=127.0.0.1")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CACHE_HOME="+home, "XDG_CONFIG_HOME="+home,
		"DISPLAY=:"+strings.TrimSpace(display), "LIBGL_ALWAYS_SOFTWARE=1", "WEBKIT_DISABLE_COMPOSITING_MODE=1", "NO_AT_BRIDGE=1")
	run(t, cmd)
	server := &webDriver{base: "http://127.0.0.1:" + port}
	answer := waitFor(t, "WebKit does not start", func() (json.RawMessage, error) {
		return server.send(newSession, params{"capabilities": params{"alwaysMatch": s.capabilities()}})
	})
	var session struct{ SessionID string }
	if err := json.Unmarshal(answer, &session); err != nil {
		t.Fatal(err)
	}
	server.base += "/session/" + session.SessionID
	t.Cleanup(func() { _, _ = server.send(command{method: http.MethodDelete}, nil) })
	return &remote{t: t, driver: server}
}

// run starts a process that ends with the test.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// waitFor calls f until it succeeds.
func waitFor[T any](t *testing.T, otherwise string, f func() (T, error)) T {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.After(2 * patience)
	for {
		v, err := f()
		if err == nil {
			return v
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: %v", otherwise, err)
		}
	}
}

// remote is a window of Firefox or WebKit, and the site that it shows.
type remote struct {
	t    *testing.T
	site string
	driver
}

var errNotThere = errors.New("the page does not have it")

// must sends a command that must succeed.
func (r *remote) must(c command, p params) json.RawMessage {
	r.t.Helper()
	v, err := r.send(c, p)
	if err != nil {
		r.t.Fatalf("%v\nat %s:\n%s", err, r.at(), r.text())
	}
	return v
}

// element returns the first usable element that XPath selects.
func (r *remote) element(xpath string) (string, error) {
	answer, err := r.send(findElements, params{"using": "xpath", "value": xpath})
	if err != nil {
		return "", err
	}
	var found []map[string]string
	if err := json.Unmarshal(answer, &found); err != nil {
		return "", err
	}
	for _, f := range found {
		for _, id := range f {
			return id, nil
		}
	}
	return "", errNotThere
}

// on acts on an element, and retries while the page changes.
func (r *remote) on(xpath string, c command, p params) json.RawMessage {
	r.t.Helper()
	return waitFor(r.t, "nothing to use at "+xpath+", at "+r.at()+":\n"+r.text(), func() (json.RawMessage, error) {
		id, err := r.element(xpath)
		if err != nil {
			return nil, err
		}
		with := params{"id": id}
		for k, v := range p {
			with[k] = v
		}
		return r.send(c, with)
	})
}

func (r *remote) open(path string) {
	r.t.Helper()
	r.must(navigate, params{"url": r.site + path})
}

// show sets the site whose paths the other methods open.
func (r *remote) show(site string) { r.site = site }

func (r *remote) back()   { r.t.Helper(); r.must(goBack, params{}) }
func (r *remote) reload() { r.t.Helper(); r.must(refresh, params{}) }
func (r *remote) expire() { r.t.Helper(); r.must(clearCookies, params{}) }

func (r *remote) click(text string) {
	r.t.Helper()
	r.on(clickable(text), clickElement, nil)
}

func (r *remote) fill(id, text string) {
	r.t.Helper()
	r.on(fmt.Sprintf(`//*[@id=%q]`, id), sendKeys, params{"text": text})
}

func (r *remote) at() string { return pathOn(r.site, r.address()) }

func (r *remote) address() string {
	var address string
	answer, _ := r.send(currentURL, params{})
	_ = json.Unmarshal(answer, &address)
	return address
}

func (r *remote) text() string {
	var text string
	if id, err := r.element("//body"); err == nil {
		answer, _ := r.send(elementText, params{"id": id})
		_ = json.Unmarshal(answer, &text)
	}
	return text
}

func (r *remote) see(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		waitFor(r.t, fmt.Sprintf("%q is not shown", text), func() (any, error) {
			shown := r.text()
			if !strings.Contains(strings.ToLower(shown), strings.ToLower(text)) {
				return nil, fmt.Errorf("at %s:\n%s", r.at(), shown)
			}
			return nil, nil
		})
	}
}

func (r *remote) arrive(path string) {
	r.t.Helper()
	waitFor(r.t, "the browser does not arrive at "+path, func() (any, error) {
		if at := r.at(); at != path {
			return nil, fmt.Errorf("it is at %s:\n%s", at, r.text())
		}
		return nil, nil
	})
}

// accessible fails the test if axe-core finds problems in the page.
func (r *remote) accessible(source string) {
	r.t.Helper()
	r.must(runScript, params{"script": source + "\n;window.axe = axe; return 0", "args": []any{}})
	answer := r.must(awaitScript, params{"script": `const done = arguments[arguments.length - 1];
		window.axe.run(document, {resultTypes: ["violations"]}).then(r => done(JSON.stringify(r.violations.map(v => v.id + ": " + v.help))))`, "args": []any{}})
	var found string
	if err := json.Unmarshal(answer, &found); err != nil {
		r.t.Fatal(err)
	}
	if found != "[]" {
		r.t.Errorf("%s: %s", r.at(), found)
	}
}
