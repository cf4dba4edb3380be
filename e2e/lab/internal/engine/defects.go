package engine

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// newPodWindow and lateness are long against the time in which an engine
// without a defect takes notice.
const (
	newPodWindow = 3 * time.Second
	lateness     = 10 * time.Second
)

// defects are what makes each mutant of the catalogue.
var defects = map[string]defect{
	"ignores-ingress":      {unfiltered: direction(networkingv1.PolicyTypeIngress)},
	"ignores-egress":       {unfiltered: direction(networkingv1.PolicyTypeEgress)},
	"no-rules-allow-all":   {policy: admitAllWithoutRules},
	"empty-rule-denies":    {policy: eachRule(func(r *rule) bool { return len(r.ports)+len(r.peers) > 0 })},
	"ignores-policy-types": {policy: guessPolicyTypes},
	"first-policy-only":    {applied: firstPolicy},
	"first-rule-only":      {policy: firstRule},
	"first-peer-only":      {policy: eachRule(func(r *rule) bool { r.peers = first(r.peers); return true })},
	"first-namespace-only": {applied: oldestNamespace},

	"and-as-or":                    {policy: eachRule(splitPeers)},
	"or-as-and":                    {policy: eachRule(mergePeers)},
	"ignores-namespace-selector":   {policy: eachPeer(anyNamespace)},
	"ignores-pod-selector":         {policy: eachPeer(anyPod)},
	"ignores-match-expressions":    {policy: eachSelector(func(s *metav1.LabelSelector) { s.MatchExpressions = nil })},
	"notin-needs-key":              {policy: eachSelector(requireKey)},
	"exists-always":                {policy: eachSelector(dropExists)},
	"in-first-value-only":          {policy: eachSelector(firstValue)},
	"first-label-only":             {policy: eachSelector(firstLabel)},
	"empty-label-values-ignored":   {pod: func(p *corev1.Pod) { dropEmpty(p.Labels) }, namespace: func(n *corev1.Namespace) { dropEmpty(n.Labels) }},
	"namespace-name-label-missing": {namespace: func(n *corev1.Namespace) { delete(n.Labels, corev1.LabelMetadataName) }},
	"pods-by-name-prefix":          {subject: firstNamesake},
	"remote-pods-unknown":          {stranger: func(f flow) bool { return f.peer.Spec.NodeName != f.node }},
	"ignores-except":               {policy: eachBlock(func(b *networkingv1.IPBlock) bool { b.Except = nil; return true })},
	"first-except-only":            {policy: eachBlock(func(b *networkingv1.IPBlock) bool { b.Except = first(b.Except); return true })},
	"ipv6-blocks-ignored":          {policy: eachBlock(func(b *networkingv1.IPBlock) bool { return !isIPv6(b.CIDR) })},

	"ignores-ports":              {policy: eachRule(func(r *rule) bool { r.ports = nil; return true })},
	"ignores-endport":            {policy: eachPort(func(p *networkingv1.NetworkPolicyPort) bool { p.EndPort = nil; return true })},
	"endport-off-by-one":         {policy: eachPort(shortenRange)},
	"udp-as-tcp":                 {policy: eachPort(udpToTCP)},
	"named-ports-ignored":        {policy: eachPort(func(p *networkingv1.NetworkPolicyPort) bool { return p.Port == nil || p.Port.StrVal == "" })},
	"named-port-first-container": {pod: firstContainerPorts},
	"named-port-any-protocol":    {pod: portsOfAnyProtocol},
	"named-port-one-number":      {ports: portsOfFirstPod},

	"udp-unfiltered":             {unfiltered: func(_ *state, f flow) bool { return f.protocol == corev1.ProtocolUDP }},
	"ipv6-unfiltered":            {unfiltered: func(_ *state, f flow) bool { return f.family == corev1.IPv6Protocol }},
	"same-node-unfiltered":       {unfiltered: func(_ *state, f flow) bool { return f.peer != nil && f.peer.Spec.NodeName == f.node }},
	"external-unfiltered":        {unfiltered: func(_ *state, f flow) bool { return f.peer == nil }},
	"one-node-open":              {unfiltered: func(_ *state, f flow) bool { return f.node == f.lastNode }},
	"services-unfiltered":        {unfiltered: func(_ *state, f flow) bool { return f.translated }},
	"services-egress-unfiltered": {unfiltered: func(_ *state, f flow) bool { return f.translated && f.direction == networkingv1.PolicyTypeEgress }},
	"stateless":                  {stateless: true},
	"denies-with-rst":            {refusal: reset},
	"denies-with-icmp":           {refusal: prohibition},

	"policies-never-removed":  {keepPolicies: true},
	"policy-updates-ignored":  {freezePolicies: true},
	"pod-labels-frozen":       {freezePodLabels: true},
	"namespace-labels-frozen": {freezeNamespaceLabels: true},
	"new-pods-open":           {unfiltered: eitherYoung},
	"late-pods-unselected":    {applied: olderThan},
	"ten-seconds-late":        {lateness: lateness},
}

func direction(d networkingv1.PolicyType) func(*state, flow) bool {
	return func(_ *state, f flow) bool { return f.direction == d }
}

// eitherYoung tells whether one of the two pods has just started.
func eitherYoung(s *state, f flow) bool {
	return s.young(f.pod, newPodWindow) || f.peer != nil && s.young(f.peer, newPodWindow)
}

// first returns at most the first element.
func first[T any](list []T) []T { return list[:min(1, len(list))] }
