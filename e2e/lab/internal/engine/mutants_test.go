package engine

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Addresses of the test's cluster, and of a host outside it.
const (
	server, near, far, other, bClient = "10.0.1.1", "10.0.1.2", "10.0.2.1", "10.0.2.2", "10.0.2.3"
	twinA, twinB                      = "10.0.1.3", "10.0.1.4"
	server6, near6                    = "fd00:1::1", "fd00:1::2"
	world, world6, excepted           = "203.0.113.10", "2001:db8:1::10", "203.0.113.11"
)

func tcp(from, to string, port int) conn {
	return conn{from: from, to: to, port: port, proto: corev1.ProtocolTCP}
}
func udp(from, to string, port int) conn {
	return conn{from: from, to: to, port: port, proto: corev1.ProtocolUDP}
}
func viaService(c conn) conn { c.translated = true; return c }

const (
	denyIn      = `{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}`
	denyOut     = `{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress]}`
	fromClients = `{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}`
)

// from is an ingress policy of the server with one rule.
func from(rule string) string {
	return `{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [` + rule + `]}`
}

// Each mutant is wrong about the first connections, and right about the second.
var cases = map[string]struct {
	policies []string
	then     func(t *testing.T, s *state) // what happens afterwards
	wrong    []conn
	right    []conn
}{
	"ignores-ingress":      {policies: []string{denyIn, denyOut}, wrong: []conn{tcp(other, server, 80)}, right: []conn{tcp(near, twinA, 80)}},
	"ignores-egress":       {policies: []string{denyIn, denyOut}, wrong: []conn{tcp(near, twinA, 80)}, right: []conn{tcp(other, server, 80)}},
	"no-rules-allow-all":   {policies: []string{denyIn}, wrong: []conn{tcp(near, server, 80)}, right: []conn{tcp(near, twinA, 80)}},
	"empty-rule-denies":    {policies: []string{from(`{}`)}, wrong: []conn{tcp(near, server, 80)}, right: []conn{tcp(near, twinA, 80)}},
	"ignores-policy-types": {policies: []string{denyOut}, wrong: []conn{tcp(near, twinA, 80), tcp(twinA, near, 80)}, right: []conn{tcp(twinA, twinB, 80)}},
	"first-policy-only": {policies: []string{denyIn, fromClients}, wrong: []conn{tcp(near, server, 80)},
		right: []conn{tcp(other, server, 80)}},
	"first-rule-only": {policies: []string{from(`{ports: [{port: 80}]}, {ports: [{port: 90}]}`)},
		wrong: []conn{tcp(near, server, 90)}, right: []conn{tcp(near, server, 80), tcp(near, server, 81)}},
	"first-peer-only": {policies: []string{from(`{from: [{podSelector: {matchLabels: {tier: front}}}, {podSelector: {matchLabels: {tier: back}}}]}`)},
		wrong: []conn{tcp(far, server, 80)}, right: []conn{tcp(near, server, 80), tcp(other, server, 80)}},
	"first-namespace-only": {policies: []string{denyIn}, then: func(t *testing.T, s *state) {
		p := policy(t, "later", `{podSelector: {}, policyTypes: [Ingress]}`)
		p.Namespace, p.CreationTimestamp = "b", metav1.NewTime(clock.Add(time.Second))
		s.setPolicy(p)
	}, wrong: []conn{tcp(near, other, 80)}, right: []conn{tcp(near, server, 80)}},

	"and-as-or": {policies: []string{from(`{from: [{namespaceSelector: {matchLabels: {team: two}}, podSelector: {matchLabels: {app: client}}}]}`)},
		wrong: []conn{tcp(other, server, 80), tcp(near, server, 80)}, right: []conn{tcp(bClient, server, 80), tcp(twinA, server, 80)}},
	"or-as-and": {policies: []string{from(`{from: [{namespaceSelector: {matchLabels: {team: two}}}, {podSelector: {matchLabels: {app: client}}}]}`)},
		wrong: []conn{tcp(other, server, 80), tcp(near, server, 80)}, right: []conn{tcp(bClient, server, 80), tcp(twinA, server, 80)}},
	"ignores-namespace-selector": {policies: []string{from(`{from: [{namespaceSelector: {matchLabels: {team: two}}}]}`)},
		wrong: []conn{tcp(near, server, 80)}, right: []conn{tcp(other, server, 80), tcp(world, server, 80)}},
	"ignores-pod-selector": {policies: []string{fromClients}, wrong: []conn{tcp(twinA, server, 80)}, right: []conn{tcp(near, server, 80), tcp(other, server, 80)}},
	"ignores-match-expressions": {policies: []string{from(`{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [client]}]}}]}`)},
		wrong: []conn{tcp(twinA, server, 80)}, right: []conn{tcp(near, server, 80), tcp(other, server, 80)}},
	"notin-needs-key": {policies: []string{from(`{from: [{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [front]}]}}]}`)},
		wrong: []conn{tcp(twinA, server, 80)}, right: []conn{tcp(near, server, 80), tcp(far, server, 80)}},
	"exists-always": {policies: []string{from(`{from: [{podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}]}`)},
		wrong: []conn{tcp(twinA, server, 80)}, right: []conn{tcp(near, server, 80), tcp(other, server, 80)}},
	"in-first-value-only": {policies: []string{from(`{from: [{podSelector: {matchExpressions: [{key: tier, operator: In, values: [front, back]}]}}]}`)},
		wrong: []conn{tcp(far, server, 80)}, right: []conn{tcp(near, server, 80), tcp(twinA, server, 80)}},
	"first-label-only": {policies: []string{from(`{from: [{podSelector: {matchLabels: {app: client, tier: front}}}]}`)},
		wrong: []conn{tcp(far, server, 80)}, right: []conn{tcp(near, server, 80), tcp(twinA, server, 80)}},
	"empty-label-values-ignored": {policies: []string{from(`{from: [{podSelector: {matchLabels: {empty: ""}}}]}`)},
		wrong: []conn{tcp(near, server, 80)}, right: []conn{tcp(far, server, 80)}},
	"namespace-name-label-missing": {policies: []string{from(`{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: b}}}]}`)},
		wrong: []conn{tcp(other, server, 80)}, right: []conn{tcp(near, server, 80)}},
	"pods-by-name-prefix": {policies: []string{`{podSelector: {matchLabels: {app: twin}}, policyTypes: [Ingress]}`},
		wrong: []conn{tcp(near, twinB, 80)}, right: []conn{tcp(near, server, 80), tcp(near, twinA, 80)}},
	"remote-pods-unknown": {policies: []string{fromClients}, wrong: []conn{tcp(far, server, 80)}, right: []conn{tcp(near, server, 80), tcp(twinA, server, 80)}},
	"ignores-except": {policies: []string{from(`{from: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.11/32]}}]}`)},
		wrong: []conn{tcp(excepted, server, 80)}, right: []conn{tcp(world, server, 80), tcp(near, server, 80)}},
	"first-except-only": {policies: []string{from(`{from: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.12/32, 203.0.113.11/32]}}]}`)},
		wrong: []conn{tcp(excepted, server, 80)}, right: []conn{tcp(world, server, 80), tcp("203.0.113.12", server, 80)}},
	"ipv6-blocks-ignored": {policies: []string{from(`{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}, {from: [{ipBlock: {cidr: "2001:db8:1::/48"}}]}`)},
		wrong: []conn{tcp(world6, server6, 80)}, right: []conn{tcp(world, server, 80), tcp(near6, server6, 80)}},

	"ignores-ports":   {policies: []string{from(`{ports: [{port: 80}]}`)}, wrong: []conn{tcp(near, server, 81)}, right: []conn{tcp(near, server, 80)}},
	"ignores-endport": {policies: []string{from(`{ports: [{port: 80, endPort: 82}]}`)}, wrong: []conn{tcp(near, server, 81), tcp(near, server, 82)}, right: []conn{tcp(near, server, 80), tcp(near, server, 83)}},
	"endport-off-by-one": {policies: []string{from(`{ports: [{port: 80, endPort: 82}]}`)}, wrong: []conn{tcp(near, server, 82)},
		right: []conn{tcp(near, server, 80), tcp(near, server, 81), tcp(near, server, 83)}},
	"udp-as-tcp": {policies: []string{from(`{ports: [{port: 53, protocol: UDP}]}`)}, wrong: []conn{udp(near, server, 53), tcp(near, server, 53)},
		right: []conn{udp(near, server, 54), tcp(near, server, 54)}},
	"named-ports-ignored":        {policies: []string{from(`{ports: [{port: web}, {port: 81}]}`)}, wrong: []conn{tcp(near, server, 80)}, right: []conn{tcp(near, server, 81), tcp(near, server, 82)}},
	"named-port-first-container": {policies: []string{from(`{ports: [{port: web}, {port: second}]}`)}, wrong: []conn{tcp(near, server, 90)}, right: []conn{tcp(near, server, 80)}},
	"named-port-any-protocol":    {policies: []string{from(`{ports: [{port: udp}]}`)}, wrong: []conn{tcp(near, server, 53)}, right: []conn{udp(near, server, 53), tcp(near, server, 54)}},
	"named-port-one-number": {policies: []string{`{podSelector: {matchLabels: {app: twin}}, policyTypes: [Ingress], ingress: [{ports: [{port: web}]}]}`},
		wrong: []conn{tcp(near, twinB, 80), tcp(near, twinB, 81)}, right: []conn{tcp(near, twinB, 82)}},

	"udp-unfiltered":             {policies: []string{denyIn}, wrong: []conn{udp(near, server, 53)}, right: []conn{tcp(near, server, 53)}},
	"ipv6-unfiltered":            {policies: []string{denyIn}, wrong: []conn{tcp(near6, server6, 80)}, right: []conn{tcp(near, server, 80)}},
	"same-node-unfiltered":       {policies: []string{denyIn}, wrong: []conn{tcp(near, server, 80)}, right: []conn{tcp(far, server, 80), tcp(world, server, 80)}},
	"external-unfiltered":        {policies: []string{denyIn}, wrong: []conn{tcp(world, server, 80)}, right: []conn{tcp(near, server, 80)}},
	"one-node-open":              {policies: []string{denyIn, denyOut}, wrong: []conn{tcp(far, twinA, 80)}, right: []conn{tcp(near, twinA, 80), tcp(other, server, 80)}},
	"services-unfiltered":        {policies: []string{denyIn, denyOut}, wrong: []conn{viaService(tcp(other, server, 80)), viaService(tcp(near, twinA, 80))}, right: []conn{tcp(other, server, 80), tcp(near, twinA, 80)}},
	"services-egress-unfiltered": {policies: []string{denyIn, denyOut}, wrong: []conn{viaService(tcp(near, twinA, 80))}, right: []conn{viaService(tcp(other, server, 80)), tcp(near, twinA, 80)}},
	"stateless":                  {policies: []string{denyIn}, wrong: []conn{tcp(server, twinA, 80)}, right: []conn{tcp(twinA, server, 80), tcp(near, twinA, 80)}},

	"policies-never-removed": {policies: []string{denyIn}, then: func(t *testing.T, s *state) { s.removePolicy(policy(t, "0", denyIn)) },
		wrong: []conn{tcp(near, server, 80)}, right: []conn{tcp(near, twinA, 80)}},
	"policy-updates-ignored": {policies: []string{denyIn}, then: func(t *testing.T, s *state) { s.setPolicy(policy(t, "0", fromClients)) },
		wrong: []conn{tcp(near, server, 80)}, right: []conn{tcp(other, server, 80)}},
	"pod-labels-frozen": {policies: []string{fromClients}, then: func(_ *testing.T, s *state) {
		s.setPod(pod("a", "near", "node1", near, near6, map[string]string{"app": "former"}))
	}, wrong: []conn{tcp(near, server, 80)}, right: []conn{tcp(far, server, 80)}},
	"namespace-labels-frozen": {policies: []string{from(`{from: [{namespaceSelector: {matchLabels: {team: two}}}]}`)},
		then:  func(_ *testing.T, s *state) { s.setNamespace(namespace("b", nil)) },
		wrong: []conn{tcp(other, server, 80)}, right: []conn{tcp(near, server, 80)}},
	"new-pods-open": {policies: []string{denyIn}, then: func(_ *testing.T, s *state) {
		fresh := pod("b", "fresh", "node2", "10.0.2.9", "fd00:2::9", nil)
		fresh.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(s.now())}}}}
		s.setPod(fresh)
	}, wrong: []conn{tcp("10.0.2.9", server, 80)}, right: []conn{tcp(near, server, 80)}},
	"late-pods-unselected": {policies: []string{denyIn}, then: func(_ *testing.T, s *state) {
		late := pod("a", "late", "node1", "10.0.1.9", "fd00:1::9", map[string]string{"app": "server"})
		late.CreationTimestamp = metav1.NewTime(clock.Add(2 * time.Second))
		s.setPod(late)
	}, wrong: []conn{tcp(near, "10.0.1.9", 80)}, right: []conn{tcp(near, server, 80)}},
}

// How a denial is answered, and lateness, do not show in a verdict.
var elsewhere = []string{"denies-with-rst", "denies-with-icmp", "ten-seconds-late"}

func TestEachMutantHasItsDefectAlone(t *testing.T) {
	for name, d := range defects {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c, ok := cases[name]
			if !ok {
				g.Expect(elsewhere).To(ContainElement(name))
				return
			}
			run := func(d defect) *state {
				s := testState(d)
				for i, spec := range c.policies {
					s.setPolicy(policy(t, string(rune('0'+i)), spec))
				}
				if c.then != nil {
					c.then(t, s)
				}
				return s
			}
			sound, broken := run(defect{}), run(d)
			g.Expect(c.wrong).NotTo(BeEmpty())
			for _, k := range c.wrong {
				g.Expect(k.passes(broken)).NotTo(Equal(k.passes(sound)), "%+v shows the defect", k)
			}
			for _, k := range c.right {
				g.Expect(k.passes(broken)).To(Equal(k.passes(sound)), "%+v does not show it", k)
			}
		})
	}
}

func TestANewPodIsFilteredOnceItsWindowIsOver(t *testing.T) {
	g := NewWithT(t)
	s := testState(defects["new-pods-open"])
	s.setPolicy(policy(t, "deny", denyIn))
	fresh := pod("b", "fresh", "node2", "10.0.2.9", "fd00:2::9", nil)
	fresh.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(s.now())}}}}
	s.setPod(fresh)
	knock := tcp("10.0.2.9", server, 80)
	g.Expect(knock.passes(s)).To(BeTrue())
	start := s.now()
	s.now = func() time.Time { return start.Add(newPodWindow) }
	g.Expect(knock.passes(s)).To(BeFalse())
}
