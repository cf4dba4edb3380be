package verify

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// silence is what a policy that drops looks like.
func silence(_, _ *fakePod, _ probe.Attempt) (probe.Observation, bool) {
	return probe.Observation{Phase: probe.PhaseConnect, Tries: 4, Waited: 800 * time.Millisecond, Ports: []uint16{40000}}, true
}

// prohibited is what a policy that answers with ICMP "administratively prohibited" looks like (RFC 1812, section 5.2.7.1).
func prohibited(_, _ *fakePod, _ probe.Attempt) (probe.Observation, bool) {
	return probe.Observation{
		Phase: probe.PhaseConnect, Tries: 1, Errno: "EHOSTUNREACH", Call: probe.CallPending, Ports: []uint16{40000},
		ICMP: &probe.ICMP{Version: 4, Type: 3, Code: 13, Offender: netip.MustParseAddr("172.18.0.2")},
	}, true
}

// only restricts a denial to some knocks.
func denyWhere(where func(from, to *fakePod, attempt probe.Attempt) bool) func(from, to *fakePod, attempt probe.Attempt) (probe.Observation, bool) {
	return func(from, to *fakePod, attempt probe.Attempt) (probe.Observation, bool) {
		if !where(from, to, attempt) {
			return probe.Observation{}, false
		}
		return silence(from, to, attempt)
	}
}

// isolatedPod is the pod that the canary isolates.
func isolatedPod(from, to *fakePod) *fakePod {
	if from.role == egressNoRule || from.role == egressNobody {
		return from
	}
	return to
}

// verified runs everything but a suite.
func verified(ctx context.Context, cluster *fakeCluster) *Report {
	return Run(ctx, cluster, &runner.Plan{}, Options{
		Runner: runner.Options{Run: "run1", CleanUpTimeout: time.Minute}, CanaryTimeout: 2 * time.Second, PathTimeout: time.Second,
	})
}

func flannel() appsv1.DaemonSet {
	return appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-flannel", Name: "kube-flannel-ds"},
		Spec: appsv1.DaemonSetSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "kube-flannel", Image: "ghcr.io/flannel-io/flannel:v0.27.4"},
		}}}},
	}
}

func TestTheFirstStagesCanUseANamespaceThatExists(t *testing.T) {
	g := NewWithT(t)
	cluster := newFakeCluster("node1", "node2")
	report := Run(t.Context(), cluster, &runner.Plan{}, Options{
		Runner: runner.Options{Run: "run1", CleanUpTimeout: time.Minute, Reserve: []string{"pool-2"}}, Namespace: "pool-1",
		CanaryTimeout: 2 * time.Second, PathTimeout: time.Second,
	})
	g.Expect(report.Headline.Conclusion).To(Equal(ConcludedNotEnforced), "the fake enforces nothing")
	g.Expect(cluster.pods).To(HaveLen(2*len(podRoles)), "and none in the network of its node")
	g.Expect(cluster.pods).To(HaveEach(HaveField("Namespace", "pool-1")))
	g.Expect(report.Preflight.Checks).To(ContainElement(And(
		HaveField("Name", "pods in the network of their nodes"), HaveField("Found", ContainSubstring("need a privileged namespace")))))
}

func TestVerificationStopsWhereItMakesNoSense(t *testing.T) {
	for _, tc := range []struct {
		name    string
		cluster func(*fakeCluster)
		want    Conclusion
		text    string
		code    int
		suite   bool
	}{
		{"a right is missing", func(c *fakeCluster) {
			c.missing = []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"create"}}}
		}, ConcludedUnknown, "missing: create pods", ExitCannotTell, false},
		{"no node takes pods", func(c *fakeCluster) {
			for i := range c.states {
				c.states[i].Problem = "it is cordoned"
			}
		}, ConcludedUnknown, "it is cordoned", ExitCannotTell, false},
		{"the image does not come", func(c *fakeCluster) {
			c.cannotStart = map[role]string{onNode: "no image"}
			for _, r := range podRoles {
				c.cannotStart[r] = "the node does not get the image"
			}
		}, ConcludedUnknown, "does not get the image", ExitCannotTell, false},
		{"no packet passes", func(c *fakeCluster) {
			c.reach = func(_, _ *fakePod, _ probe.Attempt) bool { return false }
		}, ConcludedPath, "fail while no policy is in force", ExitNotEnforced, false},
		{"nothing is enforced", func(c *fakeCluster) {
			c.inventory.DaemonSets = []appsv1.DaemonSet{flannel()}
		}, ConcludedNotEnforced, "Flannel v0.27.4", ExitNotEnforced, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			cluster := newFakeCluster("node1", "node2")
			tc.cluster(cluster)
			report := verified(t.Context(), cluster)
			g.Expect(report.Headline.Conclusion).To(Equal(tc.want), report.Headline.Text)
			g.Expect(report.Headline.Text).To(ContainSubstring(tc.text))
			g.Expect(report.ExitCode()).To(Equal(tc.code))
			g.Expect(report.Suite.Done).To(BeFalse())
			g.Expect(cluster.cleaned).To(Equal(1), "whatever was created is removed")
		})
	}
}

func TestMissingRightsAreNamedWithTheirRole(t *testing.T) {
	g := NewWithT(t)
	cluster := newFakeCluster("node1")
	cluster.missing = []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods/portforward"}, Verbs: []string{"create"}}}
	report := verified(t.Context(), cluster)
	check := report.Preflight.Checks[1]
	g.Expect(check.Status).To(Equal(StatusFail))
	g.Expect(check.Grant).To(And(ContainSubstring("kind: ClusterRole"), ContainSubstring("- pods/portforward"), ContainSubstring("- create")))
}

func TestCanaryNamesTheNodesThatDoNotEnforce(t *testing.T) {
	for _, tc := range []struct {
		name                   string
		deny                   func(from, to *fakePod, attempt probe.Attempt) (probe.Observation, bool)
		enforcing, open, mixed []string
		how                    Denial
	}{
		{"one node enforces nothing", denyWhere(func(from, to *fakePod, _ probe.Attempt) bool { return isolatedPod(from, to).Node == "node1" }),
			[]string{"node1"}, []string{"node2"}, nil, Denial{How: DenialSilence}},
		{"egress alone is enforced", denyWhere(func(from, _ *fakePod, _ probe.Attempt) bool {
			return from.role == egressNoRule || from.role == egressNobody
		}),
			nil, nil, []string{"node1", "node2"}, Denial{How: DenialSilence}},
		{"one form is not enforced", denyWhere(func(from, to *fakePod, _ probe.Attempt) bool { return isolatedPod(from, to).role != ingressNoRule }),
			nil, nil, []string{"node1", "node2"}, Denial{How: DenialSilence}},
		{"UDP is not enforced", denyWhere(func(_, _ *fakePod, attempt probe.Attempt) bool { return attempt.Protocol == probe.TCP }),
			nil, nil, []string{"node1", "node2"}, Denial{How: DenialSilence}},
		{"everything is enforced, with ICMP", prohibited, []string{"node1", "node2"}, nil, nil, Denial{How: DenialICMP, Type: 3, Code: 13, From: "172.18.0.2"}},
		{"everything is enforced, with silence", silence, []string{"node1", "node2"}, nil, nil, Denial{How: DenialSilence}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			cluster := newFakeCluster("node1", "node2")
			cluster.deny = tc.deny
			report := newReport(Options{})
			v := &verification{cluster: newCensus(cluster), options: Options{Runner: runner.Options{Run: "run1"}, CanaryTimeout: 2 * time.Second}, report: report}
			v.options.setDefaults()
			g.Expect(v.liveCanary(t.Context())).To(Succeed())
			g.Expect(report.Canary.Enforcing).To(Equal(tc.enforcing))
			g.Expect(report.Canary.Open).To(Equal(tc.open))
			g.Expect(report.Canary.Mixed).To(Equal(tc.mixed))
			g.Expect(report.Canary.Denial).To(Equal(tc.how))
			g.Expect(report.Traits).To(ContainElement(And(HaveField("Axis", scenarios.AxisHeldConnection), HaveField("Found", ContainSubstring("goes on")))))
		})
	}
}

// liveCanary deploys and runs the canary alone.
func (v *verification) liveCanary(ctx context.Context) error {
	g := newGround(v.cluster, &v.options, []string{"node1", "node2"})
	if err := g.deploy(ctx); err != nil {
		return err
	}
	return v.canary(ctx, g, g.choosePeers())
}

func TestPathNamesWhatFails(t *testing.T) {
	g := NewWithT(t)
	cluster := newFakeCluster("node1", "node2")
	cluster.reach = func(from, to *fakePod, attempt probe.Attempt) bool {
		return from.Node == to.Node || attempt.Payload < 4096 || attempt.Protocol == probe.UDP
	}
	report := verified(t.Context(), cluster)
	g.Expect(report.Path.Status).To(Equal(StatusFail))
	var failing []string
	for _, pair := range report.Path.Pairs {
		if pair.Status == StatusFail {
			failing = append(failing, fmt.Sprintf("%s->%s %s %d", pair.From, pair.To, pair.Protocol, pair.Size))
		}
	}
	g.Expect(failing).To(ConsistOf("node1->node2 TCP 4096", "node2->node1 TCP 4096"))
	g.Expect(report.Path.Possible).To(Equal(2))
	g.Expect(report.Path.Sampled).To(Equal(2))
}

func TestInterruptedVerificationCleansUp(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cluster := newFakeCluster("node1")
	cluster.reach = func(_, _ *fakePod, _ probe.Attempt) bool {
		cancel(runner.ErrInterrupted)
		return true
	}
	report := verified(ctx, cluster)
	g.Expect(report.Interrupted).To(BeTrue())
	g.Expect(report.ExitCode()).To(Equal(ExitCannotTell))
	g.Expect(report.CleanUp.Leftovers).To(BeEmpty())
	g.Expect(cluster.cleaned).To(Equal(1))
}

func TestNothingIsSaidOfANodeThatWasNotAsked(t *testing.T) {
	trial := func(node string, status Status) CanaryTrial { return CanaryTrial{Node: node, Status: status} }
	for _, tc := range []struct {
		name   string
		trials []CanaryTrial
		missed []string
		text   string
	}{
		{"a node without any trial", []CanaryTrial{trial("node1", StatusFail)}, []string{"node2"}, "No NetworkPolicy holds on node node1, so far"},
		{"a node of which one form could not be asked", []CanaryTrial{
			trial("node1", StatusFail), trial("node1", StatusUnknown), trial("node1", StatusFail), trial("node2", StatusFail),
		}, []string{"node1"}, "No NetworkPolicy holds on nodes node1, node2, so far"},
		{"all were asked", []CanaryTrial{trial("node1", StatusFail), trial("node2", StatusFail)}, nil, "Nothing is enforced: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			v := &verification{report: &Report{Canary: Canary{Trials: tc.trials}}}
			v.report.Canary.fillNodes()
			g.Expect(v.report.Canary.nothingEnforced()).To(BeTrue())
			missed := v.report.Canary.notAsked([]string{"node1", "node2"})
			g.Expect(missed).To(Equal(tc.missed))
			v.sayNothingEnforced(nil, missed)
			g.Expect(v.report.Headline.Text).To(HavePrefix(tc.text))
			g.Expect(v.report.ExitCode()).To(Equal(ExitNotEnforced))
		})
	}
}

func TestBlockedSinceWantsALongRow(t *testing.T) {
	sample := func(tenths int, known, blocked bool) canarySample {
		return canarySample{start: time.Duration(tenths) * 100 * time.Millisecond, known: known, blocked: blocked}
	}
	for _, tc := range []struct {
		name   string
		seen   []canarySample
		since  time.Duration
		stands bool
	}{
		{"nothing seen", nil, 0, false},
		{"one lost packet is no deny", []canarySample{sample(0, true, false), sample(5, true, true), sample(12, true, false)}, 0, false},
		{"too few in a row", []canarySample{sample(0, true, false), sample(1, true, true), sample(15, true, true)}, 100 * time.Millisecond, false},
		{"many within too short a time", []canarySample{sample(0, true, true), sample(1, true, true), sample(2, true, true), sample(3, true, true)}, 0, false},
		{"a long row, with answers still to come in between", []canarySample{
			sample(0, true, false), sample(1, true, true), sample(2, false, false), sample(5, true, true), sample(8, true, true), sample(12, true, true), sample(13, false, false),
		}, 100 * time.Millisecond, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			since, stands := (&canaryCell{seen: tc.seen}).blockedSince()
			g.Expect(stands).To(Equal(tc.stands))
			g.Expect(since).To(Equal(tc.since))
		})
	}
}
