package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner"
)

const staticManifests = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{ports: [{containerPort: 8080}]}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{ports: [{containerPort: 5432}]}]}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: wep}}}], ports: [{port: 5432}]}]
`

// manifests writes files into a directory of the test.
func manifests(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		NewWithT(t).Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)).To(Succeed())
	}
	return dir
}

func TestStaticVerbsRefuseWhatTheyCannotRead(t *testing.T) {
	dir := manifests(t, map[string]string{
		"a.yaml": staticManifests, "broken.yaml": "kind: Pod\n  x: [", "empty.yaml": "# nothing\n", "notes.txt": "x",
		"typo.yaml": "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: {podselector: {}}\n",
	})
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, row := range []struct {
		name string
		line []string
		want string
	}{
		{"a file that is not there", []string{"lint", "-f", file("none.yaml")}, "no such file or directory"},
		{"a file that is no YAML", []string{"lint", "-f", file("broken.yaml")}, "broken.yaml:2:"},
		{"a file without objects", []string{"lint", "-f", file("empty.yaml")}, "no Kubernetes object is there"},
		{"a rule that is none", []string{"lint", "-f", file("a.yaml"), "--skip", "nonsense"}, `--skip: no rule is called "nonsense"`},
		{"a severity that is none", []string{"lint", "-f", file("a.yaml"), "--severity", "bad"}, "write one of error, warning, note"},
		{"all namespaces of files", []string{"lint", "-f", file("a.yaml"), "-A"}, "--all-namespaces is for a live cluster"},
		{"all namespaces and one", []string{"eval", "-A", "-n", "shop"}, "give one of them"},
		{"a range that is none", []string{"eval", "-f", file("a.yaml"), "--pod-cidr", "10.0.0.0"}, "--pod-cidr \"10.0.0.0\": write a range"},
		{"an expectation of nothing", []string{"eval", "-f", file("a.yaml"), "--expect", "blocked"}, "--expect needs --from and --to"},
		{"an expectation that is none", []string{"eval", "-f", file("a.yaml"), "--expect", "open", "--from", "a/b", "--to", "a/b"}, "write connected or blocked"},
		{"a reference that is none", []string{"eval", "-f", file("a.yaml"), "--from", "web"}, "--from: reference \"web\": no namespace is given"},
		{"a pod that is not there", []string{"eval", "-f", file("a.yaml"), "--to", "shop/deploy/wep"}, `did you mean "web"?`},
		{"a policy that is unreadable", []string{"eval", "-f", file("typo.yaml")}, `typo.yaml:4:8: spec.podselector: the key "podselector" is unknown`},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, err := podknock(t, row.line...)
			g.Expect(err).To(ContainSubstring(row.want))
			g.Expect(out).To(BeEmpty())
			g.Expect(code).To(Equal(exitUsage))
		})
	}
}

func TestLintExitsByWhatItFinds(t *testing.T) {
	g := NewWithT(t)
	dir := manifests(t, map[string]string{"a.yaml": staticManifests, "notes.txt": "kind: ["})
	code, out, _ := podknock(t, "lint", "-f", dir)
	g.Expect(code).To(Equal(runner.ExitMismatch))
	g.Expect(out).To(ContainSubstring("a.yaml:16:50"))
	g.Expect(out).To(ContainSubstring("peer-matches-nothing"))
	code, _, _ = podknock(t, "lint", "-f", dir, "--severity", "error")
	g.Expect(code).To(Equal(exitOK))
	code, out, _ = podknock(t, "lint", "-f", dir, "--skip", "peer-matches-nothing")
	g.Expect(code).To(Equal(exitOK))
	g.Expect(out).To(ContainSubstring("nothing found"))
	_, out, _ = podknock(t, "lint", "-f", dir, "-o", "sarif")
	var log map[string]any
	g.Expect(json.Unmarshal([]byte(out), &log)).To(Succeed())
	g.Expect(log).To(HaveKeyWithValue("version", "2.1.0"))
	_, out, _ = podknock(t, "lint", "-f", dir, "-o", "json")
	g.Expect(json.Unmarshal([]byte(out), &log)).To(Succeed())
	g.Expect(log).To(HaveKeyWithValue("kind", "LintReport"))
}

func TestEvalExitsByTheExpectation(t *testing.T) {
	g := NewWithT(t)
	file := filepath.Join(manifests(t, map[string]string{"a.yaml": staticManifests}), "a.yaml")
	question := []string{"eval", "-f", file, "--from", "shop/deploy/web", "--to", "shop/sts/db"}
	code, out, _ := podknock(t, append(question, "--expect", "blocked")...)
	g.Expect(code).To(Equal(exitOK))
	g.Expect(out).To(ContainSubstring("As expected: blocked."))
	code, out, _ = podknock(t, append(question, "--expect", "connected")...)
	g.Expect(code).To(Equal(runner.ExitMismatch))
	g.Expect(out).To(ContainSubstring("wants app=wep, the pod has app=web"))
	g.Expect(out).To(ContainSubstring(`kubectl patch networkpolicy -n shop db --type=json -p '[{"op":"replace","path":"/spec/ingress/0/from/0/podSelector/matchLabels/app","value":"web"}]'`))
	code, out, _ = podknock(t, append(question, "-o", "json")...)
	g.Expect(code).To(Equal(exitOK))
	var result map[string]any
	g.Expect(json.Unmarshal([]byte(out), &result)).To(Succeed())
	g.Expect(result).To(And(HaveKeyWithValue("kind", "Evaluation"), HaveKey("cells"), HaveKey("explanations")))
	_, out, _ = podknock(t, "eval", "-f", file, "-o", "markdown")
	g.Expect(out).To(HavePrefix("| from \\ to | shop/deploy/web:8080/TCP | shop/sts/db:5432/TCP |\n|---|---|---|\n"))
}

func TestGenerateWritesAFileForEachPolicy(t *testing.T) {
	g := NewWithT(t)
	file := filepath.Join(manifests(t, map[string]string{"a.yaml": staticManifests}), "a.yaml")
	dir := filepath.Join(t.TempDir(), "made")
	code, out, err := podknock(t, "generate", "-f", file, "-o", dir)
	g.Expect(code).To(Equal(exitOK))
	g.Expect(out).To(BeEmpty())
	g.Expect(err).To(Equal("1 scenario of 1 NetworkPolicy, which prove 1 rule\n"))
	code, out, _ = podknock(t, "show", filepath.Join(dir, "shop-db.yaml"))
	g.Expect(code).To(Equal(exitOK))
	g.Expect(out).To(ContainSubstring("What NetworkPolicy shop/db admits"))
	_, out, _ = podknock(t, "generate", "-f", file)
	written, readErr := os.ReadFile(filepath.Join(dir, "shop-db.yaml"))
	g.Expect(readErr).NotTo(HaveOccurred())
	g.Expect(out).To(Equal(string(written)))

	none := filepath.Join(manifests(t, map[string]string{"a.yaml": "kind: Pod\napiVersion: v1\nmetadata: {name: a}\n"}), "a.yaml")
	code, _, err = podknock(t, "generate", "-f", none)
	g.Expect(code).To(Equal(exitUsage))
	g.Expect(err).To(ContainSubstring("no NetworkPolicy is there: 0 NetworkPolicies, 1 pod or workload"))
	invalid := filepath.Join(manifests(t, map[string]string{"a.yaml": "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: a}\nspec: {podSelector: {}, policyTypes: [ingress]}\n"}), "a.yaml")
	code, _, err = podknock(t, "generate", "-f", invalid)
	g.Expect(code).To(Equal(exitUsage))
	g.Expect(err).To(ContainSubstring("spec.policyTypes[0]: Unsupported value"))
}
