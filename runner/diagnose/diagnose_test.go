package diagnose_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/runner/diagnose/identity"
	"github.com/podknock/podknock/scenarios/policy"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

func TestNothingIsAccusedWhereNothingIsWrong(t *testing.T) {
	for _, row := range []struct {
		name string
		make func(w *world)
	}{
		{"no policy, connected", func(w *world) { w.wire(pod, source, connected) }},
		{"no policy, connected as wanted", func(w *world) { w.connected(); w.wire(pod, source, connected) }},
		{"denied, blocked as wanted", func(w *world) { w.blocked(); w.policy("shop", "deny", denyAll); w.wire(pod, source, timeout) }},
		{"denied aloud, as wanted", func(w *world) {
			w.blocked()
			w.policy("shop", "deny", denyAll)
			w.wire(pod, source, probe.Rejected)
		}},
		{"admitted, connected", func(w *world) { w.policy("shop", "db", fromWeb); w.wire(pod, source, connected) }},
		{"left to the plugin, connected", func(w *world) {
			w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]}`)
			w.wire(pod, source, connected)
		}},
		{"by a Service that is served", func(w *world) { w.toService(); w.wire(target, source, connected) }},
		{"policies of another API, and all as the policies say", func(w *world) {
			w.Snapshot.Others = []diagnose.OtherPolicy{{Kind: "CiliumNetworkPolicy", Namespace: "shop", Name: "x", Selects: []diagnose.PodSelection{{}}}}
			w.wire(pod, source, connected)
		}},
		{"a mesh, and connected", func(w *world) {
			w.pod("db").Spec.Containers[0].Name = "istio-proxy"
			w.wire(pod, source, connected)
		}},
		{"connected, and the other end could not be read", func(w *world) {
			w.connected()
			w.Snapshot.Partial = true
			w.Question.To, w.Question.Pod = policy.Address(netip.MustParseAddr("10.2.0.9")), policy.Endpoint{}
			w.policy("shop", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}]}`)
			w.wire(target, source, connected)
		}},
		{"static, admitted as wanted", func(w *world) { w.connected(); w.Asked = false; w.policy("shop", "db", fromWeb) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			row.make(w)
			report := w.diagnose()
			g.Expect(report.Findings).To(BeEmpty())
			report.Static = !w.Asked
			g.Expect(report.ExitCode()).To(Equal(runner.ExitAsExpected))
		})
	}
}

func TestExitCodes(t *testing.T) {
	for _, row := range []struct {
		name string
		make func(w *world)
		left bool
		want int
	}{
		{"something is left behind", func(w *world) { w.wire(pod, source, connected) }, true, runner.ExitLeftovers},
		{"the wire could not be asked", func(w *world) { w.Asked = false }, false, runner.ExitInconclusive},
		{"wire and policies differ", func(w *world) { w.wire(pod, source, timeout) }, false, runner.ExitMismatch},
		{"they agree, and it is not as wanted", func(w *world) { w.blocked(); w.wire(pod, source, connected) }, false, runner.ExitMismatch},
		{"refused, and connected was wanted", func(w *world) { w.connected(); w.wire(pod, source, probe.Refused) }, false, runner.ExitMismatch},
		{"refused, and nothing was wanted", func(w *world) { w.wire(pod, source, probe.Refused) }, false, runner.ExitAsExpected},
		{"blocked as the policies say, and nothing was wanted", func(w *world) { w.policy("shop", "deny", denyAll); w.wire(pod, source, timeout) }, false, runner.ExitAsExpected},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			row.make(w)
			report := w.diagnose()
			if row.left {
				report.Left = []runner.Leftover{{Kind: "Pod", Name: "x"}}
			}
			NewWithT(t).Expect(report.ExitCode()).To(Equal(row.want))
		})
	}
}

// samples are reports for the golden files.
var samples = []struct {
	name string
	make func(w *world)
}{
	{"denied", func(w *world) {
		w.connected()
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: wbe}}}], ports: [{port: 5432}]}]}`)
		w.doubles()
		w.Doubles[3].Identity = identity.Identity{
			Way: identity.WayTolerated, Labels: map[string]string{"app": "db"}, Tolerated: []identity.Tolerated{{Object: "Service shop/db", Reason: "the pod never becomes Ready"}},
		}
		w.wire(pod, source, timeout).Result.Reason = "no answer to 8 SYNs in 2s and 2 rounds: dropped, or address gone"
		w.wire(double, source, timeout)
		w.wire(diagnose.WayClosed, source, timeout)
		w.wire(pod, control, timeout)
	}},
	{"not-enforced", func(w *world) {
		w.policy("shop", "deny", denyAll)
		w.Snapshot.Others = []diagnose.OtherPolicy{{APIVersion: "cilium.io/v2", Kind: "CiliumNetworkPolicy", Namespace: "shop", Name: "x", Selects: []diagnose.PodSelection{{}}}}
		w.Snapshot.Unread = []diagnose.Unread{{What: "nodes", Why: "forbidden"}}
		w.wire(pod, source, connected)
		w.Canary = map[string]diagnose.CanaryResult{"node-1": diagnose.CanaryOpen, "node-2": diagnose.CanaryOpen}
	}},
	{"healthy", func(w *world) {
		w.toService()
		w.policy("shop", "db", fromWeb)
		w.lookup("10.96.0.10", false, probe.DNSNoError)
		w.wire(target, source, connected)
		w.wire(pod, source, connected)
	}},
	{"unread", func(w *world) {
		w.connected()
		w.Snapshot.Partial = true
		w.Snapshot.Unread = []diagnose.Unread{{What: "pods elsewhere than in shop", Why: "forbidden"}}
		w.Question.To, w.Question.Pod, w.Question.PodPort, w.Question.Name = policy.Endpoint{}, policy.Endpoint{}, 0, "api.other"
		w.lookup("10.96.0.10", false, probe.DNSNoError)
		w.Knocks[0].Result.Queries[0].Addresses = []netip.Addr{netip.MustParseAddr("10.96.0.99")}
		w.wire(diagnose.WayName, source, timeout)
	}},
	{"unknown-name", func(w *world) {
		w.Question.To, w.Question.Pod, w.Question.PodPort, w.Question.Name = policy.Endpoint{}, policy.Endpoint{}, 0, "api.example.com"
		w.lookup("10.96.0.10", false, probe.DNSNXDomain)
		w.wire(diagnose.WayName, source, probe.DNSFailure)
	}},
}

func TestTextLooksAsInTheGoldenFiles(t *testing.T) {
	for _, row := range samples {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			row.make(w)
			golden(t, row.name+".txt", diagnose.Text(w.diagnose()))
		})
	}
}

// TestJSONLooksAsInTheGoldenFiles renders the same reports as JSON, and reads them back, strictly: nothing is lost.
func TestJSONLooksAsInTheGoldenFiles(t *testing.T) {
	for _, row := range samples {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			row.make(w)
			first, err := w.diagnose().JSON()
			g.Expect(err).NotTo(HaveOccurred())
			golden(t, row.name+".json", string(first))
			decoder := json.NewDecoder(bytes.NewReader(first))
			decoder.DisallowUnknownFields()
			var again diagnose.Report
			g.Expect(decoder.Decode(&again)).To(Succeed())
			second, err := again.JSON()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(second).To(MatchJSON(first))
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	g := NewWithT(t)
	path := filepath.Join("testdata", file)
	if *update {
		g.Expect(os.WriteFile(path, []byte(got), 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(got).To(Equal(string(want)), "if the change is meant, run go test ./runner/diagnose -update and read the difference")
}
