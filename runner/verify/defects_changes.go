package verify

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios"
)

// changeDefects are engines that miss changes for good. Those that notice late are found by their latency, see [judgeTiming].
func changeDefects() []hypothesis {
	return []hypothesis{
		{Defect{"policies-never-removed", "It leaves a policy in force that was deleted.", scenarios.AxisPolicyDelete},
			engine{sees: func(moments []moment) cluster {
				seen := moments[len(moments)-1].cluster
				seen.Policies = policiesEver(moments)
				return seen
			}}, nil},
		{Defect{"policy-updates-ignored", "It leaves a policy as it was when it was made.", scenarios.AxisPolicyUpdate},
			engine{sees: func(moments []moment) cluster {
				seen := moments[len(moments)-1].cluster
				seen.Policies = copies(seen.Policies)
				for i := range seen.Policies {
					made := madeAt(moments, &seen.Policies[i])
					if first := policyIn(moments[made], &seen.Policies[i]); first != nil {
						seen.Policies[i] = *first.DeepCopy()
					}
				}
				return seen
			}}, nil},
		{Defect{"pod-labels-frozen", "It leaves a pod the labels that it was first seen with.", scenarios.AxisPodLabelChange},
			engine{sees: func(moments []moment) cluster {
				seen := moments[len(moments)-1].cluster
				seen.Pods = slices.Clone(seen.Pods)
				for i := range seen.Pods {
					born := podIn(moments[bornAt(moments, &seen.Pods[i])], &seen.Pods[i])
					seen.Pods[i].Labels = born.Labels
				}
				return seen
			}}, nil},
		{Defect{"namespace-labels-frozen", "It leaves a namespace the labels that it was first seen with.", scenarios.AxisNamespaceLabelChange},
			engine{sees: func(moments []moment) cluster {
				seen := moments[len(moments)-1].cluster
				seen.Namespaces = slices.Clone(seen.Namespaces)
				for i := range seen.Namespaces {
					seen.Namespaces[i].Labels = firstNamespaceLabels(moments, seen.Namespaces[i].Name)
				}
				return seen
			}}, nil},
		{Defect{"late-pods-unselected", "It applies a policy only to pods that were there when it was made.", scenarios.AxisPodBornLater},
			applying(func(moments []moment, s *podSubject, selecting []int) []int {
				born := bornAt(moments, s.pod)
				return slices.DeleteFunc(selecting, func(i int) bool { return madeAt(moments, &s.seen.Policies[i]) < born })
			}), nil},
		{Defect{"late-pods-unknown", "It recognises as peers only pods that were there when the policy was made.", scenarios.AxisPodBornLater},
			engine{sees: latePeersUnknown}, nil},
	}
}

func samePolicy(a, b *networkingv1.NetworkPolicy) bool {
	return a.Namespace == b.Namespace && a.Name == b.Name
}

func policyIn(m moment, p *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	i := slices.IndexFunc(m.cluster.Policies, func(other networkingv1.NetworkPolicy) bool { return samePolicy(&other, p) })
	if i < 0 {
		return nil
	}
	return &m.cluster.Policies[i]
}

func podIn(m moment, pod *corev1.Pod) *corev1.Pod {
	i := slices.IndexFunc(m.cluster.Pods, func(other corev1.Pod) bool { return sameObject(&other, pod) })
	if i < 0 {
		return nil
	}
	return &m.cluster.Pods[i]
}

// deletes tells whether the step of a moment deleted an object, or its namespace.
func (m moment) deletes(kind scenarios.RefKind, namespace, name string) bool {
	return slices.ContainsFunc(m.deleted, func(ref scenarios.Ref) bool {
		switch ref.Kind {
		case scenarios.RefNamespace:
			return ref.Name == namespace
		case kind:
			return ref.Name == name && (ref.Namespace == "" || ref.Namespace == namespace)
		}
		return false
	})
}

// madeAt is the moment at which a policy of the last moment was made.
func madeAt(moments []moment, p *networkingv1.NetworkPolicy) int {
	at := len(moments) - 1
	for at > 0 && policyIn(moments[at-1], p) != nil && !moments[at].deletes(scenarios.RefPolicy, p.Namespace, p.Name) {
		at--
	}
	return at
}

// bornAt is the moment at which a pod of the last moment came into being.
func bornAt(moments []moment, pod *corev1.Pod) int {
	at := len(moments) - 1
	for at > 0 && podIn(moments[at-1], pod) != nil && !moments[at].deletes(scenarios.RefPod, pod.Namespace, pod.Name) {
		at--
	}
	return at
}

// policiesEver are all policies that there ever were, each as it last was.
func policiesEver(moments []moment) []networkingv1.NetworkPolicy {
	var ever []networkingv1.NetworkPolicy
	for i := range slices.Backward(moments) {
		for j := range moments[i].cluster.Policies {
			p := &moments[i].cluster.Policies[j]
			if !slices.ContainsFunc(ever, func(other networkingv1.NetworkPolicy) bool { return samePolicy(&other, p) }) {
				ever = append(ever, *p.DeepCopy())
			}
		}
	}
	return ever
}

// firstNamespaceLabels are the labels that a namespace had when it came into being.
func firstNamespaceLabels(moments []moment, name string) map[string]string {
	var found map[string]string
	for _, m := range slices.Backward(moments) {
		i := slices.IndexFunc(m.cluster.Namespaces, func(n corev1.Namespace) bool { return n.Name == name })
		if i < 0 {
			break
		}
		found = m.cluster.Namespaces[i].Labels
		if m.deletes(scenarios.RefNamespace, name, name) {
			break
		}
	}
	return found
}

// latePeersUnknown has every policy match as peers only the pods that are as old as it is.
func latePeersUnknown(moments []moment) cluster {
	seen := moments[len(moments)-1].cluster
	seen.Policies, seen.Pods = copies(seen.Policies), slices.Clone(seen.Pods)
	for i := range seen.Policies {
		p := &seen.Policies[i]
		made := madeAt(moments, p)
		old := "old.podknock.dev/" + p.Namespace + "." + p.Name
		for j := range seen.Pods {
			if bornAt(moments, &seen.Pods[j]) <= made {
				seen.Pods[j].Labels = with(seen.Pods[j].Labels, old, "yes")
			}
		}
		rewriteRules(p, func(rules []rule) []rule {
			for _, r := range rules {
				for k := range r.peers {
					r.peers[k] = alsoLabelled(r.peers[k], old)
				}
			}
			return rules
		})
	}
	return seen
}
