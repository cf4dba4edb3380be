package runner

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// inTurn runs scenarios like frontToBack with these names, one at a time.
func inTurn(t *testing.T, ctx context.Context, cluster *fakeCluster, options Options, names ...string) *Report {
	t.Helper()
	g := NewWithT(t)
	empty := newFakeCluster()
	cluster.namespaces, cluster.pods, cluster.policies = empty.namespaces, empty.pods, empty.policies
	var all []*scenarios.Scenario
	for _, name := range names {
		all = append(all, parseScenario(t, strings.Replace(frontToBack, "front-to-back", name, 1)))
	}
	if options.Parallel == 0 {
		options.Parallel = 1
	}
	plan, err := NewPlan(all, options)
	g.Expect(err).NotTo(HaveOccurred())
	return Run(ctx, cluster, plan, options)
}

// neverForgets is a network in which nothing gets from the stranger to a pod that a policy has once kept it from.
func neverForgets() *fakeCluster {
	closed := map[string]bool{}
	return &fakeCluster{asked: func(c *fakeCluster, source, target string, attempt probe.Attempt) (probe.Observation, bool) {
		asked := c.byAddress(netip.MustParseAddr(attempt.Host))
		for name := range c.policies {
			closed[asked.UID] = closed[asked.UID] || name.namespace == asked.Namespace
		}
		return probe.Observation{Phase: probe.PhaseConnect, Tries: 4, Nonce: probe.NewNonce()},
			source == "stranger" && target == "back" && closed[asked.UID]
	}}
}

func TestScenariosOfOneShapeTakeTurns(t *testing.T) {
	back := func(c *fakeCluster, change func(*fakePod)) {
		c.mu.Lock()
		defer c.mu.Unlock()
		change(c.named("back"))
	}
	rows := map[string]struct {
		cluster  *fakeCluster
		failFast bool
		// between happens after the first scenario.
		between func(c *fakeCluster)
		// marks are those of the scenarios first, second, third and fourth, made the number of topologies.
		marks []Mark
		made  int
		// note is in the notes of the run.
		note string
	}{
		"a policy that cannot be deleted": {
			cluster: &fakeCluster{undeletable: errors.New("forbidden")}, marks: []Mark{MarkPass, MarkPass, MarkPass, MarkPass}, made: 4,
			note: `the topology of scenario "first" was not used again: delete policy "back": forbidden`,
		},
		"a policy that stays although it was deleted": {
			cluster: &fakeCluster{sticky: true}, marks: []Mark{MarkPass, MarkPass, MarkPass, MarkPass}, made: 4, note: `NetworkPolicy "back" is in namespace`,
		},
		"an engine that never lets go of a policy is no fault of the next scenario, and those after are judged each on its own": {
			cluster: neverForgets(), marks: []Mark{MarkPass, MarkInconclusive, MarkPass, MarkPass}, made: 4,
			note: `scenario "second" did not come out as expected on the topology of scenario "first"`,
		},
		"an engine that goes on admitting what a policy admitted": {
			cluster: goesOnAdmitting(), marks: []Mark{MarkPass, MarkInconclusive, MarkPass, MarkPass}, made: 4,
			note:    `scenario "second" did not come out as expected on the topology of scenario "first"`,
			between: func(c *fakeCluster) { back(c, func(p *fakePod) { p.labels["admits"] = "all" }) },
		},
		"an engine that stops enforcing after the first": {
			cluster: &fakeCluster{}, marks: []Mark{MarkPass, MarkFail, MarkFail, MarkFail}, made: 4,
			between: func(c *fakeCluster) { back(c, func(*fakePod) { c.unenforced = true }) },
		},
		"a pod whose agent was started again in between": {
			cluster: &fakeCluster{}, marks: []Mark{MarkPass, MarkPass, MarkPass, MarkPass}, made: 2, note: "OOMKilled",
			between: func(c *fakeCluster) {
				back(c, func(p *fakePod) { p.incidents = Incidents{Count: 1, Last: "OOMKilled"} })
			},
		},
		"a pod that was replaced in between": {
			cluster: &fakeCluster{}, marks: []Mark{MarkPass, MarkPass, MarkPass, MarkPass}, made: 2, note: `with UID "other"`,
			between: func(c *fakeCluster) { back(c, func(p *fakePod) { p.UID = "other" }) },
		},
		"a pod that did not start": {
			cluster: &fakeCluster{cannotStart: map[string]string{"stranger": "quota"}}, marks: []Mark{MarkError, MarkError, MarkError, MarkError}, made: 4,
		},
		"a way that is dead from the start fails in each, and is blamed on none before": {
			cluster: &fakeCluster{asked: func(_ *fakeCluster, source, target string, _ probe.Attempt) (probe.Observation, bool) {
				return probe.Observation{Phase: probe.PhaseConnect, Tries: 4, Nonce: probe.NewNonce()}, source == "front" && target == "stranger"
			}}, marks: []Mark{MarkFail, MarkFail, MarkFail, MarkFail}, made: 4,
		},
		"a first scenario that fails, with --fail-fast": {
			cluster: &fakeCluster{unenforced: true}, failFast: true, marks: []Mark{MarkFail}, made: 1,
		},
		"a cluster that enforces nothing, or later, fails each on its own topology": {
			cluster: &fakeCluster{unenforced: true}, marks: []Mark{MarkFail, MarkFail, MarkFail, MarkFail}, made: 4,
		},
		"policies that linger for a while": {
			cluster: &fakeCluster{enforcedAfter: 12}, marks: []Mark{MarkPass, MarkPass, MarkPass, MarkPass}, made: 1,
		},
		"nothing special": {cluster: &fakeCluster{}, marks: []Mark{MarkPass, MarkPass, MarkPass, MarkPass}, made: 1},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			options := fastOptions()
			options.FailFast = row.failFast
			options.Progress = func(event Event) {
				if event.Phase == "done" && event.Done == 1 && row.between != nil {
					row.between(row.cluster)
				}
			}
			report := inTurn(t, t.Context(), row.cluster, options, "first", "second", "third", "fourth")
			var found []Mark
			for _, scenario := range report.Scenarios {
				found = append(found, scenario.Mark)
			}
			g.Expect(found).To(Equal(row.marks))
			g.Expect(row.cluster.made).To(Equal(row.made), "%v", report.Notes)
			g.Expect(row.cluster.named("back")).To(BeNil(), "its pods are gone")
			g.Expect(row.cluster.cleaned).To(Equal(1))
			if row.note == "" {
				g.Expect(report.Notes).To(BeEmpty())
			} else {
				g.Expect(report.Notes).To(ContainElement(ContainSubstring(row.note)))
			}
		})
	}
}

// goesOnAdmitting is a network in which everything gets to a back with a certain label.
func goesOnAdmitting() *fakeCluster {
	return &fakeCluster{asked: func(c *fakeCluster, source, target string, attempt probe.Attempt) (probe.Observation, bool) {
		pod := c.byAddress(netip.MustParseAddr(attempt.Host))
		nonce := probe.NewNonce()
		return probe.Observation{
			Phase: probe.PhaseDone, Nonce: nonce, Identity: &probe.Identity{Pod: pod.Name, Namespace: pod.Namespace, UID: pod.UID, Nonce: nonce},
		}, target == "back" && attempt.Port == 80 && pod.labels["admits"] != ""
	}}
}

func TestABaselineOnATopologyThatIsNotCleanIsNoFailure(t *testing.T) {
	g := NewWithT(t)
	cluster := neverForgets()
	empty := newFakeCluster()
	cluster.namespaces, cluster.pods, cluster.policies = empty.namespaces, empty.pods, empty.policies
	options := fastOptions().withDefaults()
	plan, err := NewPlan([]*scenarios.Scenario{
		parseScenario(t, strings.Replace(frontToBack, "front-to-back", "first", 1)), parseScenario(t, strings.Replace(frontToBack, "front-to-back", "second", 1)),
	}, options)
	g.Expect(err).NotTo(HaveOccurred())
	first := newLane(cluster, options, &plan.Scenarios[0], commons{experience: newExperience()})
	result, err := first.run(t.Context(), &plan.Scenarios[0])
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(result.Mark).To(Equal(MarkPass))
	g.Expect(first.vacate(t.Context())).To(Succeed())
	moved := plan.Scenarios[1].onTopologyOf(first.book.naming)
	second, err := first.follower(moved).run(t.Context(), moved)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(second.Steps).To(HaveLen(1), "what the policies do is not judged")
	g.Expect(second.Counts.Fail).To(BeZero())
	g.Expect(second.Mark).To(Equal(MarkInconclusive))
	g.Expect(second.Notes).To(ContainElement(And(ContainSubstring(`not clean after scenario "first"`), ContainSubstring("were left out"))))
	g.Expect(second.Steps[0].Cells).To(ContainElement(And(HaveField("Mark", MarkInconclusive),
		HaveField("Why", ContainSubstring(`not clean after scenario "first"`)))))
}

func TestAnEngineThatKeepsPoliciesInForceIsNotHidden(t *testing.T) {
	g := NewWithT(t)
	report := inTurn(t, t.Context(), neverForgets(), fastOptions(), "first", "second")
	second := report.Scenarios[1]
	g.Expect(second.Steps).To(HaveLen(2), "it was run again")
	g.Expect(second.Counts.Pass).To(Equal(second.Counts.Total()))
	g.Expect(second.Error).To(ContainSubstring(`on the topology of scenario "first", whose policies had been deleted`))
	g.Expect(report.ExitCode()).To(Equal(ExitInconclusive))
}

func TestNoScenarioBeginsAfterAnInterruptionBetweenTwo(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	options := fastOptions()
	options.Progress = func(event Event) {
		if event.Phase == "done" {
			cancel(ErrInterrupted)
		}
	}
	cluster := newFakeCluster()
	report := inTurn(t, ctx, cluster, options, "first", "second")
	g.Expect(report.Interrupted).To(BeTrue())
	g.Expect(report.Scenarios).To(HaveExactElements(HaveField("Name", "first")))
	g.Expect(report.Skipped).To(HaveExactElements(And(HaveField("Name", "second"), HaveField("Reason", "the run ended before its turn"))))
	g.Expect(report.Error).To(ContainSubstring("interrupted"))
	g.Expect(report.Notes).To(BeEmpty())
	g.Expect(cluster.pods).To(BeEmpty())
	g.Expect(cluster.cleaned).To(Equal(1))
}

func TestTopologiesOfOneShapeAreAsManyAsFit(t *testing.T) {
	rows := map[string]struct{ parallel, maxPods, most int }{
		"one at a time":            {parallel: 1, maxPods: 40, most: 1},
		"room for the pods of two": {parallel: 8, maxPods: 7, most: 2},
		"fewer than wait":          {parallel: 3, maxPods: 40, most: 3},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			options := fastOptions()
			options.Parallel, options.MaxPods = row.parallel, row.maxPods
			cluster := newFakeCluster()
			report := inTurn(t, t.Context(), cluster, options, "a", "b", "c", "d", "e", "f", "g", "h")
			g.Expect(report.Counts.Pass).To(Equal(report.Counts.Total()))
			g.Expect(report.Scenarios).To(HaveLen(8))
			g.Expect(cluster.made).To(And(BeNumerically(">=", 1), BeNumerically("<=", row.most)))
			g.Expect(cluster.most).To(BeNumerically("<=", 3*row.most))
		})
	}
}

// byNamespaceName selects a namespace by its name.
const byNamespaceName = `
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: NAME}
about: Only namespace there reaches the back.
namespaces: {here: {}, there: {}}
pods:
  back: {namespace: here, ports: [80/TCP]}
  friend: {namespace: there, ports: [80/TCP]}
  neighbour: {namespace: here, ports: [80/TCP]}
steps:
  - name: by name
    apply:
      - metadata: {name: back, namespace: here}
        spec:
          podSelector: {}
          policyTypes: [Ingress]
          ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: there}}}]}]
    expect:
      - {from: friend, to: "back:80", outcome: connected}
      - {from: neighbour, to: "back:80", outcome: blocked}
      - {from: "*", to: neighbour, outcome: any}
`

func TestPoliciesFollowTheNamespacesOfTheTopology(t *testing.T) {
	g := NewWithT(t)
	options := fastOptions()
	options.Parallel = 1
	plan, err := NewPlan([]*scenarios.Scenario{
		parseScenario(t, strings.Replace(byNamespaceName, "NAME", "first", 1)),
		parseScenario(t, strings.Replace(byNamespaceName, "NAME", "second", 1)),
	}, options)
	g.Expect(err).NotTo(HaveOccurred())
	cluster := newFakeCluster()
	report := Run(t.Context(), cluster, plan, options)
	g.Expect(cluster.made).To(Equal(2), "the two namespaces of one topology")
	g.Expect(report.Scenarios).To(HaveEach(HaveField("Mark", MarkPass)))
	g.Expect(report.Scenarios[1].Pods).To(Equal(report.Scenarios[0].Pods), "the pods under their names in the cluster")
	g.Expect(report.Scenarios[1].Steps[0].Settled.Rounds).To(BeNumerically(">=", 3), "so that what lingered is not taken for loss")
}

func TestShapes(t *testing.T) {
	replaced := func(old, with string) string { return strings.Replace(frontToBack, old, with, 1) }
	rows := map[string]struct {
		text  string
		equal bool
		// alone says that the scenario has no shape that another could have.
		alone   bool
		options Options
	}{
		"another label of a pod":           {text: replaced("role: front}, ports", "role: first}, ports")},
		"another port":                     {text: replaced("[80/TCP]}", "[81/TCP]}")},
		"another name of the namespace":    {text: replaced("pods:", "namespaces: {app: {}}\npods:")},
		"a label of the namespace":         {text: replaced("pods:", "namespaces: {default: {labels: {a: b}}}\npods:")},
		"another place of a pod":           {text: replaced("stranger: {", "stranger: {sameNodeAs: back, ")},
		"a Service":                        {text: replaced("steps:", "services: {front-of: {selector: {role: back}, ports: [80/TCP]}}\nsteps:")},
		"a port of a sidecar":              {text: replaced("stranger: {", "stranger: {sidecarPorts: [82/TCP], ")},
		"a pod that is given labels":       {text: frontToBack + "  - {name: more, label: {pod/stranger: {role: front}}, expect: policies}\n", alone: true},
		"a namespace that is given labels": {text: frontToBack + "  - {name: more, label: {namespace/default: {a: b}}, expect: policies}\n", alone: true},
		"a pod that is deleted":            {text: frontToBack + "  - {name: less, delete: [pod/stranger], expect: policies}\n", alone: true},
		"everything in a tenant's place":   {text: frontToBack, options: Options{Tenant: "theirs"}, alone: true},
		"objects that are kept":            {text: frontToBack, options: Options{Keep: true}, alone: true},
		"a few cells only":                 {text: frontToBack, options: Options{Only: []Filter{{"*", "*", "*"}}}, alone: true},
		"a policy that is deleted":         {text: frontToBack + "  - {name: none, delete: [policy/back], expect: policies}\n", equal: true},
		"another name and another policy":  {text: replaced("{role: front}}}]", "{role: boss}}}]"), equal: true},
		"another order of the pods": {
			text:  strings.Replace(replaced("  stranger: {ports: [80/TCP]}\n", ""), "pods:\n", "pods:\n  stranger: {ports: [80/TCP]}\n", 1),
			equal: true,
		},
	}
	shape := func(t *testing.T, text string, options Options) string {
		options.Run = "run1"
		plan, err := NewPlan([]*scenarios.Scenario{parseScenario(t, text)}, options)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		return plan.Scenarios[0].shape
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			found := shape(t, row.text, row.options)
			g.Expect(found == "").To(Equal(row.alone))
			g.Expect(found == shape(t, replaced("front-to-back", "other"), Options{})).To(Equal(row.equal))
		})
	}
}
