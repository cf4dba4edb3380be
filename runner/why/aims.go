package why

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/scenarios/policy"
)

// aim is one question to the wire.
type aim struct {
	knock diagnose.Knock
	// witness says that the double of the destination can be asked what arrived.
	witness bool
}

// Sizes of requests. The large one takes several packets of any usual MTU.
const largePayload = 4096

// maxOtherPorts bounds the other declared ports of the destination that are tried after a refusal.
const maxOtherPorts = 6

// aims collects the questions for one round.
type aims struct {
	question *diagnose.Question
	snapshot *diagnose.Snapshot
	options  *Options
	pods     map[diagnose.Role]runner.Pod
	all      []aim
}

// newAims lists every way in which the wire is asked: the target as it was named, the Service, the name, the pod, a closed port of it, its double,
// each from the source's double; and the pod and its double from a pod without labels and from another node.
func newAims(q *diagnose.Question, s *diagnose.Snapshot, o *Options, pods map[diagnose.Role]runner.Pod) []aim {
	a := &aims{question: q, snapshot: s, options: o, pods: pods}
	a.target()
	a.names()
	a.pod()
	a.double()
	return a.all
}

// protocol is that of an attempt at the asked port.
func (a *aims) protocol() probe.Protocol { return probe.Protocol(a.question.Protocol) }

// add asks from a role, if it has a pod that knows the family.
func (a *aims) add(way diagnose.Way, from diagnose.Role, to string, port int32, attempt probe.Attempt, witness bool) {
	pod, there := a.pods[from]
	if !there {
		return
	}
	var family corev1.IPFamily
	if address, err := netip.ParseAddr(attempt.Host); err == nil {
		family = diagnose.FamilyOf(address)
		if !slices.ContainsFunc(pod.Addresses, func(own netip.Addr) bool { return diagnose.FamilyOf(own) == family }) {
			return
		}
	}
	attempt.ICMPWait = -1
	if attempt.Protocol != probe.DNS && attempt.Port == 0 {
		attempt.Port = uint16(port)
	}
	a.all = append(a.all, aim{witness: witness, knock: diagnose.Knock{Way: way, From: from, Family: family, To: to, Port: port, Round: 1, Attempt: attempt}})
}

// real is an attempt at something that is not ours: a bare connect. UDP has none, so nothing is sent.
func (a *aims) real(way diagnose.Way, from diagnose.Role, to string, host string, port int32) {
	if a.protocol() != probe.TCP {
		return
	}
	a.add(way, from, to, port, probe.Attempt{Protocol: probe.TCP, Host: host, Foreign: true}, false)
}

// target knocks on what was asked for, where that is not the pod itself.
func (a *aims) target() {
	q := a.question
	switch q.To.Kind {
	case policy.KindService:
		for _, address := range serviceAddresses(a.snapshot.Service(q.To)) {
			a.real(diagnose.WayTarget, diagnose.RoleSource, q.To.String(), address, q.Port)
			a.real(diagnose.WayTarget, diagnose.RoleControl, q.To.String(), address, q.Port)
		}
	case policy.KindAddress:
		a.real(diagnose.WayTarget, diagnose.RoleSource, q.To.String(), q.To.Address.String(), q.Port)
		a.real(diagnose.WayTarget, diagnose.RoleControl, q.To.String(), q.To.Address.String(), q.Port)
		a.real(diagnose.WayTarget, diagnose.RoleTwin, q.To.String(), q.To.Address.String(), q.Port)
	case policy.KindNode:
		for _, address := range nodeAddresses(a.snapshot, q.To.Name) {
			a.real(diagnose.WayTarget, diagnose.RoleSource, q.To.String(), address, q.Port)
		}
	case policy.KindPod:
		for _, service := range a.servicesOf(q.Pod) {
			for _, address := range serviceAddresses(service.object) {
				a.real(diagnose.WayService, diagnose.RoleSource, "service "+service.object.Namespace+"/"+service.object.Name, address, service.port)
			}
		}
	}
}

// front is a Service in front of a pod, and its port that leads to the asked one.
type front struct {
	object *corev1.Service
	port   int32
}

// servicesOf are the Services in front of a pod; at most two are asked.
func (a *aims) servicesOf(end policy.Endpoint) []front {
	pod := a.snapshot.Pod(end)
	if pod == nil {
		return nil
	}
	var fronts []front
	for i := range a.snapshot.Services {
		service := &a.snapshot.Services[i]
		if service.Namespace != pod.Namespace || !selects(service.Spec.Selector, pod.Labels) || len(fronts) == 2 {
			continue
		}
		for j := range service.Spec.Ports {
			port := &service.Spec.Ports[j]
			if _, number := behind(service, port, a.snapshot); number == a.question.PodPort && protocolOf(port.Protocol) == a.question.Protocol {
				fronts = append(fronts, front{service, port.Port})
				break
			}
		}
	}
	return fronts
}

func serviceAddresses(service *corev1.Service) []string {
	if service == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(service.Spec.ClusterIPs), func(text string) bool { return text == corev1.ClusterIPNone })
}

func nodeAddresses(s *diagnose.Snapshot, name string) []string {
	var addresses []string
	for i := range s.Nodes {
		for _, listed := range s.Nodes[i].Status.Addresses {
			if s.Nodes[i].Name == name && listed.Type == corev1.NodeInternalIP {
				addresses = append(addresses, listed.Address)
			}
		}
	}
	return addresses
}

// names asks the name servers by UDP and by TCP, and knocks by the name if that is how it was asked. Without a name it asks for that of a Service in
// front of the pod, or of the API server, to know whether names work at all.
func (a *aims) names() {
	q := a.question
	name := q.Name
	if name == "" && q.To.Kind == policy.KindService {
		name = q.To.Name + "." + q.To.Namespace
	}
	if name == "" {
		name = "kubernetes.default"
		if fronts := a.servicesOf(q.Pod); len(fronts) > 0 {
			name = fronts[0].object.Name + "." + fronts[0].object.Namespace
		}
	}
	for _, tcp := range []bool{false, true} {
		a.add(diagnose.WayLookup, diagnose.RoleSource, name, 53, probe.Attempt{Protocol: probe.DNS, Host: name, DNS: &probe.DNSQuestion{TCP: tcp}}, false)
	}
	if q.Name != "" {
		a.real(diagnose.WayName, diagnose.RoleSource, q.Name, q.Name, q.Port)
		a.real(diagnose.WayName, diagnose.RoleControl, q.Name, q.Name, q.Port)
	}
}

// pod knocks on the real pod behind the target.
func (a *aims) pod() {
	q := a.question
	pod := a.snapshot.Pod(q.Pod)
	if pod == nil {
		return
	}
	for _, address := range pod.Status.PodIPs {
		for _, from := range []diagnose.Role{diagnose.RoleSource, diagnose.RoleControl, diagnose.RoleTwin} {
			a.real(diagnose.WayPod, from, q.Pod.String(), address.IP, q.PodPort)
		}
		a.real(diagnose.WayClosed, diagnose.RoleSource, q.Pod.String(), address.IP, closedPort(pod, q.PodPort))
		asked := 0
		for _, port := range declaredPorts(pod) {
			if port.ContainerPort == q.PodPort || protocolOf(port.Protocol) != corev1.ProtocolTCP || asked == maxOtherPorts {
				continue
			}
			asked++
			a.real(diagnose.WayOther, diagnose.RoleSource, q.Pod.String(), address.IP, port.ContainerPort)
		}
		if a.options.HTTP != "" && a.protocol() == probe.TCP {
			a.add(diagnose.WayHTTP, diagnose.RoleSource, q.Pod.String(), q.PodPort,
				probe.Attempt{Protocol: probe.HTTP, Host: address.IP, Foreign: true, HTTP: &probe.HTTPRequest{Path: a.options.HTTP}}, false)
		}
	}
}

// closedPort is a port that the pod does not declare and that hardly anything uses.
func closedPort(pod *corev1.Pod, asked int32) int32 {
	number := int32(59873)
	for number == asked || slices.ContainsFunc(declaredPorts(pod), func(p corev1.ContainerPort) bool { return p.ContainerPort == number }) {
		number--
	}
	return number
}

// double knocks on the double of the destination, which answers itself and knows what arrived.
func (a *aims) double() {
	destination, there := a.pods[diagnose.RoleDestination]
	if !there {
		return
	}
	to := fmt.Sprintf("double of %s", a.question.Pod)
	for _, address := range destination.Addresses {
		attempt := probe.Attempt{Protocol: a.protocol(), Host: address.String(), UID: destination.UID}
		for _, from := range []diagnose.Role{diagnose.RoleSource, diagnose.RoleControl, diagnose.RoleTwin} {
			a.add(diagnose.WayDouble, from, to, a.question.PodPort, attempt, true)
		}
		if a.protocol() == probe.TCP {
			large := attempt
			large.Payload = largePayload
			a.add(diagnose.WayLarge, diagnose.RoleSource, to, a.question.PodPort, large, true)
		}
	}
}
