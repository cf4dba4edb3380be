package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
	"github.com/podknock/podknock/scenarios/policy"
)

// fakeCluster is a cluster in memory. Its network does what the policy evaluator says, or what a test wants instead.
type fakeCluster struct {
	// lastOutage is when the API server was last asked in vain.
	lastOutage time.Time
	mu         sync.Mutex
	namespaces map[string]*corev1.Namespace
	pods       map[policyName]*fakePod
	policies   map[policyName]*networkingv1.NetworkPolicy
	version    int
	cleaned    int
	// streams is how many agents can be talked to at once, zero meaning many.
	streams int
	// changes are those of policies, in order.
	changes []string

	// unenforced says that the network knows no policies, enforcedAfter how many questions a change of policies takes to show.
	unenforced    bool
	enforcedAfter int
	stale         int
	staleCluster  policy.Cluster
	// cutOff is a pod in the cluster whose agent no longer answers once there was a policy, nor ends what it is asked.
	cutOff string
	// cannotStart explains the pods that never run, by the scenario's names.
	cannotStart map[string]string
	// injected are policies that the platform puts into every new namespace.
	injected []networkingv1.NetworkPolicy
	// limits and sidecars are what the platform puts into every namespace and pod.
	limits, sidecars []string
	// limitsErr is why limits may not be read.
	limitsErr error
	// owners are who takes pods for its own by their label role. auditError says why that is not known.
	owners     map[string]string
	auditError error
	// undeletable is why policies cannot be deleted, sticky says that they stay although their deletion was accepted.
	undeletable error
	sticky      bool
	// born counts all pods that were ever created, made all namespaces but that of the canaries, and most the pods at once.
	born, made, most int
	// leftovers is what the clean-up leaves.
	leftovers []Leftover
	// asked is told every question, by the names of source and target; it may answer itself, and may change the cluster.
	asked func(c *fakeCluster, source, target string, attempt probe.Attempt) (probe.Observation, bool)
	// counted is told that counters are read.
	counted func()
	// counters are what each pod's kernel counts.
	attempts int
}

type fakePod struct {
	Pod
	labels    map[string]string
	ports     []corev1.ContainerPort
	incidents Incidents
	counters  probe.Counters
	arrivals  []probe.Arrival
}

func newFakeCluster() *fakeCluster {
	return &fakeCluster{
		namespaces: map[string]*corev1.Namespace{}, pods: map[policyName]*fakePod{}, policies: map[policyName]*networkingv1.NetworkPolicy{},
	}
}

func (c *fakeCluster) CreateNamespace(_ context.Context, namespace scenarios.NamespaceObject) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	object := namespace.Object
	c.namespaces[object.Name] = &object
	if namespace.Logical != "canary" {
		c.made++
	}
	for _, injected := range c.injected {
		injected.Namespace = object.Name
		c.policies[policyName{object.Name, injected.Name}] = &injected
	}
	return nil
}

func (c *fakeCluster) ListLimits(context.Context, string) ([]string, error) {
	return c.limits, c.limitsErr
}

func (c *fakeCluster) AuditLabels(_ context.Context, _ string, pods []PodOrder) ([]string, error) {
	var taken []string
	for _, pod := range pods {
		if owner := c.owners[pod.Meta.Labels["role"]]; owner != "" {
			taken = append(taken, owner)
		}
	}
	return taken, c.auditError
}

func (c *fakeCluster) PrepareNamespace(context.Context, string) error { return nil }

func (c *fakeCluster) DeleteNamespace(_ context.Context, name string, _ bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.namespaces, name)
	maps.DeleteFunc(c.pods, func(p policyName, _ *fakePod) bool { return p.namespace == name })
	maps.DeleteFunc(c.policies, func(p policyName, _ *networkingv1.NetworkPolicy) bool { return p.namespace == name })
	return nil
}

func (c *fakeCluster) LabelNamespace(context.Context, string, map[string]*string) error { return nil }

func (c *fakeCluster) CreatePod(_ context.Context, order PodOrder) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if problem := c.cannotStart[order.Logical]; problem != "" {
		return fmt.Errorf("%w: %s", ErrRefused, problem)
	}
	c.born++
	number := c.born
	pod := Pod{
		Namespace: order.Meta.Namespace, Name: order.Meta.Name, UID: fmt.Sprintf("uid-%d", number), Node: "node1",
		Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 244, 1, byte(number)})}, Injected: c.sidecars,
	}
	labels := maps.Clone(order.Meta.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	c.pods[policyName{pod.Namespace, pod.Name}] = &fakePod{Pod: pod, labels: labels, ports: order.Ports}
	c.most = max(c.most, len(c.pods))
	return nil
}

func (c *fakeCluster) AwaitPod(_ context.Context, namespace, name string) (Pod, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pods[policyName{namespace, name}].Pod, nil
}

func (c *fakeCluster) PodIncidents(namespace, name string) Incidents {
	c.mu.Lock()
	defer c.mu.Unlock()
	if pod := c.pods[policyName{namespace, name}]; pod != nil {
		return pod.incidents
	}
	return Incidents{}
}

func (c *fakeCluster) DeletePod(_ context.Context, namespace, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pods, policyName{namespace, name})
	return nil
}

func (c *fakeCluster) LabelPod(_ context.Context, namespace, name string, labels map[string]*string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, value := range labels {
		if value == nil {
			delete(c.pods[policyName{namespace, name}].labels, key)
			continue
		}
		c.pods[policyName{namespace, name}].labels[key] = *value
	}
	return nil
}

func (c *fakeCluster) ApplyPolicy(_ context.Context, object *networkingv1.NetworkPolicy) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.staleCluster, c.stale = c.snapshot(), c.enforcedAfter
	c.version++
	c.changes = append(c.changes, "apply "+object.Name)
	object.Generation = int64(c.version)
	object.Labels = map[string]string{LabelRun: "run1"}
	c.policies[policyName{object.Namespace, object.Name}] = object
	return PolicyVersion(object), nil
}

func (c *fakeCluster) DeletePolicy(_ context.Context, namespace, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.undeletable != nil || c.sticky {
		return c.undeletable
	}
	c.staleCluster, c.stale = c.snapshot(), c.enforcedAfter
	delete(c.policies, policyName{namespace, name})
	c.changes = append(c.changes, "delete "+name)
	return nil
}

func (c *fakeCluster) ListPolicies(_ context.Context, namespace string) ([]networkingv1.NetworkPolicy, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []networkingv1.NetworkPolicy
	for name, object := range c.policies {
		if name.namespace == namespace {
			list = append(list, *object)
		}
	}
	return list, nil
}

func (c *fakeCluster) Facts(context.Context) (ClusterFacts, error) {
	return ClusterFacts{Version: "v1.36.3", Nodes: []Node{{Name: "node1"}, {Name: "idle"}}}, nil
}

func (c *fakeCluster) CreateService(_ context.Context, service *corev1.Service) (*corev1.Service, error) {
	return service, nil
}

func (c *fakeCluster) NodeAddresses(context.Context, string) ([]netip.Addr, error) { return nil, nil }
func (c *fakeCluster) LastOutage() time.Time                                       { return c.lastOutage }

func (c *fakeCluster) Streams() int {
	if c.streams > 0 {
		return c.streams
	}
	return 50
}
func (c *fakeCluster) Requests() int { return 7 }

func (c *fakeCluster) CleanUp(ctx context.Context) []Leftover {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return []Leftover{{Kind: "Namespace", Name: "all", Reason: "the context of the clean-up had ended already"}}
	}
	c.cleaned++
	return c.leftovers
}

func (c *fakeCluster) Agent(pod Pod) Agent { return &fakeAgent{c, policyName{pod.Namespace, pod.Name}} }

// snapshot is the cluster as the evaluator takes it. The lock is held.
func (c *fakeCluster) snapshot() policy.Cluster {
	var cluster policy.Cluster
	for _, namespace := range c.namespaces {
		cluster.Namespaces = append(cluster.Namespaces, *namespace)
	}
	for _, pod := range c.pods {
		cluster.Pods = append(cluster.Pods, corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, Labels: maps.Clone(pod.labels)},
			Spec:       corev1.PodSpec{NodeName: pod.Node, Containers: []corev1.Container{{Name: "agent", Ports: pod.ports}}},
			Status:     corev1.PodStatus{PodIP: pod.Addresses[0].String(), PodIPs: []corev1.PodIP{{IP: pod.Addresses[0].String()}}},
		})
	}
	for _, object := range c.policies {
		cluster.Policies = append(cluster.Policies, *object.DeepCopy())
	}
	return cluster
}

// byAddress finds a pod. The lock is held.
func (c *fakeCluster) byAddress(address netip.Addr) *fakePod {
	for _, pod := range c.pods {
		if slices.Contains(pod.Addresses, address) {
			return pod
		}
	}
	return nil
}

// named finds a pod by its name in the cluster. The lock is held.
func (c *fakeCluster) named(name string) *fakePod {
	for key, pod := range c.pods {
		if key.name == name {
			return pod
		}
	}
	return nil
}

// knock is what the network does with an attempt.
func (c *fakeCluster) knock(from policyName, attempt probe.Attempt) probe.Observation {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts++
	o := probe.Observation{
		Start: time.Now(), Nonce: probe.NewNonce(), Ports: []uint16{uint16(40000 + c.attempts%20000)}, Phase: probe.PhaseConnect, Tries: attempt.Timing.Sockets,
		Waited: 800 * time.Millisecond, Remote: netip.AddrPortFrom(netip.MustParseAddr(attempt.Host), attempt.Port),
	}
	source, target := c.pods[from], c.byAddress(o.Remote.Addr())
	if source == nil || target == nil {
		return o
	}
	o.Local = netip.AddrPortFrom(source.Addresses[0], o.Ports[0])
	if c.asked != nil {
		if own, ok := c.asked(c, source.Name, target.Name, attempt); ok {
			return own
		}
	}
	cluster := c.snapshot()
	if c.stale > 0 {
		c.stale--
		cluster = c.staleCluster
	}
	evaluator, err := policy.Compile(cluster)
	if err != nil {
		o.Failure = err.Error()
		return o
	}
	verdict, err := evaluator.Verdict(policy.Query{
		From: policy.Pod(source.Namespace, source.Name), To: policy.Pod(target.Namespace, target.Name),
		Port: int32(attempt.Port), Protocol: corev1.Protocol(attempt.Protocol), Family: corev1.IPv4Protocol,
	})
	switch listens := slices.ContainsFunc(target.ports, func(p corev1.ContainerPort) bool { return p.ContainerPort == int32(attempt.Port) }); {
	case err != nil:
		o.Failure = err.Error()
	case verdict == policy.Deny && !c.unenforced:
	case listens:
		o.Phase = probe.PhaseDone
		o.Identity = &probe.Identity{Pod: target.Name, Namespace: target.Namespace, UID: target.UID, Nonce: o.Nonce}
	default:
		o.Errno, o.Call = "ECONNREFUSED", probe.CallPending
		target.counters.OutRsts++
	}
	return o
}

// fakeAgent is the agent in a fakePod.
type fakeAgent struct {
	cluster *fakeCluster
	pod     policyName
}

func (a *fakeAgent) Run(ctx context.Context, attempts []probe.Attempt, deliver func(int, probe.Result)) error {
	if a.cluster.isCutOff(a.pod) {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	for i, attempt := range attempts {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if incidents := a.cluster.PodIncidents(a.pod.namespace, a.pod.name); incidents.Gone {
			return errors.New("the pod is gone")
		}
		o := a.cluster.knock(a.pod, attempt)
		deliver(i, probe.Result{Observation: o, Reading: probe.Classify(attempt, o, nil)})
	}
	return nil
}

func (a *fakeAgent) Evidence(ctx context.Context, question probe.EvidenceQuestion) (probe.Evidence, error) {
	if a.cluster.isCutOff(a.pod) {
		<-ctx.Done()
		return probe.Evidence{}, context.Cause(ctx)
	}
	a.cluster.mu.Lock()
	defer a.cluster.mu.Unlock()
	pod := a.cluster.pods[a.pod]
	evidence := probe.Evidence{
		Time: time.Now(), ArrivalsComplete: true, Mark: uint64(len(pod.arrivals)), Counters: pod.counters,
	}
	for i, arrival := range pod.arrivals {
		if uint64(i) >= question.After && slices.Contains(question.Ports, arrival.Remote.Port()) {
			evidence.Arrivals = append(evidence.Arrivals, arrival)
		}
	}
	return evidence, nil
}

func (a *fakeAgent) Counters(context.Context) (probe.Counters, error) {
	if a.cluster.counted != nil {
		a.cluster.counted()
	}
	a.cluster.mu.Lock()
	defer a.cluster.mu.Unlock()
	return a.cluster.pods[a.pod].counters, nil
}

func (a *fakeAgent) Introduction(context.Context) (probe.Agent, error) {
	a.cluster.mu.Lock()
	defer a.cluster.mu.Unlock()
	pod := a.cluster.pods[a.pod]
	return probe.Agent{Instance: fmt.Sprint(pod.incidents.Count), Identity: probe.Identity{UID: pod.UID}}, nil
}

func (a *fakeAgent) Close() {}

func (c *fakeCluster) isCutOff(pod policyName) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cutOff != "" && strings.HasPrefix(pod.name, c.cutOff) && len(c.changes) > 0
}
