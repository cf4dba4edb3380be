package probe

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestReadSockets(t *testing.T) {
	g := NewWithT(t)
	every := func(SocketRow) bool { return true }
	rows, complete, err := readSockets(procNetFixture, 100, every)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(complete).To(BeTrue())
	at := netip.MustParseAddrPort
	g.Expect(rows).To(Equal([]SocketRow{
		{TCP, SocketListening, at("0.0.0.0:8080"), netip.AddrPort{}},
		{TCP, SocketListening, at("127.0.0.1:80"), netip.AddrPort{}},
		{TCP, SocketSYNReceived, at("10.244.1.7:8080"), at("10.244.2.9:40000")},
		{TCP, SocketListening, at("[::]:443"), netip.AddrPort{}},
		{TCP, SocketSYNReceived, at("[2001:db8::7]:443"), at("[2001:db8::9]:50000")},
		{UDP, SocketListening, at("0.0.0.0:53"), netip.AddrPort{}},
	}))

	rows, complete, err = readSockets(procNetFixture, 5, every)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(rows).To(HaveLen(5))
	g.Expect(complete).To(BeFalse(), "a row was left out")
}

func TestReadSocketsOfThisKernel(t *testing.T) {
	g := NewWithT(t)
	_, complete, err := readSockets("/proc/self/net", 1<<20, func(SocketRow) bool { return true })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(complete).To(BeTrue())
}

func TestParseSocketsSaysWhatIsDamaged(t *testing.T) {
	for _, tc := range []struct {
		name, row, want string
	}{
		{"a row that ends early", "0: 00000000:1F90", `row "0: 00000000:1F90" has no state`},
		{"an address without port", "0: 00000000 00000000:0000 0A", `local address "00000000": it has no port`},
		{"an address of five bytes", "0: 0000000000:1F90 00000000:0000 0A", `local address "0000000000:1F90": it has 5 bytes`},
		{"an address that is not hexadecimal", "0: 0000000x:1F90 00000000:0000 0A", `local address "0000000x:1F90": `},
		{"a port that is too large", "0: 00000000:1F90 00000000:10000 03", `remote address "00000000:10000": `},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			err := parseSockets("heading\n"+tc.row+"\n", TCP, func(SocketRow) {})
			g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
		})
	}
}

func FuzzParseSockets(f *testing.F) {
	for _, name := range []string{"tcp", "tcp6", "udp"} {
		text, err := os.ReadFile(filepath.Join(procNetFixture, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		parseSockets(text, TCP, func(row SocketRow) {
			if !row.Local.IsValid() || row.State == SocketSYNReceived && !row.Remote.IsValid() {
				t.Errorf("row without address: %+v", row)
			}
		})
	})
}
