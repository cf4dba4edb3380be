package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/scenarios"
)

var update = flag.Bool("update", false, "write golden files and the reference instead of comparing with them")

// podknock carries out a command line.
func podknock(t *testing.T, arguments ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), append([]string{"podknock"}, arguments...), streams{out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

// compareWithGolden compares a text with a golden file, or writes it.
func compareWithGolden(t *testing.T, path, got string) {
	t.Helper()
	g := NewWithT(t)
	if *update {
		g.Expect(os.WriteFile(path, []byte(got), 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(got).To(Equal(string(want)), "if the change is meant, run go test ./cmd/podknock -update and read the difference")
}

func TestMistakesInCommandLinesAreExplained(t *testing.T) {
	hostile := filepath.Join(t.TempDir(), "hostile.yaml")
	NewWithT(t).Expect(os.WriteFile(hostile, []byte("metadata: {name: \"a\\e[2J\"}"), 0o644)).To(Succeed())
	for _, row := range []struct {
		name string
		line []string
		want string
	}{
		{"a verb that is nearly one", []string{"versoin"}, "unknown command \"versoin\" for \"podknock\"\n\nDid you mean this?\n  version\n"},
		{"a flag that is none", []string{"list", "--colour"}, "unknown flag --colour: `podknock list --help` has the flags"},
		{"a flag that is nearly one", []string{"run", "--exernal", "inside=192.0.2.10"}, "unknown flag --exernal: did you mean --external?"},
		{"a flag of kubectl that is nearly one", []string{"cleanup", "--contxet=lab"}, "unknown flag --contxet: did you mean --context?"},
		{"a letter that is no flag", []string{"run", "-z"}, "unknown shorthand flag: 'z' in -z: `podknock run --help` has the flags"},
		{"a format that is none", []string{"list", "-o", "html"}, `invalid argument "html" for "-o, --output" flag: write one of text, json`},
		{"show without a name", []string{"show"}, "show: name a scenario, a suite, a file or a directory"},
		{"a scenario that is nearly one", []string{"show", "default-denny"}, `did you mean "default-deny"?`},
		{"a suite that is nearly one", []string{"list", "guide"}, `did you mean "guides"?`},
		{"a file that does not exist", []string{"show", "./nowhere.yaml"}, "nowhere.yaml: no such file or directory"},
		{"a file in a list", []string{"list", "testdata/later.yaml"}, "only built-in scenarios are listed, `podknock show` shows files"},
		{"a variable without a value", []string{"show", "default-deny", "--set", "branch"}, `--set "branch": write NAME=VALUE`},
		{"a reserve and a tenant", []string{"verify", "--reserve", "a,b", "-n", "c"}, "--reserve and --namespace: name the namespaces of a reserve, or the one namespace of a tenant, not both"},
		{"a reserve that is too small to verify in", []string{"verify", "--reserve", "a"}, "--reserve a: name at least two namespaces"},
		{"a series that no object can be named after", []string{"verify", "--series", "Every Night"}, "--series: series \"Every Night\": write at most 40 lower-case letters"},
		{"metrics of no series", []string{"verify", "--push", "http://gateway:9091"}, "--push and --metrics-file: name the series of runs with --series too"},
		{"live policies and scenarios", []string{"run", "--from-policies", "guides"}, "--from-policies and \"guides\": prove the live policies, or run scenarios"},
		{"an argument of a job before the dashes", []string{"manifests", "nightly", "guides"}, "nightly \"guides\": name what to run with --suite, --scenarios or --from-policies"},
		{"an external host with a name for an address", []string{"show", "default-deny", "--external", "inside=example.com"}, `--external "inside=example.com": write NAME=ADDRESS with an IP address`},
		{"a variable that no scenario has", []string{"show", "testdata/later.yaml", "--set", "brnach=203.0.113.0/24"}, `--set brnach: no scenario has a variable "brnach": did you mean "branch"?`},
		{"an external host that no scenario has", []string{"run", "guides", "--dry-run", "--external", "insied=192.0.2.10"}, `--external insied: no scenario has a host "insied": did you mean "inside"?`},
		{"a family that is none", []string{"show", "default-deny", "--ip-family", "ipx"}, `--ip-family "ipx": write IPv4 or IPv6`},
		{"a file that would write to the terminal", []string{"show", hostile}, `"a\x1b[2J" is no name`},
		{"an argument too many", []string{"version", "1"}, `unknown command "1" for "podknock version"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, err := podknock(t, row.line...)
			g.Expect(err).To(ContainSubstring(row.want))
			g.Expect(err).To(HavePrefix("podknock: "))
			g.Expect(out).To(BeEmpty())
			g.Expect(code).To(Equal(exitUsage))
		})
	}
}

func TestListHasALineForEachScenario(t *testing.T) {
	g := NewWithT(t)
	code, out, _ := podknock(t, "list", "deny-all-ingress", "guides/default-deny")
	g.Expect(code).To(Equal(exitOK))
	g.Expect(out).To(Equal("guides\n" +
		"  default-deny      A policy that selects every pod of a namespace and has no rules closes it both ways, for DNS too, and leaves other namespaces alone.\n" +
		"  deny-all-ingress  An empty list of ingress rules isolates the selected pod; its neighbour and its own connections stay open.\n"))

	_, out, _ = podknock(t, "list", "-o", "json")
	var all []listed
	g.Expect(json.Unmarshal([]byte(out), &all)).To(Succeed())
	g.Expect(all).To(ContainElement(HaveField("Name", "wordpress-mysql")))
	for _, entry := range all {
		g.Expect(entry.Suite).NotTo(BeEmpty())
		g.Expect(entry.About).NotTo(BeEmpty())
	}
}

func TestCoverageHasALineForEachAxis(t *testing.T) {
	g := NewWithT(t)
	code, out, _ := podknock(t, "list", "--coverage")
	g.Expect(code).To(Equal(exitOK))
	compareWithGolden(t, "testdata/coverage.txt", out)

	_, out, _ = podknock(t, "list", "--coverage", "deny-all-ingress", "-o", "json")
	var all []scenarios.Coverage
	g.Expect(json.Unmarshal([]byte(out), &all)).To(Succeed())
	g.Expect(all).To(HaveLen(len(scenarios.Axes())))
	g.Expect(all[0].Axis.Name).To(Equal(scenarios.AxisIngress))
	g.Expect(all[0].Scenarios).To(Equal([]string{"deny-all-ingress"}))
	g.Expect(all[1].Scenarios).To(BeEmpty(), "it has no egress policy")
}

func TestShowLooksAsInTheGoldenFile(t *testing.T) {
	g := NewWithT(t)
	code, out, _ := podknock(t, "show", "testdata/later.yaml", "--set", "branch=203.0.113.0/24", "--external", "inside=192.0.2.99")
	g.Expect(code).To(Equal(exitOK))
	compareWithGolden(t, "testdata/later.txt", out)
}

func TestShowAsYAMLAndAsJSONSaysTheSame(t *testing.T) {
	g := NewWithT(t)
	var fromYAML, fromJSON shown
	_, out, _ := podknock(t, "show", "default-deny", "-o", "yaml")
	g.Expect(yaml.UnmarshalStrict([]byte(out), &fromYAML)).To(Succeed())
	_, out, _ = podknock(t, "show", "default-deny", "-o", "json")
	g.Expect(json.Unmarshal([]byte(out), &fromJSON)).To(Succeed())
	g.Expect(fromJSON).To(Equal(fromYAML))

	policy := fromYAML.Steps[1].Policies[0]
	g.Expect(policy.Kind).To(Equal("NetworkPolicy"))
	g.Expect(policy.Namespace).To(Equal(fromYAML.Namespaces[0].Cluster), "policies are those of the run")
	g.Expect(policy.Spec.PolicyTypes).To(Equal([]networkingv1.PolicyType{"Ingress", "Egress"}))
	g.Expect(fromYAML.Steps[1].Cells).To(ContainElement(And(
		HaveField("From", "client"), HaveField("To", "server"), HaveField("Expected", "blocked"),
		HaveField("Control", `step "before any policy": client -> server:80/TCP (IPv4)`))))
}

func TestShowTakesTheFamilyThatIsAskedFor(t *testing.T) {
	g := NewWithT(t)
	_, out, _ := podknock(t, "show", "deny-all-ingress", "--ip-family", "ipv6", "-o", "json")
	g.Expect(out).To(ContainSubstring("IPv6"))
	g.Expect(out).NotTo(ContainSubstring("IPv4"))
}

func TestSeveralScenariosAreSeveralDocuments(t *testing.T) {
	g := NewWithT(t)
	_, out, _ := podknock(t, "show", "default-deny", "deny-all-ingress", "-o", "yaml")
	g.Expect(bytes.Count([]byte(out), []byte("\n---\n"))).To(Equal(1))
}

func TestVersionSaysWhatWasBuilt(t *testing.T) {
	g := NewWithT(t)
	_, out, _ := podknock(t, "version", "--client", "-o", "json")
	var v versions
	g.Expect(json.Unmarshal([]byte(out), &v)).To(Succeed())
	g.Expect(v.Version).NotTo(BeEmpty())
	_, out, _ = podknock(t, "version", "--client")
	g.Expect(out).To(HavePrefix("podknock " + v.Version + " (go"))
	g.Expect(out).To(HaveSuffix("\nagent    " + v.Agent + "\n"))
}

func TestTheShellCompletesScenarios(t *testing.T) {
	g := NewWithT(t)
	_, out, _ := podknock(t, "__complete", "show", "deny-all-ingress", "de")
	g.Expect(out).To(ContainSubstring("default-deny\n"))
	g.Expect(out).NotTo(ContainSubstring("deny-all-ingress\n"), "it is taken already")
	_, out, _ = podknock(t, "__complete", "show", "-o", "")
	g.Expect(out).To(HavePrefix("text\nyaml\njson\n"))
}

func TestThePluginCallsItselfAsKubectlDoes(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	g.Expect(execute(t.Context(), []string{"/usr/local/bin/kubectl-podknock", "show", "--help"}, streams{out: &out, err: &out})).To(Equal(exitOK))
	g.Expect(out.String()).To(ContainSubstring("kubectl podknock show NAME|SUITE|FILE|DIR ..."))
}

func TestADryRunListsCanariesOnlyWhereThereMayBeSome(t *testing.T) {
	g := NewWithT(t)
	code, out, _ := podknock(t, "run", "guides/default-deny", "--dry-run")
	g.Expect(code).To(BeZero())
	g.Expect(out).To(MatchRegexp(`name: canary-0\n +namespace: pk-r[a-z0-9]+-canary\n`))
	g.Expect(out).To(ContainSubstring("# The namespace pk-"))
	code, out, _ = podknock(t, "run", "guides/internal-policy", "--dry-run", "--namespace", "mine")
	g.Expect(code).To(BeZero())
	g.Expect(out).NotTo(ContainSubstring("canary"))
}
