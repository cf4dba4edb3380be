//go:build e2e

package e2e

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// agentContainer is the name of the agent's container in every pod.
const agentContainer = "agent"

// newNamespace makes a namespace that the spec removes, for pods of a level
// of the Pod Security Standards.
func newNamespace(ctx context.Context, level string) string {
	GinkgoHelper()
	namespace, err := clientset.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "podknock-e2e-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": level},
	}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		Expect(clientset.CoreV1().Namespaces().Delete(ctx, namespace.Name, metav1.DeleteOptions{})).To(Succeed())
	}, NodeTimeout(time.Minute))
	return namespace.Name
}

// agentPod is a pod that answers on 8080/TCP and 8080/UDP with its identity.
func agentPod(namespace, name, node string) *corev1.Pod {
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"name": name}},
		Spec: corev1.PodSpec{
			NodeName:                      node,
			AutomountServiceAccountToken:  new(false),
			TerminationGracePeriodSeconds: new(int64(0)),
			Containers: []corev1.Container{{
				Name: agentContainer, Image: *imageFlag, ImagePullPolicy: corev1.PullIfNotPresent,
				Args: []string{"serve", "-listen", "8080/TCP,8080/UDP", "-control", "none"},
				Env: []corev1.EnvVar{
					field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace"),
					field("POD_UID", "metadata.uid"), field("NODE_NAME", "spec.nodeName"),
				},
			}},
		},
	}
}

// runPods makes pods and returns them, Ready, in the same order.
func runPods(ctx context.Context, pods ...*corev1.Pod) []*corev1.Pod {
	GinkgoHelper()
	for _, pod := range pods {
		_, err := clientset.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
	}
	running := make([]*corev1.Pod, len(pods))
	for i, pod := range pods {
		Eventually(ctx, func(g Gomega) {
			current, err := clientset.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(current.Status.Conditions).To(ContainElement(And(
				HaveField("Type", corev1.PodReady), HaveField("Status", corev1.ConditionTrue))))
			running[i] = current
		}).Should(Succeed())
	}
	return running
}

// nodeNames returns the names of the cluster's nodes, in order.
func nodeNames(ctx context.Context) []string {
	GinkgoHelper()
	nodes, err := clientset.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, node := range nodes.Items {
		names = append(names, node.Name)
	}
	return names
}
