package clients

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// The addresses of the applications in which the clients run. Nothing listens there.
const (
	site     = "http://localhost:3000"
	callback = site + "/auth/callback/twitter"
)

// localX is a local X behind X's own names, by TLS.
type localX struct {
	*xtest.X
	api  *xapi.API
	addr string
	root []byte // the certificate that clients have to trust, as PEM
}

func startX(t *testing.T) *localX {
	t.Helper()
	x := &localX{X: xtest.New(xtest.Config{Callbacks: []string{callback, site + "/better/callback/twitter"}})}
	x.api = xapi.Mount(x.X)
	srv := httptest.NewUnstartedServer(x)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{x.certify(t)}}
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	x.addr = srv.Listener.Addr().String()
	return x
}

// certify makes a certificate for X's hosts that signs itself.
func (x *localX) certify(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the local X"},
		DNSNames:  []string{"api.x.com", "x.com", "upload.x.com", "api.twitter.com", "twitter.com", "upload.twitter.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	x.root = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// environment is what leads a client here.
func (x *localX) environment(t *testing.T) []string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, x.root, 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(map[string]string{
		"clientId": xtest.DefaultClientID, "clientSecret": xtest.DefaultClientSecret,
		"consumerKey": xtest.DefaultConsumerKey, "consumerSecret": xtest.DefaultConsumerSecret,
	})
	if err != nil {
		t.Fatal(err)
	}
	lib, err := filepath.Abs("python")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(x.addr)
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"X_KEYS=" + string(keys), "X_PORT=" + port, "X_CALLBACK=" + callback,
		"NODE_EXTRA_CA_CERTS=" + root, "REQUESTS_CA_BUNDLE=" + root, "PYTHONPATH=" + lib, "PYTHONDONTWRITEBYTECODE=1",
		"BETTER_AUTH_TELEMETRY=0", "HTTPS_PROXY=", "https_proxy=", "HTTP_PROXY=", "http_proxy=",
		// Their callbacks are http addresses of this machine, which oauthlib takes only then.
		"OAUTHLIB_INSECURE_TRANSPORT=1", "OAUTHLIB_RELAX_TOKEN_SCOPE=1",
	}
}
