package inventory_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios/policy/inventory"
)

func read(files ...string) (*inventory.Inventory, inventory.Problems) {
	var reader inventory.Reader
	for i, text := range files {
		reader.Read(fmt.Sprintf("%d.yaml", i), []byte(text))
	}
	return reader.Inventory()
}

func TestFaultsAreToldWithTheirPlace(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"no YAML", "a: b\n---\nkind: Pod\n  x: [", "0.yaml:4:"},
		{"no object", "---\na: b\n", "0.yaml:2:1: this is no Kubernetes object: it has no kind"},
		{"a key twice", "kind: Pod\nmetadata: {name: a}\nmetadata: {name: b}\n", `0.yaml:3:1: metadata: the key "metadata" is already on line 2`},
		{"a label that is a number", "kind: Pod\nmetadata:\n  name: a\n  labels: {version: 1}\n", "0.yaml:4:12: metadata.labels.version: YAML does not take"},
		{"ports that are no list", "# x\n---\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - ports: 80\n", "0.yaml:7:5: spec.containers[0].ports: \"80\" is not a list"},
		{"a fault in a List", "kind: List\nitems:\n- kind: NetworkPolicy\n  apiVersion: networking.k8s.io/v1\n  metadata: {name: p}\n  spec: {podselector: {}}\n", "0.yaml:6:10: spec.podselector: the key \"podselector\" is unknown"},
		{"a policy without a name", "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nspec: {podSelector: {}}\n", "the NetworkPolicy has no name"},
		{"a policy of old", "kind: NetworkPolicy\napiVersion: extensions/v1beta1\nmetadata: {name: p}\n", "0.yaml:2:1: apiVersion: \"extensions/v1beta1\" is no API version"},
		{"an object twice", "kind: Pod\nmetadata: {name: a}\n---\nkind: Pod\nmetadata: {name: a}\n", "0.yaml:5:12: metadata.name: the same object is already at 0.yaml:2:12"},
		{"too much", strings.Repeat(" ", inventory.MaxBytes+1), "at most 67108864 are read"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, problems := read(row.text)
			NewWithT(t).Expect(problems).NotTo(BeEmpty())
			NewWithT(t).Expect(problems.Error()).To(ContainSubstring(row.want))
		})
	}
}

func TestWhatKubectlPrintsIsRead(t *testing.T) {
	g := NewWithT(t)
	objects, problems := read(`{"apiVersion": "v1", "kind": "List", "items": [
	 {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "shop"}, "uid": "1"}},
	 {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}},
	 {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
	  "metadata": {"name": "p", "namespace": "shop", "uid": "2", "resourceVersion": "3", "generation": 1, "managedFields": [], "annotations": {"a": "b"}},
	  "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}, "status": {}}]}`,
		"kind: DeploymentList\napiVersion: apps/v1\nitems:\n- metadata: {name: web, namespace: shop}\n  spec: {template: {metadata: {labels: {app: web}}}}\n",
		"apiVersion: v1\nkind: Pod\nmetadata: {name: web-1-a, namespace: shop, labels: {pod-template-hash: \"1\"}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: x, controller: true}]}\nstatus: {phase: Running, podIPs: [{ip: 10.0.0.1}]}\n")
	g.Expect(problems).To(BeEmpty())
	g.Expect(objects.Cluster.Policies).To(HaveLen(1))
	g.Expect(objects.Cluster.Policies[0].Annotations).To(HaveKeyWithValue("a", "b"))
	g.Expect(objects.Ignored).To(Equal(map[string]int{"Secret": 1}))
	g.Expect(objects.Cluster.Pods).To(HaveLen(1), "the Deployment stands for pods only where there are none")
	g.Expect(objects.Cluster.Pods[0].Name).To(Equal("web-1-a"))
	g.Expect(objects.Workloads).To(HaveLen(1))
	g.Expect(objects.Cluster.Namespaces).To(HaveLen(1))
	g.Expect(objects.Knowledge.LabelsOf("shop")).To(BeTrue())
	g.Expect(objects.Knowledge.LabelsOf("default")).To(BeFalse())
	g.Expect(objects.Summary()).To(Equal("1 NetworkPolicy, 1 pod or workload, 0 Services, 1 namespace; 1 object of other kinds not looked at"))
}

func TestWorkloadsStandForTheirPods(t *testing.T) {
	g := NewWithT(t)
	const template = "template: {metadata: {labels: {app: x}}, spec: {hostNetwork: true, containers: [{ports: [{containerPort: 53, protocol: UDP, name: dns}]}]}}"
	objects, problems := read(
		"kind: Deployment\napiVersion: apps/v1\nmetadata: {name: d}\nspec: {" + template + "}\n---\n" +
			"kind: CronJob\napiVersion: batch/v1\nmetadata: {name: c, namespace: other}\nspec: {jobTemplate: {spec: {" + template + "}}}\n---\n" +
			"kind: Job\napiVersion: batch/v1\nmetadata: {name: j}\nspec: {" + template + "}\n---\n" +
			"kind: ReplicaSet\napiVersion: apps/v1\nmetadata: {name: d-1, ownerReferences: [{kind: Deployment, name: d, controller: true}]}\nspec: {" + template + "}\n---\n" +
			"kind: Deployment\napiVersion: apps.example.com/v1\nmetadata: {name: foreign}\n")
	g.Expect(problems).To(BeEmpty())
	var names []string
	for _, pod := range objects.Cluster.Pods {
		names = append(names, pod.Namespace+" "+pod.Name)
		g.Expect(pod.Labels).To(HaveKeyWithValue("app", "x"))
		g.Expect(pod.Spec.HostNetwork).To(BeTrue())
		g.Expect(pod.Spec.Containers[0].Ports).To(Equal([]corev1.ContainerPort{{Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP}}))
	}
	g.Expect(names).To(Equal([]string{"default deploy/d", "other cj/c", "default job/j"}))
	g.Expect(objects.Cluster.Pods[2].Labels).To(HaveKeyWithValue("batch.kubernetes.io/job-name", "j"))
	g.Expect(objects.Ignored).To(Equal(map[string]int{"Deployment": 1}))
	g.Expect(objects.Cluster.Namespaces).To(HaveLen(2))
}

func TestFieldsHaveTheirPlaces(t *testing.T) {
	g := NewWithT(t)
	objects, problems := read("# a comment\n---\n# Source: x\n\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  x: |\n    ----\n    kind: Pod\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: p\nspec:\n  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: x\n      app: web\n  ingress:\n  - from:\n    ports: [{port: 80}]\n")
	g.Expect(problems).To(BeEmpty())
	origin := objects.Origin(inventory.Ref{Kind: "NetworkPolicy", Namespace: "default", Name: "p"})
	for field, want := range map[string]string{
		"spec.podSelector.matchLabels[app]":                    "0.yaml:22:7",
		"spec.podSelector.matchLabels[app.kubernetes.io/name]": "0.yaml:21:7",
		"spec.ingress[0].ports[0].port":                        "0.yaml:25:14",
		"spec.ingress[0].ports[0].endPort":                     "0.yaml:25:13",
		"spec.egress":                                          "0.yaml:18:1",
		"metadata.name":                                        "0.yaml:17:3",
	} {
		g.Expect(origin.At(field).String()).To(Equal(want), field)
	}
	g.Expect(origin.Empty("spec.ingress[0].from")).To(BeTrue())
	g.Expect(origin.Empty("spec.ingress[0].ports")).To(BeFalse())
	g.Expect((inventory.Origin{}).At("spec").String()).To(BeEmpty())
}

func TestObjectsWithoutANamespaceAreOfTheGivenOne(t *testing.T) {
	g := NewWithT(t)
	reader := inventory.Reader{Namespace: "team"}
	reader.Read("-", []byte("kind: Service\napiVersion: v1\nmetadata: {name: s, namespace: }\nspec: {ports: [{port: 80, targetPort: http}], selector: }\n"))
	objects, problems := reader.Inventory()
	g.Expect(problems).To(BeEmpty())
	g.Expect(objects.Cluster.Services[0].Namespace).To(Equal("team"))
	g.Expect(objects.Cluster.Services[0].Spec.Ports[0].TargetPort.StrVal).To(Equal("http"))
}

func FuzzReader(f *testing.F) {
	f.Add("kind: List\nitems:\n- {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {podSelector: {matchLabels: }}}\n---\nkind: Pod\n")
	f.Add("{\"kind\": \"PodList\", \"items\": [{\"metadata\": null}, {\"kind\": \"X\"}]}")
	f.Add("---\nkind: Service\nspec: {ports: [{targetPort: 1.5}]}\n--- \nkind: CronJob\nspec: {jobTemplate: []}")
	f.Add("kind: NodeList\nitems: {a: b}\n---\nkind: EndpointSlice\nendpoints: [{targetRef: {}}]\nports: [{port: x}]")
	f.Fuzz(func(t *testing.T, text string) {
		var reader inventory.Reader
		reader.Read("f", []byte(text))
		objects, problems := reader.Inventory()
		lines := strings.Count(text, "\n") + 1
		for _, problem := range problems {
			if problem.Line < 0 || problem.Line > lines+1 || problem.Message == "" {
				t.Errorf("problem %+v of a file of %d lines", problem, lines)
			}
		}
		for i := range objects.Cluster.Policies {
			p := &objects.Cluster.Policies[i]
			at := objects.Origin(inventory.Ref{Kind: "NetworkPolicy", Namespace: p.Namespace, Name: p.Name}).At("spec")
			if at.Line > lines {
				t.Errorf("policy %q at line %d of %d", p.Name, at.Line, lines)
			}
		}
	})
}
