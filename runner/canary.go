package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// canaries tell when the engine of a node has caught up with changes that show in no cell: a policy that is applied after them is seen to be
// in force. They stand in a namespace of their own, made when it is first needed: a NetworkPolicy only ever isolates a pod as a whole, so that
// one for the pods of a scenario would change its cells, and the scenario's own policies may select whatever is in its namespaces. Each node
// has one canary; one more pod knocks on them. What they say is a hint and no proof, because an engine need not make its changes in order.
type canaries struct {
	cluster Cluster
	options Options
	// turn is held by whoever changes the canaries.
	turn chan struct{}

	knocker *standing
	byNode  map[string]*standing
	// failed says why there are none.
	failed error
}

// standing is a pod of the canaries.
type standing struct {
	pod   Pod
	agent Agent
	// denied says that its policy is in force, changed when that was last changed, and seen when the round began that saw the change.
	denied        bool
	changed, seen time.Time
}

const (
	canaryPort = 80
	canaryRole = "podknock.dev/canary"
	// canaryStart is how long a canary may take to start. Other pods of the run have started already.
	canaryStart = 15 * time.Second
)

func newCanaries(cluster Cluster, options Options) *canaries {
	return &canaries{cluster: cluster, options: options, turn: make(chan struct{}, 1), byNode: map[string]*standing{}}
}

// CanaryNamespace is the namespace of a run's canaries.
func CanaryNamespace(run string) string { return "pk-" + run + "-canary" }

// CanaryNamespaceOrder is that namespace, to be made.
func CanaryNamespaceOrder(run string) scenarios.NamespaceObject {
	return scenarios.NamespaceObject{Logical: "canary", Object: corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: CanaryNamespace(run)}}}
}

// await returns when the engines of these nodes have shown a change of policies that was made after a moment, and when they did. It fails if
// there can be no canaries, or if one does not show it in time; then there are none for the rest of the run.
func (c *canaries) await(ctx context.Context, nodes []string, after time.Time) (time.Time, error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return time.Time{}, context.Cause(ctx)
	}
	defer func() { <-c.turn }()
	if c.failed != nil {
		return time.Time{}, c.failed
	}
	seen, err := c.change(ctx, nodes, after)
	if err != nil && ctx.Err() == nil {
		c.failed = err
	}
	return seen, err
}

// change changes the policies of the nodes' canaries, unless somebody else has done so in the meantime.
func (c *canaries) change(ctx context.Context, nodes []string, after time.Time) (time.Time, error) {
	if err := c.deploy(ctx, nodes); err != nil {
		return time.Time{}, fmt.Errorf("there are no canaries: %w", err)
	}
	var due []*standing
	for _, node := range nodes {
		canary := c.byNode[node]
		current := canary.changed.After(after)
		if current && !canary.seen.Before(canary.changed) {
			continue
		}
		due = append(due, canary)
		if current {
			continue // whoever changed it did not stay to see it
		}
		if canary.seen.Before(canary.changed) {
			// Nobody saw the last change: what would be seen of the next one could be the state before both.
			if err := c.watch(ctx, []*standing{canary}); err != nil {
				return time.Time{}, err
			}
		}
		canary.denied, canary.changed = !canary.denied, time.Now()
		if err := c.apply(ctx, canary); err != nil {
			return time.Time{}, fmt.Errorf("change the policy of a canary: %w", err)
		}
	}
	if err := c.watch(ctx, due); err != nil {
		return time.Time{}, err
	}
	var latest time.Time
	for _, node := range nodes {
		if seen := c.byNode[node].seen; seen.After(latest) {
			latest = seen
		}
	}
	return latest, nil
}

// apply brings a canary's policy into being, or away.
func (c *canaries) apply(ctx context.Context, canary *standing) error {
	if !canary.denied {
		return c.cluster.DeletePolicy(ctx, canary.pod.Namespace, canary.pod.Name)
	}
	_, err := c.cluster.ApplyPolicy(ctx, CanaryPolicy(canary.pod.Namespace, canary.pod.Name))
	return err
}

// CanaryPolicy is the policy that closes a canary.
func CanaryPolicy(namespace, name string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{canaryRole: name}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		},
	}
}

// watch knocks until each of the canaries is as its policy wants it.
func (c *canaries) watch(ctx context.Context, due []*standing) error {
	bound := c.options.pace.canary
	ctx, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("a policy for a canary was not in force within %s", bound))
	defer cancel()
	for len(due) > 0 {
		start := time.Now()
		attempts := make([]probe.Attempt, len(due))
		for i, canary := range due {
			attempts[i] = probe.Attempt{
				Protocol: probe.TCP, Host: canary.pod.Addresses[0].String(), Port: canaryPort, UID: canary.pod.UID,
				Timing: probe.Timing{Timeout: c.options.Timeout, Sockets: 4, Stagger: c.options.pace.stagger, Confirm: -1, ICMPWait: -1},
			}
		}
		shows := make([]bool, len(due))
		err := c.knocker.agent.Run(ctx, attempts, func(i int, result probe.Result) {
			shows[i] = due[i].denied && closed(result.Outcome) || !due[i].denied && result.Outcome == probe.Connected
		})
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			return fmt.Errorf("knock on the canaries: %w", err)
		}
		var left []*standing
		for i, canary := range due {
			if shows[i] {
				canary.seen = start
			} else {
				left = append(left, canary)
			}
		}
		due = left
		if len(due) > 0 {
			select {
			case <-time.After(c.options.pace.sample):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// deploy makes the namespace, the pod that knocks, and a canary on each of the nodes, as far as they are not there. A new canary has to be
// reached first: only then its silence says something.
func (c *canaries) deploy(ctx context.Context, nodes []string) error {
	if c.knocker == nil {
		if err := c.cluster.CreateNamespace(ctx, CanaryNamespaceOrder(c.options.Run)); err != nil {
			return err
		}
	}
	var all sync.WaitGroup
	var knocker *standing
	var knockerErr error
	if c.knocker == nil {
		all.Go(func() { knocker, knockerErr = c.start(ctx, CanaryOrder(c.options.Run, "knocker", "")) })
	}
	missing := slices.DeleteFunc(slices.Clone(nodes), func(node string) bool { return c.byNode[node] != nil })
	made, errs := make([]*standing, len(missing)), make([]error, len(missing))
	for i, node := range missing {
		name := fmt.Sprintf("canary-%d", len(c.byNode)+i)
		all.Go(func() { made[i], errs[i] = c.start(ctx, CanaryOrder(c.options.Run, name, node)) })
	}
	all.Wait()
	if err := errors.Join(append(errs, knockerErr)...); err != nil {
		return err
	}
	if c.knocker == nil {
		c.knocker = knocker
	}
	for i, node := range missing {
		c.byNode[node] = made[i]
	}
	return c.watch(ctx, made)
}

// CanaryOrder is a pod of the canaries. Without a node it goes where there is room.
func CanaryOrder(run, name, node string) PodOrder {
	namespace := CanaryNamespace(run)
	return PodOrder{
		PodObject: scenarios.PodObject{
			Logical: name, Meta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{canaryRole: name}},
			Ports: []corev1.ContainerPort{{ContainerPort: canaryPort, Protocol: corev1.ProtocolTCP}},
		},
		Scenario: "canary", Namespaces: []string{namespace}, Node: node,
	}
}

// start creates a pod and returns when its agent answers.
func (c *canaries) start(ctx context.Context, order PodOrder) (*standing, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, canaryStart, fmt.Errorf("it did not start within %s", canaryStart))
	defer cancel()
	pod, agent, _, err := startPod(ctx, c.cluster, order)
	if err != nil {
		return nil, fmt.Errorf("pod %q: %w", order.Meta.Name, err)
	}
	return &standing{pod: pod, agent: agent}, nil
}

// close gives the ways to the agents back.
func (c *canaries) close() {
	if c.knocker != nil {
		c.knocker.agent.Close()
	}
	for _, canary := range c.byNode {
		canary.agent.Close()
	}
}
