//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podknock/podknock/runner"
)

// production is a Deployment as people run it, with all that counts its pods.
const production = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: NS}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: shop}}}]
      containers:
      - name: app
        image: IMAGE
        args: [serve, -listen, "8080/TCP", -control, none]
        ports: [{containerPort: 8080}]
        resources: {requests: {cpu: 10m, memory: 16Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: NS}
spec: {selector: {app: shop}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop-members, namespace: NS}
spec: {clusterIP: None, selector: {app: shop}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shop-count, namespace: NS}
spec: {minAvailable: 1, selector: {matchLabels: {app: shop}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shop-share, namespace: NS}
spec: {maxUnavailable: 50%, selector: {matchLabels: {app: shop}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop, namespace: NS}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  minReplicas: 2
  maxReplicas: 4
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store, namespace: NS}
spec:
  serviceName: store
  replicas: 1
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: IMAGE, args: [serve, -listen, "5432/TCP", -control, none], ports: [{containerPort: 5432}]}]
---`

// bystander records every state that objects of a namespace have while something runs.
type bystander struct {
	mu     sync.Mutex
	faults []string
}

func (b *bystander) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// watch follows the pods and the endpoints of a namespace until the context ends: a probe pod must never be Ready, owned by a controller, or an
// endpoint that gets traffic.
func (b *bystander) watch(ctx context.Context, namespace string, real []string) *sync.WaitGroup {
	GinkgoHelper()
	pods, err := clientset.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	endpoints, err := clientset.DiscoveryV1().EndpointSlices(namespace).Watch(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	var all sync.WaitGroup
	all.Go(func() {
		for event := range pods.ResultChan() {
			pod, ok := event.Object.(*corev1.Pod)
			if !ok {
				continue
			}
			if pod.Labels[runner.LabelRun] == "" {
				if !slices.Contains(real, pod.Name) || event.Type == "DELETED" {
					b.fault("%s pod %s", event.Type, pod.Name)
				}
				continue
			}
			if owner := metav1.GetControllerOf(pod); owner != nil {
				b.fault("probe pod %s was adopted by %s %s", pod.Name, owner.Kind, owner.Name)
			}
			for _, condition := range pod.Status.Conditions {
				if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
					b.fault("probe pod %s became Ready", pod.Name)
				}
			}
		}
	})
	all.Go(func() {
		for event := range endpoints.ResultChan() {
			slice, ok := event.Object.(*discoveryv1.EndpointSlice)
			if !ok {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				ready := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
				if ready && endpoint.TargetRef != nil && !slices.Contains(real, endpoint.TargetRef.Name) {
					b.fault("%s got the ready endpoint %s", slice.Name, endpoint.TargetRef.Name)
				}
			}
		}
	})
	return &all
}

// state is all that must be as before: replicas, budgets, and the names of the pods.
func state(ctx context.Context, namespace string) string {
	GinkgoHelper()
	return shell(ctx, "kubectl get deploy,sts,rs,pdb,hpa -n "+namespace+` -o jsonpath='{range .items[*]}{.kind}/{.metadata.name} {.spec.replicas} {.status.replicas} {.status.readyReplicas} {.status.currentHealthy} {.status.desiredHealthy} {.status.expectedPods} {.status.disruptionsAllowed} {.status.desiredReplicas}{"\n"}{end}'
kubectl get pods -n `+namespace+` -o jsonpath='{range .items[*]}{.metadata.name} {.metadata.uid} {.status.containerStatuses[*].restartCount}{"\n"}{end}'`)
}

func podNames(ctx context.Context, namespace string) []string {
	GinkgoHelper()
	pods, err := clientset.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, pod := range pods.Items {
		names = append(names, pod.Name)
	}
	return names
}

var _ = Describe("podknock why as a guest", Serial, Label("full"), func() {
	It("leaves Deployments, StatefulSets, Services and budgets alone, though its pods have their labels", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.apply(ctx, &whyCase{manifests: production + whyPolicy("NS", "shop", `{podSelector: {matchLabels: {app: shop}}, ingress: [{from: [{podSelector: {matchLabels: {app: shop}}}, {podSelector: {matchLabels: {app: store}}}], ports: [{port: 8080}]}]}`) +
			whyPolicy("NS", "store", `{podSelector: {matchLabels: {app: store}}, ingress: [{from: [{podSelector: {matchLabels: {app: shop}}}]}]}`), unready: true})
		shell(ctx, w.words("kubectl rollout status -n NS deploy/shop --timeout=60s; kubectl rollout status -n NS sts/store --timeout=60s"))
		Eventually(ctx, func() string {
			return shell(ctx, w.words("kubectl get pdb -n NS -o jsonpath='{.items[*].status.disruptionsAllowed}'"))
		}).Should(Equal("1 1"))
		before := state(ctx, w.namespace)
		watching, stop := context.WithCancel(ctx)
		b := &bystander{}
		done := b.watch(watching, w.namespace, podNames(ctx, w.namespace))
		for _, question := range [][]string{{"NS/deploy/shop", "NS/sts/store:5432"}, {"NS/sts/store", "svc/NS/shop"}} {
			answer := askWhy(ctx, kubeconfig, w.words(question[0]), w.words(question[1]), "--yes", "--expect", "connected")
			Expect(answer.code).To(BeZero())
			Expect(answer.causes()).To(BeEmpty())
			Expect(answer.report.Doubles).NotTo(BeEmpty())
			var tolerated []string
			for _, double := range answer.report.Doubles {
				for _, one := range double.Identity.Tolerated {
					tolerated = append(tolerated, one.Object)
				}
			}
			Expect(tolerated).To(ContainElement("Service "+w.namespace+"/shop"), "what is tolerated is printed")
		}
		stop()
		done.Wait()
		Expect(b.faults).To(BeEmpty())
		Expect(state(ctx, w.namespace)).To(Equal(before))
		expectNothingLeft(ctx)
	}, SpecTimeout(whyTimeout))

	It("refuses labels that a DaemonSet or a Service of unready pods would take, and asks from within the pod instead", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.apply(ctx, &whyCase{manifests: `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: NS}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none], ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: eager, namespace: NS, labels: {app: eager}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none]}]
---
apiVersion: v1
kind: Service
metadata: {name: eager, namespace: NS}
spec: {publishNotReadyAddresses: true, selector: {app: eager}, ports: [{port: 80, targetPort: 8080}]}
---` + whyDB + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [agent]}]}}, {podSelector: {matchExpressions: [{key: app, operator: In, values: [eager]}]}}]}]}`), unready: true})
		shell(ctx, w.words("kubectl rollout status -n NS ds/agent --timeout=60s; kubectl wait -n NS --for=condition=Ready pod/db pod/eager --timeout=40s"))
		before := podNames(ctx, w.namespace)
		for _, source := range []string{"NS/ds/agent", "NS/eager"} {
			answer := askWhy(ctx, kubeconfig, w.words(source), w.words("NS/db:5432"), "--yes")
			Expect(answer.code).To(Equal(runner.ExitInconclusive))
			Expect(strings.Join(answer.report.Unknown, "\n")).To(ContainSubstring("--ephemeral"))
			Expect(podNames(ctx, w.namespace)).To(ConsistOf(before))
			answer = askWhy(ctx, kubeconfig, w.words(source), w.words("NS/db:5432"), "--yes", "--ephemeral", "--expect", "connected")
			Expect(answer.code).To(BeZero())
			Expect(answer.report.Wire).NotTo(BeEmpty())
		}
		expectNothingLeft(ctx)
	}, SpecTimeout(whyTimeout))

	It("gives up a probe pod into which something was injected", func(ctx SpecContext) {
		w := newWorld(ctx)
		shell(ctx, w.words(`kubectl label ns NS podknock-e2e-inject=yes
kubectl apply -f - <<'END'
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: NS}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  matchConditions: [{name: probe, expression: 'has(object.metadata.labels) && "podknock.dev/run" in object.metadata.labels'}]
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: '[JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{name: "injected", image: object.spec.containers[0].image}}]'
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: NS}
spec: {policyName: NS, matchResources: {namespaceSelector: {matchLabels: {podknock-e2e-inject: "yes"}}}}
END`))
		DeferCleanup(func(ctx SpecContext) {
			shell(ctx, w.words("kubectl delete mutatingadmissionpolicy,mutatingadmissionpolicybinding NS"))
		}, NodeTimeout(time.Minute))
		w.apply(ctx, &whyCase{manifests: whyPair})
		Eventually(ctx, func(g Gomega) {
			answer := askWhy(ctx, kubeconfig, w.words("NS/web"), w.words("NS/db:5432"), "--yes", "--expect", "connected")
			g.Expect(answer.code).To(Equal(runner.ExitInconclusive))
			g.Expect(strings.Join(answer.report.Unknown, "\n")).To(ContainSubstring("it has 2 containers instead of 1"))
			g.Expect(answer.causes()).To(Equal([]string{"test"}))
		}).WithTimeout(time.Minute).WithPolling(time.Second).Should(Succeed())
		expectNothingLeft(ctx)
	}, SpecTimeout(whyTimeout))

	It("needs no more than the rights of its documented roles", func(ctx SpecContext) {
		w := newWorld(ctx)
		roles, err := os.ReadFile("../runner/why/role.yaml")
		Expect(err).NotTo(HaveOccurred())
		shell(ctx, w.words("kubectl apply -n NS -f - <<'END'\n"+string(roles)+`
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: asker, namespace: NS}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: asker, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: podknock-why}
subjects: [{kind: ServiceAccount, namespace: NS, name: asker}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: podknock-why}
subjects: [{kind: ServiceAccount, namespace: NS, name: asker}]
END`))
		DeferCleanup(func(ctx SpecContext) {
			shell(ctx, w.words("kubectl delete clusterrolebinding NS; kubectl delete clusterrole podknock-why"))
		}, NodeTimeout(time.Minute))
		w.apply(ctx, &whyCase{manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`)})
		asker := kubeconfigOf(ctx, w.namespace, "asker")
		for _, how := range [][]string{{"--static"}, {"--yes"}, {"--yes", "--ephemeral"}} {
			answer := askWhy(ctx, asker, append([]string{w.words("NS/web"), w.words("svc/NS/db"), "--expect", "connected"}, how...)...)
			Expect(answer.code).To(BeZero(), "%v", how)
			Expect(strings.Join(answer.report.Unknown, "\n")).NotTo(ContainSubstring("could not be read"))
		}
		// With a disagreement a policy of its own is tried too.
		w.onNodes(ctx, &whyCase{node: letThrough})
		shell(ctx, w.words("kubectl delete networkpolicy -n NS db; kubectl apply -f - <<'END'\n"+whyPolicy("NS", "deny", denyIngress)+"\nEND"))
		Eventually(ctx, func(g Gomega) {
			answer := askWhy(ctx, asker, w.words("NS/web"), w.words("svc/NS/db"), "--yes")
			g.Expect(answer.code).To(Equal(runner.ExitMismatch))
			g.Expect(strings.Join(answer.report.Unknown, "\n")).NotTo(ContainSubstring("forbidden"))
		}).WithTimeout(time.Minute).WithPolling(time.Second).Should(Succeed())
		expectNothingLeft(ctx)
	}, SpecTimeout(whyTimeout))
})

// kubeconfigOf is a kubeconfig with the rights of a ServiceAccount.
func kubeconfigOf(ctx context.Context, namespace, name string) string {
	GinkgoHelper()
	token, err := clientset.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	config, err := clientcmd.LoadFromFile(kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	current := config.Contexts[config.CurrentContext]
	user := config.AuthInfos[current.AuthInfo].DeepCopy()
	user.ClientCertificate, user.ClientKey, user.ClientCertificateData, user.ClientKeyData, user.Token = "", "", nil, nil, token.Status.Token
	config.AuthInfos[current.AuthInfo] = user
	path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}
