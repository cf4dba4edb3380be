package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/e2e/lab/internal/pki"
)

func TestCertificates(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	ca, err := pki.NewAuthority(dir, "ca")
	g.Expect(err).NotTo(HaveOccurred())
	other, err := pki.NewAuthority(dir, "other")
	g.Expect(err).NotTo(HaveOccurred())
	server := pki.Request{
		File: "server", User: "system:node:node1", Groups: []string{"system:nodes"},
		Names: []string{"node1"}, Addresses: []netip.Addr{netip.MustParseAddr("2001:db8::1")},
	}
	client := pki.Request{File: "client", User: "somebody"}

	for _, row := range []struct {
		name    string
		request pki.Request
		roots   *pki.Authority
		host    string
		usage   x509.ExtKeyUsage
		wrong   string
	}{
		{"another authority's certificate is refused", server, other, "node1", x509.ExtKeyUsageServerAuth, "unknown authority"},
		{"a name that was not asked for is refused", server, ca, "node2", x509.ExtKeyUsageServerAuth, "not node2"},
		{"a client's certificate does not serve", client, ca, "", x509.ExtKeyUsageServerAuth, "incompatible key usage"},
		{"a client's certificate proves a client", client, ca, "", x509.ExtKeyUsageClientAuth, ""},
		{"a server is reached by its name", server, ca, "node1", x509.ExtKeyUsageServerAuth, ""},
		{"a server is reached by its address", server, ca, "2001:db8::1", x509.ExtKeyUsageServerAuth, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			pair, err := ca.Issue(row.request)
			g.Expect(err).NotTo(HaveOccurred())
			loaded, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
			g.Expect(err).NotTo(HaveOccurred())
			root, err := os.ReadFile(row.roots.CertFile())
			g.Expect(err).NotTo(HaveOccurred())
			roots := x509.NewCertPool()
			g.Expect(roots.AppendCertsFromPEM(root)).To(BeTrue())
			g.Expect(loaded.Leaf.Subject.CommonName).To(Equal(row.request.User))
			g.Expect(loaded.Leaf.Subject.Organization).To(Equal(row.request.Groups))

			_, err = loaded.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: row.host, KeyUsages: []x509.ExtKeyUsage{row.usage}})
			if row.wrong == "" {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(ContainSubstring(row.wrong)))
			}
		})
	}
}
