package scenarios

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/internal/strict"
)

// knock is what an attempt aims at.
type knock struct {
	to       Endpoint
	port     int32
	protocol corev1.Protocol
}

// sources resolves where knocks come from, among the pods that exist.
func (w *world) sources(from Source) ([]Endpoint, error) {
	if from.Wildcard() {
		if err := w.checkWildcard(from.Namespace); err != nil {
			return nil, err
		}
		var all []Endpoint
		for _, pod := range w.livingPods() {
			if from.Namespace == "" || from.Namespace == pod.Namespace {
				all = append(all, podEndpoint(pod.Name))
			}
		}
		return all, nil
	}
	if w.scenario.externalHost(from.Name) != nil {
		return []Endpoint{{Kind: EndpointExternal, Name: from.Name}}, nil
	}
	if w.scenario.pod(from.Name) == nil {
		return nil, fmt.Errorf("%q can't knock, only pods and external hosts can: %s", from.Name,
			strict.Suggest(from.Name, w.scenario.sourceNames()))
	}
	if err := w.mustLive(Ref{Kind: RefPod, Name: from.Name}); err != nil {
		return nil, err
	}
	return []Endpoint{podEndpoint(from.Name)}, nil
}

// checkWildcard reports a NAMESPACE/* whose namespace nobody declared.
func (w *world) checkWildcard(namespace string) error {
	if namespace == "" || w.scenario.namespace(namespace) != nil {
		return nil
	}
	names := make([]string, len(w.scenario.Namespaces))
	for i := range names {
		names[i] = w.scenario.Namespaces[i].Name
	}
	return fmt.Errorf("the namespace %q is unknown: %s", namespace, strict.Suggest(namespace, names))
}

// knocks resolves a target, whoever knocks.
func (w *world) knocks(to Target) ([]knock, error) {
	switch to.Kind {
	case TargetAll:
		return w.knocksOnAll(to)
	case TargetName:
		return w.knocksOnName(to)
	case TargetNode:
		return w.knocksOnNode(to)
	case TargetDNS:
		if to.Protocol != "" {
			return []knock{{to: Endpoint{Kind: EndpointDNS}, protocol: to.Protocol}}, nil
		}
		return []knock{
			{to: Endpoint{Kind: EndpointDNS}, protocol: corev1.ProtocolUDP},
			{to: Endpoint{Kind: EndpointDNS}, protocol: corev1.ProtocolTCP},
		}, nil
	}
	if pod := w.scenario.pod(to.Name); pod != nil {
		if err := w.mustLive(Ref{Kind: RefPod, Name: pod.Name}); err != nil {
			return nil, err
		}
		return portKnocks(podEndpoint(pod.Name), pod.Ports, to)
	}
	if external := w.scenario.externalHost(to.Name); external != nil {
		return portKnocks(Endpoint{Kind: EndpointExternal, Name: external.Name}, external.Ports, to)
	}
	service, err := w.mustFindService(to.Name, to)
	if err != nil {
		return nil, err
	}
	if service.Type == Headless {
		return nil, fmt.Errorf("the Service %q has no address because it is headless: write name(%s)", service.Name, service.Name)
	}
	return portKnocks(Endpoint{Kind: EndpointService, Name: service.Name}, service.listening(), to)
}

func (w *world) knocksOnAll(to Target) ([]knock, error) {
	if err := w.checkWildcard(to.Namespace); err != nil {
		return nil, err
	}
	var all []knock
	for _, pod := range w.livingPods() {
		if to.Namespace != "" && to.Namespace != pod.Namespace {
			continue
		}
		for _, port := range pod.Ports {
			if to.fits(port) {
				all = append(all, knock{podEndpoint(pod.Name), port.Number, port.Protocol})
			}
		}
	}
	return all, nil
}

func (w *world) knocksOnName(to Target) ([]knock, error) {
	if strings.Contains(to.Name, ".") {
		if to.Number == 0 {
			return nil, fmt.Errorf("%q needs the number of a port: write name(%s):443", to.String(), to.Name)
		}
		return []knock{{Endpoint{Kind: EndpointHostName, Name: to.Name}, to.Number, orTCP(to.Protocol)}}, nil
	}
	service, err := w.mustFindService(to.Name, to)
	if err != nil {
		return nil, err
	}
	return portKnocks(Endpoint{Kind: EndpointServiceName, Name: service.Name}, service.listening(), to)
}

func (w *world) knocksOnNode(to Target) ([]knock, error) {
	pod := w.scenario.pod(to.Node)
	if pod == nil {
		return nil, fmt.Errorf("the pod %q is unknown: %s", to.Node, strict.Suggest(to.Node, w.scenario.podNames()))
	}
	if err := w.mustLive(Ref{Kind: RefPod, Name: pod.Name}); err != nil {
		return nil, err
	}
	if to.Name == "" {
		if to.Number == 0 {
			return nil, fmt.Errorf("%q needs the number of a port: write %s:10250", to.String(), to.who())
		}
		return []knock{{Endpoint{Kind: EndpointNode, Node: pod.Name}, to.Number, orTCP(to.Protocol)}}, nil
	}
	service, err := w.mustFindService(to.Name, to)
	if err != nil {
		return nil, err
	}
	if service.Type != NodePort {
		return nil, fmt.Errorf("the Service %q has no node port: give it type %s", service.Name, NodePort)
	}
	return portKnocks(Endpoint{Kind: EndpointNodePort, Name: service.Name, Node: pod.Name}, service.listening(), to)
}

// mustFindService finds the Service that a target names.
func (w *world) mustFindService(name string, to Target) (*Service, error) {
	service := w.scenario.service(name)
	if service == nil {
		return nil, fmt.Errorf("%q names nothing in this scenario: %s", to.who(), strict.Suggest(name, w.scenario.targetNames(to.Kind)))
	}
	if _, ok := w.namespaces[service.Namespace]; !ok {
		return nil, fmt.Errorf("the namespace %q of the Service %q does not exist at this step", service.Namespace, name)
	}
	return service, nil
}

// listening are the ports of a Service as ports.
func (s *Service) listening() []Port {
	ports := make([]Port, len(s.Ports))
	for i, port := range s.Ports {
		ports[i] = Port{Name: port.Name, Number: port.Number, Protocol: port.Protocol}
	}
	return ports
}

// fits reports whether a declared port is one of those that the target means.
func (t Target) fits(port Port) bool {
	return (t.Number == 0 || t.Number == port.Number) && (t.PortName == "" || t.PortName == port.Name) &&
		(t.Protocol == "" || t.Protocol == port.Protocol)
}

// portKnocks picks the declared ports that a target means, or the one undeclared port that it names.
func portKnocks(to Endpoint, declared []Port, target Target) ([]knock, error) {
	var fitting []knock
	for _, port := range declared {
		if target.fits(port) {
			fitting = append(fitting, knock{to, port.Number, port.Protocol})
		}
	}
	switch {
	case len(fitting) > 0:
		return fitting, nil
	case target.PortName != "":
		return nil, fmt.Errorf("%s declares no port named %q: declare it or write a number", to, target.PortName)
	case target.Number == 0:
		return nil, fmt.Errorf("%s declares no port: declare one or write %s:NUMBER", to, to)
	}
	return []knock{{to, target.Number, orTCP(target.Protocol)}}, nil
}

func podEndpoint(name string) Endpoint { return Endpoint{Kind: EndpointPod, Name: name} }

// declaredPorts are the ports that an endpoint declares. Known is false for endpoints about whose ports a scenario says nothing.
func (s *Scenario) declaredPorts(to Endpoint) (ports []Port, known bool) {
	switch to.Kind {
	case EndpointPod:
		return s.pod(to.Name).Ports, true
	case EndpointExternal:
		return s.externalHost(to.Name).Ports, true
	case EndpointService, EndpointServiceName, EndpointNodePort:
		return s.service(to.Name).listening(), true
	}
	return nil, false
}

// listens reports whether a port is declared, and whether the scenario can know.
func (s *Scenario) listens(k knock) (declared, known bool) {
	ports, known := s.declaredPorts(k.to)
	return slices.ContainsFunc(ports, func(p Port) bool { return p.Number == k.port && p.Protocol == k.protocol }), known
}

// openOutcome is what a knock finds where no policy hinders it.
func (w *world) openOutcome(k knock) Expected {
	declared, known := w.scenario.listens(k)
	switch k.to.Kind {
	case EndpointDNS:
		return Expected(probe.Connected)
	case EndpointPod:
		if !declared && !w.scenario.pod(k.to.Name).HostNetwork {
			return Expected(probe.Refused)
		}
	case EndpointService, EndpointServiceName, EndpointNodePort:
		declared = declared && w.served(w.scenario.service(k.to.Name), k)
	}
	if declared && known {
		return Expected(probe.Connected)
	}
	return Any
}

// served reports whether some pod behind a Service listens on the target of a port.
func (w *world) served(service *Service, k knock) bool {
	for _, port := range service.Ports {
		if port.Number != k.port || port.Protocol != k.protocol {
			continue
		}
		for _, pod := range w.livingPods() {
			if w.selects(service, pod) && slices.ContainsFunc(pod.Ports, port.reaches) {
				return true
			}
		}
	}
	return false
}

// reaches reports whether a pod's port is the target of a Service's.
func (p ServicePort) reaches(port Port) bool {
	return p.Protocol == port.Protocol && (p.Target == port.Name || p.Target == fmt.Sprint(port.Number))
}

func (s *Scenario) podNames() []string {
	names := make([]string, len(s.Pods))
	for i, pod := range s.Pods {
		names[i] = pod.Name
	}
	return names
}

// sourceNames are the names that may stand in from.
func (s *Scenario) sourceNames() []string {
	names := s.podNames()
	for _, external := range s.External {
		names = append(names, external.Name)
	}
	return names
}

// targetNames are the names that may stand in to, for a kind of target.
func (s *Scenario) targetNames(kind TargetKind) []string {
	var names []string
	if kind == TargetNamed {
		names = s.sourceNames()
	}
	for _, service := range s.Services {
		names = append(names, service.Name)
	}
	if kind == TargetNamed {
		names = append(names, "dns")
	}
	return names
}
