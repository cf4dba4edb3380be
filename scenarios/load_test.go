package scenarios

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// sound is a scenario that uses most of the format. The rows of TestLoadReports break one place of it each.
const sound = `apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: sound}
about: A sound scenario.
variables: {lan: 198.51.100.0/24}
external:
  outside: {addresses: 203.0.113.10, ports: [443/TCP]}
namespaces:
  app: {labels: {team: finance}}
  kube-system: {existing: true}
pods:
  client: {namespace: app, labels: {app: client}}
  server: {namespace: app, ports: [http=8080/TCP, 53/UDP], otherNodeThan: client}
services:
  web: {namespace: app, selector: {app: server}, ports: ["80:http"]}
steps:
  - name: first
    apply:
      - metadata: {name: allow, namespace: app}
        spec:
          podSelector: {matchLabels: {app: client}}
          policyTypes: [Egress]
          egress:
            - to: [{ipBlock: {cidr: $(lan)}}]
              ports: [{port: 80, endPort: 90}]
      - more.yaml
    expect:
      - {from: client, to: "server:8080", outcome: blocked}
      - {from: client, to: "*", outcome: blocked}
  - name: second
    delete: [policy/allow, policy/more]
    label: {pod/client: {app: null}}
    expect:
      - {from: client, to: server, outcome: connected}
`

const morePolicies = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: more
  namespace: app
  uid: 6a54ff12
spec:
  podSelector: {}
  policyTypes: [Ingress]
status: {}
`

// parseWith loads a text whose policy file more.yaml has the given content.
func parseWith(text, more string) (*Scenario, error) {
	loader := Loader{ReadFile: func(name string) ([]byte, error) {
		if name == "dir/more.yaml" {
			return []byte(more), nil
		}
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}}
	return loader.Parse("dir/sound.yaml", []byte(text))
}

func TestLoadReports(t *testing.T) {
	rows := []struct {
		name string
		// old is replaced by new in the sound scenario, moreOld by moreNew in its policy file.
		old, new, moreOld, moreNew string
		// want are the lines of the error, each without "dir/".
		want []string
	}{
		{name: "a file that is no YAML", old: "about: A", new: "about: [A",
			want: []string{`sound.yaml:5: not YAML: did not find expected ',' or ']' while parsing a flow sequence`}},
		{name: "an unknown key, with the key that was meant", old: "about:", new: "abuot:",
			want: []string{
				`sound.yaml:1: about: the key "about" is missing: add it`,
				`sound.yaml:4: abuot: the key "abuot" is unknown: did you mean "about"?`,
			}},
		{name: "an unknown key deep in a policy", old: "endPort: 90", new: "endport: 90",
			want: []string{`sound.yaml:25: steps[0].apply[0].spec.egress[0].ports[0].endport: the key "endport" is unknown: did you mean "endPort"?`}},
		{name: "a duplicate key", old: "kind: Scenario\n", new: "kind: Scenario\nkind: Scenario\n",
			want: []string{`sound.yaml:3: kind: the key "kind" is already on line 2: keep one of them`}},
		{name: "a duplicate key in a policy", old: "policyTypes: [Egress]", new: "policyTypes: [Egress]\n          podSelector: {}",
			want: []string{`sound.yaml:23: steps[0].apply[0].spec.podSelector: the key "podSelector" is already on line 21: keep one of them`}},
		{name: "a merge key", old: "metadata: {name: sound}", new: "metadata: {<<: {name: sound}}",
			want: []string{
				`sound.yaml:3: metadata.name: the key "name" is missing: add it`,
				`sound.yaml:3: metadata: merge keys (<<) are not supported: write the keys out`,
			}},
		{name: "another version of the format", old: "podknock.dev/v1alpha1", new: "podknock.dev/v2",
			want: []string{`sound.yaml:1: apiVersion: "podknock.dev/v2" is not what is read here: write podknock.dev/v1alpha1`}},
		{name: "a second scenario in the file", old: "outcome: connected}\n", new: "outcome: connected}\n---\nkind: Scenario\n",
			want: []string{`sound.yaml:36: a second document begins here: write one scenario in each file`}},
		{name: "a missing expectation", old: "    expect:\n      - {from: client, to: server, outcome: connected}\n", new: "",
			want: []string{`sound.yaml:30: steps[1].expect: the key "expect" is missing: add it`}},
		{name: "an empty expectation", old: "    expect:\n      - {from: client, to: server, outcome: connected}\n", new: "    expect: []\n",
			want: []string{`sound.yaml:33: steps[1].expect: the step expects nothing: add a line, or write expect: policies`}},
		{name: "a word instead of expectations", old: "    expect:\n      - {from: client, to: server, outcome: connected}\n", new: "    expect: policy\n",
			want: []string{`sound.yaml:33: steps[1].expect: "policy" is no expectation: write a list of them, or the word policies`}},
		{name: "an expectation without an outcome", old: ", outcome: connected", new: "",
			want: []string{`sound.yaml:34: steps[1].expect[0].outcome: the key "outcome" is missing: add it`}},
		{name: "an outcome that nobody knows", old: "outcome: connected", new: "outcome: conected",
			want: []string{`sound.yaml:34: steps[1].expect[0].outcome: "conected" is not allowed here: did you mean "connected"?`}},
		{name: "an outcome that is no evidence", old: "outcome: connected", new: "outcome: error",
			want: []string{`sound.yaml:34: steps[1].expect[0].outcome: "error" is not allowed here: there is connected, blocked, refused, timeout, ` +
				`rejected, reset, closed, stalled, unreachable, dns-failure, any`}},
		{name: "a pod that nobody declared, in from", old: "from: client, to: server,", new: "from: clinet, to: server,",
			want: []string{
				`sound.yaml:34: steps[1].expect[0]: "clinet" can't knock, only pods and external hosts can: did you mean "client"?`,
			}},
		{name: "an axis that nobody knows", old: "about: A sound scenario.", new: "about: A sound scenario.\naxes: [end-ports]",
			want: []string{`sound.yaml:5: axes[0]: "end-ports" is not allowed here: did you mean "end-port"?`}},
		{name: "an axis that every cell shows by itself", old: "  - name: second", new: "  - name: second\n    axes: ipv6",
			want: []string{`sound.yaml:31: steps[1].axes: "ipv6" is not allowed here: there is ` + strings.Join(AxisName("").Values(), ", ")}},
		{name: "an axis that a line repeats", old: "to: server, outcome: connected", new: "to: server, outcome: connected, axes: [end-port, end-port]",
			want: []string{`sound.yaml:34: steps[1].expect[0].axes[1]: the axis "end-port" is already in the list: remove one`}},
		{name: "a target that nobody declared", old: "to: server,", new: "to: sever,",
			want: []string{
				`sound.yaml:34: steps[1].expect[0]: "sever" names nothing in this scenario: did you mean "server"?`,
			}},
		{name: "a target with a port that is none", old: `to: "server:8080"`, new: `to: "server:80800"`,
			want: []string{`sound.yaml:28: steps[0].expect[0].to: port "80800": write a number from 1 to 65535, such as 80 or 53/UDP`}},
		{name: "a port name that the pod lacks", old: `to: "server:8080"`, new: `to: "server:https"`,
			want: []string{
				`sound.yaml:28: steps[0].expect[0]: server declares no port named "https": declare it or write a number`,
			}},
		{name: "an undeclared port that should connect", old: "to: server,", new: `to: "server:8081",`,
			want: []string{`sound.yaml:34: steps[1].expect[0]: server declares no port 8081/TCP, so connected can't be expected: ` +
				`declare the port, or expect refused, blocked, timeout or rejected`}},
		{name: "a line that earlier lines leave nothing", old: `      - {from: client, to: "*", outcome: blocked}`,
			new: "      - {from: client, to: \"*\", outcome: blocked}\n      - {from: client, to: \"server:53\", outcome: connected}",
			want: []string{
				`sound.yaml:30: steps[0].expect[2]: earlier lines decide every cell of this one: move it up or remove it`}},
		{name: "a namespace that nobody declared", old: "client: {namespace: app", new: "client: {namespace: apps",
			want: []string{`sound.yaml:12: pods.client.namespace: the namespace "apps" is unknown: did you mean "app"?`}},
		{name: "a pod in a namespace of Kubernetes", old: "client: {namespace: app", new: "client: {namespace: kube-system",
			want: []string{`sound.yaml:12: pods.client.namespace: kube-system belongs to Kubernetes: put the pod into a namespace of the scenario`}},
		{name: "a policy for an existing namespace", old: "name: allow, namespace: app", new: "name: allow, namespace: kube-system",
			want: []string{`sound.yaml:19: steps[0].apply[0].metadata.namespace: the namespace "kube-system" exists in the cluster and may hold ` +
				`other pods: apply policies to the scenario's own namespaces`}},
		{name: "a label that is none", old: "labels: {app: client}", new: "labels: {app: client!}",
			want: []string{`sound.yaml:12: pods.client.labels.app: "client!" is no value of a label: write at most 63 letters, digits, "-", "_" ` +
				`or ".", with a letter or digit at both ends`}},
		{name: "a key of a label that is none", old: "labels: {app: client}", new: "labels: {app/: client}",
			want: []string{`sound.yaml:12: pods.client.labels[app/]: "app/" is no key of a label: write at most 63 letters, digits, "-", "_" ` +
				`or ".", with a letter or digit at both ends, perhaps after a DNS name and "/"`}},
		{name: "a label that YAML takes for a number", old: "labels: {app: client}", new: "labels: {app: 1}",
			want: []string{`sound.yaml:12: pods.client.labels.app: YAML does not take 1 for a text: put it in quotes`}},
		{name: "a label in a policy that kubectl takes for a boolean", old: "matchLabels: {app: client}", new: "matchLabels: {app: yes}",
			want: []string{`sound.yaml:21: steps[0].apply[0].spec.podSelector.matchLabels.app: YAML does not take yes for a text: put it in quotes`}},
		{name: "a port that occurs twice", old: "53/UDP]", new: "53/UDP, 8080]",
			want: []string{`sound.yaml:13: pods.server.ports[2]: the port 8080/TCP is already in the list: remove one`}},
		{name: "a port of both containers", old: "53/UDP]", new: "53/UDP], sidecarPorts: [9090, 53/UDP]",
			want: []string{`sound.yaml:13: pods.server.sidecarPorts[1]: the port 53/UDP is in ports already: remove one`}},
		{name: "a port that occurs twice in a sidecar", old: "53/UDP]", new: "53/UDP], sidecarPorts: [9090, 9090]",
			want: []string{`sound.yaml:13: pods.server.sidecarPorts[1]: the port 9090/TCP is already in the list: remove one`}},
		{name: "a protocol that nobody speaks", old: "53/UDP]", new: "53/UPD]",
			want: []string{`sound.yaml:13: pods.server.ports[1]: protocol "UPD": write TCP, UDP or SCTP`}},
		{name: "pods that wait for each other's place", old: "labels: {app: client}", new: "labels: {app: client}, sameNodeAs: server",
			want: []string{
				`sound.yaml:12: pods.client.sameNodeAs: client and server wait for each other: place one of them freely`,
				`sound.yaml:13: pods.server.otherNodeThan: server and client wait for each other: place one of them freely`,
			}},
		{name: "a pod on the host network among others", old: "otherNodeThan: client", new: "hostNetwork: true",
			want: []string{`sound.yaml:12: pods.client.namespace: server uses the host network and needs a namespace of its own: move one of the pods`}},
		{name: "a Service called like a pod", old: "  web: {", new: "  server: {",
			want: []string{`sound.yaml:15: services.server: "server" already names a pod: choose another name`}},
		{name: "a variable that is no range", old: "lan: 198.51.100.0/24", new: "lan: 198.51.100.0/33",
			want: []string{
				`sound.yaml:5: variables.lan: "198.51.100.0/33" is neither a CIDR nor an IP address: write one such as 192.0.2.0/24 or 2001:db8::7`,
				`sound.yaml:24: steps[0].apply[0].spec.egress[0].to[0].ipBlock.cidr: the API server rejects the policy: Invalid value: ` +
					`"198.51.100.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`,
			}},
		{name: "a variable with bits behind its prefix", old: "lan: 198.51.100.0/24", new: "lan: 198.51.100.7/24",
			want: []string{
				`sound.yaml:5: variables.lan: "198.51.100.7/24" has bits behind its prefix: write 198.51.100.0/24`,
				`sound.yaml:24: steps[0].apply[0].spec.egress[0].to[0].ipBlock.cidr: the API server rejects the policy: Invalid value: ` +
					`"198.51.100.7/24": must not have bits set beyond the prefix length`,
			}},
		{name: "a variable that nobody declared", old: "$(lan)", new: "$(lna)",
			want: []string{`sound.yaml:24: steps[0].apply[0].spec: the variable "lna" is unknown: did you mean "lan"?`}},
		{name: "an address that is none", old: "203.0.113.10", new: "203.0.113.256",
			want: []string{`sound.yaml:7: external.outside.addresses: "203.0.113.256" is not an IP address: write one such as 192.0.2.7 or 2001:db8::7`}},
		{name: "two addresses of one family", old: "203.0.113.10", new: "[203.0.113.10, 203.0.113.11]",
			want: []string{`sound.yaml:7: external.outside.addresses: 2 addresses: give one, or one of each family`}},
		{name: "an endPort below its port", old: "endPort: 90", new: "endPort: 70",
			want: []string{"sound.yaml:25: steps[0].apply[0].spec.egress[0].ports[0].endPort: the API server rejects the policy: Invalid value: 70: " +
				"must be greater than or equal to `port`"}},
		{name: "a selector's operator that is none", old: "podSelector: {matchLabels: {app: client}}",
			new: "podSelector: {matchExpressions: [{key: app, operator: Is}]}",
			want: []string{`sound.yaml:21: steps[0].apply[0].spec.podSelector.matchExpressions[0].operator: the API server rejects the policy: ` +
				`Invalid value: "Is": not a valid selector operator`}},
		{name: "a policy type that is none", old: "policyTypes: [Egress]", new: "policyTypes: [egress]",
			want: []string{`sound.yaml:22: steps[0].apply[0].spec.policyTypes[0]: the API server rejects the policy: Unsupported value: "egress": ` +
				`supported values: "Ingress", "Egress"`}},
		{name: "a policy without a name", old: "metadata: {name: allow, namespace: app}", new: "metadata: {namespace: app}",
			want: []string{`sound.yaml:19: steps[0].apply[0].metadata.name: the API server rejects the policy: Required value: ` +
				`name or generateName is required`}},
		{name: "a policy file that is not there", old: "- more.yaml", new: "- mroe.yaml",
			want: []string{`sound.yaml:26: steps[0].apply[1]: the policy file can't be read: open mroe.yaml: file does not exist`}},
		{name: "another kind in a policy file", moreOld: "kind: NetworkPolicy", moreNew: "kind: Deployment",
			want: []string{`more.yaml:2: kind: the kind is "Deployment": only a NetworkPolicy can be applied`}},
		{name: "faults in a policy file, by its own lines", moreOld: "  podSelector: {}\n  policyTypes: [Ingress]",
			moreNew: "  podSelector: {}\n  ingres: []\n  egress: [{ports: [{port: 99999}]}]",
			want:    []string{`more.yaml:9: spec.ingres: the key "ingres" is unknown: did you mean "ingress"?`}},
		{name: "a policy file without any policy", moreOld: morePolicies, moreNew: "# nothing\n",
			want: []string{`sound.yaml:26: steps[0].apply[1]: the file more.yaml holds no NetworkPolicy: write one into it`}},
		{name: "the deletion of a policy that is not there", old: "policy/allow", new: "policy/alow",
			want: []string{`sound.yaml:31: steps[1].delete[0]: no policy "alow" is in force here: did you mean "allow"?`}},
		{name: "the creation of a pod that is there", old: "    label: {pod/client", new: "    create: [pod/server]\n    label: {pod/client",
			want: []string{
				`sound.yaml:28: steps[0].expect[0]: pod/server is not there at this step: create it before`,
				`sound.yaml:29: steps[0].expect[1]: no cell fits this line: check from, to and family`,
			}},
		{name: "a label on something that is none", old: "pod/client: {app: null}", new: "client: {app: null}",
			want: []string{`sound.yaml:32: steps[1].label.client: "client" names no object: write policy/NAME, pod/NAME or namespace/NAME`}},
		{name: "two steps of one name", old: "name: second", new: "name: first",
			want: []string{`sound.yaml:30: steps[1].name: another step is called "first": choose a name that tells them apart`}},
		{name: "a block that no control can prove", old: `to: "server:8080", outcome: blocked`, new: `to: ["server:8080", "node(server):9"], outcome: blocked`,
			want: []string{
				`sound.yaml:28: steps[0].expect[0]: client -> node(server):9/TCP should be blocked, and no control can prove that the path ` +
					`is not dead: add a step in which it connects`,
			}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(sound).To(ContainSubstring(row.old))
			g.Expect(morePolicies).To(ContainSubstring(row.moreOld))
			text, more := strings.Replace(sound, row.old, row.new, 1), strings.Replace(morePolicies, row.moreOld, row.moreNew, 1)
			_, err := parseWith(text, more)
			var problems Problems
			g.Expect(errors.As(err, &problems)).To(BeTrue(), "%v", err)
			g.Expect(strings.Split(strings.ReplaceAll(problems.Error(), "dir/", ""), "\n")).To(Equal(row.want))
		})
	}
}

func TestLoadReportsAllFaultsOfAFileAtOnce(t *testing.T) {
	g := NewWithT(t)
	text := strings.NewReplacer("about: A sound scenario.", "about:", "53/UDP]", "53/UPD]", "endPort: 90", "endPort: 70",
		"outcome: connected", "outcome: open").Replace(sound)
	_, err := parseWith(text, strings.Replace(morePolicies, "policyTypes", "policyType", 1))
	var problems Problems
	g.Expect(errors.As(err, &problems)).To(BeTrue())
	lines := make([]int, len(problems))
	for i, problem := range problems {
		lines[i] = problem.Line
	}
	g.Expect(lines).To(Equal([]int{4, 13, 25, 34, 9}), "%v", err)
}

func TestLoadFillsInWhatMayBeOmitted(t *testing.T) {
	g := NewWithT(t)
	scenario, err := Loader{}.Parse("short.yaml", []byte(`
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: short}
about: Short forms.
external: {outside: 203.0.113.10}
pods:
  a:
  b: {ports: [80]}
steps:
  - name: all
    apply: [{metadata: {name: all}, spec: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: $(outside.cidr)}}]}]}}]
    expect: policies
`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(scenario.Namespaces).To(Equal([]Namespace{{Name: "default"}}))
	g.Expect(scenario.Pods[0]).To(Equal(Pod{Name: "a", Namespace: "default"}))
	g.Expect(scenario.Pods[1].Ports).To(Equal([]Port{{Number: 80, Protocol: "TCP"}}))
	policy := scenario.Steps[0].Apply[0].Policies[0]
	g.Expect(policy.Namespace).To(Equal("default"))
	g.Expect(policy.Spec.Egress[0].To[0].IPBlock.CIDR).To(Equal("203.0.113.10/32"))
}

func TestLoaderPutsItsValuesInPlaceOfTheFiles(t *testing.T) {
	g := NewWithT(t)
	loader := Loader{
		Variables: map[string]string{"lan": "2001:db8:7::/64", "unknown": "x"},
		External:  map[string][]netip.Addr{"outside": {netip.MustParseAddr("192.0.2.99"), netip.MustParseAddr("2001:db8::99")}},
		ReadFile:  func(string) ([]byte, error) { return []byte(morePolicies), nil },
	}
	scenario, err := loader.Parse("sound.yaml", []byte(sound))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(scenario.Steps[0].Apply[0].Policies[0].Spec.Egress[0].To[0].IPBlock.CIDR).To(Equal("2001:db8:7::/64"))
	g.Expect(scenario.External[0].Addresses).To(Equal([]netip.Addr{netip.MustParseAddr("192.0.2.99")}), "the file has one address")

	loader.Variables["lan"] = "everything"
	_, err = loader.Parse("sound.yaml", []byte(sound))
	g.Expect(err).To(MatchError(ContainSubstring(`variables.lan: "everything" is neither a CIDR nor an IP address`)))
}

func TestHostsTakeTheAddressesThatTheCallerHas(t *testing.T) {
	const file = `
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: hosts}
about: A host of both families.
external: {outside: [203.0.113.10, "2001:db8::10"]}
pods: {a: }
steps:
  - name: all
    apply:
      - metadata: {name: all}
        spec:
          podSelector: {}
          egress: [{to: [{ipBlock: {cidr: $(outside.IPv4.cidr)}}, {ipBlock: {cidr: $(outside.IPv6.cidr)}}]}]
    expect: policies
`
	for _, test := range []struct {
		name         string
		given, asked []string
		cidrs        []string
	}{
		{"one family: the other stays in policies and is not asked", []string{"192.0.2.99"}, []string{"192.0.2.99"}, []string{"192.0.2.99/32", "2001:db8::10/128"}},
		{"both families", []string{"2001:db8::99", "192.0.2.99"}, []string{"2001:db8::99", "192.0.2.99"}, []string{"192.0.2.99/32", "2001:db8::99/128"}},
		{"none", nil, []string{"203.0.113.10", "2001:db8::10"}, []string{"203.0.113.10/32", "2001:db8::10/128"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			loader := Loader{External: map[string][]netip.Addr{}}
			for _, address := range test.given {
				loader.External["outside"] = append(loader.External["outside"], netip.MustParseAddr(address))
			}
			scenario, err := loader.Parse("hosts.yaml", []byte(file))
			g.Expect(err).NotTo(HaveOccurred())
			var asked, cidrs []string
			for _, address := range scenario.External[0].Addresses {
				asked = append(asked, address.String())
			}
			for _, peer := range scenario.Steps[0].Apply[0].Policies[0].Spec.Egress[0].To {
				cidrs = append(cidrs, peer.IPBlock.CIDR)
			}
			g.Expect(asked).To(Equal(test.asked))
			g.Expect(cidrs).To(Equal(test.cidrs))
		})
	}
}

func TestLoadAcceptsWhatKubectlPrints(t *testing.T) {
	g := NewWithT(t)
	list := "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(morePolicies), "\n", "\n  ") + "\n"
	scenario, err := parseWith(sound, list)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(scenario.Steps[0].Apply[1].Policies).To(HaveLen(1))

	broken := strings.Replace(list, "policyTypes: [Ingress]", "policyTypes: [Inside]", 1)
	_, err = parseWith(sound, broken)
	g.Expect(err).To(MatchError(HavePrefix("dir/more.yaml:12: items[0].spec.policyTypes[0]: ")))
}

func TestLoadRefusesHostileFiles(t *testing.T) {
	rows := map[string]string{
		"aliases that multiply":    "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + bomb(8),
		"an alias within itself":   "a: &a [*a]\n",
		"depth":                    strings.Repeat("[", 5000),
		"depth without brackets":   strings.Repeat("- ", 5000) + "x",
		"a file beyond the bound":  strings.Repeat("a", 2<<20),
		"more pods than can knock": crowd(600),
	}
	for name, text := range rows {
		t.Run(name, func(t *testing.T) {
			_, err := Loader{}.Parse("hostile.yaml", []byte(text))
			NewWithT(t).Expect(err).To(HaveOccurred())
		})
	}
}

// bomb is a chain of aliases, each ten times the one before.
func bomb(levels int) string {
	var text strings.Builder
	for i := range levels {
		letter, before := string(rune('b'+i)), "*"+string(rune('a'+i))
		text.WriteString(letter + ": &" + letter + " [" + strings.Repeat(before+", ", 9) + before + "]\n")
	}
	return text.String()
}

// crowd is a scenario of many pods that all listen.
func crowd(pods int) string {
	var text strings.Builder
	text.WriteString("apiVersion: podknock.dev/v1alpha1\nkind: Scenario\nmetadata: {name: crowd}\nabout: Too many.\npods:\n")
	for i := range pods {
		text.WriteString("  p" + strings.Repeat("0", i%3) + string(rune('a'+i%26)) + strings.Repeat("x", i/78) + ": {ports: [80, 81, 82, 83]}\n")
	}
	text.WriteString("steps: [{name: all, expect: [{from: \"*\", to: \"*\", outcome: connected}]}]\n")
	return text.String()
}
