package runner

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// aim is a cell as something that can be asked.
type aim struct {
	// source is the name of the pod that knocks.
	source  string
	attempt probe.Attempt
	// target is the name of the pod whose agent has the destination's evidence, empty if it is not known to be a single one of ours. port is
	// the pod's own.
	target string
	port   uint16
	// answers are the pods that may answer. Empty accepts whoever does.
	answers []string
	// obstacle says why the cell cannot be asked. Everything else is zero then, but the source and the target where they are known.
	obstacle string
	// untested says that the obstacle is the cluster's right, and no error.
	untested bool
}

// stop is an aim that cannot be asked because of an error.
func (a aim) stop(err error) aim {
	var untested *untestedError
	return aim{source: a.source, target: a.target, obstacle: err.Error(), untested: errors.As(err, &untested)}
}

// dnsName is a name that every cluster's DNS knows, by the search list of a pod.
const dnsName = "kubernetes.default.svc"

// aim turns a cell into an attempt.
func (b *book) aim(step *scenarios.ExpandedStep, cell scenarios.Cell) aim {
	if cell.From.Kind != scenarios.EndpointPod {
		return aim{obstacle: fmt.Sprintf("%s is outside the cluster: nothing of ours can knock from there", cell.From)}
	}
	a := aim{source: cell.From.Name}
	if _, err := b.pod(cell.From.Name); err != nil {
		return a.stop(err)
	}
	a.attempt = probe.Attempt{
		Protocol: probe.Protocol(cell.Protocol), Port: uint16(cell.Port), Family: probe.Family(cell.Family),
	}
	if err := b.aimAt(step, cell, &a); err != nil {
		return a.stop(err)
	}
	return a
}

// aimAt fills in whom the attempt asks.
func (b *book) aimAt(step *scenarios.ExpandedStep, cell scenarios.Cell, a *aim) error {
	switch cell.To.Kind {
	case scenarios.EndpointPod:
		a.target, a.port, a.answers = cell.To.Name, uint16(cell.Port), []string{cell.To.Name}
		pod, err := b.pod(cell.To.Name)
		if err != nil {
			return err
		}
		a.attempt.UID = pod.UID
		return a.host(cell, pod.Addresses)
	case scenarios.EndpointService:
		service, err := b.service(cell.To.Name)
		if err != nil {
			return err
		}
		if err := b.aimBehind(step, cell, a); err != nil {
			return err
		}
		return a.host(cell, parseAddresses(service.Spec.ClusterIPs))
	case scenarios.EndpointServiceName:
		if _, err := b.service(cell.To.Name); err != nil {
			return err
		}
		if err := b.aimBehind(step, cell, a); err != nil {
			return err
		}
		a.attempt.Host = b.naming.hostName(cell.To)
	case scenarios.EndpointNodePort:
		service, err := b.service(cell.To.Name)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Port == cell.Port && p.Protocol == cell.Protocol
		})
		if i < 0 || service.Spec.Ports[i].NodePort == 0 {
			return fmt.Errorf("the Service %q has no node port for %d/%s", cell.To.Name, cell.Port, cell.Protocol)
		}
		if err := b.aimBehind(step, cell, a); err != nil {
			return err
		}
		a.attempt.Port = uint16(service.Spec.Ports[i].NodePort)
		return b.aimNode(cell, a)
	case scenarios.EndpointNode:
		a.attempt.Foreign = true
		return b.aimNode(cell, a)
	case scenarios.EndpointDNS:
		a.attempt.Host = dnsName
		a.attempt.DNS = &probe.DNSQuestion{TCP: cell.Protocol == corev1.ProtocolTCP}
		a.attempt.Protocol, a.attempt.Family = probe.DNS, probe.AnyFamily
	case scenarios.EndpointHostName:
		a.attempt.Foreign, a.attempt.Host = true, cell.To.Name
	case scenarios.EndpointExternal:
		i := slices.IndexFunc(b.scenario.External, func(e scenarios.External) bool { return e.Name == cell.To.Name })
		a.attempt.Foreign = true
		return a.host(cell, b.scenario.External[i].Addresses)
	default:
		return fmt.Errorf("%s is of a kind that cannot be asked: %q", cell.To, cell.To.Kind)
	}
	return nil
}

// host sets the address of the cell's family.
func (a *aim) host(cell scenarios.Cell, addresses []netip.Addr) error {
	address, ok := of(cell.Family, addresses)
	if !ok {
		return fmt.Errorf("%s has no %s address", cell.To, cell.Family)
	}
	a.attempt.Host = address.String()
	return nil
}

func (b *book) service(name string) (*corev1.Service, error) {
	service, ok := b.services[name]
	if !ok {
		return nil, fmt.Errorf("the Service %q does not exist", name)
	}
	return service, nil
}

// aimBehind says who may answer for a Service, and whose evidence counts if it can be one pod only. A Service whose pods all did not start
// is no question about policies.
func (b *book) aimBehind(step *scenarios.ExpandedStep, cell scenarios.Cell, a *aim) error {
	behind := b.behind(step, cell.To.Name)
	a.answers = slices.DeleteFunc(slices.Clone(behind), func(name string) bool { _, runs := b.pods[name]; return !runs })
	if len(a.answers) == 0 && len(behind) > 0 {
		_, err := b.pod(behind[0])
		return fmt.Errorf("nothing is behind the Service %q: %w", cell.To.Name, err)
	}
	if len(a.answers) != 1 {
		return nil
	}
	service := b.services[cell.To.Name]
	i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
		return p.Port == cell.Port && p.Protocol == cell.Protocol
	})
	if i < 0 {
		return nil
	}
	if port, ok := b.targetPort(a.answers[0], service.Spec.Ports[i]); ok {
		a.target, a.port = a.answers[0], port
	}
	return nil
}

// targetPort is the port of a pod that a Service leads to. A headless Service does not translate.
func (b *book) targetPort(pod string, port corev1.ServicePort) (uint16, bool) {
	if number := port.TargetPort.IntValue(); number > 0 {
		return uint16(number), true
	}
	i := slices.IndexFunc(b.scenario.Pods, func(p scenarios.Pod) bool { return p.Name == pod })
	if i < 0 {
		return 0, false
	}
	for _, own := range b.scenario.Pods[i].Ports {
		if own.Name == port.TargetPort.String() && own.Protocol == port.Protocol {
			return uint16(own.Number), true
		}
	}
	return 0, false
}

func (b *book) aimNode(cell scenarios.Cell, a *aim) error {
	pod, err := b.pod(cell.To.Node)
	if err != nil {
		return err
	}
	addresses, ok := b.nodes[pod.Node]
	if !ok {
		return fmt.Errorf("the addresses of node %q are not known: reading nodes is not allowed here", pod.Node)
	}
	return a.host(cell, addresses)
}

func parseAddresses(texts []string) []netip.Addr {
	var addresses []netip.Addr
	for _, text := range texts {
		if address, err := netip.ParseAddr(text); err == nil {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// cellID names a cell within a report. The step's number counts from 1.
func cellID(scenario string, step int, cell scenarios.Cell) string {
	port := ""
	if cell.Port != 0 {
		port = ":" + strconv.Itoa(int(cell.Port))
	}
	return fmt.Sprintf("%s/%d/%s->%s%s/%s/%s", scenario, step+1, cell.From, cell.To, port, cell.Protocol, cell.Family)
}
