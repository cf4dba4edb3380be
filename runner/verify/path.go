package verify

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
)

// sizes are those of the echoes, in bytes: one that every network carries, one just below the usual MTU of 1,500 less the headers of an
// overlay, and one that needs several packets.
var sizes = []int{64, 1400, 4096}

// pathQuestion is a question of the path stage with its place in the report.
type pathQuestion struct {
	question
	way Way
	// fromNode and toNode are names of nodes. toNode is empty where the destination is on no node that is known before.
	fromNode, toNode string
	family           corev1.IPFamily
	size             int
}

// protocol is how the report names what the question speaks.
func (k *pathQuestion) protocol() string {
	switch k.way {
	case WayDNSUDP:
		return string(probe.UDP)
	case WayDNSTCP:
		return string(probe.TCP)
	}
	return string(k.attempt.Protocol)
}

// apiServer is the name of the API server's Service.
const apiServer = "kubernetes.default.svc"

// pathKnocks are all questions of the path stage, and why some ways have none.
func (g *ground) pathKnocks(peers map[string][]string) (knocks []pathQuestion, untested []string) {
	families := g.families()
	for _, s := range g.sites {
		source, beside := s.post(free), s.post(egressNoRule)
		if source == nil {
			continue
		}
		for _, family := range families {
			for _, other := range g.sites {
				destination := other.post(free)
				if other == s {
					destination = s.post(ingressNoRule)
				} else if !slices.Contains(peers[s.node], other.node) {
					continue
				}
				knocks = append(knocks, podKnocks(source, destination, family)...)
			}
			knocks = append(knocks, g.nodeKnocks(s, peers[s.node], family)...)
		}
		// A pod that is itself behind the Service would sometimes be sent to itself, which plugins may not support.
		if beside != nil {
			knocks = append(knocks, g.serviceKnocks(beside, peers[s.node], families)...)
			knocks = append(knocks, infrastructureKnocks(beside)...)
		}
	}
	if g.serviceProblem != "" {
		untested = append(untested, fmt.Sprintf("%s and %s are not tested: %s", WayClusterIP, WayNodePort, g.serviceProblem))
	}
	if problem := g.whyNoNodePods(); problem != "" {
		untested = append(untested, fmt.Sprintf("%s is not tested: %s", WayNodeToPod, problem))
	}
	if len(g.sites) < 2 {
		untested = append(untested, "paths between nodes are not tested: probe pods can run on one node only")
	}
	return knocks, untested
}

// whyNoNodePods says why no pod runs in the network of a node, or is empty.
func (g *ground) whyNoNodePods() string {
	if g.nodeProblem != "" {
		return g.nodeProblem
	}
	problem := ""
	for _, s := range g.sites {
		if s.post(onNode) != nil {
			return ""
		}
		problem = s.problem(onNode)
	}
	return problem
}

// podKnocks ask a pod over TCP and UDP, with every size.
func podKnocks(from, to *post, family corev1.IPFamily) []pathQuestion {
	if to == nil {
		return nil
	}
	address, ok := to.address(family)
	if !ok {
		return nil
	}
	var knocks []pathQuestion
	for _, protocol := range []probe.Protocol{probe.TCP, probe.UDP} {
		for _, size := range sizes {
			knocks = append(knocks, pathQuestion{
				way: WayPodIP, fromNode: from.site.node, toNode: to.site.node, family: family, size: size,
				question: question{from: from, to: to, attempt: probe.Attempt{
					Protocol: protocol, Host: address.String(), Port: stagePort, UID: to.UID, Payload: size,
				}},
			})
		}
	}
	return knocks
}

// nodeKnocks ask the pods of this node and of its peers from the network of the node.
func (g *ground) nodeKnocks(s *site, peers []string, family corev1.IPFamily) []pathQuestion {
	source := s.post(onNode)
	if source == nil {
		return nil
	}
	var knocks []pathQuestion
	for _, other := range g.sites {
		destination := other.post(free)
		if destination == nil || other != s && !slices.Contains(peers, other.node) {
			continue
		}
		if address, ok := destination.address(family); ok {
			knocks = append(knocks, pathQuestion{
				way: WayNodeToPod, fromNode: s.node, toNode: other.node, family: family,
				question: question{from: source, to: destination, attempt: probe.Attempt{
					Protocol: probe.TCP, Host: address.String(), Port: stagePort, UID: destination.UID,
				}},
			})
		}
	}
	return knocks
}

// serviceKnocks ask the Service by its addresses and at the nodes.
func (g *ground) serviceKnocks(source *post, peers []string, families []corev1.IPFamily) []pathQuestion {
	if g.service == nil {
		return nil
	}
	var knocks []pathQuestion
	for _, family := range families {
		for _, port := range g.service.Spec.Ports {
			ask := func(way Way, toNode, host string, number int32) {
				knocks = append(knocks, pathQuestion{
					way: way, fromNode: source.site.node, toNode: toNode, family: family,
					question: question{from: source, attempt: probe.Attempt{Protocol: probe.Protocol(port.Protocol), Host: host, Port: uint16(number)}},
				})
			}
			if address, ok := addressOf(parseAddresses(g.service.Spec.ClusterIPs), family); ok {
				ask(WayClusterIP, "", address.String(), port.Port)
			}
			for _, other := range g.sites {
				if other != source.site && !slices.Contains(peers, other.node) || port.NodePort == 0 {
					continue
				}
				if address, ok := addressOf(other.addresses, family); ok {
					ask(WayNodePort, other.node, address.String(), port.NodePort)
				}
			}
		}
	}
	return knocks
}

// infrastructureKnocks ask the cluster's DNS and its API server.
func infrastructureKnocks(source *post) []pathQuestion {
	node := source.site.node
	knocks := []pathQuestion{{
		way: WayAPIServer, fromNode: node,
		question: question{from: source, attempt: probe.Attempt{Protocol: probe.TCP, Host: apiServer, Port: 443, Foreign: true}},
	}}
	for _, way := range []Way{WayDNSUDP, WayDNSTCP} {
		knocks = append(knocks, pathQuestion{
			way: way, fromNode: node,
			question: question{from: source, attempt: probe.Attempt{
				Protocol: probe.DNS, Host: apiServer, DNS: &probe.DNSQuestion{TCP: way == WayDNSTCP},
			}},
		})
	}
	return knocks
}

// pathTiming asks four times within one deadline. What confirms silence is the next round.
var pathTiming = probe.Timing{Sockets: 4, Confirm: -1, ICMPWait: -1}

// pathPause is the time between two rounds of what has not connected yet.
const pathPause = 300 * time.Millisecond

// tryPaths asks until everything has connected once, or the bound has passed: right after pods and Services were made, routes may still be on
// their way. It returns the last reply to each knock.
func tryPaths(ctx context.Context, knocks []pathQuestion, bound time.Duration) ([]reply, error) {
	replies := make([]reply, len(knocks))
	start := time.Now()
	open := make([]int, len(knocks))
	for i := range open {
		open[i] = i
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return replies, context.Cause(ctx)
		case <-timer.C:
		}
		asked := make([]question, len(open))
		for i, k := range open {
			asked[i] = knocks[k].question
		}
		answers := askAll(ctx, asked, pathTiming)
		last := time.Since(start) >= bound
		if last {
			join(ctx, asked, answers)
		}
		var still []int
		for i, k := range open {
			replies[k] = answers[i]
			if !answers[i].connected() {
				still = append(still, k)
			}
		}
		open = still
		if len(open) == 0 || last {
			return replies, nil
		}
		timer.Reset(pathPause)
	}
}

// pathPairs are the knocks as the report has them. A path that failed at first and came up is a pass; when it came up is not its quality.
func pathPairs(knocks []pathQuestion, replies []reply) []PathPair {
	pairs := make([]PathPair, len(knocks))
	for i := range knocks {
		k, r := &knocks[i], &replies[i]
		pairs[i] = PathPair{
			From: k.fromNode, To: k.toNode, SameNode: k.toNode == k.fromNode && k.toNode != "", Way: k.way,
			Family: string(k.family), Protocol: k.protocol(), Size: k.size, Status: StatusPass, Observed: r.result.Outcome,
		}
		switch {
		case !r.asked:
			pairs[i].Status, pairs[i].Why, pairs[i].Observed = StatusUnknown, r.failure, ""
		case !r.connected():
			pairs[i].Status, pairs[i].Why = StatusFail, r.result.Reason
		case r.result.Connect > 0:
			pairs[i].RTT = r.result.Connect
		default:
			pairs[i].RTT = r.result.Exchange
		}
	}
	return pairs
}

// confidence says how likely a sample of the pairs is to show a fault. All pairs show every fault.
func (c coverage) confidence() []Confidence {
	if c.tested == c.all {
		return nil
	}
	return []Confidence{
		{Fault: "one node cannot send, or cannot receive, at all", Probability: 1},
		{Fault: "half of the links of one node are broken", Probability: 1 - c.missPart(0.5)},
		{Fault: "a tenth of the links of one node are broken", Probability: 1 - c.missPart(0.1)},
		{Fault: "one link in one direction is broken", Probability: 1 - c.missLink()},
	}
}
