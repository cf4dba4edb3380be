//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/runner"
)

// production is a Deployment and a StatefulSet as people run them, with all that counts their pods. Each has one budget: of several for one pod
// Kubernetes looks at any one, and the others stay as they are.
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
      affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: shop}}}}]}}
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
metadata: {name: store-share, namespace: NS}
spec: {maxUnavailable: 50%, selector: {matchLabels: {app: store}}}
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

// templateOf is a pod template with a label of the name.
func templateOf(name, restart string) string {
	return `{metadata: {labels: {app: ` + name + `}}, spec: {terminationGracePeriodSeconds: 0, restartPolicy: ` + restart +
		`, containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none], ports: [{containerPort: 8080}]}]}}`
}

// takers are what adopts a pod for its labels, sends it traffic though it is not ready, or fails where a pod lacks a container.
var takers = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: NS}
spec: {selector: {matchLabels: {app: agent}}, template: ` + templateOf("agent", "Always") + `}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: bareset, namespace: NS}
spec: {replicas: 1, selector: {matchLabels: {app: bareset}}, template: ` + templateOf("bareset", "Always") + `}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: oldset, namespace: NS}
spec: {replicas: 1, selector: {app: oldset}, template: ` + templateOf("oldset", "Always") + `}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: NS}
spec: {manualSelector: true, selector: {matchLabels: {app: once}}, template: ` + templateOf("once", "Never") + `}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: scaled, namespace: NS}
spec: {selector: {matchLabels: {app: scaled}}, template: ` + templateOf("scaled", "Always") + `}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: scaled, namespace: NS}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: scaled}
  maxReplicas: 4
  metrics: [{type: ContainerResource, containerResource: {container: app, name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
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
---`

// liveProduction sets production up, with policies that look at its labels, and waits until all of it is counted.
func liveProduction(ctx context.Context) *whyWorld {
	GinkgoHelper()
	w := newWorld(ctx)
	w.apply(ctx, &whyCase{manifests: production + whyPolicy("NS", "shop", `{podSelector: {matchLabels: {app: shop}}, ingress: [{from: [{podSelector: {matchLabels: {app: shop}}}, {podSelector: {matchLabels: {app: store}}}], ports: [{port: 8080}]}]}`) +
		whyPolicy("NS", "store", `{podSelector: {matchLabels: {app: store}}, ingress: [{from: [{podSelector: {matchLabels: {app: shop}}}]}]}`), unready: true})
	shell(ctx, w.words("kubectl rollout status -n NS deploy/shop --timeout=60s; kubectl rollout status -n NS sts/store --timeout=60s"))
	Eventually(ctx, func() string {
		return shell(ctx, w.words("kubectl get pdb -n NS -o jsonpath='{.items[*].status.disruptionsAllowed}'"))
	}).Should(Equal("1 1"))
	return w
}

// holding stops `podknock why` while its probe pods stand, does something meanwhile, and lets it go on to its end.
func holding(ctx context.Context, meanwhile func(), args ...string) {
	GinkgoHelper()
	command := exec.CommandContext(ctx, abs(*podknockFlag), append([]string{"why", "--kubeconfig", kubeconfig, "--image", *imageFlag, "--yes"}, args...)...)
	progress, err := command.StderrPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(command.Start()).To(Succeed())
	held := false
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		if lines.Text() != "asking the wire" {
			continue
		}
		held = true
		Expect(command.Process.Signal(syscall.SIGSTOP)).To(Succeed())
		meanwhile()
		Expect(command.Process.Signal(syscall.SIGCONT)).To(Succeed())
	}
	_ = command.Wait() // that its questions have expired meanwhile is no matter
	Expect(held).To(BeTrue())
}

// bystander records every state that objects of a namespace have while something runs.
type bystander struct {
	// probes counts the events of probe pods.
	probes atomic.Int64
	mu     sync.Mutex
	faults []string
}

func (b *bystander) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// found are the faults so far.
func (b *bystander) found() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.faults)
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
			b.probes.Add(1)
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
		w := liveProduction(ctx)
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
		holding(ctx, func() {
			Consistently(ctx, b.found).WithTimeout(5*time.Second).WithPolling(100*time.Millisecond).Should(BeEmpty(), "controllers get time to make mistakes")
		}, w.words("NS/deploy/shop"), w.words("NS/sts/store:5432"))
		stop()
		done.Wait()
		Expect(b.found()).To(BeEmpty())
		Expect(b.probes.Load()).To(BeNumerically(">", 0))
		Expect(state(ctx, w.namespace)).To(Equal(before))
		expectNothingLeft(ctx)
	}, SpecTimeout(whyTimeout))

	It("refuses labels that a controller, a Service of unready pods or an autoscaler of one container would take, and asks from within the pod instead", func(ctx SpecContext) {
		w := newWorld(ctx)
		sources := []string{"ds/agent", "rs/bareset", "rc/oldset", "job/once", "deploy/scaled", "eager"}
		var peers []string
		for _, source := range sources {
			peers = append(peers, "{podSelector: {matchExpressions: [{key: app, operator: In, values: ["+path.Base(source)+"]}]}}")
		}
		w.apply(ctx, &whyCase{manifests: takers + whyDB + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [`+strings.Join(peers, ", ")+`]}]}`), unready: true})
		Eventually(ctx, func() []string { return podNames(ctx, w.namespace) }).Should(HaveLen(2+len(sources)), "a DaemonSet has a pod on each of two nodes")
		shell(ctx, w.words("kubectl wait -n NS --for=condition=Ready pod --all --timeout=60s"))
		before := podNames(ctx, w.namespace)
		for _, source := range sources {
			answer := askWhy(ctx, kubeconfig, w.words("NS/"+source), w.words("NS/db:5432"), "--yes")
			Expect(answer.code).To(Equal(runner.ExitInconclusive))
			Expect(strings.Join(answer.report.Unknown, "\n")).To(ContainSubstring("--ephemeral"))
			Expect(podNames(ctx, w.namespace)).To(ConsistOf(before))
			answer = askWhy(ctx, kubeconfig, w.words("NS/"+source), w.words("NS/db:5432"), "--yes", "--ephemeral", "--expect", "connected")
			Expect(answer.code).To(BeZero())
			Expect(answer.report.Wire).NotTo(BeEmpty())
		}
		expectNothingLeft(ctx)
	}, SpecTimeout(whyTimeout))
})
