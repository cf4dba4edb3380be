package lint_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/scenarios/policy/inventory"
	"github.com/podknock/podknock/scenarios/policy/lint"
)

var update = flag.Bool("update", false, "write golden files and the table of rules instead of comparing with them")

// shop is a namespace with a front end, a database and what is before them.
const shop = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ops, labels: {team: ops}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, ports: [{name: sql, containerPort: 5432}, {name: gossip, containerPort: 7946, protocol: UDP}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: probe, namespace: ops, labels: {app: probe}}
spec: {containers: [{name: probe}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: www, port: 80, targetPort: http}]}
`

// policyOf is a policy of namespace shop with this spec.
func policyOf(name, spec string) string {
	return "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name + ", namespace: shop}\nspec:\n  " +
		strings.ReplaceAll(strings.TrimSpace(spec), "\n", "\n  ") + "\n"
}

// look runs the linter on manifests.
func look(t *testing.T, manifests string, knowledge func(*inventory.Knowledge), options lint.Options) *lint.Report {
	t.Helper()
	reader := inventory.Reader{}
	reader.Read("shop.yaml", []byte(manifests))
	objects, problems := reader.Inventory()
	if knowledge != nil {
		knowledge(&objects.Knowledge)
	}
	report, err := lint.Run(objects, problems, options)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return report
}

// everything is what is known of a live cluster.
func everything(k *inventory.Knowledge) { k.Namespaces, k.Pods = true, true }

// told are the findings as "rule field".
func told(report *lint.Report, least lint.Severity) []string {
	var found []string
	for _, finding := range report.Findings {
		if finding.Severity.AtLeast(least) {
			found = append(found, strings.TrimSpace(finding.Rule+" "+finding.Field))
		}
	}
	return found
}

// golden compares with a golden file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	g := NewWithT(t)
	if *update {
		g.Expect(os.WriteFile(path, []byte(got), 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(got).To(Equal(string(want)), "if the change is meant, run go test ./scenarios/policy/lint -update and read the difference")
}
