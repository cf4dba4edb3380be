package runner

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

const frontToBack = `
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: front-to-back}
about: Only the front reaches the back.
pods:
  front: {labels: {role: front}, ports: [80/TCP]}
  back: {labels: {role: back}, ports: [80/TCP]}
  stranger: {ports: [80/TCP]}
steps:
  - name: the back accepts the front alone
    apply:
      - metadata: {name: back}
        spec:
          podSelector: {matchLabels: {role: back}}
          policyTypes: [Ingress]
          ingress: [{from: [{podSelector: {matchLabels: {role: front}}}]}]
    expect:
      - {from: front, to: "back:80", outcome: connected}
      - {from: stranger, to: "back:80", outcome: blocked}
      - {from: front, to: "back:81", outcome: refused}
`

// fastOptions are those of the product at a pace for tests.
func fastOptions() Options {
	return Options{
		Run: "run1", SettleTimeout: 250 * time.Millisecond,
		pace: pace{
			spacing: 4 * time.Millisecond, rounds: 3, span: 12 * time.Millisecond, sample: 2 * time.Millisecond, dwell: 10 * time.Millisecond, canary: 150 * time.Millisecond,
			stagger: time.Millisecond,
		},
	}
}

func parseScenario(t *testing.T, text string) *scenarios.Scenario {
	t.Helper()
	scenario, err := scenarios.Loader{}.Parse("test.yaml", []byte(text))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return scenario
}

// runOn runs a scenario on a cluster.
func runOn(t *testing.T, ctx context.Context, cluster *fakeCluster, options Options, text string) *Report {
	t.Helper()
	plan, err := NewPlan([]*scenarios.Scenario{parseScenario(t, text)}, options)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return Run(ctx, cluster, plan, options)
}

// marks are the marks of a step's cells, by the cells without protocol and family.
func marks(step StepResult) map[string]Mark {
	found := map[string]Mark{}
	for _, cell := range step.Cells {
		found[fmt.Sprintf("%s->%s:%d", cell.From.Text, cell.To.Text, cell.Port)] = cell.Mark
	}
	return found
}

func TestRunJudgesWhatTheClusterDoes(t *testing.T) {
	backDisturbed := func(c *fakeCluster, gone bool) {
		for _, pod := range c.pods {
			if pod.Name == "back" {
				pod.incidents = Incidents{Count: pod.incidents.Count + 1, Last: "its agent ended: exit code 137, OOMKilled", Gone: gone}
			}
		}
	}
	policies := func(c *fakeCluster) int { return len(c.policies) }
	var once atomic.Bool
	restartOnce := func() bool { return !once.Swap(true) }
	rows := map[string]struct {
		// cluster is what is special about it.
		cluster *fakeCluster
		mark    Mark
		exit    int
		// cells are the marks in the last step that matter.
		cells map[string]Mark
		// why is in the reason of the cell from the stranger to the back.
		why string
	}{
		"a plugin without policies fails the blocked cell alone": {
			cluster: &fakeCluster{unenforced: true}, mark: MarkFail, exit: ExitMismatch,
			cells: map[string]Mark{"stranger->back:80": MarkFail, "front->back:80": MarkPass, "front->back:81": MarkPass},
			why:   "expected blocked, found connected",
		},
		"a pod that cannot start makes its own cells errors": {
			cluster: &fakeCluster{cannotStart: map[string]string{"front": "exceeded quota: pods"}}, mark: MarkError, exit: ExitInconclusive,
			cells: map[string]Mark{"front->back:80": MarkError, "stranger->front:80": MarkError, "stranger->back:80": MarkPass},
		},
		"a dead path is no block": {
			cluster: &fakeCluster{asked: func(c *fakeCluster, source, target string, _ probe.Attempt) (probe.Observation, bool) {
				return probe.Observation{Phase: probe.PhaseConnect, Tries: 4, Nonce: probe.NewNonce()}, source == "stranger" && target == "back"
			}}, mark: MarkFail, exit: ExitMismatch,
			cells: map[string]Mark{"stranger->back:80": MarkInconclusive}, why: "so might a dead path",
		},
		"an agent that is started again leaves no verdict about its pod but what connects": {
			cluster: &fakeCluster{asked: func(c *fakeCluster, source, target string, _ probe.Attempt) (probe.Observation, bool) {
				if policies(c) > 0 {
					backDisturbed(c, false)
				}
				return probe.Observation{}, false
			}}, mark: MarkError, exit: ExitInconclusive,
			cells: map[string]Mark{"stranger->back:80": MarkError, "front->back:80": MarkPass, "front->stranger:80": MarkPass},
			why:   "OOMKilled",
		},
		"an agent that was started again once, and whose pod refuses since, leaves no verdict about it": {
			cluster: &fakeCluster{asked: func(c *fakeCluster, source, target string, _ probe.Attempt) (probe.Observation, bool) {
				if policies(c) > 0 && restartOnce() {
					backDisturbed(c, false)
				}
				return probe.Observation{Phase: probe.PhaseConnect, Errno: "ECONNREFUSED", Call: probe.CallPending, Nonce: probe.NewNonce()},
					policies(c) > 0 && source == "front" && target == "back"
			}}, mark: MarkError, exit: ExitInconclusive,
			cells: map[string]Mark{"front->back:80": MarkError, "front->stranger:80": MarkPass},
		},
		"a pod that is deleted leaves no verdict about it": {
			cluster: &fakeCluster{asked: func(c *fakeCluster, source, target string, _ probe.Attempt) (probe.Observation, bool) {
				if policies(c) > 0 {
					backDisturbed(c, true)
				}
				return probe.Observation{}, false
			}}, mark: MarkError, exit: ExitInconclusive,
			cells: map[string]Mark{"stranger->back:80": MarkError, "front->stranger:80": MarkPass},
		},
		"a policy that somebody else adds leaves no verdict": {
			cluster: &fakeCluster{asked: func(c *fakeCluster, source, target string, _ probe.Attempt) (probe.Observation, bool) {
				for name := range c.policies {
					c.policies[policyName{name.namespace, "theirs"}] = &networkingv1.NetworkPolicy{
						ObjectMeta: metav1.ObjectMeta{Namespace: name.namespace, Name: "theirs"},
						Spec:       networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"role": "nobody"}}},
					}
				}
				return probe.Observation{}, false
			}}, mark: MarkError, exit: ExitInconclusive,
			cells: map[string]Mark{"stranger->back:80": MarkError}, why: `"theirs" was added by somebody else`,
		},
		"a policy whose spec somebody else changes leaves no verdict": {
			cluster: &fakeCluster{asked: func(c *fakeCluster, source, target string, _ probe.Attempt) (probe.Observation, bool) {
				for _, ours := range c.policies {
					ours.Generation = 1000
				}
				return probe.Observation{}, false
			}}, mark: MarkError, exit: ExitInconclusive,
			cells: map[string]Mark{"stranger->back:80": MarkError}, why: "was changed by somebody else",
		},
		"a policy that somebody else deletes, but for a finalizer, leaves no verdict": {
			cluster: &fakeCluster{asked: func(c *fakeCluster, source, target string, _ probe.Attempt) (probe.Observation, bool) {
				for _, ours := range c.policies {
					ours.DeletionTimestamp, ours.Finalizers = &metav1.Time{Time: time.Now()}, []string{"networking.k8s.aws/resources"}
				}
				return probe.Observation{}, false
			}}, mark: MarkError, exit: ExitInconclusive,
			cells: map[string]Mark{"stranger->back:80": MarkError}, why: "was changed by somebody else",
		},
		"what an engine's controller writes on our policies says nothing": {
			cluster: &fakeCluster{asked: func(c *fakeCluster, source, target string, _ probe.Attempt) (probe.Observation, bool) {
				for _, ours := range c.policies {
					ours.ResourceVersion, ours.Finalizers = "1000", []string{"networking.k8s.aws/resources"}
				}
				return probe.Observation{}, false
			}}, mark: MarkPass, exit: ExitAsExpected, cells: map[string]Mark{"stranger->back:80": MarkPass},
		},
		"policies of the platform make the baseline unclean, and it never fails": {
			cluster: &fakeCluster{injected: []networkingv1.NetworkPolicy{{
				ObjectMeta: metav1.ObjectMeta{Name: "platform-deny"},
				Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
			}}}, mark: MarkInconclusive, exit: ExitInconclusive,
			cells: map[string]Mark{"front->stranger:80": MarkInconclusive, "stranger->back:80": MarkInconclusive},
			why:   "so might a dead path", // its control is in the baseline
		},
		"quotas and sidecars of the platform make the baseline unclean too": {
			cluster: &fakeCluster{
				limits: []string{`ResourceQuota "compute"`}, sidecars: []string{"proxy"},
				asked: func(c *fakeCluster, source, target string, _ probe.Attempt) (probe.Observation, bool) {
					return probe.Observation{Phase: probe.PhaseConnect, Tries: 4, Nonce: probe.NewNonce()}, source == "front" && len(c.policies) == 0
				},
			}, mark: MarkInconclusive, exit: ExitInconclusive,
			cells: map[string]Mark{"front->back:80": MarkPass},
		},
		"what is left behind beats every other exit code": {
			cluster: &fakeCluster{leftovers: []Leftover{{Kind: "Namespace", Name: "x", Reason: "a finalizer"}}},
			mark:    MarkPass, exit: ExitLeftovers,
		},
		"policies that take a while to show pass": {
			cluster: &fakeCluster{enforcedAfter: 12}, mark: MarkPass, exit: ExitAsExpected,
			cells: map[string]Mark{"stranger->back:80": MarkPass, "front->back:80": MarkPass, "front->back:81": MarkPass},
		},
		"policies that are enforced pass": {
			cluster: &fakeCluster{}, mark: MarkPass, exit: ExitAsExpected,
			cells: map[string]Mark{"stranger->back:80": MarkPass, "front->back:80": MarkPass, "front->back:81": MarkPass},
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			cluster := row.cluster
			empty := newFakeCluster()
			cluster.namespaces, cluster.pods, cluster.policies = empty.namespaces, empty.pods, empty.policies
			report := runOn(t, t.Context(), cluster, fastOptions(), frontToBack)
			g.Expect(report.Scenarios).To(HaveLen(1))
			scenario := report.Scenarios[0]
			g.Expect(scenario.Mark).To(Equal(row.mark), "%+v", scenario.Notes)
			g.Expect(report.ExitCode()).To(Equal(row.exit))
			last := scenario.Steps[len(scenario.Steps)-1]
			g.Expect(last.Name).To(Equal("the back accepts the front alone"))
			found := marks(last)
			for cell, mark := range row.cells {
				g.Expect(found).To(HaveKeyWithValue(cell, mark))
			}
			for _, cell := range last.Cells {
				if row.why != "" && cell.From.Text == "stranger" && cell.To.Text == "back" {
					g.Expect(cell.Why).To(ContainSubstring(row.why))
					g.Expect(cell.Repeat).To(Equal("podknock run test.yaml --only 2/stranger/back:80/TCP/IPv4"))
				}
			}
			g.Expect(cluster.cleaned).To(Equal(1))
		})
	}
}

// fromTheNode has a pod in the network of its node.
const fromTheNode = `
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: from-the-node}
about: A pod in the network of its node reaches others.
namespaces:
  app: {}
  host: {}
pods:
  front: {namespace: app, ports: [80/TCP]}
  back: {namespace: app, ports: [80/TCP]}
  node: {namespace: host, hostNetwork: true, ports: [20080/TCP]}
steps:
  - name: no policy
    expect: [{from: "*", to: "*", outcome: connected}]
`

func TestWhatThePlatformInjectsIsNamed(t *testing.T) {
	g := NewWithT(t)
	cluster := newFakeCluster()
	cluster.limits, cluster.sidecars = []string{`ResourceQuota "compute"`, `LimitRange "small"`}, []string{"proxy"}
	report := runOn(t, t.Context(), cluster, fastOptions(), frontToBack)
	g.Expect(report.Scenarios[0].Mark).To(Equal(MarkPass), "nothing failed")
	g.Expect(report.Scenarios[0].Notes).To(ContainElements(ContainSubstring(`ResourceQuota "compute"`), ContainSubstring(`LimitRange "small"`),
		ContainSubstring(`container "proxy" is in pod "front"`)))
}

func TestLimitsThatMayNotBeReadAreNoted(t *testing.T) {
	g := NewWithT(t)
	cluster := newFakeCluster()
	cluster.limitsErr = apierrors.NewForbidden(corev1.Resource("resourcequotas"), "", errors.New("no right"))
	report := runOn(t, t.Context(), cluster, fastOptions(), frontToBack)
	g.Expect(report.Scenarios[0].Mark).To(Equal(MarkPass))
	g.Expect(report.Scenarios[0].Notes).To(ContainElement(ContainSubstring("resourcequotas is forbidden")))
}

func TestAScenarioWhosePodsOthersWouldTakeIsLeftOut(t *testing.T) {
	rows := map[string]struct {
		cluster *fakeCluster
		text    string
		reason  string
	}{
		"nobody may look": {
			cluster: &fakeCluster{auditError: errors.New("jobs.batch is forbidden")}, text: frontToBack, reason: "jobs.batch is forbidden",
		},
		"by the labels of the file": {
			cluster: &fakeCluster{owners: map[string]string{"back": `ReplicaSet "back-7d4"`}}, text: frontToBack, reason: `ReplicaSet "back-7d4"`,
		},
		"by the labels of a later step": {
			cluster: &fakeCluster{owners: map[string]string{"boss": `Service "bosses"`}}, reason: `Service "bosses"`,
			text: frontToBack + "  - {name: promoted, label: {pod/stranger: {role: boss}}, expect: policies}\n",
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			empty := newFakeCluster()
			row.cluster.namespaces, row.cluster.pods, row.cluster.policies = empty.namespaces, empty.pods, empty.policies
			options := fastOptions()
			options.Tenant = "theirs"
			report := runOn(t, t.Context(), row.cluster, options, row.text)
			g.Expect(report.Scenarios).To(BeEmpty())
			g.Expect(report.Skipped).To(HaveExactElements(HaveField("Reason", ContainSubstring(row.reason))))
			g.Expect(row.cluster.pods).To(BeEmpty(), "no pod was created")
			g.Expect(report.ExitCode()).To(Equal(ExitInconclusive))
		})
	}
}

func TestAPodThatMayNotUseTheNodesNetworkIsNotTested(t *testing.T) {
	g := NewWithT(t)
	cluster := newFakeCluster()
	cluster.cannotStart = map[string]string{"node": "violates PodSecurity: hostNetwork"}
	report := runOn(t, t.Context(), cluster, fastOptions(), fromTheNode)
	g.Expect(report.Scenarios[0].Error).To(BeEmpty())
	step := report.Scenarios[0].Steps[0]
	g.Expect(marks(step)).To(And(HaveKeyWithValue("node->back:80", MarkInconclusive), HaveKeyWithValue("front->back:80", MarkPass)))
	g.Expect(step.Cells).To(ContainElement(And(HaveField("From.Text", "node"),
		HaveField("Why", ContainSubstring("not tested: pod \"node\" needs the network of its node")))))
}

func TestRunReportsAnInterruption(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cluster := newFakeCluster()
	cluster.asked = func(*fakeCluster, string, string, probe.Attempt) (probe.Observation, bool) {
		cancel(ErrInterrupted)
		return probe.Observation{}, false
	}
	report := runOn(t, ctx, cluster, fastOptions(), frontToBack)
	g.Expect(report.Interrupted).To(BeTrue())
	g.Expect(report.ExitCode()).To(Equal(ExitInconclusive))
	g.Expect(report.Scenarios[0].Error).To(ContainSubstring("interrupted"))
	g.Expect(cluster.cleaned).To(Equal(1), "the clean-up has a context of its own")
}

func TestRunSampledTheLatencyOfWhatChanged(t *testing.T) {
	g := NewWithT(t)
	cluster := newFakeCluster()
	cluster.enforcedAfter = 20
	report := runOn(t, t.Context(), cluster, fastOptions(), frontToBack)
	g.Expect(report.Latency.Deny.Samples).To(Equal(1))
	g.Expect(report.Latency.Allow.Samples).To(BeZero())
	g.Expect(report.Cluster.Nodes).To(Equal([]Node{{Name: "node1"}}), "nodes without probe pods are left out")
	g.Expect(report.Cluster.Families).To(Equal([]string{"IPv4"}))
}

// closedAndOpened has a step that closes a way and one that opens it.
const closedAndOpened = `
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: closed-and-opened}
about: A way is closed and opened again.
pods:
  front: {ports: [80/TCP]}
  back: {labels: {role: back}, ports: [80/TCP]}
steps:
  - name: closed
    apply:
      - metadata: {name: back}
        spec: {podSelector: {matchLabels: {role: back}}, policyTypes: [Ingress]}
    expect: [{from: front, to: "back:80", outcome: blocked}]
  - name: opened
    delete: [policy/back]
    expect: [{from: front, to: "back:80", outcome: connected}]
`

func TestAWayThatWasNeverClosedIsNotTimed(t *testing.T) {
	rows := map[string]struct {
		unenforced  bool
		allow, deny int
	}{
		"nothing is enforced": {unenforced: true},
		"all is enforced":     {allow: 1, deny: 1},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			cluster := newFakeCluster()
			cluster.unenforced = row.unenforced
			report := runOn(t, t.Context(), cluster, fastOptions(), closedAndOpened)
			g.Expect(report.Latency.Allow.Samples).To(Equal(row.allow))
			g.Expect(report.Latency.Deny.Samples).To(Equal(row.deny))
		})
	}
}

func TestArrivalsFromBeforeTheStepAreNotOfItsKnocks(t *testing.T) {
	g := NewWithT(t)
	cluster := newFakeCluster()
	// The pod that must not get through has got through before the policy, from the same port, without saying its nonce.
	cluster.asked = func(c *fakeCluster, source, target string, attempt probe.Attempt) (probe.Observation, bool) {
		if source != "stranger" || target != "back" {
			return probe.Observation{}, false
		}
		stranger, back := c.named("stranger"), c.named("back")
		from := netip.AddrPortFrom(stranger.Addresses[0], 50000)
		to := netip.AddrPortFrom(back.Addresses[0], attempt.Port)
		o := probe.Observation{Nonce: probe.NewNonce(), Ports: []uint16{50000}, Local: from, Remote: to, Phase: probe.PhaseConnect, Tries: 4}
		if len(c.policies) > 0 {
			return o, true
		}
		back.arrivals = append(back.arrivals, probe.Arrival{Protocol: probe.TCP, Local: to, Remote: from})
		o.Phase, o.Identity = probe.PhaseDone, &probe.Identity{Pod: back.Name, Namespace: back.Namespace, UID: back.UID, Nonce: o.Nonce}
		return o, true
	}
	report := runOn(t, t.Context(), cluster, fastOptions(), frontToBack)
	g.Expect(marks(report.Scenarios[0].Steps[1])).To(HaveKeyWithValue("stranger->back:80", MarkPass))
}

func TestOnlyAsksTheCellAndItsControl(t *testing.T) {
	g := NewWithT(t)
	options := fastOptions()
	filter, err := ParseFilter("2/stranger/back:80")
	g.Expect(err).NotTo(HaveOccurred())
	options.Only = []Filter{filter}
	report := runOn(t, t.Context(), newFakeCluster(), options, frontToBack)
	steps := report.Scenarios[0].Steps
	g.Expect(marks(steps[0])).To(Equal(map[string]Mark{"stranger->back:80": MarkPass}))
	g.Expect(marks(steps[1])).To(Equal(map[string]Mark{"stranger->back:80": MarkPass}))
}

func TestFailFastSkipsTheRest(t *testing.T) {
	g := NewWithT(t)
	options := fastOptions()
	options.FailFast, options.Parallel = true, 1
	plan, err := NewPlan([]*scenarios.Scenario{parseScenario(t, frontToBack), parseScenario(t, frontToBack)}, options)
	g.Expect(err).NotTo(HaveOccurred())
	cluster := newFakeCluster()
	cluster.unenforced = true
	report := Run(t.Context(), cluster, plan, options)
	g.Expect(report.Scenarios).To(HaveLen(1))
	g.Expect(report.Skipped).To(HaveLen(1))
	g.Expect(report.Skipped[0].Reason).To(ContainSubstring("--fail-fast"))
}
