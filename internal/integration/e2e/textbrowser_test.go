package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// lynx is the text browser Lynx with a profile of its own.
type lynx struct {
	t       *testing.T
	program string
	dir     string
}

func newLynx(t *testing.T) *lynx {
	t.Helper()
	program, err := exec.LookPath("lynx")
	if err != nil {
		missing(t, "there is no Lynx: install Debian's package lynx")
	}
	l := &lynx{t, program, t.TempDir()}
	// Lynx keeps the cookies for its next run, and does not wait after a message.
	l.write("lynx.cfg", "ACCEPT_ALL_COOKIES:TRUE\nPERSISTENT_COOKIES:TRUE\nINFOSECS:0\nMESSAGESECS:0\nALERTSECS:0\n"+
		"COOKIE_FILE:"+l.dir+"/cookies\nCOOKIE_SAVE_FILE:"+l.dir+"/cookies\n")
	return l
}

// write writes a file of the profile.
func (l *lynx) write(name, content string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(content), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// run starts Lynx at an address, and returns what it writes.
func (l *lynx) run(args ...string) string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.program, append([]string{"-cfg=" + l.dir + "/lynx.cfg"}, args...)...)
	cmd.Env = append(os.Environ(), "TERM=vt100", "HOME="+l.dir, "LANG=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Fatalf("lynx %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// press opens an address, presses the keys and leaves Lynx.
func (l *lynx) press(address string, keys ...string) {
	l.t.Helper()
	l.write("keys", "key "+strings.Join(append(keys, "Q", "y"), "\nkey ")+"\n")
	l.run("-cmd_script="+l.dir+"/keys", address)
}

// shows fails the test unless the page at the address has the text.
func (l *lynx) shows(address, want string) {
	l.t.Helper()
	if got := l.run("-dump", address); !strings.Contains(got, want) {
		l.t.Fatalf("%s lacks %q:\n%s", address, want, got)
	}
}

// TestATextBrowserSignsInAndOut: Lynx sends a form without a named field by GET, runs no
// scripts, and follows no refresh by itself.
func TestATextBrowserSignsInAndOut(t *testing.T) {
	const follow, down = "^J", "Down Arrow"
	l, s := newLynx(t), newSite(t, "", false)
	l.shows(s.url+"/", "Hello, stranger")
	// The consent page has a field for each account, the chosen one first, and then the button.
	// The callback's page has the link to the private page.
	keys := slices.Repeat([]string{down}, len(s.x.Users()))
	l.press(s.url+"/private", append(keys, follow, follow)...)
	l.shows(s.url+"/", "Hello, Demo Account")
	l.press(s.url+"/auth/logout", follow)
	l.shows(s.url+"/", "Hello, stranger")
}
