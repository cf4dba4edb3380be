package scenarios

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// checkTopology checks namespaces, pods and Services, and fills in what may be omitted.
func (l *loading) checkTopology() {
	s := l.scenario
	if s.Metadata.Name != "" {
		l.checkLabelName("metadata.name", s.Metadata.Name)
	}
	if strings.TrimSpace(s.About) == "" && s.About != "" {
		l.report("about", "it is blank: say in a sentence what the scenario shows")
	}
	if len(s.Namespaces) == 0 {
		s.Namespaces = []Namespace{{Name: corev1.NamespaceDefault}}
	}
	for i := range s.Namespaces {
		l.checkNamespace(&s.Namespaces[i])
	}
	for i := range s.Pods {
		l.checkPod(&s.Pods[i])
	}
	l.checkPlacement()
	for i := range s.Services {
		l.checkService(&s.Services[i])
	}
	l.checkTargetNames()
}

func (l *loading) checkNamespace(namespace *Namespace) {
	at := strict.Key("namespaces", namespace.Name)
	l.checkLabelName(at, namespace.Name)
	l.checkLabels(at+".labels", namespace.Labels)
	if _, ok := namespace.Labels[corev1.LabelMetadataName]; ok {
		l.report(strict.Key(at+".labels", corev1.LabelMetadataName), "the API server sets this label itself: remove it")
	}
}

func (l *loading) checkPod(pod *Pod) {
	at := strict.Key("pods", pod.Name)
	l.checkLabelName(at, pod.Name)
	l.checkLabels(at+".labels", pod.Labels)
	l.checkPorts(at+".ports", pod.Ports)
	l.addSidecarPorts(at, pod)
	namespace, err := l.scenario.placeIn(pod.Namespace)
	if err != nil {
		l.report(at+".namespace", "%v", err)
		return
	}
	pod.Namespace = namespace.Name
	if namespace.Existing && strings.HasPrefix(namespace.Name, "kube-") {
		l.report(at+".namespace", "%s belongs to Kubernetes: put the pod into a namespace of the scenario", namespace.Name)
	}
}

// addSidecarPorts adds the ports of the second container to those of the pod. Two containers may use one name, but no two can listen on one
// port.
func (l *loading) addSidecarPorts(at string, pod *Pod) {
	l.checkPorts(at+".sidecarPorts", pod.SidecarPorts)
	for i, port := range pod.SidecarPorts {
		if slices.ContainsFunc(pod.Ports, func(p Port) bool { return p.Number == port.Number && p.Protocol == port.Protocol }) {
			l.report(strict.Index(at+".sidecarPorts", i), "the port %d/%s is in ports already: remove one", port.Number, port.Protocol)
		}
	}
	pod.Ports = append(pod.Ports, pod.SidecarPorts...)
}

// firstPorts are the ports that the first container declares.
func (p *Pod) firstPorts() []Port { return p.Ports[:len(p.Ports)-len(p.SidecarPorts)] }

// checkPorts reports ports and port names that occur twice.
func (l *loading) checkPorts(at string, ports []Port) {
	for i, port := range ports {
		for _, earlier := range ports[:i] {
			path := strict.Index(at, i)
			if earlier.Number == port.Number && earlier.Protocol == port.Protocol {
				l.report(path, "the port %d/%s is already in the list: remove one", port.Number, port.Protocol)
			} else if port.Name != "" && earlier.Name == port.Name {
				l.report(path, "the port name %q is already taken: choose another", port.Name)
			}
		}
	}
}

// checkLabels applies the API server's rules for the keys and values of labels.
func (l *loading) checkLabels(at string, labels map[string]string) {
	for _, key := range sortedKeys(labels) {
		if len(validation.IsQualifiedName(key)) > 0 {
			l.report(strict.Key(at, key), "%q is no key of a label: write at most 63 letters, digits, \"-\", \"_\" or \".\", with a letter or "+
				"digit at both ends, perhaps after a DNS name and \"/\"", key)
		}
		if len(validation.IsValidLabelValue(labels[key])) > 0 {
			l.report(strict.Key(at, key), "%q is no value of a label: write at most 63 letters, digits, \"-\", \"_\" or \".\", with a letter or "+
				"digit at both ends", labels[key])
		}
	}
}

// checkPlacement checks the words that put pods on nodes.
func (l *loading) checkPlacement() {
	pods := l.scenario.Pods
	names := make([]string, len(pods))
	for i, pod := range pods {
		names[i] = pod.Name
	}
	for _, pod := range pods {
		at := strict.Key("pods", pod.Name)
		for _, place := range []struct{ path, name string }{
			{at + ".sameNodeAs", pod.SameNodeAs}, {at + ".otherNodeThan", pod.OtherNodeThan},
		} {
			switch {
			case place.name == "":
			case place.name == pod.Name:
				l.report(place.path, "a pod can't be placed by itself: name another pod")
			case !slices.Contains(names, place.name):
				l.report(place.path, "the pod %q is unknown: %s", place.name, strict.Suggest(place.name, names))
			case l.scenario.placedByWay(place.name, pod.Name):
				l.report(place.path, "%s and %s wait for each other: place one of them freely", pod.Name, place.name)
			}
		}
		if pod.SameNodeAs != "" && pod.OtherNodeThan != "" {
			l.report(at+".otherNodeThan", "sameNodeAs already decides the node: keep one of them")
		}
		if pod.HostNetwork {
			continue
		}
		for _, other := range pods {
			if other.HostNetwork && other.Namespace == pod.Namespace {
				l.report(at+".namespace", "%s uses the host network and needs a namespace of its own: move one of the pods", other.Name)
			}
		}
	}
}

// placedByWay reports whether the place of pod depends, in some steps, on that of another.
func (s *Scenario) placedByWay(pod, other string) bool {
	for range s.Pods {
		i := slices.IndexFunc(s.Pods, func(p Pod) bool { return p.Name == pod })
		if i < 0 {
			return false
		}
		if pod = s.Pods[i].SameNodeAs + s.Pods[i].OtherNodeThan; pod == other {
			return true
		}
	}
	return false
}

func (l *loading) checkService(service *Service) {
	at := strict.Key("services", service.Name)
	if faults := validation.IsDNS1035Label(service.Name); len(faults) > 0 {
		l.report(at, "%q is no name of a Service: write lower-case letters, digits or \"-\", with a letter first", service.Name)
	}
	l.checkLabels(at+".selector", service.Selector)
	if service.Type == "" {
		service.Type = ClusterIP
	}
	if len(service.Ports) == 0 {
		l.report(at+".ports", "the Service has no port: give one such as 80:8080/TCP")
	}
	for i, port := range service.Ports {
		for _, earlier := range service.Ports[:i] {
			if earlier.Number == port.Number && earlier.Protocol == port.Protocol {
				l.report(strict.Index(at+".ports", i), "the port %d/%s is already in the list: remove one", port.Number, port.Protocol)
			}
		}
		if number, err := strconv.Atoi(port.Target); err == nil && service.Type == Headless && int32(number) != port.Number {
			l.report(strict.Index(at+".ports", i), "a headless Service translates no ports: write %s", port.Target)
		}
	}
	namespace, err := l.scenario.placeIn(service.Namespace)
	if err != nil {
		l.report(at+".namespace", "%v", err)
		return
	}
	service.Namespace = namespace.Name
	if namespace.Existing {
		l.report(at+".namespace", "the namespace %q exists in the cluster: put Services into the scenario's own", namespace.Name)
	}
}

// checkTargetNames reports names that stand for two things in expectations.
func (l *loading) checkTargetNames() {
	taken := map[string]string{"dns": "the cluster's DNS"}
	claim := func(section, name, what string) {
		if other, ok := taken[name]; ok {
			l.report(strict.Key(section, name), "%q already names %s: choose another name", name, other)
			return
		}
		taken[name] = what
	}
	for _, pod := range l.scenario.Pods {
		claim("pods", pod.Name, "a pod")
	}
	for _, service := range l.scenario.Services {
		claim("services", service.Name, "a Service")
	}
	for _, external := range l.scenario.External {
		claim("external", external.Name, "an external host")
	}
}
