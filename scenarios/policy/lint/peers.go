package lint

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// checkPeers looks at the selectors of the rules.
func (c *checker) checkPeers(p *networkingv1.NetworkPolicy) {
	for _, r := range rulesOf(p) {
		if !governs(p, r.policyType) {
			continue
		}
		for i := range r.peers {
			if r.peers[i].IPBlock == nil {
				c.checkPeer(p, &r, i)
			}
		}
		c.checkSplit(p, &r)
	}
}

func (c *checker) checkPeer(p *networkingv1.NetworkPolicy, r *ruleView, i int) {
	peer := &r.peers[i]
	if pods := c.peerPods(p, peer); len(pods) > 0 {
		if !slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { return !pod.Spec.HostNetwork }) && !isEmpty(peer.PodSelector) && peer.PodSelector != nil {
			c.found(ruleHostNetworkPeer, refOf(p), r.peerField(i, "podSelector"),
				"The peer means "+listed(pods)+", on the host network: its traffic comes from the address of its node.",
				"Admit the addresses of the nodes by ipBlock, or what your plugin has for that.")
		}
		return
	}
	namespaces := c.namespacesOf(p, peer)
	switch {
	case len(namespaces) == 0:
		c.checkNoNamespace(p, r, i)
	case peer.PodSelector == nil || isEmpty(peer.PodSelector):
	case peer.NamespaceSelector == nil && c.peerElsewhere(p, r, i):
	default:
		c.checkNoPod(p, r, i, namespaces)
	}
}

// nameKeys are labels that people take for the name of a namespace.
var nameKeys = []string{"name", "namespace", "ns", "namespace-name", "kubernetes.io/name", "kubernetes.io/namespace", "k8s-namespace", "field.cattle.io/name"}

// builtIn are the namespaces of every cluster. Kubernetes gives them no label but their name.
var builtIn = []string{"default", "kube-system", "kube-public", "kube-node-lease"}

// checkNoNamespace is about a namespaceSelector that matches none of the known namespaces.
func (c *checker) checkNoNamespace(p *networkingv1.NetworkPolicy, r *ruleView, i int) {
	selector, ref, field := r.peers[i].NamespaceSelector, refOf(p), r.peerField(i, "namespaceSelector")
	for _, key := range slices.Sorted(maps.Keys(selector.MatchLabels)) {
		value := selector.MatchLabels[key]
		known := slices.Contains(c.names, value) && c.objects.Knowledge.LabelsOf(value) || slices.Contains(builtIn, value) && !slices.Contains(c.names, value)
		if key == corev1.LabelMetadataName || !slices.Contains(nameKeys, key) || !known {
			continue
		}
		c.found(ruleNamespaceLabel, ref, field+".matchLabels["+key+"]",
			fmt.Sprintf("The peer asks for namespaces with the label %s=%s, which namespace %s does not have.", key, value, value),
			fmt.Sprintf("Select it by the label that every namespace has: %s: %s.", corev1.LabelMetadataName, value))
		return
	}
	nearest := c.nearestNamespace(selector)
	if !c.objects.Knowledge.Namespaces && !nearest.typo() {
		c.unchecked("whether the namespaceSelector of policy %s/%s, %s, matches anything: not all namespaces are given", p.Namespace, p.Name, r.peerField(i, ""))
		return
	}
	what := fmt.Sprintf("The peer asks for namespaces with %s, and there is none", spellSelector(selector))
	do := nearest.correction("Label the namespace that is meant, or select it by the label " + corev1.LabelMetadataName + ".")
	if name, byName := selector.MatchLabels[corev1.LabelMetadataName]; byName && len(selector.MatchLabels) == 1 {
		what = fmt.Sprintf("The peer asks for namespace %s, and there is none of that name: %s", name, strict.Suggest(name, c.names))
		do = "Write the name of a namespace that exists, or create it."
		nearest = nil
	}
	c.found(ruleNamespaceLabel, ref, nearest.field(field), what+nearest.sentence()+".", do)
}

// peerElsewhere finds a podSelector that is meant for another namespace.
func (c *checker) peerElsewhere(p *networkingv1.NetworkPolicy, r *ruleView, i int) bool {
	elsewhere := c.elsewhere(p.Namespace, r.peers[i].PodSelector)
	if len(elsewhere) == 0 {
		return false
	}
	c.found(rulePeerNamespace, refOf(p), r.peerField(i, "podSelector"),
		fmt.Sprintf("The peer has no namespaceSelector, so it means pods of namespace %s, where no pod has %s; %s has.",
			p.Namespace, spellSelector(r.peers[i].PodSelector), listed(elsewhere)),
		fmt.Sprintf("Add to the same item, without another dash: namespaceSelector: {matchLabels: {%s: %s}}.", corev1.LabelMetadataName, elsewhere[0].Namespace))
	return true
}

// checkNoPod is about a podSelector that matches nothing in the namespaces that the peer means.
func (c *checker) checkNoPod(p *networkingv1.NetworkPolicy, r *ruleView, i int, namespaces []string) {
	selector := r.peers[i].PodSelector
	var candidates []*corev1.Pod
	whole := true
	for _, name := range namespaces {
		candidates = append(candidates, c.pods[name]...)
		whole = whole && c.objects.Knowledge.AllPodsOf(name)
	}
	if r.peers[i].NamespaceSelector != nil {
		whole = whole && c.objects.Knowledge.Namespaces
	}
	nearest := nearestPod(selector, candidates)
	if len(candidates) == 0 && !whole {
		c.unchecked("whether the peer %s of policy %s/%s matches anything: no pods of %s are given", r.peerField(i, ""), p.Namespace, p.Name, someNames(namespaces))
		return
	}
	field := nearest.field(r.peerField(i, "podSelector"))
	what := fmt.Sprintf("The peer asks for pods with %s in namespace %s, and there is none", spellSelector(selector), someNames(namespaces)) + nearest.sentence() + "."
	do := nearest.correction("Compare the selector with the labels of the pods that are meant.")
	if whole || nearest.typo() {
		c.found(rulePeerNothing, refOf(p), field, what, do)
		return
	}
	c.noted(rulePeerNothing, refOf(p), field, what, do)
}

func someNames(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s, %s and %d more", names[0], names[1], len(names)-2)
	}
	text := ""
	for i, name := range names {
		if i > 0 {
			text += ", "
		}
		text += name
	}
	return text
}

// checkSplit finds the dash too many: two items, one with only a namespaceSelector and the next with only a podSelector.
func (c *checker) checkSplit(p *networkingv1.NetworkPolicy, r *ruleView) {
	for i := 1; i < len(r.peers); i++ {
		spaces, pods := &r.peers[i-1], &r.peers[i]
		if spaces.NamespaceSelector == nil {
			spaces, pods = pods, spaces
		}
		alone := spaces.NamespaceSelector != nil && spaces.PodSelector == nil && pods.PodSelector != nil && pods.NamespaceSelector == nil
		if !alone || isEmpty(spaces.NamespaceSelector) || isEmpty(pods.PodSelector) {
			continue
		}
		both := networkingv1.NetworkPolicyPeer{NamespaceSelector: spaces.NamespaceSelector, PodSelector: pods.PodSelector}
		own := networkingv1.NetworkPolicyPeer{PodSelector: pods.PodSelector}
		what := fmt.Sprintf("Two items admit all pods of namespaces with %s, and pods with %s of namespace %s; one item would admit only what fulfils both",
			spellSelector(spaces.NamespaceSelector), spellSelector(pods.PodSelector), p.Namespace)
		do := "If both should be required, remove the dash before the second selector."
		meant := c.peerPods(p, &both)
		if len(c.peerPods(p, &own)) > 0 || len(meant) == 0 {
			c.noted(ruleSplitPeer, refOf(p), r.peerField(i, ""), what+".", do)
			continue
		}
		c.found(ruleSplitPeer, refOf(p), r.peerField(i, ""), what+": "+listed(meant)+".", do)
	}
}

// selectsMore reports whether a selector matches whatever another one matches, as far as their form tells.
func selectsMore(wide, narrow *metav1.LabelSelector) bool {
	for key, value := range wide.MatchLabels {
		if found, ok := narrow.MatchLabels[key]; !ok || found != value {
			return false
		}
	}
	for _, wanted := range wide.MatchExpressions {
		if !slices.ContainsFunc(narrow.MatchExpressions, func(given metav1.LabelSelectorRequirement) bool {
			return given.Key == wanted.Key && given.Operator == wanted.Operator && slices.Equal(given.Values, wanted.Values)
		}) {
			return false
		}
	}
	return true
}
