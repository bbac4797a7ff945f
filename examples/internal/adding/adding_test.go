package adding_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"html"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// most is the number of lines that a sign-in may add.
const most = 12

// programs are the directories, with their headings on the page.
var programs = []struct{ dir, title string }{{"stdlib", "net/http"}, {"chi", "chi"}, {"echo", "echo"}, {"gin", "gin"}}

// TestThePageShowsTheDifference checks that each diff on the page turns the program before into
// the program after, and that it adds few lines.
func TestThePageShowsTheDifference(t *testing.T) {
	page := read(t, filepath.Join("..", "..", "..", "docs", "adding-sign-in.md"))
	blocks := regexp.MustCompile("(?s)\n## ([^\n]+)\n\n(?:[^\n`#][^\n]*\n\n)?```diff\n(.*?)```\n").FindAllStringSubmatch(page, -1)
	if len(blocks) != len(programs) || strings.Count(page, "```diff") != len(programs) {
		t.Fatalf("the page shows %d differences, want %d", len(blocks), len(programs))
	}
	for i, p := range programs {
		if blocks[i][1] != p.title {
			t.Errorf("%s stands where %s belongs", blocks[i][1], p.title)
		}
		var before, after strings.Builder
		added := 0
		for line := range strings.Lines(blocks[i][2]) {
			switch rest := strings.TrimPrefix(line[1:], "\n"); line[0] {
			case ' ':
				before.WriteString(rest)
				after.WriteString(rest)
			case '\n':
				before.WriteString(line)
				after.WriteString(line)
			case '-':
				before.WriteString(rest)
			case '+':
				if rest == "" {
					rest = "\n"
				}
				after.WriteString(rest)
				added++
			default:
				t.Fatalf("%s: no line of a diff: %q", p.title, line)
			}
		}
		for name, shown := range map[string]string{"before": before.String(), "after": after.String()} {
			if file := read(t, filepath.Join(p.dir, name, "main.go")); shown != file {
				t.Errorf("%s, %s: the page says\n%s\nthe file says\n%s", p.title, name, shown, file)
			}
		}
		if lines := strings.Count(before.String(), "\n"); lines > 34 {
			t.Errorf("%s: the program before has %d lines", p.title, lines)
		}
		if t.Logf("%s: %d lines added", p.title, added); added > most {
			t.Errorf("%s: %d lines are added, and %d may be", p.title, added, most)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestThePrograms builds both versions. The one before greets any visitor, and the one after
// greets its user, who has signed in at a local X. The unchanged program takes that X for the
// real one.
func TestThePrograms(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the programs are led to a local X by SSL_CERT_FILE, which Go reads on Linux")
	}
	for _, p := range programs {
		t.Run(p.dir, func(t *testing.T) {
			t.Parallel()
			before := run(t, filepath.Join(p.dir, "before"))
			if status, body := get(t, &http.Client{}, before+"/hello?name=%3Cyou%3E"); status != 200 || !strings.Contains(body, "Hello, &lt;you&gt;") {
				t.Errorf("before: %d %s", status, body)
			}

			x := xtest.New(xtest.Config{Users: []xtest.User{{ID: "7", Username: "seven", Name: "Seven <7>"}}})
			xapi.Mount(x)
			proxy, ca := proxyTo(t, x)
			after := run(t, filepath.Join(p.dir, "after"), "HTTPS_PROXY="+proxy, "SSL_CERT_FILE="+ca,
				"X_CLIENT_ID="+xtest.DefaultClientID, "X_CLIENT_SECRET="+xtest.DefaultClientSecret)
			x.SetCallbacks(after + "/auth/callback")
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			b := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			if status, body := get(t, b, after+"/"); status != 200 || !strings.Contains(body, "/hello") {
				t.Errorf("the page for everybody: %d %s", status, body)
			}
			if status, _ := get(t, b, after+"/hello"); status != 303 {
				t.Errorf("a stranger: %d", status)
			}
			resp, err := x.SignIn(b, after+"/auth/login?return_to=/hello", "7")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 303 || resp.Header.Get("Location") != "/hello" {
				t.Fatalf("the callback: %s to %q", resp.Status, resp.Header.Get("Location"))
			}
			if status, body := get(t, b, after+"/hello"); status != 200 || !strings.Contains(body, "Hello, "+html.EscapeString("Seven <7>")) {
				t.Errorf("after: %d %s", status, body)
			}
		})
	}
}

// run builds and runs a program until the test ends, and returns its address.
func run(t *testing.T, dir string, env ...string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "hello")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./"+dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// The port is passed to the program, so it is chosen here.
	addr := "127.0.0.1:" + testservers.FreePort(t)
	cmd := exec.Command(bin)
	cmd.Env = append(os.Environ(), append(env, "ADDR="+addr, "GIN_MODE=release")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	// The program does not report when it listens.
	for again := time.NewTicker(20 * time.Millisecond); ; {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return "http://" + addr
		}
		select {
		case <-again.C:
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v", dir, err)
		}
	}
}

func get(t *testing.T, b *http.Client, target string) (status int, body string) {
	t.Helper()
	resp, err := b.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// proxyTo returns a proxy behind which x is api.x.com, and the file with the certificate for
// that name. The proxy reaches no other host.
func proxyTo(t *testing.T, x http.Handler) (proxy, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"api.x.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	api := httptest.NewUnstartedServer(x)
	api.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	api.StartTLS()
	t.Cleanup(api.Close)

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "api.x.com:443" {
			t.Errorf("the program calls %s %s", r.Method, r.Host)
			http.Error(w, "only X is here", http.StatusForbidden)
			return
		}
		to, err := net.Dial("tcp", api.Listener.Addr().String())
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("%v", err)
			_ = to.Close()
			return
		}
		_, _ = io.WriteString(from, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() {
			_, _ = io.Copy(to, from)
			_ = to.Close()
		}()
		_, _ = io.Copy(from, to)
		_ = from.Close()
	}))
	t.Cleanup(srv.Close)
	return srv.URL, ca
}
