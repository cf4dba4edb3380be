//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/podknock/podknock/runner"
)

// injector is a mutating webhook that changes every pod that is created in a namespace, as the injector of a mesh does.
type injector struct {
	patch  string
	called atomic.Int64
}

// ServeHTTP answers a review with the patch.
func (i *injector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	i.called.Add(1)
	review.Response = &admissionv1.AdmissionResponse{
		UID: review.Request.UID, Allowed: true, Patch: []byte(i.patch), PatchType: ptr.To(admissionv1.PatchTypeJSONPatch),
	}
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review) // to an API server that may have gone
}

// inject registers a webhook with a patch for the pods of a namespace, and waits until the API server calls it.
func inject(ctx context.Context, namespace, patch string) *injector {
	GinkgoHelper()
	hook := &injector{patch: patch}
	server := serveAPIServer("127.0.0.1", hook)
	configurations := clientset.AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration := &registrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Webhooks: []registrationv1.MutatingWebhook{{
			Name: "inject.example.org", AdmissionReviewVersions: []string{"v1"}, SideEffects: ptr.To(registrationv1.SideEffectClassNone),
			FailurePolicy: ptr.To(registrationv1.Fail), TimeoutSeconds: ptr.To[int32](5),
			ClientConfig: registrationv1.WebhookClientConfig{
				URL: ptr.To(server.URL), CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			Rules: []registrationv1.RuleWithOperations{{
				Operations: []registrationv1.OperationType{registrationv1.Create},
				Rule:       registrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}},
	}
	_, err := configurations.Create(ctx, configuration, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		Expect(configurations.Delete(ctx, namespace, metav1.DeleteOptions{})).To(Succeed())
	}, NodeTimeout(time.Minute))
	Eventually(ctx, func(g Gomega) {
		trial := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "trial", Labels: map[string]string{"app": "trial"}},
			Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "app", Image: *imageFlag}}, ReadinessGates: []corev1.PodReadinessGate{{ConditionType: "example.org/never"}},
			},
		}
		_, err := clientset.CoreV1().Pods(namespace).Create(ctx, trial, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(hook.called.Load()).To(BeNumerically(">", 0))
	}).WithTimeout(30 * time.Second).Should(Succeed())
	return hook
}

var _ = Describe("podknock why where admission changes pods", Serial, Label("full"), func() {
	DescribeTable("creates no probe pod that would not be what was ordered, and real pods notice nothing", func(ctx SpecContext, patch, says string) {
		if whyLab() == "" {
			Skip("it serves the API server from within its machine, which needs the lab")
		}
		w := worldOf(ctx, whyPair+whyPolicy("NS", "db", fromWeb)+whyPolicy("NS", "front", `{podSelector: {matchLabels: {tier: back}}, ingress: [{}]}`))
		hook := inject(ctx, w.namespace, patch)
		before := hook.called.Load()
		watching, stop := context.WithCancel(ctx)
		b := &bystander{}
		done := b.watch(watching, w.namespace, podNames(ctx, w.namespace))
		answer := askWhy(ctx, kubeconfig, w.words("NS/web"), w.words("svc/NS/db"), "--yes", "--expect", "connected")
		stop()
		done.Wait()
		Expect(hook.called.Load()).To(BeNumerically(">", before), "the probe pods went through the webhook")
		Expect(answer.code).To(Equal(runner.ExitInconclusive))
		Expect(strings.Join(answer.report.Unknown, "\n")).To(ContainSubstring(says))
		Expect(answer.causes()).To(Equal([]string{"test"}))
		Expect(b.found()).To(BeEmpty())
		Expect(b.probes.Load()).To(BeZero())
		expectNothingLeft(ctx)
	},
		Entry("a sidecar is injected", `[{"op": "add", "path": "/spec/containers/-", "value": {"name": "proxy", "image": "podknock.dev/agent:dev"}}]`,
			"it has 2 containers instead of 1", SpecTimeout(whyTimeout)),
		Entry("an init container is injected", `[{"op": "add", "path": "/spec/initContainers", "value": [{"name": "redirect", "image": "podknock.dev/agent:dev", "args": ["version"]}]}]`,
			"it has 2 containers instead of 1", SpecTimeout(whyTimeout)),
		Entry("the readiness gate is taken away", `[{"op": "remove", "path": "/spec/readinessGates"}]`, "its readiness gate is gone", SpecTimeout(whyTimeout)),
		Entry("a label is added that a policy looks at", `[{"op": "add", "path": "/metadata/labels/tier", "value": "back"}]`, "judges it unlike the pod", SpecTimeout(whyTimeout)),
		Entry("all labels are taken away, ours too", `[{"op": "add", "path": "/metadata/labels", "value": {"tier": "back"}}]`, "judges it unlike the pod", SpecTimeout(whyTimeout)),
	)
})
