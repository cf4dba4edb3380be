package verify

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/verify/plugins"
	"github.com/podknock/podknock/scenarios"
)

// fakeCluster has the pods of the live stages and a network between them that denies as a test wants.
type fakeCluster struct {
	runner.Cluster // what is not needed here panics

	states    []NodeState
	missing   []rbacv1.PolicyRule
	inventory plugins.Inventory
	// cannotStart explains why no pod of these roles starts.
	cannotStart map[role]string
	// deny tells what an isolated knock finds; nil means that nothing is enforced. reach tells it of any other.
	deny  func(from, to *fakePod, attempt probe.Attempt) (probe.Observation, bool)
	reach func(from, to *fakePod, attempt probe.Attempt) bool

	mu       sync.Mutex
	pods     []*fakePod
	policies map[string]*networkingv1.NetworkPolicy
	cleaned  int
}

type fakePod struct {
	runner.Pod
	role role
}

func newFakeCluster(nodes ...string) *fakeCluster {
	c := &fakeCluster{policies: map[string]*networkingv1.NetworkPolicy{}}
	for _, node := range nodes {
		c.states = append(c.states, NodeState{Name: node, Ready: true})
		c.inventory.Nodes = append(c.inventory.Nodes, corev1.Node{})
	}
	return c
}

func (c *fakeCluster) MissingRules(context.Context) ([]rbacv1.PolicyRule, error) {
	return c.missing, nil
}
func (c *fakeCluster) NodeStates([]corev1.Node) []NodeState { return c.states }
func (c *fakeCluster) Requests() int                        { return 7 }

func (c *fakeCluster) Inventory(context.Context) (plugins.Inventory, []string, error) {
	return c.inventory, nil, nil
}

func (c *fakeCluster) Facts(context.Context) (runner.ClusterFacts, error) {
	return runner.ClusterFacts{Version: "v1.36.3"}, nil
}

func (c *fakeCluster) CreateNamespace(context.Context, scenarios.NamespaceObject) error { return nil }

func (c *fakeCluster) CreateService(_ context.Context, service *corev1.Service) (*corev1.Service, error) {
	return nil, errors.New("no Services here")
}

func (c *fakeCluster) NodeAddresses(context.Context, string) ([]netip.Addr, error) { return nil, nil }

func (c *fakeCluster) DeletePod(context.Context, string, string) error { return nil }

func (c *fakeCluster) DeleteNamespace(context.Context, string, bool) error { return nil }

func (c *fakeCluster) CreatePod(_ context.Context, order runner.PodOrder) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := role(order.Meta.Labels[labelRole])
	if problem := c.cannotStart[r]; problem != "" {
		return errors.New(problem)
	}
	number := len(c.pods) + 1
	c.pods = append(c.pods, &fakePod{role: r, Pod: runner.Pod{
		Namespace: order.Meta.Namespace, Name: order.Meta.Name, UID: fmt.Sprint("uid-", number), Node: order.Node,
		Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 244, 0, byte(number)})},
	}})
	return nil
}

func (c *fakeCluster) pod(found func(*fakePod) bool) *fakePod {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.pods, found); i >= 0 {
		return c.pods[i]
	}
	return nil
}

func (c *fakeCluster) AwaitPod(_ context.Context, namespace, name string) (runner.Pod, error) {
	return c.pod(func(p *fakePod) bool { return p.Namespace == namespace && p.Name == name }).Pod, nil
}

func (c *fakeCluster) ApplyPolicy(_ context.Context, policy *networkingv1.NetworkPolicy) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.policies[policy.Spec.PodSelector.MatchLabels[labelRole]] = policy
	return "1", nil
}

func (c *fakeCluster) isolated(r role, direction networkingv1.PolicyType) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	policy := c.policies[string(r)]
	return policy != nil && slices.Contains(policy.Spec.PolicyTypes, direction)
}

func (c *fakeCluster) CleanUp(ctx context.Context) []runner.Leftover {
	if ctx.Err() != nil {
		return []runner.Leftover{{Kind: "Namespace", Name: "all", Reason: "the context of the clean-up had ended already"}}
	}
	c.cleaned++
	return nil
}

func (c *fakeCluster) Agent(pod runner.Pod) runner.Agent {
	return &fakeAgent{cluster: c, pod: c.pod(func(p *fakePod) bool { return p.UID == pod.UID }), release: make(chan struct{})}
}

// fakeAgent answers at once; what it holds it asks again when it is released.
type fakeAgent struct {
	cluster *fakeCluster
	pod     *fakePod
	release chan struct{}

	mu   sync.Mutex
	held int
}

func (a *fakeAgent) Run(ctx context.Context, attempts []probe.Attempt, deliver func(int, probe.Result)) error {
	holds := false
	for i, attempt := range attempts {
		if attempt.Hold > 0 {
			holds = true
			a.mu.Lock()
			a.held++
			a.mu.Unlock()
			defer func() {
				// Established flows go on in this network.
				o := a.connected(attempt)
				o.Held = true
				deliver(i, probe.Result{Observation: o, Reading: probe.Classify(attempt, o, nil)})
			}()
			continue
		}
		o := a.knock(attempt)
		deliver(i, probe.Result{Observation: o, Reading: probe.Classify(attempt, o, nil)})
	}
	if holds {
		select {
		case <-a.release:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

func (a *fakeAgent) silent(attempt probe.Attempt) probe.Observation {
	o := probe.Observation{
		Start: time.Now(), Nonce: probe.NewNonce(), Ports: []uint16{40000}, Phase: probe.PhaseConnect, Tries: 4, Waited: 800 * time.Millisecond,
		Local: netip.AddrPortFrom(a.pod.Addresses[0], 40000),
	}
	if address, err := netip.ParseAddr(attempt.Host); err == nil {
		o.Remote = netip.AddrPortFrom(address, attempt.Port)
	}
	return o
}

func (a *fakeAgent) connected(attempt probe.Attempt) probe.Observation {
	o := a.silent(attempt)
	o.Phase, o.Connect = probe.PhaseDone, time.Millisecond
	target := a.cluster.pod(func(p *fakePod) bool { return p.Addresses[0] == o.Remote.Addr() })
	if target != nil {
		o.Identity = &probe.Identity{Pod: target.Name, Namespace: target.Namespace, UID: target.UID, Nonce: o.Nonce}
	}
	return o
}

func (a *fakeAgent) knock(attempt probe.Attempt) probe.Observation {
	o := a.connected(attempt)
	if attempt.Protocol == probe.DNS {
		o.Queries = []probe.Query{{Name: attempt.Host, Code: probe.DNSNoError, Addresses: []netip.Addr{netip.MustParseAddr("10.96.0.1")}}}
		return o
	}
	target := a.cluster.pod(func(p *fakePod) bool { return p.Addresses[0] == o.Remote.Addr() })
	if target == nil {
		return o
	}
	if a.cluster.reach != nil && !a.cluster.reach(a.pod, target, attempt) {
		return a.silent(attempt)
	}
	if a.cluster.deny != nil &&
		(a.cluster.isolated(target.role, networkingv1.PolicyTypeIngress) || a.cluster.isolated(a.pod.role, networkingv1.PolicyTypeEgress)) {
		if denied, ok := a.cluster.deny(a.pod, target, attempt); ok {
			denied.Start, denied.Nonce, denied.Remote, denied.Local = o.Start, o.Nonce, o.Remote, o.Local
			return denied
		}
	}
	return o
}

func (a *fakeAgent) Held(context.Context) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held, nil
}

func (a *fakeAgent) Release(context.Context) error {
	close(a.release)
	return nil
}

func (a *fakeAgent) Evidence(context.Context, probe.EvidenceQuestion) (probe.Evidence, error) {
	return probe.Evidence{Time: time.Now(), ArrivalsComplete: true}, nil
}

func (a *fakeAgent) Counters(context.Context) (probe.Counters, error) { return probe.Counters{}, nil }

func (a *fakeAgent) Introduction(context.Context) (probe.Agent, error) {
	return probe.Agent{Identity: probe.Identity{UID: a.pod.UID}}, nil
}

func (a *fakeAgent) Close() {}
