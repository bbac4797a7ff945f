package proxies

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
)

// proxy is a kind of proxy.
type proxy struct {
	name, debian string
	file         string // in docs/deploy
	// edits replaces what differs between machines: pairs of old and new text. Each old text
	// must be in the file.
	edits func(dir string) []string
	// command returns the program in the foreground.
	command func(bin, config, dir string) *exec.Cmd
}

var allProxies = []proxy{
	{
		name: "nginx", debian: "nginx-light", file: "nginx.conf",
		edits: func(dir string) []string {
			return []string{
				"user www-data;\n", "",
				"/var/log/nginx/access.log", dir + "/access.log",
				"/var/log/nginx/error.log", "stderr",
				"http {\n", "http {\n" + nginxPaths(dir),
			}
		},
		command: func(bin, config, dir string) *exec.Cmd {
			return exec.Command(bin, "-p", dir, "-c", config, "-e", "stderr", "-g", "daemon off; master_process off; pid "+dir+"/pid;")
		},
	},
	{
		name: "haproxy", debian: "haproxy", file: "haproxy.cfg",
		edits: func(string) []string {
			return []string{"\tuser haproxy\n\tgroup haproxy\n", "", "log /dev/log local0", "log stdout format raw local0"}
		},
		command: func(bin, config, _ string) *exec.Cmd { return exec.Command(bin, "-db", "-f", config) },
	},
	{
		name: "caddy", debian: "caddy", file: "Caddyfile",
		edits: func(dir string) []string {
			return []string{"\tadmin off\n", "\tadmin off\n\tauto_https disable_redirects\n\tdefault_sni 127.0.0.1\n\tstorage file_system " + dir + "\n"}
		},
		command: func(bin, config, dir string) *exec.Cmd {
			cmd := exec.Command(bin, "run", "--adapter", "caddyfile", "--config", config)
			cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			return cmd
		},
	},
	{
		name: "apache2", debian: "apache2", file: "apache.conf",
		edits: func(dir string) []string {
			return []string{"# Apache 2.4 in front", apacheMain(dir) + "# Apache 2.4 in front", "${APACHE_LOG_DIR}", dir}
		},
		command: func(bin, config, _ string) *exec.Cmd { return exec.Command(bin, "-DFOREGROUND", "-f", config) },
	},
}

// apacheMain does what Debian's main configuration does, for the modules that the file names.
func apacheMain(dir string) string {
	var b strings.Builder
	for _, name := range []string{
		"mpm_event", "authz_core", "ssl", "socache_shmcb", "http2", "proxy", "proxy_http", "proxy_balancer",
		"lbmethod_byrequests", "slotmem_shm", "headers", "alias",
	} {
		b.WriteString("LoadModule " + name + "_module /usr/lib/apache2/modules/mod_" + name + ".so\n")
	}
	b.WriteString("ServerName 127.0.0.1\nErrorLog /dev/stderr\n")
	b.WriteString("PidFile " + dir + "/pid\nDefaultRuntimeDir " + dir + "\n")
	if os.Geteuid() == 0 {
		b.WriteString("User www-data\nGroup www-data\n")
	}
	return b.String()
}

// nginxPaths are settings for the directories that Debian compiles into nginx.
func nginxPaths(dir string) string {
	var b strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		b.WriteString("\t" + kind + "_temp_path " + dir + "/" + kind + ";\n")
	}
	return b.String()
}

// deployment is a proxy with three replicas of one application and one replica of a second
// application.
type deployment struct {
	t        *testing.T
	x        *xtest.X
	public   string
	config   string // the proxy's file
	dir      string
	setups   []setup
	replicas []*process
	proxy    *process
	// transport trusts the proxy's certificate and speaks HTTP/2.
	transport *http.Transport
}

// deploy starts a proxy with replicas that share a store.
func deploy(t *testing.T, p proxy, store string) *deployment {
	t.Helper()
	bin := program(t, p.name, p.debian)
	ports := freePorts(t, 6)
	d := &deployment{t: t, public: "https://127.0.0.1:" + ports[0], dir: t.TempDir()}
	d.x = xtest.New(xtest.Config{Users: users(), Callbacks: []string{d.public + "/auth/callback", d.public + "/shop/auth/callback"}})
	d.x.SetRateLimit("GET /2/users/me", 1<<30)
	x := httptest.NewServer(d.x)
	t.Cleanup(x.Close)
	for i := range 4 {
		s := setup{Addr: "127.0.0.1:" + ports[2+i], PublicURL: d.public, X: x.URL, Store: store}
		if i == 3 {
			s.PublicURL, s.CookieName = d.public+"/shop", "shop"
		}
		d.setups = append(d.setups, s)
		d.replicas = append(d.replicas, startReplica(t, s))
	}
	d.transport = d.certificate()
	t.Cleanup(d.transport.CloseIdleConnections)
	d.config = d.write(p, ports)
	cmd := p.command(bin, d.config, d.dir)
	d.proxy = begin(t, cmd)
	d.proxy.awaitPort("127.0.0.1:" + ports[0])
	return d
}

// write writes the proxy's configuration with the machine's ports and paths.
func (d *deployment) write(p proxy, ports []string) string {
	d.t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "deploy", p.file))
	if err != nil {
		d.t.Fatal(err)
	}
	pairs := append(p.edits(d.dir),
		"127.0.0.1:8081", d.setups[0].Addr, "127.0.0.1:8082", d.setups[1].Addr, "127.0.0.1:8083", d.setups[2].Addr,
		"127.0.0.1:8090", d.setups[3].Addr, "/etc/ssl/example.com", d.dir,
	)
	switch p.name {
	case "nginx":
		pairs = append(pairs, "listen 80;", "listen 127.0.0.1:"+ports[1]+";", "listen 443 ", "listen 127.0.0.1:"+ports[0]+" ")
	case "haproxy":
		pairs = append(pairs, "bind :80\n", "bind 127.0.0.1:"+ports[1]+"\n", "bind :443 ", "bind 127.0.0.1:"+ports[0]+" ")
	case "apache2":
		for i, port := range []string{"443", "80"} {
			pairs = append(pairs, "<VirtualHost *:"+port+">", "Listen 127.0.0.1:"+ports[i]+"\n<VirtualHost 127.0.0.1:"+ports[i]+">")
		}
	case "caddy":
		pairs = append(pairs, "\nexample.com {\n", "\n"+d.public+" {\n\tbind 127.0.0.1\n")
	}
	text := string(b)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			d.t.Fatalf("%s does not contain %q", p.file, pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	file := filepath.Join(d.dir, p.file)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return file
}

// certificate creates the files of a certificate for 127.0.0.1, and a transport that trusts it.
func (d *deployment) certificate() *http.Transport {
	d.t.Helper()
	chain, private := testservers.Certificate(d.t, d.dir)
	if err := os.WriteFile(filepath.Join(d.dir, "haproxy.pem"), append(chain, private...), 0o600); err != nil {
		d.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(chain)
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 100}
}

// browser returns a new browser of a visitor.
func (d *deployment) browser() *testkit.Browser {
	return testkit.NewBrowser(d.t, d.x, d.public, d.transport)
}

// users are the accounts at X.
func users() []xtest.User {
	all := []xtest.User{{ID: xtest.DefaultUserID, Username: "demo"}}
	for i := range 24 {
		all = append(all, xtest.User{ID: userID(i), Username: fmt.Sprint("user", i)})
	}
	return all
}

func userID(i int) string { return fmt.Sprint(1001 + i) }
