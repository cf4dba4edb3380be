package runner

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios"
)

// book is where the ends of cells are in the cluster: the addresses behind the scenario's names. It changes between steps, never within one.
type book struct {
	scenario *scenarios.Scenario
	naming   naming
	// pods are those that run, problems those that do not and why.
	pods     map[string]Pod
	problems map[string]string
	// untested are those of the problems that leave cells untested, rather than in error: pods that want the network of their node, which
	// not every cluster allows.
	untested map[string]bool
	services map[string]*corev1.Service
	// nodes holds the addresses of nodes by name.
	nodes map[string][]netip.Addr
}

func newBook(scenario *scenarios.Scenario, naming naming) *book {
	return &book{
		scenario: scenario, naming: naming, pods: map[string]Pod{}, problems: map[string]string{}, untested: map[string]bool{},
		services: map[string]*corev1.Service{}, nodes: map[string][]netip.Addr{},
	}
}

// families are those of the first pod that runs, in the order in which the cluster gave the addresses.
func (b *book) families() []corev1.IPFamily {
	var families []corev1.IPFamily
	for _, declared := range b.scenario.Pods {
		pod, runs := b.pods[declared.Name]
		if !runs {
			continue
		}
		for _, address := range pod.Addresses {
			if family := familyOf(address); !slices.Contains(families, family) {
				families = append(families, family)
			}
		}
		return families
	}
	return nil
}

func familyOf(address netip.Addr) corev1.IPFamily {
	if address.Is6() {
		return corev1.IPv6Protocol
	}
	return corev1.IPv4Protocol
}

// of picks the address of a family.
func of(family corev1.IPFamily, addresses []netip.Addr) (netip.Addr, bool) {
	i := slices.IndexFunc(addresses, func(a netip.Addr) bool { return familyOf(a) == family })
	if i < 0 {
		return netip.Addr{}, false
	}
	return addresses[i], true
}

// untestedError says why a cell is left untested.
type untestedError struct{ reason string }

func (e *untestedError) Error() string { return e.reason }

// pod finds a pod that runs, or says why there is none.
func (b *book) pod(name string) (Pod, error) {
	if pod, ok := b.pods[name]; ok {
		return pod, nil
	}
	if problem := b.problems[name]; problem != "" && b.untested[name] {
		return Pod{}, &untestedError{fmt.Sprintf("not tested: pod %q needs the network of its node, which this cluster does not allow: %s", name, problem)}
	} else if problem != "" {
		return Pod{}, fmt.Errorf("pod %q did not start: %s", name, problem)
	}
	return Pod{}, fmt.Errorf("pod %q does not exist", name)
}

// behind are the pods that a Service selects by the labels of the moment, those too that did not start.
func (b *book) behind(step *scenarios.ExpandedStep, name string) []string {
	i := slices.IndexFunc(b.scenario.Services, func(s scenarios.Service) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	service := &b.scenario.Services[i]
	var names []string
	for _, pod := range step.Cluster().Pods {
		if pod.Namespace != service.Namespace || len(service.Selector) == 0 {
			continue
		}
		matches := true
		for key, value := range service.Selector {
			matches = matches && pod.Labels[key] == value
		}
		if matches {
			names = append(names, pod.Name)
		}
	}
	return names
}
