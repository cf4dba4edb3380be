package generate

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxPods bounds a scenario: what comes later in the policy is listed as unproven.
const maxPods = 40

// pod is one of the scenario's.
type pod struct {
	name      string
	namespace string
	labels    map[string]string
	ports     []port
	why       string
}

// host is one outside the cluster.
type host struct {
	name    string
	address netip.Addr
	ports   []port
	why     string
}

// maker is the state of making one policy's scenarios.
type maker struct {
	object  *networkingv1.NetworkPolicy
	options Options
	// namespaces have their labels.
	namespaces map[string]map[string]string
	pods       []*pod
	hosts      []host
	numbers    map[string]int32
	// dns says that lookups of the subject are expected too.
	dns      bool
	unproven []string
}

func newMaker(object *networkingv1.NetworkPolicy, options Options) *maker {
	return &maker{
		object: object, options: options, numbers: map[string]int32{},
		namespaces: map[string]map[string]string{object.Namespace: {}},
	}
}

func (m *maker) cannot(format string, args ...any) {
	m.unproven = append(m.unproven, fmt.Sprintf(format, args...))
}

// add adds a pod, unless there is one that no selector can tell from it.
func (m *maker) add(name, namespace string, labels map[string]string, why string) *pod {
	for _, there := range m.pods {
		if there.namespace == namespace && maps.Equal(there.labels, labels) {
			return there
		}
	}
	if len(m.pods) >= maxPods {
		m.cannot("%s: the scenario has %d pods already", why, maxPods)
		return nil
	}
	one := &pod{name: name, namespace: namespace, labels: labels, why: why}
	m.pods = append(m.pods, one)
	return one
}

// subject is the pod that the policy selects.
func (m *maker) subject() *pod { return m.pods[0] }

// castSubject makes the pod that the policy selects and, for each term of its podSelector, one that it does not.
func (m *maker) castSubject() bool {
	terms := termsOf(&m.object.Spec.PodSelector)
	set, ok := solve(terms)
	if !ok {
		m.cannot("spec.podSelector contradicts itself: no pod can ever be selected")
		return false
	}
	m.add("subject", m.object.Namespace, set, "spec.podSelector selects it")
	for i := range terms {
		if set, ok := solve(breaking(terms, i)); ok {
			m.add(fmt.Sprintf("unselected-%d", i), m.object.Namespace, set, "misses spec.podSelector by the label "+terms[i].Key)
		}
	}
	m.dns = governs(m.object, networkingv1.PolicyTypeEgress)
	return true
}

// castPeers makes the pods of all rules, with the ports to knock on.
func (m *maker) castPeers() {
	for _, r := range rulesOf(m.object) {
		if !r.governed {
			continue
		}
		ports := m.portsOf(&r)
		if len(r.peers) == 0 {
			m.meet(&r, m.stranger(), ports)
			continue
		}
		for i := range r.peers {
			m.castPeer(&r, i, ports)
		}
	}
	m.castStrangers()
	for _, one := range m.pods {
		if one.why != "" && one.name[:2] == "un" {
			one.listen(m.subject().ports[:min(len(m.subject().ports), 1)]) // the policy must leave its neighbours alone
		}
	}
}

// castStrangers gives somebody to knock where the policy has no rule.
func (m *maker) castStrangers() {
	open := []port{{number: anyPort, protocol: corev1.ProtocolTCP}}
	stranger := m.stranger()
	if stranger == nil {
		return
	}
	if governs(m.object, networkingv1.PolicyTypeIngress) && len(m.subject().ports) == 0 {
		m.subject().listen(open)
	}
	if governs(m.object, networkingv1.PolicyTypeEgress) && len(stranger.ports) == 0 {
		stranger.listen(open)
	}
}

// stranger is a pod without labels in a namespace without labels.
func (m *maker) stranger() *pod {
	return m.add("stranger", m.bare(), map[string]string{}, "has nothing that a selector could ask for")
}

// meet lets the subject and a peer of a rule knock: the one that receives listens.
func (m *maker) meet(r *rule, peer *pod, ports []port) {
	switch {
	case peer == nil:
	case r.ingress():
		m.subject().listen(ports)
	default:
		peer.listen(ports)
	}
}

// castPeer makes a pod that fits a peer, and for each term of its selectors one that does not. One port of those is enough.
func (m *maker) castPeer(r *rule, i int, ports []port) {
	peer, field := &r.peers[i], r.peerField(i)
	if peer.IPBlock != nil {
		if r.ingress() {
			m.cannot("%s: an ipBlock of sources needs a host there that knocks", field)
		}
		return
	}
	podTerms, spaceTerms := termsOf(peer.PodSelector), termsOf(peer.NamespaceSelector)
	home, ok := m.place(peer.NamespaceSelector, spaceTerms)
	set, solved := solve(podTerms)
	switch {
	case !ok || !solved:
		m.cannot("%s: its selectors contradict each other", field)
		return
	case home == "kube-system":
		m.cannot("%s: podknock puts no pods into %s; what the rule means for DNS is expected", field, home)
		return
	}
	name := fmt.Sprintf("%s-%d-%d", r.word(), r.index, i)
	m.meet(r, m.add(name, home, set, field+" admits it"), ports)
	for k := range podTerms {
		if set, ok := solve(breaking(podTerms, k)); ok {
			m.meet(r, m.add(fmt.Sprintf("%s-label-%d", name, k), home, set, "misses "+field+" by the label "+podTerms[k].Key), ports[:1])
		}
	}
	for k := range spaceTerms {
		if space, ok := m.place(peer.NamespaceSelector, breaking(spaceTerms, k)); ok {
			m.meet(r, m.add(fmt.Sprintf("%s-space-%d", name, k), space, set, "misses "+field+" by the namespace's label "+spaceTerms[k].Key), ports[:1])
		}
	}
	if peer.NamespaceSelector == nil {
		m.meet(r, m.add(name+"-space", m.bare(), set, "misses "+field+" by its namespace"), ports[:1])
	}
}

// place finds or makes a namespace that fulfils terms; without a selector it is the policy's own.
func (m *maker) place(selector *metav1.LabelSelector, terms []term) (string, bool) {
	if selector == nil {
		return m.object.Namespace, true
	}
	byName := constraints(slices.DeleteFunc(slices.Clone(terms), func(t term) bool { return t.Key != corev1.LabelMetadataName }))
	set, ok := solve(slices.DeleteFunc(slices.Clone(terms), func(t term) bool { return t.Key == corev1.LabelMetadataName }))
	if !ok {
		return "", false
	}
	name := "elsewhere"
	if demand := byName[corev1.LabelMetadataName]; demand != nil {
		demand.present = demand.present || !demand.absent
		value, _, ok := demand.value()
		if !ok || demand.absent {
			return "", false
		}
		name = notOfAName.ReplaceAllString(value, "-")
		if there, known := m.namespaces[name]; known && !maps.Equal(there, set) {
			if name == m.object.Namespace && len(there) == 0 {
				m.namespaces[name] = set
				return name, true
			}
			return "", false
		}
	}
	if name == "elsewhere" {
		name = m.freeName(name, set)
	}
	if name != "kube-system" {
		m.space(name, set)
	}
	return name, true
}

// freeName is the name of a namespace with these labels: an existing one that is not the policy's, or a new one.
func (m *maker) freeName(base string, set map[string]string) string {
	name := base
	for n := 2; ; n++ {
		there, taken := m.namespaces[name]
		if !taken || maps.Equal(there, set) && name != m.object.Namespace {
			return name
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// bare is another namespace than the policy's, without labels.
func (m *maker) bare() string {
	name := m.freeName("elsewhere", map[string]string{})
	m.space(name, map[string]string{})
	return name
}

// space makes a namespace.
func (m *maker) space(name string, set map[string]string) {
	if _, known := m.namespaces[name]; !known {
		m.namespaces[name] = set
	}
}
