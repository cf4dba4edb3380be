package verify

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios"
)

// engine is what a policy engine makes of a cluster. The zero value has no defect.
type engine struct {
	// sees is what it believes to exist after the last of the moments, which are those since the scenario began. Nil means what does exist. It
	// may keep what it is given, and must not change it.
	sees func([]moment) cluster
	// idle says that it enforces nothing.
	idle bool
	// forgetful says that it judges answers like new connections.
	forgetful bool
}

// moment is what exists after one step of a scenario.
type moment struct {
	cluster cluster
	// deleted are the objects that the step deleted before it did anything else.
	deleted []scenarios.Ref
}

// serviceLabel marks the pods behind a Service, in front of the Service's name.
const serviceLabel = "service.podknock.dev/"

// view is what the engine sees. Services keep the pods that they really have, whatever labels the engine believes in: who is behind a Service
// is not the engine's to decide.
func (e engine) view(moments []moment) cluster {
	last := moments[len(moments)-1].cluster
	if e.sees == nil {
		return last
	}
	seen := e.sees(moments)
	seen.Pods, seen.Services = slices.Clone(seen.Pods), slices.Clone(last.Services)
	for i := range seen.Services {
		service := &seen.Services[i]
		if len(service.Spec.Selector) == 0 {
			continue
		}
		for j := range seen.Pods {
			at := slices.IndexFunc(last.Pods, func(pod corev1.Pod) bool { return sameObject(&pod, &seen.Pods[j]) })
			if at < 0 || last.Pods[at].Namespace != service.Namespace || !carries(last.Pods[at].Labels, service.Spec.Selector) {
				continue
			}
			seen.Pods[j].Labels = with(seen.Pods[j].Labels, serviceLabel+service.Name, "behind")
		}
		service.Spec.Selector = map[string]string{serviceLabel + service.Name: "behind"}
	}
	return seen
}

func sameObject(one, other *corev1.Pod) bool {
	return one.Namespace == other.Namespace && one.Name == other.Name
}

// carries tells whether labels have everything that a selector of a Service asks for.
func carries(labels, selector map[string]string) bool {
	for key, value := range selector {
		if found, ok := labels[key]; !ok || found != value {
			return false
		}
	}
	return true
}

// with is a copy of labels with one more.
func with(labels map[string]string, key, value string) map[string]string {
	result := maps.Clone(labels)
	if result == nil {
		result = map[string]string{}
	}
	result[key] = value
	return result
}

// now is an engine whose view depends on the present alone. The change gets a cluster whose lists, and whose policies, are its own.
func now(change func(*cluster)) engine {
	return engine{sees: func(moments []moment) cluster {
		seen := moments[len(moments)-1].cluster
		seen.Namespaces, seen.Pods, seen.Policies = slices.Clone(seen.Namespaces), slices.Clone(seen.Pods), copies(seen.Policies)
		change(&seen)
		return seen
	}}
}

func copies(policies []networkingv1.NetworkPolicy) []networkingv1.NetworkPolicy {
	result := make([]networkingv1.NetworkPolicy, len(policies))
	for i := range policies {
		policies[i].DeepCopyInto(&result[i])
	}
	return result
}

// misread is an engine that reads each policy wrongly.
func misread(read func(*networkingv1.NetworkPolicy)) engine {
	return now(func(seen *cluster) {
		for i := range seen.Policies {
			read(&seen.Policies[i])
		}
	})
}

// rule is a rule of either direction.
type rule struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

// rewriteRules changes the rules of a policy, one direction after the other. A policy keeps the directions that it is about.
func rewriteRules(p *networkingv1.NetworkPolicy, rewrite func([]rule) []rule) {
	p.Spec.PolicyTypes = typesOf(p)
	var ingress, egress []rule
	for _, r := range p.Spec.Ingress {
		ingress = append(ingress, rule{r.From, r.Ports})
	}
	for _, r := range p.Spec.Egress {
		egress = append(egress, rule{r.To, r.Ports})
	}
	p.Spec.Ingress, p.Spec.Egress = nil, nil
	for _, r := range rewrite(ingress) {
		p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: r.peers, Ports: r.ports})
	}
	for _, r := range rewrite(egress) {
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: r.peers, Ports: r.ports})
	}
}

// misreadRules is an engine that reads the rules of each policy wrongly.
func misreadRules(rewrite func([]rule) []rule) engine {
	return misread(func(p *networkingv1.NetworkPolicy) { rewriteRules(p, rewrite) })
}

// misreadRule is an engine that reads each rule wrongly; keep says whether the rule is still there.
func misreadRule(read func(*rule) (keep bool)) engine {
	return misreadRules(func(rules []rule) []rule {
		var kept []rule
		for i := range rules {
			if read(&rules[i]) {
				kept = append(kept, rules[i])
			}
		}
		return kept
	})
}

// misreadPorts is an engine that reads each port of a rule as others. A rule of whose ports none is left admits nothing.
func misreadPorts(read func(networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyPort) engine {
	return misreadRule(func(r *rule) bool {
		before := len(r.ports)
		r.ports = each(r.ports, read)
		return before == 0 || len(r.ports) > 0
	})
}

// misreadPeers is an engine that reads each peer of a rule as others. A rule of whose peers none is left admits nothing.
func misreadPeers(read func(networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer) engine {
	return misreadRule(func(r *rule) bool {
		before := len(r.peers)
		r.peers = each(r.peers, read)
		return before == 0 || len(r.peers) > 0
	})
}

// each replaces every item of a list by others.
func each[T any](list []T, replace func(T) []T) []T {
	var result []T
	for _, item := range list {
		result = append(result, replace(item)...)
	}
	return result
}

// alsoLabelled is a peer whose pods have a label beside what the peer asks for.
func alsoLabelled(peer networkingv1.NetworkPolicyPeer, key string) networkingv1.NetworkPolicyPeer {
	if peer.IPBlock != nil {
		return peer
	}
	selector := &metav1.LabelSelector{}
	if peer.PodSelector != nil {
		selector = peer.PodSelector.DeepCopy()
	}
	selector.MatchExpressions = append(selector.MatchExpressions,
		metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpExists})
	peer.PodSelector = selector
	return peer
}
