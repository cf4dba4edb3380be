package identity

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Kind says what a selector belongs to.
type Kind string

// The kinds of owners of selectors. Those of policies are [KindPolicy]; a probe pod must be judged by them like the real pod. All others must not
// match it.
const (
	KindPolicy      Kind = "NetworkPolicy"
	KindOtherPolicy Kind = "policy of another API"
	KindService     Kind = "Service"
	KindReplicaSet  Kind = "ReplicaSet"
	KindController  Kind = "ReplicationController"
	KindDaemonSet   Kind = "DaemonSet"
	KindStatefulSet Kind = "StatefulSet"
	KindDeployment  Kind = "Deployment"
	KindJob         Kind = "Job"
	KindBudget      Kind = "PodDisruptionBudget"
	KindAutoscaler  Kind = "HorizontalPodAutoscaler"
	KindAffinity    Kind = "pod affinity"
	KindSpread      Kind = "topology spread"
)

// Demand is one selector that matters to a pod, and whose it is.
type Demand struct {
	Kind Kind
	// Owner names the object, as namespace/name.
	Owner string
	// Field is the place of the selector in the object.
	Field    string
	Selector labels.Selector
	// Tolerable says why a pod that never becomes Ready does no harm although the selector matches it. Empty means that it might.
	Tolerable string
}

// alike tells whether the pod has to be judged as the real one, instead of not matched.
func (d *Demand) alike() bool { return d.Kind == KindPolicy || d.Kind == KindOtherPolicy }

// String names the demand: `Service shop/web`.
func (d *Demand) String() string { return fmt.Sprintf("%s %s", d.Kind, d.Owner) }

// New makes a demand of an API object's selector. A nil selector matches nothing, and an empty one everything, as in the API.
func New(kind Kind, owner, field string, selector *metav1.LabelSelector) (Demand, error) {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return Demand{}, fmt.Errorf("selector of %s %s: %w", kind, owner, err)
	}
	return Demand{Kind: kind, Owner: owner, Field: field, Selector: parsed}, nil
}

// FromMap makes a demand of a plain map, in which an empty one matches nothing, as in a Service.
func FromMap(kind Kind, owner, field string, selector map[string]string) Demand {
	d := Demand{Kind: kind, Owner: owner, Field: field, Selector: labels.Nothing()}
	if len(selector) > 0 {
		d.Selector = labels.SelectorFromSet(selector)
	}
	return d
}
