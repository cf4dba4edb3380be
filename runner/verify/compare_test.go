package verify

import (
	"encoding/json"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// sound is the report of a verification in which everything was as it should be.
func sound() *Report {
	return &Report{
		APIVersion: ReportAPIVersion, Kind: ReportKind, Run: "rbefore", Headline: Headline{Conclusion: ConcludedEnforced},
		Canary: Canary{Enforcing: []string{"node1", "node2"}},
		Path:   Path{Pairs: []PathPair{{From: "node1", To: "node2", Way: WayPodIP, Family: "IPv4", Protocol: "TCP", Status: StatusPass}}},
		Axes: []AxisResult{
			{Axis: scenarios.AxisIngress, Title: "ingress", Judgement: Enforced}, {Axis: scenarios.AxisSCTP, Title: "SCTP", Judgement: NotTested},
		},
		Changes: []ChangeLatency{{Axis: scenarios.AxisPolicyCreate, Title: "new policy", Latency: runner.NewLatency(nil, []time.Duration{30 * time.Millisecond})}},
		Traits:  []Trait{{Title: "a pod to itself", Found: "connected 4"}},
	}
}

func TestCompareFindsWhatHasChanged(t *testing.T) {
	for _, test := range []struct {
		name                         string
		change                       func(*Report)
		regressed, improved, changed int
		first                        Difference
	}{
		{"an axis is not enforced any more", func(r *Report) { r.Axes[0].Judgement = NotEnforced }, 1, 0, 0,
			Difference{DifferentAxis, "ingress", "enforced", "not enforced"}},
		{"an axis that was not tested fails", func(r *Report) { r.Axes[1].Judgement = Partly }, 1, 0, 0,
			Difference{DifferentAxis, "SCTP", "not tested", "partly"}},
		{"a node enforces nothing any more", func(r *Report) { r.Canary = Canary{Enforcing: []string{"node1"}, Open: []string{"node2"}} }, 1, 0, 0,
			Difference{DifferentNode, "node2", "enforces", "enforces nothing"}},
		{"a new node enforces nothing", func(r *Report) { r.Canary.Open = []string{"node3"} }, 1, 0, 0,
			Difference{DifferentNode, "node3", "", "enforces nothing"}},
		{"a node is gone", func(r *Report) { r.Canary.Enforcing = []string{"node1"} }, 0, 0, 1, Difference{DifferentNode, "node2", "enforces", ""}},
		{"a path is broken", func(r *Report) { r.Path.Pairs[0].Status = StatusFail }, 1, 0, 0,
			Difference{DifferentPath, "node1 -> node2 by pod IP, TCP, IPv4", "pass", "fail"}},
		{"policies take ten seconds", func(r *Report) { r.Changes[0].Latency = runner.NewLatency(nil, []time.Duration{10 * time.Second}) }, 1, 0, 0,
			Difference{DifferentLatency, "new policy, until it denies", "p50 30 ms", "p50 10.0 s"}},
		{"policies take twice as long", func(r *Report) { r.Changes[0].Latency = runner.NewLatency(nil, []time.Duration{60 * time.Millisecond}) }, 0, 0, 0,
			Difference{}},
		{"the plugin treats a trait in another way", func(r *Report) { r.Traits[0].Found = "timeout 4" }, 0, 0, 1,
			Difference{DifferentTrait, "a pod to itself", "connected 4", "timeout 4"}},
		{"nothing has changed", func(*Report) {}, 0, 0, 0, Difference{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			old, current := sound(), sound()
			test.change(current)
			c := Compare(old, current)
			g.Expect([]int{len(c.Regressions), len(c.Improvements), len(c.Changes)}).To(Equal([]int{test.regressed, test.improved, test.changed}))
			if all := append(append(c.Regressions, c.Improvements...), c.Changes...); len(all) > 0 {
				g.Expect(all[0]).To(Equal(test.first))
			}
			back := Compare(current, old)
			if test.first.Old != "" && test.first.Old != string(NotTested) {
				g.Expect(back.Improvements).To(HaveLen(test.regressed), "the way back is an improvement")
			}
			current.Comparison = &c
			g.Expect(current.ExitCode()).To(Equal(test.regressed))
		})
	}
}

func TestAMistakenFileGetsOneClearSentence(t *testing.T) {
	other, err := json.Marshal(runner.Report{APIVersion: runner.ReportAPIVersion, Kind: runner.ReportKind})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	good, err := json.Marshal(sound())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for _, test := range []struct{ name, text, wanted string }{
		{"an empty file", "", "it is empty: write one with `podknock verify -o json`"},
		{"a table", "ENFORCED", "it is not JSON (invalid character 'E' looking for beginning of value): write it with `podknock verify -o json`"},
		{"a list", "[]", "it is JSON, but not that of a verification: write one with `podknock verify -o json`"},
		{"an object of something else", `{"items": []}`, "it has no kind, so that it is no verification: write one with `podknock verify -o json`"},
		{"the report of a run", string(other), "its kind is \"Report\", not Verification: write it with `podknock verify -o json`"},
		{"a field of another type", `{"kind": 1}`, "its field kind is number, where a verification has something else: write it anew with `podknock verify -o json`"},
		{"another version", `{"kind": "Verification", "apiVersion": "v9"}`,
			"its apiVersion is \"v9\", and this podknock reads podknock.dev/v1alpha1: write it anew with this podknock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ReadReport([]byte(test.text))
			NewWithT(t).Expect(err).To(MatchError(test.wanted))
		})
	}
	read, err := ReadReport(good)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(read.Run).To(Equal("rbefore"))
}

func FuzzReadReport(f *testing.F) {
	f.Add([]byte(`{"kind": "Verification", "apiVersion": "podknock.dev/v1alpha1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		report, err := ReadReport(data)
		if (report == nil) == (err == nil) {
			t.Errorf("report %v, error %v", report, err)
		}
		if report != nil {
			Compare(report, report)
		}
	})
}
