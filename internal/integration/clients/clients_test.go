package clients

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// timeout is for one client, which starts an interpreter on a busy machine.
const timeout = 2 * time.Minute

// result is what a client says in the end.
type result struct {
	ID        string // of the account, if the client learns it
	Name      string // the same
	Refreshed bool
	Token     string // alive in the end
	Revoked   string // not alive in the end
}

// missing skips a test whose tools are not installed.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("XSIGNIN_TEST_REQUIRE_ALL") != "" || os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// nodeOrSkip gives the path of node, whose packages are installed.
func nodeOrSkip(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	if _, err := os.Stat("node_modules"); err != nil {
		missing(t, "run npm ci --prefix internal/integration/clients")
	}
	return node
}

// pythonOrSkip gives the path of Debian's Python, whose packages are Debian's.
func pythonOrSkip(t *testing.T) string {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.CommandContext(t.Context(), python, "-c", "import tweepy, authlib, requests_oauthlib").Run(); err != nil {
		missing(t, "python3-tweepy, python3-authlib or python3-requests-oauthlib is not installed")
	}
	return python
}

func TestNodeClients(t *testing.T) {
	t.Parallel()
	node := nodeOrSkip(t)
	hook, err := filepath.Abs("node/hook.cjs")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, post string
		refreshes  bool
	}{
		{"twitter-api-v2", "by twitter-api-v2", true},
		{"twitter-api-v2-oauth1", "by twitter-api-v2 with OAuth 1.0a", false},
		{"xdk", "by @xdevplatform/xdk", true},
		{"xdk-oauth1", "by @xdevplatform/xdk with OAuth 1.0a", false},
		{"twitter-api-sdk", "by twitter-api-sdk", true},
		{"auth-core", "by @auth/core", false},
		{"better-auth", "by better-auth", true},
		{"arctic", "by arctic", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), node, "--require", hook, filepath.Join("node", c.name+".mjs"))
			signIn(t, cmd, c.post, c.refreshes)
		})
	}
}

func TestPythonClients(t *testing.T) {
	t.Parallel()
	python := pythonOrSkip(t)
	for _, c := range []struct {
		name, post string
		refreshes  bool
	}{
		{"tweepy_oauth2", "by tweepy", true},
		{"tweepy_oauth1", "by tweepy with OAuth 1.0a", false},
		{"authlib_oauth2", "by Authlib", true},
		{"authlib_oauth1", "by Authlib with OAuth 1.0a", false},
		{"requests_oauth2", "by requests-oauthlib", true},
		{"requests_oauth1", "by requests-oauthlib with OAuth 1.0a", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), python, filepath.Join("python", c.name+".py"))
			signIn(t, cmd, c.post, c.refreshes)
		})
	}
}

// signIn runs a client against a new local X, approves for the user, and checks what the client did.
func signIn(t *testing.T, cmd *exec.Cmd, post string, refreshes bool) {
	t.Helper()
	x := startX(t)
	cmd.Env = append(os.Environ(), x.environment(t)...)
	got := x.converse(t, cmd)
	if !x.Live(got.Token) || x.Live(got.Revoked) {
		t.Errorf("wanted: the last token alive, a revoked one dead; %+v", got)
	}
	if got.ID != "" && got.ID != xtest.SecondUserID || got.Name != "" && got.Name != "Second Demo" {
		t.Errorf("signed in as %q %q", got.ID, got.Name)
	}
	if got.Refreshed != refreshes {
		t.Errorf("refreshed: %v", got.Refreshed)
	}
	if posts := x.api.Posts(xtest.SecondUserID); len(posts) != 1 || posts[0].Text != post {
		t.Errorf("posts: %v", posts)
	}
}

// converse opens the consent pages that a client names, and returns what it says in the end.
func (x *localX) converse(t *testing.T, cmd *exec.Cmd) (got result) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(timeout, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	ended := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "approve":
			back, err := x.Approve(rest, xtest.SecondUserID)
			if err != nil {
				t.Error(err)
				_ = in.Close()
				continue
			}
			_, _ = io.WriteString(in, back+"\n")
		case "done":
			ended = true
			if err := json.Unmarshal([]byte(rest), &got); err != nil {
				t.Errorf("%s: %v", rest, err)
			}
		default:
			t.Log(lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil || !ended {
		for _, q := range x.Requests() {
			t.Logf("%s %s: %d %s %s", q.Method, q.Path, q.Status, q.Said, q.Reason)
		}
		t.Fatalf("the client ended with %v:\n%s", err, errs.String())
	}
	return got
}
