package history

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/verify"
)

// aVerification found that exceptions of ipBlocks are ignored, and that a path fails.
func aVerification() *verify.Report {
	return &verify.Report{
		Run: "rnight2", Counts: runner.Counts{Pass: 40, Fail: 3},
		Headline: verify.Headline{Conclusion: verify.ConcludedDefective, Text: "Policies are enforced, with a defect: the engine ignores the exceptions of an ipBlock."},
		Axes: []verify.AxisResult{
			{Axis: "egress", Judgement: verify.Partly, Follows: "ignores-except"},
			{Axis: "ip-block-except", Judgement: verify.NotEnforced, Headline: true},
			{Axis: "sctp", Judgement: verify.NotSupported, Why: "EPROTONOSUPPORT"},
			{Axis: "udp", Judgement: verify.Enforced},
		},
		Path: verify.Path{Pairs: []verify.PathPair{
			{From: "node1", To: "node2", Way: verify.WayPodIP, Protocol: "TCP", Family: "IPv4", Status: verify.StatusPass},
			{From: "node1", Way: verify.WayClusterIP, Protocol: "UDP", Family: "IPv4", Size: 1400, Status: verify.StatusFail, Observed: probe.Timeout, Why: "nothing came back"},
			{From: "node2", Way: verify.WayDNSUDP, Protocol: "DNS", Status: verify.StatusUnknown, Why: "no stream"},
		}},
		Canary: verify.Canary{Enforcing: []string{"node2"}, Open: []string{"node3"}, Mixed: []string{"node1"}},
	}
}

// aSuite is the run of its suite.
func aSuite() *runner.Report {
	return &runner.Report{Counts: runner.Counts{Pass: 1, Fail: 1}, Scenarios: []runner.ScenarioResult{{
		Name: "ip-block-except", Suite: "conformance", Mark: runner.MarkFail, Counts: runner.Counts{Pass: 1, Fail: 1},
		Pods: []runner.PodResult{{Name: "a", Node: "node1"}, {Name: "b", Node: "node2"}},
		Steps: []runner.StepResult{{Cells: []runner.Cell{
			{ID: "passes", From: runner.Endpoint{Name: "a"}, To: runner.Endpoint{Name: "b"}, Mark: runner.MarkPass},
			{ID: "fails", From: runner.Endpoint{Name: "a"}, To: runner.Endpoint{Name: "b"}, Mark: runner.MarkFail},
		}}},
	}}}
}

func TestTheRecordOfAVerificationNamesTheAccusedAxis(t *testing.T) {
	g := NewWithT(t)
	record := NewVerification("nightly", aVerification(), aSuite())
	g.Expect(record.ExitCode).To(Equal(verify.ExitNotEnforced))
	g.Expect(record.Answer).To(Equal("defective"))
	g.Expect(record.AnswerText).To(Equal(aVerification().Headline.Text))
	g.Expect(record.Headline).To(HavePrefix("axis ip-block-except is not enforced: Policies are enforced, with a defect"))
	g.Expect(record.Axes).To(Equal([]Axis{
		{Name: "egress", Judgement: "partly", Why: "it follows from ignores-except"},
		{Name: "ip-block-except", Judgement: "not enforced", Accused: true, Why: aVerification().Headline.Text},
		{Name: "sctp", Judgement: "not supported", Why: "EPROTONOSUPPORT"},
		{Name: "udp", Judgement: "enforced"},
	}))
	g.Expect(record.Counts).To(Equal(runner.Counts{Pass: 40, Fail: 3}))
	g.Expect(record.Passed).To(Equal([]string{"passes", "paths/node1->node2/pod IP/TCP/IPv4"}))
	g.Expect(record.Others).To(HaveLen(3))
	g.Expect(record.Others[1]).To(Equal(Cell{
		ID: "paths/node1->any/ClusterIP/UDP/IPv4/1400 bytes", Mark: runner.MarkFail, Expected: "connected", Observed: "timeout", Why: "nothing came back",
		FromNode: "node1",
	}))
	g.Expect(record.Others[2]).To(And(HaveField("ID", "paths/node2->any/DNS over UDP/DNS"), HaveField("Mark", runner.MarkError)))
	g.Expect(record.Nodes).To(Equal([]Node{
		{Name: "node1", Counts: runner.Counts{Pass: 1, Fail: 1}, Enforces: EnforcesPart}, {Name: "node2", Counts: runner.Counts{Pass: 1, Fail: 1}, Enforces: EnforcesAll},
		{Name: "node3", Enforces: EnforcesNothing},
	}))
}

func TestTheRecordOfAVerificationWithoutASuiteHasItsAnswer(t *testing.T) {
	g := NewWithT(t)
	record := NewVerification("nightly", &verify.Report{Run: "rnight3", Headline: verify.Headline{
		Conclusion: verify.ConcludedNotEnforced, Text: "Nothing is enforced: no NetworkPolicy holds on any node.",
	}}, nil)
	g.Expect(record.Headline).To(HavePrefix("Nothing is enforced"))
	g.Expect(record.Scenarios).To(BeEmpty())
	g.Expect(record.ExitCode).To(Equal(verify.ExitNotEnforced))
}

func TestWhatIsWorseBetweenVerifications(t *testing.T) {
	enforced := func(change func(*Record)) *Record {
		r := aRecord(func(r *Record) {
			r.Answer, r.Nodes[0].Enforces, r.Nodes[1].Enforces = "enforced", EnforcesAll, EnforcesAll
			r.Axes = append(r.Axes, Axis{Name: "zz-cause", Judgement: "enforced"})
		})
		if change != nil {
			change(r)
		}
		return r
	}
	for _, test := range []struct {
		name          string
		before, after *Record
		worse, other  []string
	}{
		{"the accused axis comes before those that follow from it", enforced(nil), enforced(func(r *Record) {
			r.Axes[0] = Axis{Name: "udp", Judgement: "not enforced", Why: "it follows from a-defect"}
			r.Axes[2] = Axis{Name: "zz-cause", Judgement: "partly", Why: "the engine is wrong.", Accused: true}
			r.Answer, r.AnswerText, r.Headline = "defective", "the engine is wrong.", "axis zz-cause was enforced and is partly now (and 2 more)"
		}), []string{
			"axis zz-cause was enforced and is partly now: the engine is wrong.",
			"axis udp was enforced and is not enforced now: it follows from a-defect",
			"answer of the verification was enforced and is defective now: the engine is wrong.",
		}, nil},
		{"a verification that never came to the axes has its answer", enforced(nil), enforced(func(r *Record) {
			r.Axes, r.Answer, r.AnswerText = nil, "not enforced", "Nothing is enforced."
		}), []string{"answer of the verification was enforced and is not enforced now: Nothing is enforced."}, nil},
		{"a node that enforces less than before is a regression", enforced(nil), enforced(func(r *Record) { r.Nodes[1].Enforces = EnforcesNothing }),
			[]string{"node node2 was enforcing everything and is enforcing nothing now"}, nil},
		{"an answer that nobody knows this time is only different", enforced(nil), enforced(func(r *Record) { r.Answer = "unknown" }),
			nil, []string{"answer of the verification was enforced and is unknown now"}},
		{"a node of which the canary learnt nothing this time is no news", enforced(nil), enforced(func(r *Record) { r.Nodes[1].Enforces = "" }), nil, nil},
		{"a record from before there were answers", aRecord(nil), enforced(nil), nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			diff := Compare(test.before, test.after, Options{})
			g.Expect(sentences(diff.Regressions)).To(Equal(test.worse))
			g.Expect(sentences(diff.Other)).To(Equal(test.other))
			back := Compare(test.after, test.before, Options{})
			g.Expect(back.Regressions).To(BeEmpty(), "the way back is no regression")
			g.Expect(back.Improvements).To(HaveLen(len(test.worse)))
		})
	}
}

func sentences(changes []Change) []string {
	var all []string
	for i := range changes {
		all = append(all, changes[i].String())
	}
	return all
}
