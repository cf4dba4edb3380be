package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/podknock/podknock/scenarios"
)

// lookAround lists what somebody put into our new namespaces and pods: a platform may give every namespace a default deny or a quota, and
// every pod a proxy. The baseline is not clean then.
func (l *lane) lookAround(ctx context.Context) error {
	for _, namespace := range l.ownNamespaces() {
		policies, err := l.cluster.ListPolicies(ctx, namespace)
		if err != nil {
			return err
		}
		for i := range policies {
			if !ofARun(&policies[i]) {
				l.injected(theirPolicy(policies[i].Name, namespace))
			}
		}
		if l.options.Tenant != "" {
			continue // the limits of a namespace that was there before are not put there for us
		}
		limits, err := l.cluster.ListLimits(ctx, namespace)
		if apierrors.IsForbidden(err) {
			l.note("%v", err) // a run without this right is worth more than none
		} else if err != nil {
			return err
		}
		for _, name := range limits {
			l.injected(fmt.Sprintf("%s is in namespace %q and not of this run", name, namespace))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.book.pods)) {
		for _, container := range l.book.pods[name].Injected {
			l.injected(fmt.Sprintf("container %q is in pod %q and not of this run", container, name))
		}
	}
	return nil
}

func theirPolicy(name, namespace string) string {
	return fmt.Sprintf("NetworkPolicy %q is in namespace %q and not of this run", name, namespace)
}

// injected notes what somebody put there, once.
func (l *lane) injected(text string) {
	if !slices.Contains(l.unclean, text) {
		l.unclean = append(l.unclean, text)
	}
	l.note("%s", text)
}

// leftOutError says why a scenario is not run at all, although nothing went wrong.
type leftOutError struct{ reason string }

func (e *leftOutError) Error() string { return e.reason }

// audit makes sure that nothing in an existing namespace takes a probe pod for its own, by the labels that it has at any time. Otherwise the
// scenario is left out: a controller would adopt the pod and delete one of its own, a Service would send it traffic.
func (l *lane) audit(ctx context.Context, namespace string) error {
	conflicts, err := l.cluster.AuditLabels(ctx, namespace, l.ordersByLabels(namespace))
	if err != nil {
		return &leftOutError{fmt.Sprintf("it puts pods into the existing namespace %q, and it is not known what would take them for its own: %v",
			namespace, err)}
	}
	if len(conflicts) > 0 {
		return &leftOutError{fmt.Sprintf("its pods would be taken for their own by %s in namespace %q: use another namespace, or other labels",
			strings.Join(conflicts, ", "), namespace)}
	}
	return nil
}

// ordersByLabels are the pods of a namespace, once for each set of labels that a step gives them.
func (l *lane) ordersByLabels(namespace string) []PodOrder {
	var orders []PodOrder
	for _, order := range l.orders {
		if order.Meta.Namespace != namespace {
			continue
		}
		orders = append(orders, order)
		for _, step := range l.scenario.Steps {
			i := slices.IndexFunc(step.Label, func(c scenarios.LabelChange) bool {
				return c.Object == scenarios.Ref{Kind: scenarios.RefPod, Name: order.Logical}
			})
			if i < 0 {
				continue
			}
			// A change adds to those before.
			changed := orders[len(orders)-1]
			changed.Meta.Labels = maps.Clone(changed.Meta.Labels)
			if changed.Meta.Labels == nil {
				changed.Meta.Labels = map[string]string{}
			}
			for key, value := range step.Label[i].Labels {
				if value == nil {
					delete(changed.Meta.Labels, key)
				} else {
					changed.Meta.Labels[key] = *value
				}
			}
			orders = append(orders, changed)
		}
	}
	return orders
}
