package report

import (
	"testing"
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/verify"
	"github.com/podknock/podknock/scenarios"
)

// verified is a verification in which everything is enforced.
func verified(*testing.T) *verify.Report {
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	done := func(elapsed time.Duration) verify.Stage {
		return verify.Stage{Done: true, Status: verify.StatusPass, Start: start, Elapsed: elapsed}
	}
	return &verify.Report{
		APIVersion: verify.ReportAPIVersion, Kind: verify.ReportKind, Run: "rverify001", Version: "v1.2.3", Start: start, Elapsed: 48 * time.Second,
		Cluster: runner.ClusterFacts{Context: "lab", Version: "v1.36.3", Families: []string{"IPv4", "IPv6"}, Nodes: []runner.Node{{Name: "node1"}, {Name: "node2"}}},
		Headline: verify.Headline{
			Conclusion: verify.ConcludedEnforced, Text: "Policies are enforced: all of 1842 knocks found what they should.",
		},
		Preflight: verify.Preflight{
			Stage: done(900 * time.Millisecond),
			Checks: []verify.Check{
				{Name: "API server", Status: verify.StatusPass, Found: "v1.36.3 answers in 12 ms"},
				{Name: "nodes", Status: verify.StatusWarn, Found: "node3 is cordoned", Advice: "uncordon it to have it tested"},
			},
			Plugins: []verify.Plugin{{Name: "kube-network-policies", Version: "v1.1.1", Roles: []string{"policies"}, Evidence: "process"}},
		},
		Path: verify.Path{Stage: done(3 * time.Second), Pairs: []verify.PathPair{{
			From: "node1", To: "node2", Way: verify.WayPodIP, Family: "IPv4", Protocol: "TCP", Size: 64, Status: verify.StatusPass, Observed: probe.Connected,
		}}},
		Canary: verify.Canary{
			Stage: done(4 * time.Second), Enforcing: []string{"node1", "node2"}, Denial: verify.Denial{How: verify.DenialSilence},
			Trials: []verify.CanaryTrial{{
				Node: "node1", Direction: scenarios.AxisIngress, Form: verify.FormNoRule, Status: verify.StatusPass, Observed: probe.Timeout,
				Denial: verify.Denial{How: verify.DenialSilence}, After: 30 * time.Millisecond,
			}},
		},
		Suite: verify.Suite{
			Stage: done(38 * time.Second), Name: verify.SuiteName, Counts: runner.Counts{Pass: 1842, Unjudged: 40},
			Scenarios: []verify.SuiteScenario{{Name: "deny-all", Mark: runner.MarkPass, Counts: runner.Counts{Pass: 1842, Unjudged: 40}, Elapsed: 9 * time.Second}},
			Skipped:   []runner.Skipped{{Name: "ip-block", Reason: "it needs hosts outside the cluster: name them with --external inside=ADDRESS"}},
		},
		Axes: []verify.AxisResult{
			{Axis: scenarios.AxisIngress, Title: "ingress", Group: scenarios.GroupDirection, Judgement: verify.Enforced, Counts: runner.Counts{Pass: 900}},
			{Axis: scenarios.AxisIPBlockExcept, Title: "except", Group: scenarios.GroupPeer, Judgement: verify.NotTested,
				Why: "it needs hosts outside the cluster: name them with --external inside=ADDRESS"},
			{Axis: scenarios.AxisSCTP, Title: "SCTP", Group: scenarios.GroupProtocol, Judgement: verify.NotSupported, Why: "the kernel has no SCTP",
				Counts: runner.Counts{Inconclusive: 12}},
			{Axis: scenarios.AxisLoopback, Title: "a pod to itself", Group: scenarios.GroupTrait, Judgement: verify.Undefined, Counts: runner.Counts{Unjudged: 40}},
		},
		Changes: []verify.ChangeLatency{{
			Axis: scenarios.AxisPolicyCreate, Title: "new policy", Latency: runner.NewLatency(nil, []time.Duration{20 * time.Millisecond, 45 * time.Millisecond}),
		}, {
			Axis: scenarios.AxisPodBornLater, Title: "pod born after the policy", Latency: runner.NewLatency(nil, []time.Duration{0, 0, 0}),
		}},
		Traits: []verify.Trait{{Axis: scenarios.AxisLoopback, Title: "a pod to itself", Found: "by the pod's address: connected 20, timeout 20", Known: true}},
		Counts: runner.Counts{Pass: 1860, Unjudged: 40}, Requests: 812, Pods: 36,
	}
}

// broken is a verification of an engine with a defect on one node, compared with an earlier one.
func broken(t *testing.T) *verify.Report {
	r := verified(t)
	before := verified(t)
	before.Run = "rbefore001"
	r.Headline = verify.Headline{
		Conclusion: verify.ConcludedDefective, Axis: scenarios.AxisEndPort, Nodes: []string{"node2"}, Explained: 8,
		Text:   "Policies are enforced, with a defect on node node2: the engine ignores endPort: of a range it admits only the first port.",
		Advice: "look for a newer release of the policy engine",
		Explanations: []verify.Explanation{{
			Defects: []verify.Defect{{Name: "ignores-endport", About: "It ignores endPort.", Axis: scenarios.AxisEndPort}}, Nodes: []string{"node2"},
			Cells: []string{"end-port/2/near->server:8081/TCP/IPv4"},
		}},
	}
	failing := verify.Failing{
		ID: "end-port/2/near->server:8081/TCP/IPv4", Pair: "near -> server:8081/TCP (IPv4)", FromNode: "node1", ToNode: "node2",
		Expected: "connected", Observed: "timeout", Repeat: "podknock run conformance/end-port --only 2/near/server:8081",
	}
	r.Suite.Counts.Fail = 8
	r.Axes[0].Judgement, r.Axes[0].Follows, r.Axes[0].Why = verify.Partly, "ignores-endport", "8 of 908 cells fail"
	r.Axes[0].Counts.Fail, r.Axes[0].Failing, r.Axes[0].Nodes = 8, []verify.Failing{failing}, []string{"node2"}
	r.Axes = append(r.Axes, verify.AxisResult{
		Axis: scenarios.AxisEndPort, Title: "endPort", Group: scenarios.GroupPort, Judgement: verify.NotEnforced, Why: "8 of 8 cells fail", Headline: true,
		Counts: runner.Counts{Fail: 8}, Failing: []verify.Failing{failing, failing, failing, failing, failing, failing}, Nodes: []string{"node2"},
	})
	comparison := verify.Compare(before, r)
	r.Comparison = &comparison
	return r
}

// unready is a verification that ended in the pre-flight.
func unready(t *testing.T) *verify.Report {
	r := verified(t)
	r.Headline = verify.Headline{Conclusion: verify.ConcludedUnknown, Text: "It is not known whether policies are enforced: rights: pods may not be created."}
	r.Preflight.Status, r.Preflight.Checks = verify.StatusFail, []verify.Check{{
		Name: "rights", Status: verify.StatusFail, Found: "pods may not be created", Advice: "apply this as an administrator",
		Grant: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n",
	}}
	r.Path, r.Canary, r.Suite = verify.Path{}, verify.Canary{}, verify.Suite{Name: verify.SuiteName}
	r.Axes, r.Changes, r.Traits, r.Counts = nil, nil, nil, runner.Counts{Fail: 1}
	return r
}

// hostileVerification has foreign texts that no output may carry as they are.
func hostileVerification(t *testing.T) *verify.Report {
	r := broken(t)
	evil := "\x1b[31m<b>|`]]>&\x00\u202e\nnext"
	r.Headline.Text, r.Headline.Advice, r.Run = evil, evil, evil
	r.Notes, r.Error = []string{evil}, evil
	r.Axes[0].Title, r.Axes[0].Why, r.Axes[0].Nodes = evil, evil, []string{evil}
	r.Preflight.Checks[1].Found, r.Preflight.Plugins[0].Name = evil, evil
	r.Traits[0].Found = evil
	r.CleanUp.Leftovers = []runner.Leftover{{Kind: "Namespace", Name: evil, Reason: evil}}
	return r
}
