package matrix_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/inventory"
	"github.com/podknock/podknock/scenarios/policy/matrix"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

const shop = `
kind: Deployment
apiVersion: apps/v1
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{ports: [{containerPort: 8080, name: http}]}]}}}
---
kind: StatefulSet
apiVersion: apps/v1
metadata: {name: db, namespace: shop}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{ports: [{containerPort: 5432}, {containerPort: 53, protocol: UDP}]}]}}}
---
kind: Pod
apiVersion: v1
metadata: {name: probe, namespace: ops}
---
kind: Service
apiVersion: v1
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: www, port: 80, targetPort: http}]}
---
kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
---
kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {}}, {ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.128/26]}}]
`

func objects(t *testing.T) *inventory.Inventory {
	t.Helper()
	var reader inventory.Reader
	reader.Read("shop.yaml", []byte(shop))
	read, problems := reader.Inventory()
	NewWithT(t).Expect(problems).To(BeEmpty())
	return read
}

func options(t *testing.T, from, to string) matrix.Options {
	t.Helper()
	reference, err := subject.Parse(from, subject.Options{})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	target, err := subject.ParseTarget(to, subject.Options{})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return matrix.Options{From: []subject.Reference{reference}, To: []subject.Target{target}}
}

func TestWhatIsNotThereIsRefused(t *testing.T) {
	for _, row := range []struct{ from, to, want string }{
		{"shop/deploy/wep", "shop/sts/db", `source shop/deploy/wep: nothing is found: no pod of Deployment "wep" in namespace "shop": did you mean "web"?`},
		{"shop/deploy/web", "shop/sts/db:sql", "shop/sts/db has no port sql"},
		{"shop/deploy/web", "db.example.com:5432", "a DNS name is resolved on the wire only"},
	} {
		_, err := matrix.New(objects(t), options(t, row.from, row.to))
		NewWithT(t).Expect(err).To(MatchError(ContainSubstring(row.want)))
	}
}

func TestVerdictsOfOneConnection(t *testing.T) {
	for _, row := range []struct {
		from, to string
		want     policy.Verdict
	}{
		{"ops/probe", "shop/sts/db:5432", policy.Deny},
		{"shop/deploy/web", "shop/sts/db:5432", policy.Allow},
		{"shop/app=web", "shop/sts/db:53", policy.Deny},
		{"shop/sts/db", "shop/sts/db:5432", policy.Deny},
		{"ops/probe", "svc/shop/web:www", policy.Allow},
		{"shop/deploy/web", "192.0.2.7:443", policy.Allow},
		{"shop/deploy/web", "192.0.2.130:443", policy.Deny},
		{"shop/deploy/web", "192.0.2.0/25:443", policy.Allow},
		{"shop/deploy/web", "192.0.2.128/27:443", policy.Deny},
		{"shop/deploy/web", "192.0.2.0/24:443", policy.Depends},
		{"203.0.113.0/24", "shop/sts/db:5432", policy.Deny},
	} {
		t.Run(row.from+" to "+row.to, func(t *testing.T) {
			g := NewWithT(t)
			table, err := matrix.New(objects(t), options(t, row.from, row.to))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(table.Cells).To(HaveLen(1))
			g.Expect(table.Cells[0]).To(HaveLen(1))
			g.Expect(table.Cells[0][0].Verdict).To(Equal(row.want))
			g.Expect(table.Met(policy.Deny)).To(Equal(row.want == policy.Deny))
			if len(table.Cells[0][0].Parts) == 0 {
				explanation, err := table.Explain(0, 0)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(explanation.Verdict).To(Equal(row.want))
			}
		})
	}
}

func TestARangeIsJudgedInAllItsParts(t *testing.T) {
	g := NewWithT(t)
	table, err := matrix.New(objects(t), options(t, "shop/deploy/web", "192.0.0.0/16:443"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(table.Cells[0][0].Parts).To(Equal([]matrix.Part{
		{From: "192.0.0.0", To: "192.0.1.255", Verdict: policy.Deny},
		{From: "192.0.2.0", To: "192.0.2.127", Verdict: policy.Allow},
		{From: "192.0.2.128", To: "192.0.2.191", Verdict: policy.Deny},
		{From: "192.0.2.192", To: "192.0.2.255", Verdict: policy.Allow},
		{From: "192.0.3.0", To: "192.0.255.255", Verdict: policy.Deny},
	}))
}

func TestReplicasShareARowUnlessPoliciesTellThemApart(t *testing.T) {
	g := NewWithT(t)
	read := objects(t)
	first := read.Cluster.Pods[0]
	read.Cluster.Pods[0].Name = "web-1"
	first.Name, first.Labels = "web-2", map[string]string{"app": "web", "pod-template-hash": "x"}
	read.Cluster.Pods = append(read.Cluster.Pods, first)
	table, err := matrix.New(read, matrix.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(table.Rows).To(HaveLen(3))
	read.Cluster.Pods[3].Labels["app"] = "new"
	table, err = matrix.New(read, matrix.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(table.Rows).To(HaveLen(4))
}

func TestAPodAloneReachesItself(t *testing.T) {
	g := NewWithT(t)
	table, err := matrix.New(objects(t), options(t, "ops/probe", "ops/probe:80"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(table.Cells[0][0].Self).To(BeTrue())
	g.Expect(table.Met(policy.Allow)).To(BeFalse(), "nothing was judged")
}

func TestTheTableLooksAsInTheGoldenFiles(t *testing.T) {
	g := NewWithT(t)
	whole, err := matrix.New(objects(t), matrix.Options{Family: corev1.IPv4Protocol})
	g.Expect(err).NotTo(HaveOccurred())
	golden(t, "testdata/shop.txt", whole.Text())
	golden(t, "testdata/shop.md", whole.Markdown())
	encoded, err := json.MarshalIndent(whole, "", "  ")
	g.Expect(err).NotTo(HaveOccurred())
	golden(t, "testdata/shop.json", string(encoded)+"\n")
	wide := options(t, "shop/deploy/web", "192.0.2.0/24:443")
	for _, text := range []string{"shop/sts/db", "svc/shop/web", "ops/probe", "198.51.100.17:8443"} {
		target, err := subject.ParseTarget(text, subject.Options{})
		g.Expect(err).NotTo(HaveOccurred())
		wide.To = append(wide.To, target)
	}
	table, err := matrix.New(objects(t), wide)
	g.Expect(err).NotTo(HaveOccurred())
	golden(t, "testdata/wide.txt", table.Text())
	none, err := matrix.New(&inventory.Inventory{}, matrix.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(none.Text()).To(Equal(none.Markdown()))
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	g := NewWithT(t)
	if *update {
		g.Expect(os.WriteFile(path, []byte(got), 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(got).To(Equal(string(want)), "if the change is meant, run go test ./scenarios/policy/matrix -update and read the difference")
}
