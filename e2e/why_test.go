//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner/cluster"
	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/runner/report/schema"
)

var whyLabFlag = flag.String("why-lab", "", "with -kubeconfig: the name of the lab that the kubeconfig is of, for specs that touch its nodes")

// otherLab is the lab that a spec has brought up for itself.
var otherLab string

// whyLab is the lab under test; empty on any other cluster.
func whyLab() string {
	if otherLab != "" {
		return otherLab
	}
	if *kubeconfigFlag == "" {
		return suiteLab
	}
	return *whyLabFlag
}

// whyCase is a set-up, a question, and the cause that has to be named first.
type whyCase struct {
	// manifests are applied to a fresh namespace, which they call NS; OTHER is a second one, IMAGE the agent's, NODE1 and NODE2 the nodes.
	manifests string
	// from and to are the question, with the same words in them.
	from, to string
	args     []string
	// cause is expected first; empty if nothing may be accused.
	cause string
	// code is the exit code; -1 leaves it open.
	code int
	// mends says that the printed fix, applied as printed, ends the trouble.
	mends bool
	// node are commands of iptables on both nodes, with the words POD(name) for the IPv4 address of a pod; they are taken back with -D for -I.
	node []string
	// nodes restricts those to some of the nodes.
	nodes []string
	// four and six restrict the commands to one family; otherwise they are for both.
	four, six bool
	// prepare does what else is needed, after the pods are Ready.
	prepare func(ctx context.Context, w *whyWorld)
	// unready are pods that are not waited for.
	unready bool
}

// whyWorld is what the words of a case mean.
type whyWorld struct{ namespace, other string }

// words replaces the words of a case.
func (w *whyWorld) words(text string) string {
	return strings.NewReplacer("OTHER", w.other, "NS", w.namespace, "IMAGE", *imageFlag, "NODE1", "node1", "NODE2", "node2").Replace(text)
}

// asked is what `podknock why` said.
type asked struct {
	code     int
	report   diagnose.Report
	out, err string
	elapsed  time.Duration
}

// askWhy runs `podknock why` with rights from a kubeconfig.
func askWhy(ctx context.Context, kubeconfig string, args ...string) asked {
	GinkgoHelper()
	command := exec.CommandContext(ctx, abs(*podknockFlag), append([]string{"why", "--kubeconfig", kubeconfig, "--image", *imageFlag, "--start-timeout", "60s", "-o", "json"}, args...)...)
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	begin := time.Now()
	_ = command.Run() // the exit code says what there is to know
	answer := asked{code: command.ProcessState.ExitCode(), out: out.String(), err: errOut.String(), elapsed: time.Since(begin)}
	if out.Len() > 0 {
		var value any
		Expect(json.Unmarshal(out.Bytes(), &value)).To(Succeed())
		faults, err := schema.Validate(schema.Diagnosis, value)
		Expect(err).NotTo(HaveOccurred())
		Expect(faults).To(BeEmpty(), "what is printed keeps to its schema")
		Expect(json.Unmarshal(out.Bytes(), &answer.report)).To(Succeed())
		fmt.Fprintf(GinkgoWriter, "%s\n%s\n", strings.Join(args, " "), diagnose.Text(&answer.report))
	}
	fmt.Fprintf(GinkgoWriter, "exit %d after %s\n%s\n", answer.code, answer.elapsed, answer.err)
	return answer
}

// causes are the causes that were named, in order.
func (a *asked) causes() []string {
	var causes []string
	for _, finding := range a.report.Findings {
		causes = append(causes, finding.Cause)
	}
	return causes
}

// shell runs a script in which kubectl is that of the cluster under test. It has to succeed.
func shell(ctx context.Context, script string) string {
	GinkgoHelper()
	bin, err := os.MkdirTemp("", "podknock-e2e-")
	Expect(err).NotTo(HaveOccurred())
	defer os.RemoveAll(bin)
	if name := whyLab(); name != "" {
		wrapper := fmt.Sprintf("#!/bin/sh\nexec %s --name %s kubectl -- \"$@\"\n", abs(*labFlag), name)
		Expect(os.WriteFile(filepath.Join(bin, "kubectl"), []byte(wrapper), 0o755)).To(Succeed())
	}
	command := exec.CommandContext(ctx, "bash", "-euc", script)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s\n%s", script, out)
	return string(out)
}

// add applies manifests.
func (w *whyWorld) add(ctx context.Context, manifests string) {
	GinkgoHelper()
	shell(ctx, "kubectl apply -f - <<'END'\n"+w.words(manifests)+"\nEND\n")
}

// apply applies the manifests of a case and waits for their pods.
func (w *whyWorld) apply(ctx context.Context, c *whyCase) {
	GinkgoHelper()
	w.add(ctx, c.manifests)
	if !c.unready {
		shell(ctx, w.words("kubectl wait -n NS --for=condition=Ready pod --all --timeout=90s >&2; kubectl wait -n OTHER --for=condition=Ready pod --all --timeout=90s >&2 || [ -z \"$(kubectl get pod -n OTHER -o name)\" ]"))
	}
}

// newWorld makes the namespaces of a case.
func newWorld(ctx context.Context) *whyWorld {
	GinkgoHelper()
	return &whyWorld{namespace: newNamespace(ctx, "privileged"), other: newNamespace(ctx, "privileged")}
}

// worldOf makes the namespaces, applies manifests and waits for their pods.
func worldOf(ctx context.Context, manifests string) *whyWorld {
	GinkgoHelper()
	w := newWorld(ctx)
	w.apply(ctx, &whyCase{manifests: manifests})
	return w
}

// address is the IPv4 address of a pod.
func (w *whyWorld) address(ctx context.Context, name string, six bool) string {
	GinkgoHelper()
	index := "0"
	if six {
		index = "1"
	}
	return strings.TrimSpace(shell(ctx, w.words("kubectl get pod -n NS "+name+" -o jsonpath='{.status.podIPs["+index+"].ip}'")))
}

// onNodes runs commands of iptables on the nodes, and takes them back at the end of the spec.
func (w *whyWorld) onNodes(ctx context.Context, c *whyCase) {
	GinkgoHelper()
	if len(c.node) == 0 {
		return
	}
	if whyLab() == "" {
		Skip("it touches the nodes, which needs the lab")
	}
	nodes := c.nodes
	if len(nodes) == 0 {
		nodes = []string{"node1", "node2"}
	}
	for _, line := range c.node {
		if !c.six {
			w.onEach(ctx, nodes, "iptables", w.addresses(ctx, line, false))
		}
		if !c.four {
			w.onEach(ctx, nodes, "ip6tables", sixth.Replace(w.addresses(ctx, line, true)))
		}
	}
}

// sixth makes a command of ip6tables of one of iptables.
var sixth = strings.NewReplacer("10.244.1.0/24", "fd00:10:244:1::/64", "10.244.2.0/24", "fd00:10:244:2::/64", "icmp-admin-prohibited", "icmp6-adm-prohibited")

// addresses replaces POD(name) and SVC(name).
func (w *whyWorld) addresses(ctx context.Context, line string, six bool) string {
	GinkgoHelper()
	for strings.Contains(line, "POD(") {
		before, rest, _ := strings.Cut(line, "POD(")
		name, after, _ := strings.Cut(rest, ")")
		line = before + w.address(ctx, name, six) + after
	}
	for strings.Contains(line, "SVC(") {
		before, rest, _ := strings.Cut(line, "SVC(")
		name, after, _ := strings.Cut(rest, ")")
		line = before + strings.TrimSpace(shell(ctx, w.words("kubectl get svc -n NS "+name+" -o jsonpath='{.spec.clusterIP}'"))) + after
	}
	return line
}

// onEach runs a command of iptables on some nodes and takes it back.
func (w *whyWorld) onEach(ctx context.Context, nodes []string, program, line string) {
	GinkgoHelper()
	for _, node := range nodes {
		lab(ctx, whyLab(), append([]string{"exec", node, "--", program, "-w"}, strings.Fields(line)...)...)
		DeferCleanup(func(ctx SpecContext) {
			back := strings.Replace(line, "-I ", "-D ", 1)
			lab(ctx, whyLab(), append([]string{"exec", node, "--", program, "-w"}, strings.Fields(back)...)...)
		}, NodeTimeout(time.Minute))
	}
}

// play sets a case up, asks, and applies the printed fix as it is printed.
func (c whyCase) play(ctx SpecContext) {
	w := newWorld(ctx)
	w.apply(ctx, &c)
	if c.prepare != nil {
		c.prepare(ctx, w)
	}
	w.onNodes(ctx, &c)
	question := append([]string{w.words(c.from), w.words(c.to), "--yes"}, c.args...)
	answer := askWhy(ctx, kubeconfig, question...)
	if c.cause == "" {
		Expect(answer.causes()).To(BeEmpty())
	} else {
		Expect(answer.causes()).NotTo(BeEmpty())
		Expect(answer.causes()[0]).To(Equal(c.cause), "%s", answer.causes())
	}
	if c.code >= 0 {
		Expect(answer.code).To(Equal(c.code))
	}
	expectNothingLeft(ctx)
	if !c.mends {
		return
	}
	fix := answer.report.Findings[0].Fix
	Expect(fix).NotTo(BeNil())
	shell(ctx, fix.Command)
	Eventually(ctx, func(g Gomega) {
		again := askWhy(ctx, kubeconfig, question...)
		g.Expect(again.causes()).NotTo(ContainElement(c.cause))
		g.Expect(again.code).To(BeZero())
	}).WithTimeout(40 * time.Second).WithPolling(time.Second).Should(Succeed())
}

const whyTimeout = 3 * time.Minute

// The usual pods: web on the first node, db with a Service on the second.
const (
	whyWeb = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: NS, labels: {app: web, tier: front}}
spec:
  nodeName: NODE1
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, imagePullPolicy: IfNotPresent, args: [serve, -listen, "8080/TCP", -control, none], ports: [{containerPort: 8080}]}]
---`
	whyDB = `
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: NS, labels: {app: db}}
spec:
  nodeName: NODE2
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, imagePullPolicy: IfNotPresent, args: [serve, -listen, "5432/TCP,5432/UDP,5440/TCP", -control, none], ports: [{containerPort: 5432, name: pg}, {containerPort: 5440, name: admin}]}]
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: NS}
spec: {selector: {app: db}, ports: [{name: pg, port: 80, targetPort: 5432}]}
---`
	whyPair = whyWeb + whyDB
)

// whyPolicy is a policy in a namespace with a spec in one line.
func whyPolicy(namespace, name, spec string) string {
	return fmt.Sprintf("\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: %s, namespace: %s}\nspec: %s\n---", name, namespace, spec)
}

const (
	denyIngress = `{podSelector: {}, policyTypes: [Ingress]}`
	denyBoth    = `{podSelector: {}, policyTypes: [Ingress, Egress]}`
	dnsOnly     = `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]}`
)

// expectNothingLeft looks for objects of any run.
func expectNothingLeft(ctx context.Context) {
	GinkgoHelper()
	left, err := cluster.Find(ctx, clientset, "")
	Expect(err).NotTo(HaveOccurred())
	Expect(left).To(BeEmpty())
}
