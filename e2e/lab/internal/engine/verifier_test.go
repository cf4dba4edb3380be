//go:build verifier

package engine

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/kube-network-policies/pkg/network"

	"github.com/podknock/podknock/e2e/lab/internal/mutants"
	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/verify"
	"github.com/podknock/podknock/scenarios"
	evaluator "github.com/podknock/podknock/scenarios/policy"
)

// unjudgedHere are mutants whose defect is not in verdicts on single packets but
// in time, between scenarios, or in the form of a refusal. The lab shows them.
var unjudgedHere = []string{"new-pods-open", "ten-seconds-late", "first-namespace-only", "denies-with-rst", "denies-with-icmp"}

// otherNames are what the verifier calls a mutant's defect, where that has
// another name. A Service's address is translated on the client's node, and
// only there an engine sees it.
var otherNames = map[string]string{"one-node-open": "enforces-nothing", "services-unfiltered": "services-unfiltered-where-translated"}

// TestTheVerifierNamesEachMutant lets each mutant judge every knock of the
// suite conformance, without a cluster, and the verifier judge the mutant. It
// has a build tag because it needs modules that the lab does not: make
// unit-build adds them to a copy of go.mod, for a change of the lab's own would
// have everybody build Kubernetes anew.
func TestTheVerifierNamesEachMutant(t *testing.T) {
	loaded, err := scenarios.Loader{}.Find(verify.SuiteName)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	var expansions []*scenarios.Expansion
	for _, scenario := range loaded {
		expansion, err := scenarios.Expand(scenario, scenarios.ExpandOptions{Families: scenarios.Families()})
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		expansions = append(expansions, expansion)
	}
	judged := func(d defect) *verify.Report {
		run := &runner.Report{Kind: runner.ReportKind}
		for _, expansion := range expansions {
			run.Scenarios = append(run.Scenarios, play(t, d, expansion))
		}
		for i := range run.Scenarios {
			run.Counts = run.Counts.Sum(run.Scenarios[i].Counts)
		}
		report := &verify.Report{}
		verify.Judge(report, verify.Evidence{Run: run, Expansions: expansions})
		return report
	}
	t.Run("no defect", func(t *testing.T) {
		report := judged(defect{})
		NewWithT(t).Expect(report.Headline.Conclusion).To(Equal(verify.ConcludedEnforced), report.Headline.Text)
	})
	for _, m := range mutants.All() {
		if slices.Contains(unjudgedHere, m.Name) {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			g := NewWithT(t)
			h := judged(defects[m.Name]).Headline
			var names []string
			for _, explanation := range h.Explanations {
				for _, d := range explanation.Defects {
					names = append(names, d.Name)
				}
			}
			name := m.Name
			if other := otherNames[name]; other != "" {
				name = other
			}
			g.Expect(names).To(ContainElement(name), h.Text)
			g.Expect(h.Explanations).To(HaveLen(1), h.Text)
			g.Expect(len(h.Nodes) > 0).To(Equal(m.Name == "one-node-open"), h.Text)
		})
	}
}

// The nodes of the test's cluster, and the time between two steps: the API's
// times are whole seconds.
var nodeNames = []string{"node1", "node2"}

const stepTime = 10 * time.Second

// stage is a scenario under way, as an engine sees it.
type stage struct {
	state     *state
	expansion *scenarios.Expansion
	nodes     map[string]string // by pod
	addresses map[string]int    // by pod: the last part
	before    evaluator.Cluster
	births    map[string]int // the step in which an object was made, by kind and name
}

// play runs a scenario on an engine.
func play(t *testing.T, d defect, expansion *scenarios.Expansion) runner.ScenarioResult {
	t.Helper()
	s := &stage{state: newState(d), expansion: expansion, nodes: map[string]string{}, addresses: map[string]int{}, births: map[string]int{}}
	s.state.now = func() time.Time { return clock.Add(time.Hour) }
	s.place()
	result := runner.ScenarioResult{Name: expansion.Scenario.Metadata.Name, Suite: verify.SuiteName}
	for _, pod := range expansion.Scenario.Pods {
		result.Pods = append(result.Pods, runner.PodResult{Name: pod.Name, Node: s.nodes[pod.Name]})
	}
	for i := range expansion.Steps {
		s.change(i)
		step := runner.StepResult{Name: expansion.Steps[i].Name}
		for _, c := range expansion.Steps[i].Cells {
			cell := s.knock(i, c)
			step.Cells = append(step.Cells, cell)
			switch cell.Mark {
			case runner.MarkPass:
				result.Counts.Pass++
			case runner.MarkFail:
				result.Counts.Fail++
			default:
				result.Counts.Unjudged++
			}
		}
		result.Steps = append(result.Steps, step)
	}
	return result
}

// place spreads the pods over the nodes as the scenario wants it.
func (s *stage) place() {
	pods := s.expansion.Scenario.Pods
	for i, pod := range pods {
		node := nodeNames[i%2]
		for _, placed := range pods[:i] {
			switch same, apart := s.expansion.Scenario.SharedNode(pod.Name, placed.Name); {
			case same:
				node = s.nodes[placed.Name]
			case apart:
				node = nodeNames[1-slices.Index(nodeNames, s.nodes[placed.Name])]
			}
		}
		s.nodes[pod.Name], s.addresses[pod.Name] = node, i+10
	}
}

// change tells the engine what a step changes.
func (s *stage) change(number int) {
	step := &s.expansion.Steps[number]
	now := step.Cluster()
	deleted := func(kind scenarios.RefKind, namespace, name string) bool {
		return slices.ContainsFunc(step.Delete, func(ref scenarios.Ref) bool {
			if ref.Kind == scenarios.RefNamespace {
				return ref.Name == namespace
			}
			return ref.Kind == kind && ref.Name == name && (ref.Namespace == "" || ref.Namespace == namespace)
		})
	}
	for i := range s.before.Policies {
		p := &s.before.Policies[i]
		if there := slices.ContainsFunc(now.Policies, func(n networkingv1.NetworkPolicy) bool {
			return n.Namespace == p.Namespace && n.Name == p.Name
		}); !there || deleted(scenarios.RefPolicy, p.Namespace, p.Name) {
			s.state.removePolicy(s.policy(p))
			delete(s.births, "policy/"+key(p.Namespace, p.Name))
		}
	}
	for i := range s.before.Pods {
		p := &s.before.Pods[i]
		if there := slices.ContainsFunc(now.Pods, func(n corev1.Pod) bool { return n.Namespace == p.Namespace && n.Name == p.Name }); !there ||
			deleted(scenarios.RefPod, p.Namespace, p.Name) {
			s.state.removePod(s.pod(p))
			delete(s.births, "pod/"+key(p.Namespace, p.Name))
		}
	}
	for i := range now.Namespaces {
		ns := now.Namespaces[i].DeepCopy()
		if slices.ContainsFunc(step.Delete, func(ref scenarios.Ref) bool { return ref.Kind == scenarios.RefNamespace && ref.Name == ns.Name }) {
			delete(s.births, "namespace/"+ns.Name)
		}
		named := map[string]string{corev1.LabelMetadataName: ns.Name} // as the API server does
		maps.Copy(named, ns.Labels)
		ns.Labels = named
		ns.UID = types.UID(fmt.Sprint(ns.Name, s.birth("namespace/"+ns.Name, number)))
		s.state.setNamespace(ns)
	}
	for i := range now.Pods {
		s.birth("pod/"+key(now.Pods[i].Namespace, now.Pods[i].Name), number)
		s.state.setPod(s.pod(&now.Pods[i]))
	}
	for i := range now.Policies {
		s.birth("policy/"+key(now.Policies[i].Namespace, now.Policies[i].Name), number)
		s.state.setPolicy(s.policy(&now.Policies[i]))
	}
	s.before = now
}

func (s *stage) birth(object string, step int) int {
	if born, ok := s.births[object]; ok {
		return born
	}
	s.births[object] = step
	return step
}

// policy is one as the API server has it: the defaults are filled in.
func (s *stage) policy(p *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	p = p.DeepCopy()
	born := s.births["policy/"+key(p.Namespace, p.Name)]
	p.UID, p.CreationTimestamp = types.UID(fmt.Sprint(p.Namespace, p.Name, born)), metav1.NewTime(clock.Add(time.Duration(born)*stepTime))
	if len(p.Spec.PolicyTypes) == 0 {
		guessPolicyTypes(p)
	}
	tcp := corev1.ProtocolTCP
	eachPort(func(port *networkingv1.NetworkPolicyPort) bool {
		if port.Protocol == nil {
			port.Protocol = &tcp
		}
		return true
	})(p)
	return p
}

func (s *stage) pod(p *corev1.Pod) *corev1.Pod {
	p = p.DeepCopy()
	born := s.births["pod/"+key(p.Namespace, p.Name)]
	p.UID, p.CreationTimestamp = types.UID(fmt.Sprint(p.Namespace, p.Name, born)), metav1.NewTime(clock.Add(time.Duration(born)*stepTime))
	p.Spec.NodeName = nodeNames[0] // that of the DNS
	if node := s.nodes[p.Name]; node != "" {
		p.Spec.NodeName = node
	}
	p.Status.Phase = corev1.PodRunning
	p.Status.PodIPs = []corev1.PodIP{{IP: s.address(p.Name, corev1.IPv4Protocol)}, {IP: s.address(p.Name, corev1.IPv6Protocol)}}
	for c := range p.Spec.Containers {
		for i := range p.Spec.Containers[c].Ports {
			if p.Spec.Containers[c].Ports[i].Protocol == "" {
				p.Spec.Containers[c].Ports[i].Protocol = corev1.ProtocolTCP
			}
		}
	}
	return p
}

func (s *stage) address(pod string, family corev1.IPFamily) string {
	last := s.addresses[pod] // 0 for the DNS
	if family == corev1.IPv6Protocol {
		return fmt.Sprintf("fd00:99::%x", last+1)
	}
	return fmt.Sprintf("10.99.0.%d", last+1)
}

// knock asks the engines of both nodes about a cell.
func (s *stage) knock(number int, c scenarios.Cell) runner.Cell {
	endpoint := func(e scenarios.Endpoint) runner.Endpoint {
		return runner.Endpoint{Kind: string(e.Kind), Name: e.Name, Node: e.Node, Text: e.String()}
	}
	cell := runner.Cell{
		ID: fmt.Sprintf("%s/%d/%s", s.expansion.Scenario.Metadata.Name, number+1, c), From: endpoint(c.From), To: endpoint(c.To), Port: c.Port,
		Protocol: string(c.Protocol), Family: string(c.Family), Expected: string(c.Expected), Mark: runner.MarkUnjudged,
	}
	step := &s.expansion.Steps[number]
	if c.Expected == scenarios.Any || c.From.Kind != scenarios.EndpointPod {
		return cell
	}
	outcome := probe.Outcome(step.Open(c))
	switch passes, resolves := s.reaches(step, c); {
	case !resolves:
		outcome = probe.DNSFailure
	case !passes && c.To.Kind == scenarios.EndpointDNS:
		outcome = probe.DNSFailure
	case !passes:
		outcome = probe.Timeout
	}
	cell.Observed, cell.Mark = outcome, runner.MarkFail
	if string(outcome) == cell.Expected || c.Expected == scenarios.Blocked && outcome == probe.Timeout ||
		c.Expected == scenarios.Blocked && outcome == probe.DNSFailure && c.To.Kind == scenarios.EndpointDNS {
		cell.Mark = runner.MarkPass
	}
	return cell
}

// reaches tells whether a knock gets through, and whether its name resolves.
func (s *stage) reaches(step *scenarios.ExpandedStep, c scenarios.Cell) (passes, resolves bool) {
	source := c.From.Name
	toDNS := c.To.Kind == scenarios.EndpointServiceName || c.To.Kind == scenarios.EndpointHostName
	if toDNS && !s.passes(source, s.address("", c.Family), 53, corev1.ProtocolUDP, true, nodeNames[0]) {
		return false, false
	}
	switch c.To.Kind {
	case scenarios.EndpointDNS:
		return s.passes(source, s.address("", c.Family), 53, c.Protocol, true, nodeNames[0]), true
	case scenarios.EndpointExternal:
		return s.passes(source, s.external(c).String(), int(c.Port), c.Protocol, false, ""), true
	case scenarios.EndpointPod:
		return s.passes(source, s.address(c.To.Name, c.Family), int(c.Port), c.Protocol, false, s.nodes[c.To.Name]), true
	case scenarios.EndpointService, scenarios.EndpointServiceName, scenarios.EndpointNodePort:
		service := s.service(c.To.Name)
		for _, receiver := range step.Receivers(c) {
			port, translated := s.targetPort(service, receiver, c)
			if c.To.Kind == scenarios.EndpointNodePort && s.nodes[c.To.Node] != s.nodes[source] {
				// The client's node sees the node's address.
				node := map[corev1.IPFamily]string{corev1.IPv4Protocol: "10.88.0.1", corev1.IPv6Protocol: "fd00:88::1"}[c.Family]
				return s.passes(source, node, 30000, c.Protocol, false, ""), true
			}
			return s.passes(source, s.address(receiver, c.Family), port, c.Protocol, translated, s.nodes[receiver]), true
		}
	}
	return true, true
}

func (s *stage) external(c scenarios.Cell) net.IP {
	for _, external := range s.expansion.Scenario.External {
		for _, address := range external.Addresses {
			if external.Name == c.To.Name && address.Is6() == (c.Family == corev1.IPv6Protocol) {
				return address.AsSlice()
			}
		}
	}
	return nil
}

func (s *stage) service(name string) *corev1.Service {
	i := slices.IndexFunc(s.before.Services, func(service corev1.Service) bool { return service.Name == name })
	if i < 0 {
		return &corev1.Service{}
	}
	return &s.before.Services[i]
}

// targetPort is the port of the pod that a knock on a Service ends at. A
// headless Service has no address that could be translated.
func (s *stage) targetPort(service *corev1.Service, receiver string, c scenarios.Cell) (port int, translated bool) {
	if service.Spec.ClusterIP == corev1.ClusterIPNone {
		return int(c.Port), false
	}
	for _, p := range service.Spec.Ports {
		if p.Port != c.Port || p.Protocol != c.Protocol && (p.Protocol != "" || c.Protocol != corev1.ProtocolTCP) {
			continue
		}
		switch {
		case p.TargetPort.Type == intstr.Int && p.TargetPort.IntVal != 0:
			return int(p.TargetPort.IntVal), true
		case p.TargetPort.Type == intstr.String:
			if number, ok := s.portNamed(receiver, p.TargetPort.StrVal); ok {
				return number, true
			}
		}
	}
	return int(c.Port), true
}

func (s *stage) portNamed(pod, name string) (int, bool) {
	for i := range s.before.Pods {
		for _, container := range s.before.Pods[i].Spec.Containers {
			for _, port := range container.Ports {
				if s.before.Pods[i].Name == pod && port.Name == name {
					return int(port.ContainerPort), true
				}
			}
		}
	}
	return 0, false
}

// passes asks every node on the way. A translated destination shows on the
// client's node alone.
func (s *stage) passes(source, address string, port int, protocol corev1.Protocol, translated bool, target string) bool {
	p := network.Packet{
		Proto: protocol, SrcIP: net.ParseIP(s.address(source, corev1.IPv4Protocol)), DstIP: net.ParseIP(address), SrcPort: 50000, DstPort: port,
		Family: corev1.IPv4Protocol,
	}
	if p.DstIP.To4() == nil {
		p.SrcIP, p.Family = net.ParseIP(s.address(source, corev1.IPv6Protocol)), corev1.IPv6Protocol
	}
	way := []string{s.nodes[source]}
	if target != "" && target != s.nodes[source] {
		way = append(way, target)
	}
	for i, node := range way {
		j := &judge{state: s.state, node: node, lastNode: nodeNames[1]}
		if v := j.judge(context.Background(), p, translated && i == 0); v.denied || v.repliesCut {
			return false
		}
	}
	return true
}
