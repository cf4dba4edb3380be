//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/runner"
)

// metricsAPI is a stub of metrics.k8s.io. Pods of a ReplicaSet use half of the 10m of processor that they request, all others a hundred times that:
// whoever counts one of those notices.
type metricsAPI struct {
	// probed counts the answers in which probe pods were.
	probed atomic.Int64
}

// ServeHTTP answers discovery and lists of the metrics of a namespace's pods.
func (m *metricsAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const root = "/apis/metrics.k8s.io/v1beta1"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "metrics.k8s.io/v1beta1",
			APIResources: []metav1.APIResource{{Name: "pods", Namespaced: true, Kind: "PodMetrics", Verbs: metav1.Verbs{"get", "list"}}},
		})
	})
	mux.HandleFunc("GET "+root+"/namespaces/{namespace}/pods", func(w http.ResponseWriter, r *http.Request) {
		pods, err := clientset.CoreV1().Pods(r.PathValue("namespace")).List(r.Context(), metav1.ListOptions{LabelSelector: r.URL.Query().Get("labelSelector")})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		writeJSON(w, m.list(pods.Items))
	})
	mux.ServeHTTP(w, r)
}

func writeJSON(w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object) // to an API server that may have gone
}

// list is a PodMetricsList.
func (m *metricsAPI) list(pods []corev1.Pod) map[string]any {
	items, probed := []any{}, false
	for i := range pods {
		pod, cpu := &pods[i], "1"
		if owner := metav1.GetControllerOf(pod); owner != nil {
			cpu = "5m"
		}
		probed = probed || pod.Labels[runner.LabelRun] != ""
		var containers []any
		for _, container := range pod.Spec.Containers {
			containers = append(containers, map[string]any{"name": container.Name, "usage": map[string]string{"cpu": cpu, "memory": "8Mi"}})
		}
		items = append(items, map[string]any{
			"metadata":  map[string]any{"name": pod.Name, "namespace": pod.Namespace, "labels": pod.Labels},
			"timestamp": time.Now().UTC().Format(time.RFC3339), "window": "1s", "containers": containers,
		})
	}
	if probed {
		m.probed.Add(1)
	}
	return map[string]any{"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": map[string]any{}, "items": items}
}

// serveMetrics registers the stub as the cluster's metrics API.
func serveMetrics(ctx context.Context, w *whyWorld) *metricsAPI {
	GinkgoHelper()
	stub := &metricsAPI{}
	server := serveAPIServer(controlPlane, stub)
	port := server.Listener.Addr().(*net.TCPAddr).Port
	// The API server dials what an EndpointSlice says, and its own machine's address may stand there.
	w.add(ctx, `
apiVersion: v1
kind: Service
metadata: {name: metrics, namespace: NS}
spec: {ipFamilies: [IPv4], ports: [{port: 443, targetPort: `+strconv.Itoa(port)+`}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: metrics, namespace: NS, labels: {kubernetes.io/service-name: metrics}}
addressType: IPv4
ports: [{port: `+strconv.Itoa(port)+`}]
endpoints: [{addresses: ["`+controlPlane+`"], conditions: {ready: true}}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {namespace: NS, name: metrics, port: 443}`)
	DeferCleanup(func(ctx SpecContext) { shell(ctx, "kubectl delete apiservice v1beta1.metrics.k8s.io") }, NodeTimeout(time.Minute))
	shell(ctx, "kubectl wait --for=condition=Available apiservice/v1beta1.metrics.k8s.io --timeout=60s")
	return stub
}

// utilization is the average that the autoscaler last saw, in percent of the requests; -1 if it saw none.
func utilization(scaler *autoscalingv2.HorizontalPodAutoscaler) int32 {
	for _, metric := range scaler.Status.CurrentMetrics {
		if metric.Resource != nil && metric.Resource.Current.AverageUtilization != nil {
			return *metric.Resource.Current.AverageUtilization
		}
	}
	return -1
}

var _ = Describe("podknock why beside an autoscaler", Serial, Label("full"), func() {
	It("does not change the average that it sees, though its pods are among those that are measured", func(ctx SpecContext) {
		if whyLab() == "" {
			Skip("it serves the API server from within its machine, which needs the lab")
		}
		w := liveProduction(ctx)
		stub := serveMetrics(ctx, w)
		scalers := clientset.AutoscalingV2().HorizontalPodAutoscalers(w.namespace)
		get := func(g Gomega) *autoscalingv2.HorizontalPodAutoscaler {
			scaler, err := scalers.Get(ctx, "shop", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			return scaler
		}
		// It looks every 15 s.
		Eventually(ctx, func(g Gomega) { g.Expect(utilization(get(g))).To(Equal(int32(50))) }).WithTimeout(75 * time.Second).Should(Succeed())

		before := state(ctx, w.namespace)
		holding(ctx, func() {
			Eventually(ctx, func(g Gomega) {
				g.Expect(stub.probed.Load()).To(BeNumerically(">=", 2), "what the first answer led to is written before the second is asked for")
			}).WithTimeout(75 * time.Second).Should(Succeed())
			scaler := get(Default)
			Expect(utilization(scaler)).To(Equal(int32(50)))
			Expect(scaler.Status.DesiredReplicas).To(Equal(int32(2)))
		}, w.words("NS/deploy/shop"), w.words("NS/sts/store:5432"))
		Expect(state(ctx, w.namespace)).To(Equal(before))
		expectNothingLeft(ctx)

		By("seeing that a pod with those labels that is Ready does change it")
		w.add(ctx, `
apiVersion: v1
kind: Pod
metadata: {name: greedy, namespace: NS, labels: {app: shop}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none], resources: {requests: {cpu: 10m, memory: 16Mi}}}]`)
		Eventually(ctx, func(g Gomega) { g.Expect(utilization(get(g))).To(BeNumerically(">", 1000)) }).WithTimeout(75 * time.Second).Should(Succeed())
	}, SpecTimeout(5*time.Minute))
})
