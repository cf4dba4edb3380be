package why

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/runner/diagnose/identity"
)

// double is a probe pod that will stand in for a real one.
type double struct {
	order    Order
	identity identity.Identity
	demands  []identity.Demand
	real     map[string]string
}

// plan says which probe pods a question needs. Obstacles are the reasons for which some cannot be; without the source's nothing can be asked.
type plan struct {
	doubles   []double
	obstacles []string
	// refused says why the wire cannot be asked at all.
	refused string
}

// maxDoublePorts bounds the ports that a double answers on.
const maxDoublePorts = 16

// newPlan finds identities for both ends. Each label set is the whole of what the pod will carry, the fixed labels of the run included.
func newPlan(q *diagnose.Question, o *Options, s *diagnose.Snapshot, fixed func(Order) map[string]string) (*plan, error) {
	p := &plan{}
	source := s.Pod(q.From)
	switch {
	case source == nil:
		p.refused = fmt.Sprintf("%s is no pod: nothing can be asked from there", q.From)
		return p, nil
	case source.Spec.HostNetwork:
		p.refused = fmt.Sprintf("%s is in the network of its node, where no probe pod can stand in for it", q.From)
		return p, nil
	case source.Spec.NodeName == "" && !o.Ephemeral:
		p.refused = fmt.Sprintf("%s has no node yet", q.From)
		return p, nil
	}
	if !o.Ephemeral {
		if err := p.add(s, fixed, diagnose.RoleSource, source, source.Spec.NodeName, nil, o.Run); err != nil {
			return nil, err
		}
		if p.refused != "" {
			return p, nil
		}
	}
	destination := s.Pod(q.Pod)
	if destination != nil && !destination.Spec.HostNetwork && destination.Spec.NodeName != "" {
		if err := p.add(s, fixed, diagnose.RoleDestination, destination, destination.Spec.NodeName, doublePorts(destination, q), o.Run); err != nil {
			return nil, err
		}
	}
	if !o.Ephemeral {
		if node := otherNode(source, destination, s); node != "" && p.movable() {
			if err := p.add(s, fixed, diagnose.RoleTwin, source, node, nil, o.Run); err != nil {
				return nil, err
			}
		}
	}
	return p, p.addControl(s, fixed, source, o.Run)
}

// add finds an identity for a double. A refused one is an obstacle; that of the source ends the plan.
func (p *plan) add(
	s *diagnose.Snapshot, fixed func(Order) map[string]string, role diagnose.Role, real *corev1.Pod, node string, ports []corev1.ContainerPort, run string,
) error {
	demands, err := s.Demands(real)
	if err != nil {
		return fmt.Errorf("find labels that are safe beside pod %s/%s: %w", real.Namespace, real.Name, err)
	}
	order := Order{Namespace: real.Namespace, Name: nameOf(role, run), Role: role, Like: real, Node: node, Ports: ports}
	found := identity.Judge(real.Labels, fixed(order), demands)
	if found.Way == identity.WayRefused {
		why := fmt.Sprintf("no labels are safe for a probe pod beside %s/%s: %s", real.Namespace, real.Name, strings.Join(found.Obstacles, "; "))
		if role == diagnose.RoleSource {
			p.refused = why + ": ask from within the pod itself with --ephemeral"
		}
		p.obstacles = append(p.obstacles, why)
		return nil
	}
	order.Labels = found.Labels
	p.doubles = append(p.doubles, double{order: order, identity: found, demands: demands, real: real.Labels})
	return nil
}

// addControl adds the pod without labels of its own, unless even that is matched by something it must not be.
func (p *plan) addControl(s *diagnose.Snapshot, fixed func(Order) map[string]string, source *corev1.Pod, run string) error {
	demands, err := s.Demands(source)
	if err != nil {
		return err
	}
	order := Order{Namespace: source.Namespace, Name: nameOf(diagnose.RoleControl, run), Role: diagnose.RoleControl, Like: source, Node: source.Spec.NodeName}
	whole := fixed(order)
	kept := slices.DeleteFunc(slices.Clone(demands), func(d identity.Demand) bool {
		return d.Kind == identity.KindPolicy || d.Kind == identity.KindOtherPolicy
	})
	found := identity.Judge(nil, whole, kept)
	if found.Way == identity.WayRefused {
		p.obstacles = append(p.obstacles, "no pod without labels is safe in namespace "+source.Namespace+": "+strings.Join(found.Obstacles, "; "))
		return nil
	}
	order.Labels = found.Labels
	// Policies have to judge it by no other labels than these.
	ordered := maps.Clone(whole)
	maps.Copy(ordered, found.Labels)
	p.doubles = append(p.doubles, double{order: order, identity: identity.Identity{Tolerated: found.Tolerated}, demands: demands, real: ordered})
	return nil
}

// movable tells whether the source's labels may stand on another node too: not where a spread or an affinity counts them.
func (p *plan) movable() bool {
	for i := range p.doubles {
		if p.doubles[i].order.Role != diagnose.RoleSource {
			continue
		}
		return !slices.ContainsFunc(p.doubles[i].identity.Tolerated, func(t identity.Tolerated) bool {
			return strings.HasPrefix(t.Object, string(identity.KindAffinity)) || strings.HasPrefix(t.Object, string(identity.KindSpread))
		})
	}
	return false
}

// otherNode is where the twin stands: on the destination's node if the source is not there, or else on any other that takes pods. Empty if there is
// none.
func otherNode(source, destination *corev1.Pod, s *diagnose.Snapshot) string {
	if destination != nil && destination.Spec.NodeName != source.Spec.NodeName {
		return destination.Spec.NodeName
	}
	for i := range s.Nodes {
		node := &s.Nodes[i]
		ready := slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
		if node.Name != source.Spec.NodeName && ready && !node.Spec.Unschedulable && len(node.Spec.Taints) == 0 {
			return node.Name
		}
	}
	return ""
}

// doublePorts are those of the real pod and the one in question, with their names, because policies may name them.
func doublePorts(pod *corev1.Pod, q *diagnose.Question) []corev1.ContainerPort {
	var ports []corev1.ContainerPort
	add := func(port corev1.ContainerPort) {
		port.HostPort, port.HostIP, port.Protocol = 0, "", protocolOf(port.Protocol)
		same := slices.ContainsFunc(ports, func(p corev1.ContainerPort) bool {
			return p.ContainerPort == port.ContainerPort && p.Protocol == port.Protocol
		})
		if slices.ContainsFunc(ports, func(p corev1.ContainerPort) bool { return p.Name != "" && p.Name == port.Name }) {
			port.Name = ""
		}
		if !same && len(ports) < maxDoublePorts {
			ports = append(ports, port)
		}
	}
	declared := declaredPorts(pod)
	// The one in question comes first, so that no bound leaves it out; with the name that the pod gives it.
	asked := corev1.ContainerPort{ContainerPort: q.PodPort, Protocol: q.Protocol}
	for _, port := range declared {
		if port.ContainerPort == q.PodPort && protocolOf(port.Protocol) == q.Protocol {
			asked.Name = port.Name
		}
	}
	add(asked)
	for _, port := range declared {
		add(port)
	}
	return ports
}

func nameOf(role diagnose.Role, run string) string { return fmt.Sprintf("podknock-%s-%s", run, role) }

// namespaces are those that the plan creates something in.
func (p *plan) namespaces() []string {
	var names []string
	for i := range p.doubles {
		if name := p.doubles[i].order.Namespace; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// lines say what would be created.
func (p *plan) lines() []string {
	var lines []string
	for _, name := range p.namespaces() {
		lines = append(lines, fmt.Sprintf("ServiceAccount in namespace %s, which owns the pods and has no rights", name))
	}
	for i := range p.doubles {
		d := &p.doubles[i]
		labels := "no labels of its own"
		if len(d.order.Labels) > 0 {
			labels = "labels " + spell(d.order.Labels)
		}
		lines = append(lines, fmt.Sprintf("Pod %s/%s on node %s, with %s, never Ready, for at most a few minutes", d.order.Namespace, d.order.Name, d.order.Node, labels))
		for _, tolerated := range d.identity.Tolerated {
			lines = append(lines, fmt.Sprintf("  %s matches it: %s", tolerated.Object, tolerated.Reason))
		}
	}
	for _, name := range p.namespaces() {
		lines = append(lines, fmt.Sprintf("NetworkPolicy in namespace %s, for these pods alone, only if something gets through that the policies deny", name))
	}
	return lines
}

func spell(labels map[string]string) string {
	var words []string
	for key, value := range labels {
		words = append(words, key+"="+value)
	}
	slices.Sort(words)
	return strings.Join(words, ",")
}
