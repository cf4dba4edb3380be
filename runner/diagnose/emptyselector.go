package diagnose

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/scenarios/policy"
)

// emptySelector: a policy with rules for somebody in particular selects every pod of its namespace.
func (q *inquiry) emptySelector(j *joined) []Finding {
	if !q.denied(j) {
		return nil
	}
	for _, end := range q.deniedEnds(j) {
		if len(end.Selecting) != 1 {
			continue
		}
		ref := end.Selecting[0].Policy
		object := q.policyObject(ref)
		if object == nil || !emptyLabels(&object.Spec.PodSelector) || !particular(object, end.Direction) {
			continue
		}
		weight := 58
		if strings.Contains(object.Annotations["kubectl.kubernetes.io/last-applied-configuration"], `"podSelector":{"match`) {
			weight = 86 // somebody wrote matchLabels, and nothing is in it
		}
		return one(Finding{
			Because: []string{end.Sentence(), fmt.Sprintf("the podSelector of policy %s is empty, which selects every pod of namespace %s, this one too", ref, ref.Namespace)},
			Advice:  fmt.Sprintf("say in spec.podSelector of policy %s which pods it is for", ref),
			Fix:     q.narrower(object, end), Weight: weight,
		})
	}
	return nil
}

// narrower gives a policy for every pod a selector: that of the pods which declare the ports that it admits or, where those cannot be told, of all but
// those that are labelled like the subject. Nil if the subject has no label to tell it by.
func (q *inquiry) narrower(object *networkingv1.NetworkPolicy, end *policy.End) *Fix {
	subject := q.Snapshot.pod(end.Subject)
	if subject == nil {
		return nil
	}
	var meant, others []map[string]string
	for i := range q.Snapshot.Pods {
		pod := &q.Snapshot.Pods[i]
		switch {
		case pod.Namespace != object.Namespace:
		case end.Direction == networkingv1.PolicyTypeIngress && pod.Name != subject.Name && declaresPortOf(pod, object.Spec.Ingress):
			meant = append(meant, pod.Labels)
		default:
			others = append(others, pod.Labels)
		}
	}
	if key, value, found := policy.TellingLabel(meant, others); found {
		return policyFix(policy.PolicyRef{Namespace: object.Namespace, Name: object.Name}, fmt.Sprintf("select the pods with %s=%s, which declare its ports", key, value),
			policy.Operation{Op: "replace", Path: "/spec/podSelector", Value: selectorOf(key, value)})
	}
	key, value, found := policy.TellingLabel([]map[string]string{subject.Labels}, nil)
	if !found {
		return nil
	}
	return policyFix(policy.PolicyRef{Namespace: object.Namespace, Name: object.Name}, fmt.Sprintf("select all pods but those with %s=%s", key, value),
		policy.Operation{Op: "replace", Path: "/spec/podSelector", Value: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpNotIn, Values: []string{value}}},
		}})
}

// declaresPortOf tells whether a pod declares any of the ports of ingress rules.
func declaresPortOf(pod *corev1.Pod, rules []networkingv1.NetworkPolicyIngressRule) bool {
	for _, rule := range rules {
		for i := range rule.Ports {
			for _, container := range pod.Spec.Containers {
				if slices.ContainsFunc(container.Ports, func(declared corev1.ContainerPort) bool { return means(&rule.Ports[i], &declared) }) {
					return true
				}
			}
		}
	}
	return false
}

// means tells whether a port of a rule, by number, range or name, is one that a container declares.
func means(port *networkingv1.NetworkPolicyPort, declared *corev1.ContainerPort) bool {
	switch {
	case port.Port == nil:
		return false
	case port.Port.Type == intstr.String:
		return port.Port.StrVal == declared.Name
	case port.EndPort != nil:
		return port.Port.IntVal <= declared.ContainerPort && declared.ContainerPort <= *port.EndPort
	}
	return port.Port.IntVal == declared.ContainerPort
}

func emptyLabels(selector *metav1.LabelSelector) bool {
	return len(selector.MatchLabels)+len(selector.MatchExpressions) == 0
}

// particular tells whether a policy admits somebody in particular to a port in particular, and not only DNS or its own namespace: then it hardly
// means every pod.
func particular(object *networkingv1.NetworkPolicy, d networkingv1.PolicyType) bool {
	some := func(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) bool {
		for _, peer := range peers {
			if peer.PodSelector == nil || emptyLabels(peer.PodSelector) {
				return false
			}
		}
		for _, port := range ports {
			if port.Port != nil && (port.Port.IntValue() == 53 || strings.HasPrefix(port.Port.StrVal, "dns")) {
				return false
			}
		}
		return len(peers) > 0 && len(ports) > 0
	}
	if d == networkingv1.PolicyTypeEgress {
		return slices.ContainsFunc(object.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool { return some(r.To, r.Ports) })
	}
	return slices.ContainsFunc(object.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool { return some(r.From, r.Ports) })
}
