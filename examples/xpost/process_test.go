package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

// build builds the command.
func build(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGINT to send to a process")
	}
	bin := filepath.Join(t.TempDir(), "xpost")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// process prepares bin with only the lab's variables.
func (l *lab) process(bin string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(l.Context(), bin, args...)
	cmd.Dir = l.TempDir()
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.Contains(usage, "\n  "+name+" ") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	for name, value := range l.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// ran runs a process to its end, and calls during meanwhile.
func (l *lab) ran(cmd *exec.Cmd, during ...func()) answer {
	l.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Start()
	if err == nil {
		for _, f := range during {
			go f()
		}
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.Error(err)
	}
	a := answer{lab: l, args: cmd.Args, status: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.printed = append(l.printed, a.stdout, a.stderr)
	return a
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	bin := build(t)
	t.Run("what one saves the next one finds", func(t *testing.T) { t.Parallel(); oneAfterTheOther(t, bin) })
	t.Run("refreshes at the same time", func(t *testing.T) { t.Parallel(); atTheSameTime(t, bin) })
}

func oneAfterTheOther(t *testing.T, bin string) {
	l := newLab(t)

	// By PIN: the address is on standard error, the PIN is typed in.
	cmd := l.process(bin, "-json", "-oauth1", "login")
	keyboard, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	screen, typed := io.Pipe()
	go func() {
		defer keyboard.Close()
		for s := bufio.NewScanner(screen); s.Scan(); {
			if address := strings.TrimSpace(s.Text()); strings.HasPrefix(address, l.url) {
				_, _ = io.WriteString(keyboard, l.pin(address, xtest.DefaultUserID)+"\n")
				break
			}
		}
		_, _ = io.Copy(io.Discard, screen)
	}()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, typed
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	_ = typed.Close()
	l.printed = append(l.printed, out.String())
	var d described
	if err := json.Unmarshal([]byte(out.String()), &d); err != nil || d.Username != "demo" || d.Protocol != byOAuth1 {
		t.Fatalf("%v\n%s", err, out.String())
	}
	l.ran(l.process(bin, "text", "From a process")).want(0, "Posted")

	// One process rotates an OAuth 2.0 token, and the next process uses it.
	l.signIn(byOAuth2, xtest.DefaultUserID).want(0)
	for range 2 {
		l.ran(l.process(bin, "refresh")).want(0, "is valid until")
	}
	l.ran(l.process(bin, "text", "After refreshes")).want(0)
	l.ran(l.process(bin, "text")).want(2, "xpost: text takes one TEXT")
	l.ran(l.process(bin, "-account", "nobody", "whoami")).want(1)
	l.ran(l.process(bin, "demo")).want(0, "That was the tour")

	// Ctrl-C in the middle of an upload.
	before := len(l.api.Posts(xtest.DefaultUserID))
	reached := l.held(3)
	upload := l.process(bin, "-json", "video", place(t, "film.mp4", film(3<<20)))
	var stopped struct{ Error problem }
	l.ran(upload, func() {
		<-reached
		_ = upload.Process.Signal(os.Interrupt)
	}).want(130, "stopped; nothing was posted").json(&stopped)
	if stopped.Error.Code != "stopped" {
		t.Errorf("%+v", stopped)
	}
	if n := len(l.api.Posts(xtest.DefaultUserID)); n != before {
		t.Errorf("%d posts, and %d before the upload", n, before)
	}
	l.x.ClearFaults()
	l.ran(l.process(bin, "revoke")).want(0, "revoked at X")
}

// atTheSameTime: concurrent commands do not use up each other's refresh token.
func atTheSameTime(t *testing.T, bin string) {
	l := signedIn(t, byOAuth2)
	done := make(chan answer)
	for range 4 {
		go func() { done <- l.ran(l.process(bin, "refresh")) }()
	}
	for range 4 {
		(<-done).want(0)
	}
	l.run("text", "Still signed in").want(0)
}
