package why_test

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/runner/why"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

// fakeCluster is a [why.Cluster] in memory: shop/web on node-1 and shop/db on node-2, and agents that say what they are told to.
type fakeCluster struct {
	snapshot diagnose.Snapshot
	// answers says what the wire answers to an attempt; nil connects.
	answers func(from string, a probe.Attempt) probe.Outcome
	// admit changes a pod as admission would.
	admit func(*corev1.Pod)
	// admitsLate says that a dry run does not show that.
	admitsLate bool
	// deleted is told of every pod that is deleted by itself. Nil tells nobody.
	deleted func()
	// await fails the start of pods.
	await error
	// left is what cannot be removed.
	left []runner.Leftover

	mu      sync.Mutex
	created map[string]*corev1.Pod
	// everCreated counts the pods that were created, those that are gone included.
	everCreated int
	prepared    []string
	policies    []string
	joined      int
	removed     bool
	attempts    []probe.Attempt
}

func newFake() *fakeCluster {
	pod := func(name, node, address string) corev1.Pod {
		return corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"app": name}},
			Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app", Ports: []corev1.ContainerPort{{ContainerPort: 5432}}}}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning, PodIP: address, PodIPs: []corev1.PodIP{{IP: address}}},
		}
	}
	f := &fakeCluster{created: map[string]*corev1.Pod{}}
	f.snapshot.Namespaces = []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}}
	f.snapshot.Pods = []corev1.Pod{pod("web", "node-1", "10.1.0.2"), pod("db", "node-2", "10.2.0.2")}
	return f
}

func (f *fakeCluster) Observe(context.Context, ...string) (*diagnose.Snapshot, error) {
	s := f.snapshot
	s.Pods = slices.Clone(s.Pods)
	return &s, nil
}

func (f *fakeCluster) ObserveNeighbours(context.Context, *diagnose.Snapshot, ...string) error {
	return nil
}

func (f *fakeCluster) PrepareNamespace(_ context.Context, name string) error {
	f.prepared = append(f.prepared, name)
	return nil
}

func (f *fakeCluster) FixedLabels(why.Order) map[string]string {
	return map[string]string{runner.LabelRun: "r"}
}

func (f *fakeCluster) TryDouble(_ context.Context, order why.Order) (*corev1.Pod, error) {
	return f.make(order, true), nil
}

func (f *fakeCluster) CreateDouble(_ context.Context, order why.Order) (*corev1.Pod, error) {
	pod := f.make(order, false)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.created[order.Name] = pod
	f.everCreated++
	return pod, nil
}

// make is a pod after admission.
func (f *fakeCluster) make(order why.Order, dryRun bool) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: order.Namespace, Name: order.Name, Labels: maps.Clone(order.Labels)}}
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	maps.Copy(pod.Labels, f.FixedLabels(order))
	pod.Spec = corev1.PodSpec{NodeName: order.Node, Containers: []corev1.Container{{Name: "agent"}}, ReadinessGates: []corev1.PodReadinessGate{{ConditionType: "never"}}}
	if f.admit != nil && (!dryRun || !f.admitsLate) {
		f.admit(pod)
	}
	return pod
}

func (f *fakeCluster) DeletePod(_ context.Context, _, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.created, name)
	if f.deleted != nil {
		f.deleted()
	}
	return nil
}

func (f *fakeCluster) AwaitPod(_ context.Context, namespace, name string) (runner.Pod, error) {
	if f.await != nil {
		return runner.Pod{}, f.await
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return runner.Pod{Namespace: namespace, Name: name, UID: name, Node: f.created[name].Spec.NodeName, Addresses: []netip.Addr{netip.MustParseAddr("10.3.0.9")}}, nil
}

func (f *fakeCluster) Agent(pod runner.Pod) runner.Agent { return &fakeAgent{f, pod.Name} }

func (f *fakeCluster) JoinPod(_ context.Context, pod *corev1.Pod) (runner.Agent, error) {
	f.joined++
	return &fakeAgent{f, pod.Name}, nil
}

func (f *fakeCluster) ApplyPolicy(_ context.Context, policy *networkingv1.NetworkPolicy) (string, error) {
	f.policies = append(f.policies, policy.Name)
	return "1", nil
}

func (f *fakeCluster) Remove(context.Context, ...string) []runner.Leftover {
	f.removed = true
	clear(f.created)
	return f.left
}

func (f *fakeCluster) Requests() int { return 1 }

// fakeAgent answers from a pod.
type fakeAgent struct {
	*fakeCluster
	pod string
}

func (a *fakeAgent) Run(_ context.Context, attempts []probe.Attempt, deliver func(int, probe.Result)) error {
	for i, attempt := range attempts {
		outcome := probe.Connected
		if a.answers != nil {
			outcome = a.answers(a.pod, attempt)
		}
		a.mu.Lock()
		a.attempts = append(a.attempts, attempt)
		a.mu.Unlock()
		deliver(i, probe.Result{Reading: probe.Reading{Outcome: outcome, Reason: string(outcome)}})
	}
	return nil
}

func (a *fakeAgent) Evidence(context.Context, probe.EvidenceQuestion) (probe.Evidence, error) {
	return probe.Evidence{}, errors.New("it is a fake")
}

func (a *fakeAgent) Counters(context.Context) (probe.Counters, error) {
	return probe.Counters{}, nil
}

func (a *fakeAgent) Introduction(context.Context) (probe.Agent, error) { return probe.Agent{}, nil }

func (a *fakeAgent) Close() {}

// question is shop/web to shop/db:5432.
func question(t *testing.T, to string) why.Options {
	t.Helper()
	g := NewWithT(t)
	o := why.Options{Run: "r"}
	var err error
	o.From, err = subject.Parse("shop/web", subject.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	o.To, err = subject.ParseTarget(to, subject.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	return o
}
