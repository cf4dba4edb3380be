package probe

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

const procNetFixture = "testdata/procnet"

func TestReadCounters(t *testing.T) {
	g := NewWithT(t)
	c, err := readCounters(procNetFixture)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c).To(Equal(Counters{
		Time:   c.Time,
		InSegs: 32847, OutRsts: 11, PassiveOpens: 2,
		ListenOverflows: 3, ListenDrops: 5, LockDroppedIcmps: 6, TCPSynRetrans: 8,
		InDatagrams: 221, NoPorts: 44, InErrors: 3,
		OutDestUnreachs: 37, InDestUnreachs: 11, OutRateLimit: 7,
		SctpOutOfBlues: 2,
	}))
}

func TestReadCountersOfThisKernel(t *testing.T) {
	g := NewWithT(t)
	before, err := readCounters("/proc/self/net")
	g.Expect(err).NotTo(HaveOccurred())
	after, err := readCounters("/proc/self/net")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(after.InSegs).To(BeNumerically(">=", before.InSegs))
}

func TestReadCountersSaysWhatIsMissingOrDamaged(t *testing.T) {
	for _, tc := range []struct {
		name, file, text, want string
	}{
		{"values of another group", "snmp", "Tcp: InSegs\nUdp: 1\n", `group "Tcp:" has 1 names, and under them are 1 values of "Udp:"`},
		{"too few values", "netstat", "TcpExt: A B\nTcpExt: 1\n", `group "TcpExt:" has 2 names, and under them are 1 values of "TcpExt:"`},
		{"names without values", "snmp", "Tcp: InSegs\n", `group "Tcp:" has names and no values`},
		{"a value that is no number", "snmp", "Tcp: InSegs\nTcp: many\n", `counter "InSegs" of group "Tcp"`},
		{"a name without value", "snmp6", "Udp6NoPorts\n", `line "Udp6NoPorts" is no name and value`},
		{"a negative value", "snmp6", "Udp6NoPorts -1\n", `counter "Udp6NoPorts"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			dir := t.TempDir()
			for _, file := range []string{"snmp", "netstat"} {
				g.Expect(os.WriteFile(filepath.Join(dir, file), nil, 0o600)).To(Succeed())
			}
			g.Expect(os.WriteFile(filepath.Join(dir, tc.file), []byte(tc.text), 0o600)).To(Succeed())
			_, err := readCounters(dir)
			g.Expect(err).To(MatchError(And(HavePrefix("read counters %q: ", filepath.Join(dir, tc.file)), ContainSubstring(tc.want))))
		})
	}
	t.Run("no tables at all", func(t *testing.T) {
		g := NewWithT(t)
		_, err := readCounters(t.TempDir())
		g.Expect(err).To(MatchError(os.ErrNotExist))
	})
	t.Run("no tables of IPv6 and SCTP, as on a kernel without them", func(t *testing.T) {
		g := NewWithT(t)
		dir := t.TempDir()
		for _, file := range []string{"snmp", "netstat"} {
			g.Expect(os.WriteFile(filepath.Join(dir, file), []byte("Udp: NoPorts\nUdp: 9\n"), 0o600)).To(Succeed())
		}
		c, err := readCounters(dir)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(c.NoPorts).To(Equal(uint64(18)))
	})
}

func TestCountersSince(t *testing.T) {
	g := NewWithT(t)
	before := Counters{InSegs: 10, NoPorts: 3, OutRsts: 9}
	after := Counters{InSegs: 14, NoPorts: 4, OutRsts: 2}
	g.Expect(after.Since(before)).To(Equal(Counters{InSegs: 4, NoPorts: 1}), "a counter that shrank adds nothing")
	g.Expect(before).To(Equal(Counters{InSegs: 10, NoPorts: 3, OutRsts: 9}), "the operands keep their values")
}

func FuzzParseCounters(f *testing.F) {
	for _, name := range []string{"snmp", "netstat", "snmp6"} {
		text, err := os.ReadFile(filepath.Join(procNetFixture, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c Counters
		parsePairedTable(text, c.fields())
		parseListTable(text, c.fields())
	})
}
