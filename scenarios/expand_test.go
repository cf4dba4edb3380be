package scenarios

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
)

// parse loads a scenario that consists of a heading and the given sections.
func parse(t *testing.T, sections string) *Scenario {
	t.Helper()
	scenario, err := Loader{}.Parse("test.yaml", []byte(heading+sections))
	if err != nil {
		t.Fatalf("parse:\n%v", err)
	}
	return scenario
}

const heading = `apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: test}
about: Written for a test.
`

// expand writes a scenario out and renders each step as its name and a line for each cell.
func expand(t *testing.T, sections string, families ...corev1.IPFamily) []string {
	t.Helper()
	expansion, err := Expand(parse(t, sections), ExpandOptions{Families: families})
	if err != nil {
		t.Fatalf("expand: %v", err)
	}
	var lines []string
	for _, step := range expansion.Steps {
		lines = append(lines, "# "+step.Name)
		for _, cell := range step.Cells {
			line := fmt.Sprintf("%s %s %s", cell.withoutFamily(), cell.Expected, cell.Reason.Origin)
			if len(families) > 1 {
				line = fmt.Sprintf("%s %s %s", cell, cell.Expected, cell.Reason.Origin)
			}
			if cell.Control != nil {
				control := expansion.Steps[cell.Control.Step].Cells[cell.Control.Cell]
				line += fmt.Sprintf(" | %s: %s in %q", cell.Control.Kind, control.withoutFamily(), expansion.Steps[cell.Control.Step].Name)
			}
			lines = append(lines, line)
		}
	}
	return lines
}

const denyB = `{metadata: {name: deny}, spec: {podSelector: {matchLabels: {app: b}}}}`

func TestABaselineIsAddedWithAllThatIsNamedLater(t *testing.T) {
	NewWithT(t).Expect(expand(t, `
pods:
  a:
  b: {labels: {app: b}, ports: [80, 53/UDP]}
services:
  s: {selector: {app: b}, ports: [80]}
steps:
  - name: denied
    apply: [`+denyB+`]
    expect:
      - {from: a, to: "b:80", outcome: timeout}
      - {from: a, to: [s, "b:53"], outcome: blocked}
  - name: asked for more
    expect:
      - {from: b, to: dns/TCP, outcome: connected}
      - {from: a, to: "b:81", outcome: blocked}
`)).To(Equal([]string{
		`# before any policy`,
		`a -> b:80/TCP connected no-policy`,
		`a -> b:53/UDP connected no-policy`,
		`a -> b:81/TCP refused no-policy`,
		`a -> s:80/TCP connected no-policy`,
		`b -> dns/TCP connected no-policy`,
		`# denied`,
		`a -> b:80/TCP timeout stated | before: a -> b:80/TCP in "before any policy"`,
		`a -> b:53/UDP blocked stated | before: a -> b:53/UDP in "before any policy"`,
		`a -> s:80/TCP blocked stated | before: a -> s:80/TCP in "before any policy"`,
		`# asked for more`,
		`a -> b:80/TCP timeout kept | before: a -> b:80/TCP in "before any policy"`,
		`a -> b:53/UDP blocked kept | before: a -> b:53/UDP in "before any policy"`,
		`a -> b:81/TCP blocked stated | before: a -> b:81/TCP in "before any policy"`,
		`a -> s:80/TCP blocked kept | before: a -> s:80/TCP in "before any policy"`,
		`b -> dns/TCP connected stated`,
	}), "a cell that only a later step names is proven in the baseline, and judged from that step on")
}

func TestNoBaselineIsAddedToAStepWithoutPolicies(t *testing.T) {
	NewWithT(t).Expect(expand(t, `
pods:
  a:
  b: {labels: {app: b}, ports: [80, 81]}
steps:
  - name: open
    expect: [{from: a, to: "b:80", outcome: connected}]
  - name: denied
    apply: [`+denyB+`]
    expect: [{from: a, to: ["b", "b:82"], outcome: blocked}]
`)).To(Equal([]string{
		`# open`,
		`a -> b:80/TCP connected stated`,
		`a -> b:81/TCP connected no-policy`,
		`a -> b:82/TCP refused no-policy`,
		`# denied`,
		`a -> b:80/TCP blocked stated | before: a -> b:80/TCP in "open"`,
		`a -> b:81/TCP blocked stated | before: a -> b:81/TCP in "open"`,
		`a -> b:82/TCP blocked stated | before: a -> b:82/TCP in "open"`,
	}))
}

func TestARestartedPodIsAnotherOne(t *testing.T) {
	sections := `
pods:
  a:
  b: {labels: {app: b}, ports: [80]}
steps:
  - name: denied
    apply: [` + denyB + `]
    expect: [{from: a, to: b, outcome: blocked}]
  - name: restarted
    delete: [pod/b]
    create: [pod/b]
    expect: [{from: %s, outcome: blocked}]
`
	g := NewWithT(t)
	g.Expect(expand(t, fmt.Sprintf(sections, "a, to: b"))).To(Equal([]string{
		`# before any policy`,
		`a -> b:80/TCP connected no-policy`,
		`# denied`,
		`a -> b:80/TCP blocked stated | before: a -> b:80/TCP in "before any policy"`,
		`# restarted`,
		`a -> b:80/TCP blocked stated | after: a -> b:80/TCP in "after all policies are deleted"`,
		`# after all policies are deleted`,
		`a -> b:80/TCP connected no-policy`,
	}))
	_, err := Loader{}.Parse("test.yaml", []byte(heading+fmt.Sprintf(sections, `b, to: dns`)))
	g.Expect(err).To(MatchError(ContainSubstring(
		"nothing says what a -> b:80/TCP should find, which is new while policies are in force: add a line for it")))
}

func TestTheSamePairOnAnotherPortIsTheSecondBestControl(t *testing.T) {
	NewWithT(t).Expect(expand(t, `
pods:
  a:
  b: {labels: {app: b}, ports: [80, 81, 82/UDP]}
steps:
  - name: nothing yet
    delete: [pod/b]
    expect: [{from: a, to: dns/UDP, outcome: connected}]
  - name: born under a policy
    apply: [{metadata: {name: allow}, spec: {podSelector: {}, ingress: [{ports: [{port: 81}, {port: 82, protocol: UDP}]}]}}]
    create: [pod/b]
    expect:
      - {from: a, to: "b:80", outcome: blocked}
      - {from: a, to: b, outcome: connected}
`)[2:]).To(Equal([]string{
		`# born under a policy`,
		`a -> b:80/TCP blocked stated | other-port: a -> b:81/TCP in "born under a policy"`,
		`a -> b:81/TCP connected stated`,
		`a -> b:82/UDP connected stated`,
		`a -> dns/UDP connected kept`,
	}))
}

func TestALaterStepOfTheAuthorIsAControl(t *testing.T) {
	lines := expand(t, `
pods:
  a:
  b: {labels: {app: b}, ports: [80]}
  c:
steps:
  - name: nothing yet
    delete: [pod/b]
    expect: [{from: a, to: dns/UDP, outcome: connected}]
  - name: denied
    apply: [`+denyB+`]
    create: [pod/b]
    expect: [{from: "*", to: b, outcome: blocked}]
  - name: gone
    delete: [policy/deny]
    expect: policies
`)
	NewWithT(t).Expect(lines).To(ContainElements(
		`a -> b:80/TCP blocked stated | after: a -> b:80/TCP in "gone"`,
		`a -> b:80/TCP connected computed`,
	))
	NewWithT(t).Expect(lines).NotTo(ContainElement("# " + RemovalStep))
}

func TestWildcardsLeaveOutThePodItself(t *testing.T) {
	NewWithT(t).Expect(expand(t, `
namespaces: {one: , two: }
pods:
  a: {namespace: one, labels: {app: s}, ports: [80]}
  b: {namespace: two, ports: [80, 81]}
services:
  s: {namespace: one, selector: {app: s}, ports: [80]}
steps:
  - name: open
    expect:
      - {from: a, to: ["a:80"], outcome: connected}
      - {from: "*", to: ["*:80", s], outcome: connected}
      - {from: "one/*", to: "two/*", outcome: connected}
`)).To(Equal([]string{
		`# open`,
		`a -> a:80/TCP connected stated`,
		`a -> b:80/TCP connected stated`,
		`a -> b:81/TCP connected stated`,
		`b -> a:80/TCP connected stated`,
		`b -> s:80/TCP connected stated`,
	}))
}

func TestFamiliesFollowTheClusterAndTheHosts(t *testing.T) {
	sections := `
external:
  four: {addresses: 192.0.2.1, ports: [80]}
  both: {addresses: [192.0.2.2, "2001:db8::2"], ports: [80]}
pods:
  a: {ports: [80]}
  b:
steps:
  - name: open
    expect:
      - {from: a, to: [four, both, dns/UDP], outcome: connected}
      - {from: b, to: a, family: IPv6, outcome: refused}
`
	g := NewWithT(t)
	g.Expect(expand(t, sections, Families()...)).To(Equal([]string{
		`# open`,
		`a -> dns/UDP (IPv4) connected stated`,
		`a -> four:80/TCP (IPv4) connected stated`,
		`a -> both:80/TCP (IPv4) connected stated`,
		`a -> both:80/TCP (IPv6) connected stated`,
		`b -> a:80/TCP (IPv4) connected no-policy`,
		`b -> a:80/TCP (IPv6) refused stated`,
	}))
	g.Expect(expand(t, sections, corev1.IPv6Protocol)).To(Equal([]string{
		`# open`,
		`a -> dns/UDP connected stated`,
		`a -> both:80/TCP connected stated`,
		`b -> a:80/TCP refused stated`,
	}))
}

func TestWhatIsDeletedIsNotKnockedOn(t *testing.T) {
	lines := expand(t, `
namespaces: {one: , two: }
pods:
  a: {namespace: one}
  b: {namespace: two, labels: {app: b}, ports: [80]}
  c: {namespace: one, ports: [80]}
services:
  s: {namespace: two, selector: {app: b}, ports: [80]}
steps:
  - name: denied
    apply: [{metadata: {name: deny, namespace: two}, spec: {podSelector: {}}}]
    expect: [{from: "one/*", to: [b, s], outcome: blocked}]
  - name: gone
    delete: [namespace/two]
    expect: policies
  - name: back without its policy
    create: [namespace/two]
    expect: [{from: ["*"], to: ["two/*", s], outcome: connected}, {from: b, to: c, outcome: connected}]
`)
	NewWithT(t).Expect(lines[14:]).To(Equal([]string{
		`# gone`,
		`a -> c:80/TCP connected computed`,
		`# back without its policy`,
		`a -> b:80/TCP connected stated`,
		`a -> c:80/TCP connected computed`,
		`a -> s:80/TCP connected stated`,
		`b -> c:80/TCP connected stated`,
		`c -> b:80/TCP connected stated`,
		`c -> s:80/TCP connected stated`,
	}))
}

func TestANamespaceIsCreatedWithItsPods(t *testing.T) {
	expansion, err := Expand(parse(t, `
namespaces: {old: , new: }
pods:
  a: {namespace: old, ports: [80]}
  b: {namespace: new}
  c: {namespace: new}
steps:
  - {name: start, expect: policies}
  - {name: namespace, create: [namespace/new], expect: policies}
  - {name: pod, create: [pod/c], expect: policies}
`), ExpandOptions{})
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(expansion.Start()).To(Equal([]Ref{{Kind: RefNamespace, Name: "old"}, {Kind: RefPod, Name: "a"}}))
	g.Expect(expansion.Steps[0].Cells).To(BeEmpty())
	g.Expect(expansion.Steps[1].Create).To(Equal([]Ref{{Kind: RefNamespace, Name: "new"}, {Kind: RefPod, Name: "b"}}))
	g.Expect(expansion.Steps[2].Create).To(Equal([]Ref{{Kind: RefPod, Name: "c"}}))
}

func TestComputedExpectationsCoverAllThatIsDeclared(t *testing.T) {
	NewWithT(t).Expect(expand(t, `
external:
  inside: {addresses: 192.0.2.1, ports: [80]}
  outside: {addresses: 203.0.113.1, ports: [80]}
pods:
  a: {labels: {app: a}}
  b: {labels: {app: b}, ports: [80, 81]}
services:
  s: {selector: {app: b}, ports: ["8080:80", "8081:81"]}
  headless: {type: Headless, selector: {app: b}, ports: [80]}
steps:
  - name: asked
    expect: [{from: a, to: [dns, name(headless), "b:79", node(b):10250, name(example.com):443], outcome: any}]
  - name: computed
    apply:
      - metadata: {name: a-egress}
        spec:
          podSelector: {matchLabels: {app: a}}
          policyTypes: [Egress]
          egress:
            - {to: [{podSelector: {matchLabels: {app: b}}}], ports: [{port: 80}]}
            - {to: [{ipBlock: {cidr: $(inside.cidr)}}]}
    expect: policies
  - name: a range over all addresses
    apply:
      - metadata: {name: a-egress}
        spec: {podSelector: {matchLabels: {app: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}
    expect: policies
`)[17:]).To(Equal([]string{
		`a -> b:81/TCP blocked computed | before: a -> b:81/TCP in "asked"`,
		`a -> b:79/TCP blocked computed | other-port: a -> b:80/TCP in "computed"`,
		`a -> s:8080/TCP connected computed`,
		`a -> s:8081/TCP blocked computed | before: a -> s:8081/TCP in "asked"`,
		`a -> name(headless):80/TCP dns-failure computed | after: a -> name(headless):80/TCP in "after all policies are deleted"`,
		`a -> node(b):10250/TCP any computed`,
		`a -> dns/UDP blocked computed | after: a -> dns/UDP in "after all policies are deleted"`,
		`a -> dns/TCP blocked computed | after: a -> dns/TCP in "after all policies are deleted"`,
		`a -> name(example.com):443/TCP any computed`,
		`a -> inside:80/TCP connected computed`,
		`a -> outside:80/TCP blocked computed | before: a -> outside:80/TCP in "asked"`,
		`b -> inside:80/TCP connected computed`,
		`b -> outside:80/TCP connected computed`,
		`# a range over all addresses`,
		`a -> b:80/TCP any computed`,
		`a -> b:81/TCP any computed`,
		`a -> b:79/TCP any computed`,
		`a -> s:8080/TCP any computed`,
		`a -> s:8081/TCP any computed`,
		`a -> name(headless):80/TCP any computed`,
		`a -> node(b):10250/TCP any computed`,
		`a -> dns/UDP any computed`,
		`a -> dns/TCP any computed`,
		`a -> name(example.com):443/TCP any computed`,
		`a -> inside:80/TCP connected computed`,
		`a -> outside:80/TCP connected computed`,
		`b -> inside:80/TCP connected computed`,
		`b -> outside:80/TCP connected computed`,
		`# after all policies are deleted`,
		`a -> name(headless):80/TCP connected no-policy`,
		`a -> dns/UDP connected no-policy`,
		`a -> dns/TCP connected no-policy`,
	}))
}

func TestTheSameScenarioExpandsTheSameWay(t *testing.T) {
	eachEntry(t, func(t *testing.T, _ Entry, scenario *Scenario) {
		first, err := Expand(scenario, ExpandOptions{Families: Families()})
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		for range 5 {
			again, err := Expand(scenario, ExpandOptions{Families: Families()})
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			for i := range first.Steps {
				NewWithT(t).Expect(again.Steps[i].Cells).To(Equal(first.Steps[i].Cells))
			}
		}
	})
}

func TestOnlyAnotherNodeIsSurelyBlocked(t *testing.T) {
	lines := expand(t, `
namespaces: {app: , nodes: }
pods:
  near: {namespace: app, sameNodeAs: agent, ports: [80]}
  far: {namespace: app, otherNodeThan: agent, ports: [80]}
  free: {namespace: app, ports: [80]}
  agent: {namespace: nodes, hostNetwork: true}
steps:
  - name: closed
    apply: [{metadata: {name: close, namespace: app}, spec: {podSelector: {}, policyTypes: [Ingress]}}]
    expect: policies
`)
	NewWithT(t).Expect(lines[10:]).To(Equal([]string{
		`# closed`,
		`near -> far:80/TCP blocked computed | before: near -> far:80/TCP in "before any policy"`,
		`near -> free:80/TCP blocked computed | before: near -> free:80/TCP in "before any policy"`,
		`far -> near:80/TCP blocked computed | before: far -> near:80/TCP in "before any policy"`,
		`far -> free:80/TCP blocked computed | before: far -> free:80/TCP in "before any policy"`,
		`free -> near:80/TCP blocked computed | before: free -> near:80/TCP in "before any policy"`,
		`free -> far:80/TCP blocked computed | before: free -> far:80/TCP in "before any policy"`,
		`agent -> near:80/TCP any computed`,
		`agent -> far:80/TCP blocked computed | before: agent -> far:80/TCP in "before any policy"`,
		`agent -> free:80/TCP any computed`,
	}))
}
