package why

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

// UsageError says that a question makes no sense in this cluster: something is not there, or a port is missing.
type UsageError struct{ error }

// Unwrap returns what is wrong.
func (e UsageError) Unwrap() error { return e.error }

// resolve finds what the words of a question mean.
func resolve(o *Options, s *diagnose.Snapshot) (diagnose.Question, error) {
	q := diagnose.Question{Expect: o.Expect, Protocol: o.protocol()}
	var err error
	if q.From, err = source(o.From, s); err != nil {
		return q, UsageError{err}
	}
	if err = target(&q, o, s); err != nil {
		return q, UsageError{err}
	}
	return q, nil
}

// source is the end that connects: of several pods the first by name that runs.
func source(from subject.Reference, s *diagnose.Snapshot) (policy.Endpoint, error) {
	switch from.Kind {
	case subject.KindService:
		return policy.Endpoint{}, fmt.Errorf("%s: a Service opens no connections: name the pods behind it, such as %s/deploy/%s", from, from.Namespace, from.Name)
	case subject.KindName, subject.KindRange:
		return policy.Endpoint{}, fmt.Errorf("%s: the source has to be a pod, a node or an address", from)
	}
	found, err := from.Endpoints(&s.Cluster)
	if err != nil {
		return policy.Endpoint{}, fmt.Errorf("%s: %w", from, err)
	}
	if found[0].Kind == policy.KindAddress {
		return ownerOf(found[0], s), nil
	}
	return bestPod(found, s), nil
}

// ownerOf is the pod that has an address, or the address.
func ownerOf(end policy.Endpoint, s *diagnose.Snapshot) policy.Endpoint {
	for i := range s.Pods {
		pod := &s.Pods[i]
		if pod.Spec.HostNetwork || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		if slices.ContainsFunc(pod.Status.PodIPs, func(ip corev1.PodIP) bool { return ip.IP == end.Address.String() }) {
			return policy.Pod(pod.Namespace, pod.Name)
		}
	}
	for i := range s.Services {
		if slices.Contains(s.Services[i].Spec.ClusterIPs, end.Address.String()) {
			return policy.Service(s.Services[i].Namespace, s.Services[i].Name)
		}
	}
	return end
}

// bestPod prefers a pod that is ready to one that runs, and that to any.
func bestPod(found []policy.Endpoint, s *diagnose.Snapshot) policy.Endpoint {
	best, bestScore := found[0], -1
	for _, end := range found {
		pod := s.Pod(end)
		score := 0
		switch {
		case pod == nil:
		case ready(pod):
			score = 2
		case pod.Status.Phase == corev1.PodRunning:
			score = 1
		}
		if score > bestScore {
			best, bestScore = end, score
		}
	}
	return best
}

func ready(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// target fills in the end that is asked, its port, and the pod behind it.
func target(q *diagnose.Question, o *Options, s *diagnose.Snapshot) error {
	to := o.To
	switch to.Kind {
	case subject.KindRange:
		return fmt.Errorf("%s: name one address", to)
	case subject.KindName:
		q.Name = to.Name
		if service, found := serviceNamed(to.Name, s); found {
			q.To = service
		}
	default:
		found, err := to.Endpoints(&s.Cluster)
		if err != nil {
			return fmt.Errorf("%s: %w", to, err)
		}
		q.To = bestPod(found, s)
		if q.To.Kind == policy.KindAddress {
			q.To = ownerOf(q.To, s)
		}
	}
	switch q.To.Kind {
	case policy.KindPod:
		q.Pod = q.To
		return podPort(q, o, s)
	case policy.KindService:
		return servicePort(q, o, s)
	}
	if to.Port == 0 {
		return fmt.Errorf("%s: no port is given: write %s:PORT", to, to)
	}
	q.Port, q.PodPort = to.Port, to.Port
	return nil
}

// serviceNamed finds the Service that a DNS name of the cluster means: NAME.NAMESPACE, with .svc and the cluster's domain or without.
func serviceNamed(name string, s *diagnose.Snapshot) (policy.Endpoint, bool) {
	parts := strings.Split(strings.TrimSuffix(name, "."), ".")
	if len(parts) < 2 || len(parts) > 2 && parts[2] != "svc" {
		return policy.Endpoint{}, false
	}
	service := policy.Service(parts[1], parts[0])
	return service, s.Service(service) != nil
}

// podPort finds the port of a pod: the one that is given, or that of a name, or the only one that it declares.
func podPort(q *diagnose.Question, o *Options, s *diagnose.Snapshot) error {
	pod := s.Pod(q.Pod)
	declared := declaredPorts(pod)
	switch {
	case o.To.Port != 0:
		q.Port = o.To.Port
	case o.To.PortName != "":
		i := slices.IndexFunc(declared, func(p corev1.ContainerPort) bool { return p.Name == o.To.PortName })
		if i < 0 {
			return fmt.Errorf("%s declares no port named %q", q.Pod, o.To.PortName)
		}
		q.Port, q.Protocol = declared[i].ContainerPort, protocolOf(declared[i].Protocol)
	case len(declared) == 1:
		q.Port, q.Protocol = declared[0].ContainerPort, protocolOf(declared[0].Protocol)
	case len(declared) == 0:
		return fmt.Errorf("%s declares no port: write %s:PORT", q.Pod, o.To)
	default:
		return fmt.Errorf("%s declares %d ports: write %s:PORT, such as %d", q.Pod, len(declared), o.To, declared[0].ContainerPort)
	}
	q.PodPort = q.Port
	return nil
}

// declaredPorts are those of all containers that run beside the application, init containers that stay included.
func declaredPorts(pod *corev1.Pod) []corev1.ContainerPort {
	var ports []corev1.ContainerPort
	for _, container := range pod.Spec.InitContainers {
		if container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			ports = append(ports, container.Ports...)
		}
	}
	for _, container := range pod.Spec.Containers {
		ports = append(ports, container.Ports...)
	}
	return ports
}

func protocolOf(protocol corev1.Protocol) corev1.Protocol {
	if protocol == "" {
		return corev1.ProtocolTCP
	}
	return protocol
}

var errNoServicePort = errors.New("write a port that the Service has")

// servicePort finds the port of a Service, and the pod behind it: a ready one if there is any.
func servicePort(q *diagnose.Question, o *Options, s *diagnose.Snapshot) error {
	service := s.Service(q.To)
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return fmt.Errorf("%s is a name for %s: ask about that", q.To, service.Spec.ExternalName)
	}
	ports := service.Spec.Ports
	chosen := -1
	switch {
	case o.To.Port != 0:
		chosen = slices.IndexFunc(ports, func(p corev1.ServicePort) bool {
			return p.Port == o.To.Port && (o.To.Protocol == "" || protocolOf(p.Protocol) == o.To.Protocol)
		})
		q.Port = o.To.Port
	case o.To.PortName != "":
		if chosen = slices.IndexFunc(ports, func(p corev1.ServicePort) bool { return p.Name == o.To.PortName }); chosen < 0 {
			return fmt.Errorf("%s has no port named %q: %w", q.To, o.To.PortName, errNoServicePort)
		}
	case len(ports) == 1:
		chosen = 0
	default:
		return fmt.Errorf("%s has %d ports: write %s:PORT", q.To, len(ports), o.To)
	}
	if chosen < 0 {
		q.PodPort = q.Port
		return nil // the finding says that the Service has no such port
	}
	q.Port, q.Protocol = ports[chosen].Port, protocolOf(ports[chosen].Protocol)
	q.Pod, q.PodPort = behind(service, &ports[chosen], s)
	if q.PodPort == 0 {
		q.PodPort = q.Port
	}
	return nil
}

// behind finds a pod behind a port of a Service, and the port there.
func behind(service *corev1.Service, port *corev1.ServicePort, s *diagnose.Snapshot) (policy.Endpoint, int32) {
	number := port.TargetPort.IntVal
	if number == 0 && port.TargetPort.StrVal == "" {
		number = port.Port
	}
	var best *corev1.Pod
	for i := range s.Pods {
		pod := &s.Pods[i]
		if pod.Namespace != service.Namespace || !selects(service.Spec.Selector, pod.Labels) || pod.Status.Phase != corev1.PodRunning {
			continue
		}
		if best == nil || ready(pod) && !ready(best) {
			best = pod
		}
	}
	if best == nil {
		return policy.Endpoint{}, number
	}
	if port.TargetPort.StrVal != "" {
		for _, declared := range declaredPorts(best) {
			if declared.Name == port.TargetPort.StrVal && protocolOf(declared.Protocol) == protocolOf(port.Protocol) {
				number = declared.ContainerPort
			}
		}
	}
	return policy.Pod(best.Namespace, best.Name), number
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return len(selector) > 0
}

// runningPod is a real pod as one that can be asked from.
func runningPod(pod *corev1.Pod) runner.Pod {
	result := runner.Pod{Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID), Node: pod.Spec.NodeName}
	for _, ip := range pod.Status.PodIPs {
		if address, err := netip.ParseAddr(ip.IP); err == nil {
			result.Addresses = append(result.Addresses, address)
		}
	}
	return result
}
