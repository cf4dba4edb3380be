package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/inventory"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

// checker is the state of one run: the objects by what rules ask for, and what was found.
type checker struct {
	objects *inventory.Inventory
	options Options
	// policies are those that the API server accepts.
	policies []*networkingv1.NetworkPolicy
	// evaluator judges connections; nil if the objects contradict each other.
	evaluator *policy.Evaluator
	// pods are those that have not finished, by namespace.
	pods  map[string][]*corev1.Pod
	homes map[string]labels.Set
	names []string
	// gaps are what policies leave out about DNS.
	gaps []dnsGap

	report Report
}

func newChecker(objects *inventory.Inventory, options Options) *checker {
	ordered := *objects // the order of objects means nothing
	ordered.Cluster.Policies = slices.SortedStableFunc(slices.Values(objects.Cluster.Policies), func(a, b networkingv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	ordered.Cluster.Services = slices.SortedStableFunc(slices.Values(objects.Cluster.Services), func(a, b corev1.Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	objects = &ordered
	c := &checker{objects: objects, options: options, pods: map[string][]*corev1.Pod{}, homes: map[string]labels.Set{}}
	cluster := &objects.Cluster
	for i := range cluster.Namespaces {
		namespace := &cluster.Namespaces[i]
		set := labels.Set{}
		for key, value := range namespace.Labels {
			set[key] = value
		}
		set[corev1.LabelMetadataName] = namespace.Name
		c.homes[namespace.Name] = set
		c.names = append(c.names, namespace.Name)
	}
	slices.Sort(c.names)
	for i := range cluster.Pods {
		pod := &cluster.Pods[i]
		if pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
			c.pods[pod.Namespace] = append(c.pods[pod.Namespace], pod)
		}
	}
	for _, pods := range c.pods {
		slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	}
	c.report.Checked = Counts{
		Policies: len(cluster.Policies), Pods: len(cluster.Pods), Services: len(cluster.Services), Namespaces: len(cluster.Namespaces),
	}
	c.report.Ignored = objects.Ignored
	c.report.Findings = []Finding{}
	return c
}

// refOf names a policy.
func refOf(p *networkingv1.NetworkPolicy) inventory.Ref {
	return inventory.Ref{Kind: "NetworkPolicy", Namespace: p.Namespace, Name: p.Name}
}

// found adds a finding of the rule's own severity.
func (c *checker) found(id string, object inventory.Ref, field, what, do string) {
	known, _ := rule(id)
	c.add(Finding{Rule: id, Severity: known.Severity, Object: object, Field: field, What: what, Do: do})
}

// noted adds a finding that is only a note here.
func (c *checker) noted(id string, object inventory.Ref, field, what, do string) {
	c.add(Finding{Rule: id, Severity: Note, Object: object, Field: field, What: what, Do: do})
}

func (c *checker) add(finding Finding) {
	switch {
	case slices.Contains(c.options.Skip, finding.Rule), !c.within(finding.Object), c.meant(finding):
		return
	case finding.Position == nil:
		if at := c.objects.Origin(finding.Object).At(finding.Field); at.File != "" {
			finding.Position = &at
		}
	}
	c.report.Findings = append(c.report.Findings, finding)
}

// within reports whether findings about an object are wanted.
func (c *checker) within(object inventory.Ref) bool {
	return c.options.Namespace == "" || object.Namespace == "" || object.Namespace == c.options.Namespace
}

// meant reports whether the policy itself says that a finding is meant so.
func (c *checker) meant(finding Finding) bool {
	for i := range c.objects.Cluster.Policies {
		p := &c.objects.Cluster.Policies[i]
		if refOf(p) != finding.Object {
			continue
		}
		for id := range strings.SplitSeq(p.Annotations[AnnotationIgnore], ",") {
			if strings.TrimSpace(id) == finding.Rule {
				return true
			}
		}
	}
	return false
}

// unchecked says what could not be looked at.
func (c *checker) unchecked(format string, args ...any) {
	c.report.Unchecked = append(c.report.Unchecked, fmt.Sprintf(format, args...))
}

// matches reports whether a selector matches a label set. A selector that the API server accepts can always be read.
func matches(selector *metav1.LabelSelector, set map[string]string) bool {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && compiled.Matches(labels.Set(set))
}

// isEmpty reports whether a selector selects everything.
func isEmpty(selector *metav1.LabelSelector) bool {
	return selector != nil && len(selector.MatchLabels)+len(selector.MatchExpressions) == 0
}

// selected are the pods that a policy selects.
func (c *checker) selected(p *networkingv1.NetworkPolicy) []*corev1.Pod {
	return having(c.pods[p.Namespace], &p.Spec.PodSelector)
}

func having(pods []*corev1.Pod, selector *metav1.LabelSelector) []*corev1.Pod {
	var found []*corev1.Pod
	for _, pod := range pods {
		if matches(selector, pod.Labels) {
			found = append(found, pod)
		}
	}
	return found
}

// elsewhere are the pods of other namespaces that a selector matches.
func (c *checker) elsewhere(namespace string, selector *metav1.LabelSelector) []*corev1.Pod {
	var found []*corev1.Pod
	for _, name := range c.names {
		if name != namespace {
			found = append(found, having(c.pods[name], selector)...)
		}
	}
	return found
}

// namespacesOf are the namespaces that a peer means, as far as they are known.
func (c *checker) namespacesOf(p *networkingv1.NetworkPolicy, peer *networkingv1.NetworkPolicyPeer) []string {
	if peer.NamespaceSelector == nil {
		return []string{p.Namespace}
	}
	var found []string
	for _, name := range c.names {
		if matches(peer.NamespaceSelector, c.homes[name]) {
			found = append(found, name)
		}
	}
	return found
}

// peerPods are the pods that a peer means, as far as they are known.
func (c *checker) peerPods(p *networkingv1.NetworkPolicy, peer *networkingv1.NetworkPolicyPeer) []*corev1.Pod {
	if peer.IPBlock != nil {
		return nil
	}
	var found []*corev1.Pod
	for _, name := range c.namespacesOf(p, peer) {
		if peer.PodSelector == nil {
			found = append(found, c.pods[name]...)
			continue
		}
		found = append(found, having(c.pods[name], peer.PodSelector)...)
	}
	return found
}

// display names a pod by the workload that its author knows.
func display(pod *corev1.Pod) string {
	if owner := subject.OwnerOf(pod).String(); owner != "" {
		return pod.Namespace + "/" + owner
	}
	return pod.Namespace + "/" + pod.Name
}

// listed names some pods, each workload once.
func listed(pods []*corev1.Pod) string {
	var names []string
	for _, pod := range pods {
		if name := display(pod); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + fmt.Sprintf(" and %d more", len(names)-3)
	}
	return strings.Join(names, ", ")
}

// direction is a policy type with the names of its fields.
type direction struct {
	policyType  networkingv1.PolicyType
	rules, list string
}

var directions = []direction{
	{networkingv1.PolicyTypeIngress, "ingress", "from"},
	{networkingv1.PolicyTypeEgress, "egress", "to"},
}

// ruleView is one rule of either direction.
type ruleView struct {
	direction
	index int
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

// field is the path of a part of the rule; empty for the rule itself.
func (r *ruleView) field(part string) string {
	field := fmt.Sprintf("spec.%s[%d]", r.rules, r.index)
	if part != "" {
		field += "." + part
	}
	return field
}

// peerField is the path of a peer or of a part of it.
func (r *ruleView) peerField(i int, part string) string {
	field := r.field(fmt.Sprintf("%s[%d]", r.list, i))
	if part != "" {
		field += "." + part
	}
	return field
}

// rulesOf are the rules of a policy, ingress first.
func rulesOf(p *networkingv1.NetworkPolicy) []ruleView {
	var all []ruleView
	for i, r := range p.Spec.Ingress {
		all = append(all, ruleView{directions[0], i, r.From, r.Ports})
	}
	for i, r := range p.Spec.Egress {
		all = append(all, ruleView{directions[1], i, r.To, r.Ports})
	}
	return all
}

// governs reports whether a policy isolates in a direction, by the API server's defaults.
func governs(p *networkingv1.NetworkPolicy, policyType networkingv1.PolicyType) bool {
	if len(p.Spec.PolicyTypes) > 0 {
		return slices.Contains(p.Spec.PolicyTypes, policyType)
	}
	return policyType == networkingv1.PolicyTypeIngress || len(p.Spec.Egress) > 0
}
