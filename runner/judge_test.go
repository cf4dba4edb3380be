package runner

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

func TestJudge(t *testing.T) {
	proven := &Control{Kind: "before", Cell: "c", Proven: true, Observed: probe.Connected}
	otherPort := &Control{Kind: "other-port", Cell: "c", Proven: true, Observed: probe.Connected}
	unproven := &Control{Kind: "before", Cell: "c", Observed: probe.Timeout}
	result := func(reading probe.Reading) finding {
		return finding{answer: answer{asked: true, result: probe.Result{Reading: reading}}}
	}
	silence := probe.Reading{Outcome: probe.Timeout, Where: probe.WhereForward}
	connected := probe.Reading{Outcome: probe.Connected}
	unanswered := result(probe.Reading{Outcome: probe.Timeout, Inconclusive: true, ErrorProbability: 1e-8})
	disturbed := result(silence)
	disturbed.disturbed = "restarted"
	disturbedOpen := result(connected)
	disturbedOpen.disturbed = "restarted"
	dns := func(code probe.DNSCode) finding {
		f := result(probe.Reading{Outcome: probe.DNSFailure})
		f.result.Queries = []probe.Query{{Code: code}}
		return f
	}
	counted := result(probe.Reading{Outcome: probe.Refused, Origin: probe.OriginPod})
	counted.destination = &probe.Destination{Quiet: true, OutRsts: 1}
	pod, udp := scenarios.EndpointPod, corev1.ProtocolUDP
	rows := map[string]struct {
		expected scenarios.Expected
		to       scenarios.EndpointKind
		protocol corev1.Protocol
		found    finding
		control  *Control
		mark     Mark
	}{
		"what nobody asked is an error, also where a block is expected":      {expected: scenarios.Blocked, to: pod, found: finding{answer: answer{failure: "pod gone"}}, control: proven, mark: MarkError},
		"what could not be asked is an error":                                {expected: scenarios.Blocked, to: pod, found: result(probe.Reading{Outcome: probe.Error}), control: proven, mark: MarkError},
		"a protocol that the kernel lacks proves nothing":                    {expected: scenarios.Blocked, to: pod, found: result(probe.Reading{Outcome: probe.Unsupported}), control: proven, mark: MarkInconclusive},
		"a block without a control is inconclusive":                          {expected: scenarios.Blocked, to: pod, found: result(silence), mark: MarkInconclusive},
		"a block whose control failed is inconclusive":                       {expected: scenarios.Blocked, to: pod, found: result(silence), control: unproven, mark: MarkInconclusive},
		"silence of a pod that was disturbed is an error":                    {expected: scenarios.Blocked, to: pod, found: disturbed, control: proven, mark: MarkError},
		"silence on the way back is no block":                                {expected: scenarios.Blocked, to: pod, found: result(probe.Reading{Outcome: probe.Timeout, Where: probe.WhereReturn}), control: proven, mark: MarkFail},
		"silence at a full backlog is no block":                              {expected: scenarios.Blocked, to: pod, found: result(probe.Reading{Outcome: probe.Timeout, Where: probe.WhereDestination}), control: proven, mark: MarkFail},
		"a refusal of unknown origin is no block yet":                        {expected: scenarios.Blocked, to: pod, found: result(probe.Reading{Outcome: probe.Refused, Origin: probe.OriginUnknown}), control: proven, mark: MarkInconclusive},
		"a refusal that the pod itself counted in a quiet round is no block": {expected: scenarios.Blocked, to: pod, found: counted, control: proven, mark: MarkFail},
		"a refusal of unknown origin is none of the pod's either":            {expected: "refused", to: pod, found: result(probe.Reading{Outcome: probe.Refused, Origin: probe.OriginUnknown}), mark: MarkInconclusive},
		"silence where a connection is expected fails":                       {expected: "connected", to: pod, found: result(silence), mark: MarkFail},
		"another pod that answers fails":                                     {expected: "connected", to: pod, found: result(probe.Reading{Outcome: probe.WrongResponder}), mark: MarkFail},
		"a connection where a block is expected fails":                       {expected: scenarios.Blocked, to: pod, found: result(connected), control: proven, mark: MarkFail},
		"a stall where a block is expected fails":                            {expected: scenarios.Blocked, to: pod, found: result(probe.Reading{Outcome: probe.Stalled}), control: proven, mark: MarkFail},
		"silence that loss explains proves nothing":                          {expected: "connected", to: pod, found: result(probe.Reading{Outcome: probe.Timeout, Inconclusive: true}), mark: MarkInconclusive},
		"UDP silence of a stranger proves nothing by another port":           {expected: scenarios.Blocked, to: scenarios.EndpointExternal, protocol: udp, found: unanswered, control: otherPort, mark: MarkInconclusive},
		"UDP silence of a stranger who answered before is a block":           {expected: scenarios.Blocked, to: scenarios.EndpointExternal, protocol: udp, found: unanswered, control: proven, mark: MarkPass},
		"an answer of the DNS that the name is unknown is no block":          {expected: scenarios.Blocked, to: scenarios.EndpointDNS, found: dns(probe.DNSNXDomain), control: proven, mark: MarkFail},
		"a DNS in trouble is no block":                                       {expected: scenarios.Blocked, to: scenarios.EndpointDNS, found: dns(probe.DNSServFail), control: proven, mark: MarkFail},
		"a silent DNS is blocked":                                            {expected: scenarios.Blocked, to: scenarios.EndpointDNS, found: dns(probe.DNSTimeout), control: proven, mark: MarkPass},
		"a cell that is left to the plugin is not judged":                    {expected: scenarios.Any, to: pod, found: result(silence), mark: MarkUnjudged},
		"a pod that was disturbed and connects as it should passes":          {expected: "connected", to: pod, found: disturbedOpen, mark: MarkPass},
		"silence where a block is expected passes with its control":          {expected: scenarios.Blocked, to: pod, found: result(silence), control: proven, mark: MarkPass},
		"a rejection where a block is expected passes with its control":      {expected: scenarios.Blocked, to: pod, found: result(probe.Reading{Outcome: probe.Rejected}), control: proven, mark: MarkPass},
		"a refusal of the pod passes where it is expected":                   {expected: "refused", to: pod, found: result(probe.Reading{Outcome: probe.Refused, Origin: probe.OriginPod}), mark: MarkPass},
		"silence with another port as the control passes for a pod of ours":  {expected: scenarios.Blocked, to: pod, found: result(silence), control: otherPort, mark: MarkPass},
		"a closed port that a filter speaks for is doubtful before evidence": {expected: scenarios.Blocked, to: pod, found: result(probe.Reading{Outcome: probe.Refused, Origin: probe.OriginPod}), control: proven, mark: MarkInconclusive},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			protocol := row.protocol
			if protocol == "" {
				protocol = corev1.ProtocolTCP
			}
			cell := scenarios.Cell{To: scenarios.Endpoint{Kind: row.to, Name: "x"}, Protocol: protocol, Expected: row.expected}
			judged := judge(cell, row.found, row.control)
			g.Expect(judged.mark).To(Equal(row.mark), judged.why)
			if row.mark != MarkPass && row.mark != MarkUnjudged && row.found.result.Outcome != probe.Error && row.found.result.Outcome != probe.Unsupported {
				g.Expect(judged.why).NotTo(BeEmpty())
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	good := []ScenarioResult{{Mark: MarkPass}}
	rows := map[string]struct {
		report Report
		code   int
	}{
		"something is left and it was interrupted": {Report{Interrupted: true, CleanUp: CleanUp{Leftovers: []Leftover{{}}}}, ExitLeftovers},
		"it was interrupted after a failure":       {Report{Interrupted: true, Counts: Counts{Fail: 1}}, ExitInconclusive},
		"a failure beside errors":                  {Report{Scenarios: good, Counts: Counts{Fail: 1, Error: 1}}, ExitMismatch},
		"an error":                                 {Report{Scenarios: good, Counts: Counts{Pass: 3, Error: 1}}, ExitInconclusive},
		"an inconclusive cell":                     {Report{Scenarios: good, Counts: Counts{Pass: 3, Inconclusive: 1}}, ExitInconclusive},
		"a scenario that could not go on":          {Report{Scenarios: []ScenarioResult{{Error: "x"}}}, ExitInconclusive},
		"everything was skipped":                   {Report{Skipped: []Skipped{{}}}, ExitInconclusive},
		"all is as expected":                       {Report{Scenarios: good, Counts: Counts{Pass: 3, Unjudged: 1}}, ExitAsExpected},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(row.report.ExitCode()).To(Equal(row.code)) })
	}
}
