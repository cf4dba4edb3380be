package probe

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestParseResolvConf(t *testing.T) {
	server := func(s string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(s), 53) }
	for _, tc := range []struct {
		name, text string
		want       resolvConf
	}{
		{"nothing", "", resolvConf{servers: []netip.AddrPort{server("127.0.0.1")}, ndots: 1}},
		{"nothing useful", "nameserver\nnameserver nobody\nsortlist 1\n# nameserver 10.0.0.1\n;nameserver 10.0.0.1\noptions ndots:x ndots:-1\n",
			resolvConf{servers: []netip.AddrPort{server("127.0.0.1")}, ndots: 1}},
		{"a pod", "search app.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5 timeout:1\n",
			resolvConf{servers: []netip.AddrPort{server("10.96.0.10")}, search: []string{"app.svc.cluster.local", "svc.cluster.local", "cluster.local"}, ndots: 5}},
		{"more servers than three", "nameserver 10.0.0.1\nnameserver 2001:db8::1\nnameserver fe80::1%eth0\nnameserver 10.0.0.4\n",
			resolvConf{servers: []netip.AddrPort{server("10.0.0.1"), server("2001:db8::1"), server("fe80::1%eth0")}, ndots: 1}},
		{"the last of search and domain", "search a b\ndomain c\noptions ndots:99\n", resolvConf{servers: []netip.AddrPort{server("127.0.0.1")}, search: []string{"c"}, ndots: 15}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			NewWithT(t).Expect(parseResolvConf([]byte(tc.text))).To(Equal(tc.want))
		})
	}
}

func TestReadResolvConf(t *testing.T) {
	g := NewWithT(t)
	conf, err := readResolvConf(filepath.Join(t.TempDir(), "missing"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(conf.servers).To(HaveLen(1), "the name server of the local machine")
	_, err = readResolvConf(t.TempDir())
	g.Expect(err).To(MatchError(ContainSubstring("read resolv.conf")))
	path := filepath.Join(t.TempDir(), "resolv.conf")
	g.Expect(os.WriteFile(path, []byte("nameserver 192.0.2.1\n"), 0o600)).To(Succeed())
	conf, err = readResolvConf(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(conf.servers[0].String()).To(Equal("192.0.2.1:53"))
}

func TestCandidates(t *testing.T) {
	conf := resolvConf{search: []string{"app.svc", "svc."}, ndots: 2}
	for _, tc := range []struct {
		name, host string
		absolute   bool
		want       []string
	}{
		{"too few dots: the search list first", "db.app", false, []string{"db.app.app.svc", "db.app.svc", "db.app"}},
		{"enough dots: as it is first", "db.app.svc", false, []string{"db.app.svc", "db.app.svc.app.svc", "db.app.svc.svc"}},
		{"a dot at the end", "db.", false, []string{"db"}},
		{"asked for as it is", "db", true, []string{"db"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			NewWithT(t).Expect(conf.candidates(tc.host, tc.absolute)).To(Equal(tc.want))
		})
	}
}
