package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/xsignin/xsignin/examples/internal/demo"
	"github.com/xsignin/xsignin/xtest"
)

// asProcess makes this test's binary the application.
const asProcess = "XSIGNIN_EXAMPLE_APP"

func TestMain(m *testing.M) {
	if as := os.Getenv(asProcess); as != "" {
		if as == "reencrypt" {
			os.Args = append(os.Args[:1], as)
		}
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// instance is the application in a separate process.
type instance struct {
	*testing.T
	cmd *exec.Cmd
	out *bufio.Scanner
	log string // the file of its standard error
	// at is its address, once it is ready, and said the line with that address.
	at, said string
}

// begin starts an instance in a directory and does not wait until it is ready.
func begin(t *testing.T, dir string, env ...string) *instance {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM, which ends the processes of this test")
	}
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{T: t, cmd: exec.Command(bin)}
	i.cmd.Dir = dir
	i.cmd.Env = clean(append([]string{asProcess + "=1", "ADDR=127.0.0.1:0"}, env...)...)
	log, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	i.cmd.Stderr, i.log = log, log.Name()
	out, err := i.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	i.out = bufio.NewScanner(out)
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = i.cmd.Process.Kill()
		_ = i.cmd.Wait()
	})
	return i
}

// ready waits until the instance serves browsers.
func (i *instance) ready() *instance {
	i.Helper()
	if !i.out.Scan() || !strings.HasPrefix(i.out.Text(), "Ready: ") {
		_ = i.cmd.Wait()
		i.Fatalf("did not start: %q\n%s", i.out.Text(), i.logged())
	}
	i.said = i.out.Text()
	i.at, _, _ = strings.Cut(strings.TrimPrefix(i.said, "Ready: "), ",")
	if _, at, ok := strings.Cut(i.said, ", listening at "); ok {
		i.at, _, _ = strings.Cut(at, ",")
	}
	return i
}

func launch(t *testing.T, dir string, env ...string) *instance {
	t.Helper()
	return begin(t, dir, env...).ready()
}

// kill ends the instance like a power failure.
func (i *instance) kill() {
	i.Helper()
	if err := i.cmd.Process.Kill(); err != nil {
		i.Fatal(err)
	}
	_ = i.cmd.Wait()
}

// ends waits until an instance that does not serve has ended, and returns its log.
func (i *instance) ends(code int) string {
	i.Helper()
	_ = i.cmd.Wait()
	if got := i.cmd.ProcessState.ExitCode(); got != code {
		i.Errorf("status %d, not %d", got, code)
	}
	return i.logged()
}

func (i *instance) logged() string {
	i.Helper()
	b, err := os.ReadFile(i.log)
	if err != nil {
		i.Fatal(err)
	}
	return string(b)
}

// credentials are the variables for an application with an X in another process.
func credentials(x string) []string {
	return []string{
		"X_API_URL=" + x, "X_AUTHORIZE_URL=" + x + "/i/oauth2/authorize",
		"X_CLIENT_ID=" + xtest.DefaultClientID, "X_CLIENT_SECRET=" + xtest.DefaultClientSecret,
		"X_CONSUMER_KEY=" + xtest.DefaultConsumerKey, "X_CONSUMER_SECRET=" + xtest.DefaultConsumerSecret,
	}
}

// outsideX is an X that runs longer than the application, and its credentials.
func outsideX(t *testing.T, public string) (*xtest.Server, []string) {
	t.Helper()
	x := xtest.NewServer(xtest.Config{Callbacks: []string{public + callbackPath}, Users: demo.Users()})
	demo.Mount(x.X)
	t.Cleanup(x.Close)
	return x, append(credentials(x.URL), "PUBLIC_URL="+public)
}

// sqliteIn is the variable for a database file in a directory.
func sqliteIn(dir string) string {
	return "DATABASE_URL=sqlite://" + filepath.ToSlash(filepath.Join(dir, "app.db"))
}

// signedIn checks that the session and the tokens work, with a call to X.
func (b *browser) signedIn(protocol string) {
	b.Helper()
	b.get("/me").want(200, "@nora_lindqvist", protocol)
	b.get("/timeline").want(200, "coffee")
}

var endings = []struct {
	name string
	end  func(*instance)
}{
	{"SIGTERM", func(i *instance) { terminate(i.T, i.cmd) }},
	{"SIGKILL", (*instance).kill},
	{"SIGINT", func(i *instance) {
		if err := i.cmd.Process.Signal(syscall.SIGINT); err != nil {
			i.Fatal(err)
		}
		if err := i.cmd.Wait(); err != nil {
			i.Errorf("after SIGINT: %v", err)
		}
	}},
}
