package clients

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// TestThePageShowsTheProgramsHere: the programs of docs/local-x.md are those of guide, to the letter. The other tests
// here run two of them, and the Go one is a test itself.
func TestThePageShowsTheProgramsHere(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "local-x.md"))
	if err != nil {
		t.Fatal(err)
	}
	for language, name := range map[string]string{"go": "site_test.go", "js": "server.mjs", "python": "post.py"} {
		blocks := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(page), -1)
		program, err := os.ReadFile(filepath.Join("guide", name))
		if err != nil {
			t.Fatal(err)
		}
		if len(blocks) != 1 || blocks[0][1] != string(program) {
			t.Errorf("the page has %d programs of %s, and wants guide/%s alone", len(blocks), language, name)
		}
	}
}

// guideX is a local X on a port, as xsim is.
func guideX(t *testing.T, callbacks ...string) (*xtest.Server, []string) {
	t.Helper()
	x := xtest.NewServer(xtest.Config{Callbacks: callbacks})
	t.Cleanup(x.Close)
	return x, append(os.Environ(), "X_API_URL="+x.URL,
		"X_CLIENT_ID="+xtest.DefaultClientID, "X_CLIENT_SECRET="+xtest.DefaultClientSecret,
		"HTTP_PROXY=", "http_proxy=", "PYTHONDONTWRITEBYTECODE=1")
}

func TestTheGuideInNode(t *testing.T) {
	t.Parallel()
	node := nodeOrSkip(t)
	site := "http://localhost:" + testservers.FreePort(t)
	x, env := guideX(t, site+"/auth/callback/twitter")
	cmd := exec.CommandContext(t.Context(), node, "guide/server.mjs")
	cmd.Env = append(env, "SITE_URL="+site)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "Ready: "+site+"\n" {
		t.Fatalf("%q, %v", line, err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page := read(t)(browser.Get(site + "/auth/signin"))
	token := regexp.MustCompile(`name="csrfToken" value="([^"]+)"`).FindStringSubmatch(page.body)
	if token == nil {
		t.Fatalf("no form in %s", page.body)
	}
	begun := read(t)(browser.PostForm(site+"/auth/signin/twitter", url.Values{"csrfToken": {token[1]}, "callbackUrl": {site}}))
	back, err := x.Approve(begun.location, xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	read(t)(browser.Get(back))
	if home := read(t)(browser.Get(site + "/")); home.body != "Hello, Demo Account" {
		t.Errorf("got %q", home.body)
	}
}

func TestTheGuideInPython(t *testing.T) {
	t.Parallel()
	python := pythonOrSkip(t)
	x, env := guideX(t)
	api := xapi.Mount(x.X)
	x.SetCallbacks(xtest.DefaultCallback)
	cmd := exec.CommandContext(t.Context(), python, "guide/post.py")
	cmd.Env = env
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	line, err := said.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	back, err := x.Approve(strings.TrimSpace(strings.TrimPrefix(line, "Open ")), xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, back+"\n")
	rest, _ := io.ReadAll(said)
	if err := cmd.Wait(); err != nil || !strings.Contains(string(rest), "Posted as demo: ") {
		t.Errorf("%s, %v", rest, err)
	}
	if posts := api.Posts(xtest.DefaultUserID); len(posts) != 1 || posts[0].Text != "Hello from Python" {
		t.Errorf("posts: %v", posts)
	}
}

type page struct{ body, location string }

func read(t *testing.T) func(*http.Response, error) page {
	return func(resp *http.Response, err error) page {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return page{string(body), resp.Header.Get("Location")}
	}
}
