package diagnose

import (
	"fmt"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podknock/podknock/runner/diagnose/identity"
)

// Demands are all selectors that a double of a pod has to be judged alike by, or must not be matched by. It fails if a selector cannot be
// understood: then nothing is safe.
func (s *Snapshot) Demands(pod *corev1.Pod) ([]identity.Demand, error) {
	c := &demands{snapshot: s, namespace: pod.Namespace}
	for i := range s.Policies {
		c.policy(&s.Policies[i])
	}
	c.others()
	c.workloads()
	c.services()
	c.budgets()
	c.neighbours()
	return c.found, c.err
}

// demands collects demands on the pods of a namespace.
type demands struct {
	snapshot  *Snapshot
	namespace string
	found     []identity.Demand
	err       error
}

func (c *demands) add(kind identity.Kind, owner, field string, selector *metav1.LabelSelector, tolerable string) {
	d, err := identity.New(kind, owner, field, selector)
	if err != nil && c.err == nil {
		c.err = err
		return
	}
	d.Tolerable = tolerable
	c.found = append(c.found, d)
}

// policy adds the selectors of a policy that can look at pods of the namespace.
func (c *demands) policy(p *networkingv1.NetworkPolicy) {
	owner := p.Namespace + "/" + p.Name
	if p.Namespace == c.namespace {
		c.add(identity.KindPolicy, owner, "spec.podSelector", &p.Spec.PodSelector, "")
	}
	peers := func(field string, list []networkingv1.NetworkPolicyPeer) {
		for i := range list {
			if list[i].PodSelector == nil || !c.reaches(p.Namespace, list[i].NamespaceSelector) {
				continue
			}
			c.add(identity.KindPolicy, owner, fmt.Sprintf("%s[%d].podSelector", field, i), list[i].PodSelector, "")
		}
	}
	for i := range p.Spec.Ingress {
		peers(fmt.Sprintf("spec.ingress[%d].from", i), p.Spec.Ingress[i].From)
	}
	for i := range p.Spec.Egress {
		peers(fmt.Sprintf("spec.egress[%d].to", i), p.Spec.Egress[i].To)
	}
}

// reaches tells whether a peer of a policy in a namespace can mean pods of ours. A selector that cannot be read counts as one that can.
func (c *demands) reaches(home string, selector *metav1.LabelSelector) bool {
	if selector == nil {
		return home == c.namespace
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	return err != nil || parsed.Matches(labels.Set(c.snapshot.namespaceLabels(c.namespace)))
}

func (c *demands) others() {
	for _, other := range c.snapshot.Others {
		if other.Namespace != "" && other.Namespace != c.namespace {
			continue
		}
		for _, selection := range other.Selects {
			if selection.Pods != nil && c.reaches(c.namespace, selection.Namespaces) {
				c.add(identity.KindOtherPolicy, other.String(), "selector", selection.Pods, "")
			}
		}
	}
}

// The reasons for which an object may match a probe pod that is bare and never becomes Ready. They follow the code of Kubernetes that
// each names.
const (
	// pkg/controller/util/endpointslice: a pod that is not ready is an endpoint with ready=false, which no proxy sends traffic to.
	tolerableService = "the pod never becomes Ready, so the Service sends it nothing (it is listed as not ready for a moment)"
	// getPodsForStatefulSet in pkg/controller/statefulset claims only pods that are named as its own.
	tolerableStatefulSet = "a StatefulSet adopts only pods that are named like its own"
	// getExpectedScale in pkg/controller/disruption leaves out pods without a controller, and countHealthyPods those that are not Ready.
	tolerableBudget = "a bare pod that is not Ready counts neither as expected nor as healthy (there may be an event UnmanagedPods)"
	// pkg/controller/podautoscaler/replica_calculator.go ignores pods that are not Ready when it scales down, and counts them as idle when it
	// scales up.
	tolerableAutoscaler = "the pod is not Ready and has requests: it is ignored for scaling down, and can only damp scaling up for its few seconds"
	// A double stands on the node of the pod that it doubles, whose domain is counted already.
	tolerableNeighbour = "the pod stands where the real one stands, and lives for a few seconds"
)

// workloads adds what adopts pods. A Deployment's own selector is met by its ReplicaSets', which add the hash of their template.
func (c *demands) workloads() {
	s := c.snapshot
	for i := range s.ReplicaSets {
		if o := &s.ReplicaSets[i]; o.Namespace == c.namespace {
			c.add(identity.KindReplicaSet, o.Namespace+"/"+o.Name, "spec.selector", o.Spec.Selector, "")
		}
	}
	for i := range s.Controllers {
		if o := &s.Controllers[i]; o.Namespace == c.namespace {
			c.found = append(c.found, identity.FromMap(identity.KindController, o.Namespace+"/"+o.Name, "spec.selector", o.Spec.Selector))
		}
	}
	for i := range s.DaemonSets {
		if o := &s.DaemonSets[i]; o.Namespace == c.namespace {
			c.add(identity.KindDaemonSet, o.Namespace+"/"+o.Name, "spec.selector", o.Spec.Selector, "")
		}
	}
	for i := range s.Jobs {
		if o := &s.Jobs[i]; o.Namespace == c.namespace {
			c.add(identity.KindJob, o.Namespace+"/"+o.Name, "spec.selector", o.Spec.Selector, "")
		}
	}
	for i := range s.StatefulSets {
		if o := &s.StatefulSets[i]; o.Namespace == c.namespace {
			c.add(identity.KindStatefulSet, o.Namespace+"/"+o.Name, "spec.selector", o.Spec.Selector, tolerableStatefulSet)
		}
	}
}

func (c *demands) services() {
	for i := range c.snapshot.Services {
		o := &c.snapshot.Services[i]
		if o.Namespace != c.namespace {
			continue
		}
		d := identity.FromMap(identity.KindService, o.Namespace+"/"+o.Name, "spec.selector", o.Spec.Selector)
		if !o.Spec.PublishNotReadyAddresses && o.Annotations["service.alpha.kubernetes.io/tolerate-unready-endpoints"] != "true" {
			d.Tolerable = tolerableService
		}
		c.found = append(c.found, d)
	}
}

func (c *demands) budgets() {
	s := c.snapshot
	for i := range s.Budgets {
		if o := &s.Budgets[i]; o.Namespace == c.namespace {
			c.add(identity.KindBudget, o.Namespace+"/"+o.Name, "spec.selector", o.Spec.Selector, tolerableBudget)
		}
	}
	for i := range s.Autoscalers {
		o := &s.Autoscalers[i]
		if o.Namespace != c.namespace {
			continue
		}
		selector := s.scaled(o)
		if selector == nil {
			continue // its target is of a kind that is not read here, or does not exist
		}
		tolerable := tolerableAutoscaler
		if slices.ContainsFunc(o.Spec.Metrics, func(m autoscalingv2.MetricSpec) bool {
			return m.Type == autoscalingv2.ContainerResourceMetricSourceType
		}) {
			tolerable = "" // it fails as a whole where a pod lacks the container
		}
		c.add(identity.KindAutoscaler, o.Namespace+"/"+o.Name, "spec.scaleTargetRef", selector, tolerable)
	}
}

// scaled is the selector of an autoscaler's target.
func (s *Snapshot) scaled(o *autoscalingv2.HorizontalPodAutoscaler) *metav1.LabelSelector {
	target := o.Spec.ScaleTargetRef
	switch target.Kind {
	case "Deployment":
		for i := range s.Deployments {
			if d := &s.Deployments[i]; d.Namespace == o.Namespace && d.Name == target.Name {
				return d.Spec.Selector
			}
		}
	case "ReplicaSet":
		for i := range s.ReplicaSets {
			if d := &s.ReplicaSets[i]; d.Namespace == o.Namespace && d.Name == target.Name {
				return d.Spec.Selector
			}
		}
	case "StatefulSet":
		for i := range s.StatefulSets {
			if d := &s.StatefulSets[i]; d.Namespace == o.Namespace && d.Name == target.Name {
				return d.Spec.Selector
			}
		}
	case "ReplicationController":
		for i := range s.Controllers {
			if d := &s.Controllers[i]; d.Namespace == o.Namespace && d.Name == target.Name && len(d.Spec.Selector) > 0 {
				return &metav1.LabelSelector{MatchLabels: d.Spec.Selector}
			}
		}
	}
	return nil
}

// neighbours adds the selectors by which pods choose where they stand.
func (c *demands) neighbours() {
	seen := map[string]bool{}
	for i := range c.snapshot.Pods {
		pod := &c.snapshot.Pods[i]
		owner := pod.Namespace + "/" + pod.Name
		for j := range pod.Spec.TopologySpreadConstraints {
			if constraint := &pod.Spec.TopologySpreadConstraints[j]; pod.Namespace == c.namespace {
				c.once(seen, identity.KindSpread, owner, "spec.topologySpreadConstraints", constraint.LabelSelector)
			}
		}
		for _, term := range affinityTerms(pod.Spec.Affinity) {
			if c.near(pod.Namespace, &term) {
				c.once(seen, identity.KindAffinity, owner, "spec.affinity", term.LabelSelector)
			}
		}
	}
}

// once adds a selector that many pods of a workload share a single time.
func (c *demands) once(seen map[string]bool, kind identity.Kind, owner, field string, selector *metav1.LabelSelector) {
	if spelled := string(kind) + metav1.FormatLabelSelector(selector); !seen[spelled] {
		seen[spelled] = true
		c.add(kind, owner, field, selector, tolerableNeighbour)
	}
}

// near tells whether an affinity term of a pod can mean pods of the namespace.
func (c *demands) near(home string, term *corev1.PodAffinityTerm) bool {
	if term.NamespaceSelector != nil && c.reaches(home, term.NamespaceSelector) {
		return true
	}
	if len(term.Namespaces) > 0 {
		return slices.Contains(term.Namespaces, c.namespace)
	}
	return term.NamespaceSelector == nil && home == c.namespace
}

// affinityTerms are all terms of both kinds.
func affinityTerms(affinity *corev1.Affinity) []corev1.PodAffinityTerm {
	if affinity == nil {
		return nil
	}
	var terms []corev1.PodAffinityTerm
	weighted := func(list []corev1.WeightedPodAffinityTerm) {
		for _, one := range list {
			terms = append(terms, one.PodAffinityTerm)
		}
	}
	if a := affinity.PodAffinity; a != nil {
		terms = append(terms, a.RequiredDuringSchedulingIgnoredDuringExecution...)
		weighted(a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a := affinity.PodAntiAffinity; a != nil {
		terms = append(terms, a.RequiredDuringSchedulingIgnoredDuringExecution...)
		weighted(a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return terms
}
