package testservers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificate writes a self-signed certificate for 127.0.0.1 to fullchain.pem in dir, and its key
// to privkey.pem. It returns the content of both files.
func Certificate(t T, dir string) (chain, private []byte) {
	t.Helper()
	key, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err2 := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	b, err3 := x509.MarshalPKCS8PrivateKey(key)
	chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})
	err4 := os.WriteFile(filepath.Join(dir, "fullchain.pem"), chain, 0o600)
	err5 := os.WriteFile(filepath.Join(dir, "privkey.pem"), private, 0o600)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatalf("testservers: %v", err)
	}
	return chain, private
}
