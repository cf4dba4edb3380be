package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// validity is how long a lab's certificates last: longer than any lab.
const validity = 365 * 24 * time.Hour

// Authority signs certificates and stores them, with their keys, as PEM files
// in one directory.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Pair is where a certificate and its key are stored.
type Pair struct{ Cert, Key string }

// NewAuthority makes an authority and stores it as NAME.crt and NAME.key.
func NewAuthority(dir, name string) (*Authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(validity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make authority %q: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make authority %q: %w", name, err)
	}
	a := &Authority{dir: dir, cert: cert, key: key}
	if _, err := a.store(name, der, key); err != nil {
		return nil, err
	}
	return a, nil
}

// CertFile is where the authority's own certificate is stored.
func (a *Authority) CertFile() string {
	return filepath.Join(a.dir, a.cert.Subject.CommonName+".crt")
}

// KeyFile is where the authority's own key is stored.
func (a *Authority) KeyFile() string {
	return filepath.Join(a.dir, a.cert.Subject.CommonName+".key")
}

// Request says what a certificate is for.
type Request struct {
	// File names the stored pair; two requests never share one.
	File string
	// User and Groups are the subject: its common name and organizations.
	User   string
	Groups []string
	// Names and Addresses are what a server is reached by. A request that has
	// any gets a certificate for servers as well as for clients.
	Names     []string
	Addresses []netip.Addr
}

// Issue signs a certificate for a new key and stores both.
func (a *Authority) Issue(r Request) (Pair, error) {
	key, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return Pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: r.User, Organization: r.Groups},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		DNSNames:     r.Names,
	}
	for _, address := range r.Addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(address.AsSlice()))
	}
	if len(r.Names)+len(r.Addresses) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("issue certificate %q: %w", r.File, err)
	}
	return a.store(r.File, der, key)
}

func (a *Authority) store(name string, der []byte, key *ecdsa.PrivateKey) (Pair, error) {
	pair := Pair{Cert: filepath.Join(a.dir, name+".crt"), Key: filepath.Join(a.dir, name+".key")}
	if err := writePEM(pair.Cert, "CERTIFICATE", der); err != nil {
		return Pair{}, err
	}
	return pair, writeKey(pair.Key, key)
}

// ServiceAccountKey stores a key pair for signing service account tokens, as
// NAME.key and NAME.pub.
func ServiceAccountKey(dir, name string) (private, public string, err error) {
	key, err := newKey()
	if err != nil {
		return "", "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", "", err
	}
	private, public = filepath.Join(dir, name+".key"), filepath.Join(dir, name+".pub")
	if err := writeKey(private, key); err != nil {
		return "", "", err
	}
	return private, public, writePEM(public, "PUBLIC KEY", der)
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path, "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
