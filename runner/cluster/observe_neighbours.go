package cluster

import (
	"context"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	appsclient "k8s.io/client-go/kubernetes/typed/apps/v1"

	"github.com/podknock/podknock/runner/diagnose"
)

// observeWorkloads reads what is looked at in the whole cluster beside pods: the agents of the network, and webhooks.
func (c *Cluster) observeWorkloads(o *observer, apps appsclient.AppsV1Interface, s *diagnose.Snapshot) {
	reads(o, "daemonsets", optional, apps.DaemonSets("").List,
		func(l *appsv1.DaemonSetList) ([]appsv1.DaemonSet, string) { return l.Items, l.Continue }, func(i []appsv1.DaemonSet) { s.DaemonSets = i })
	webhooks := c.client.AdmissionregistrationV1()
	reads(o, "validatingwebhookconfigurations", optional, webhooks.ValidatingWebhookConfigurations().List,
		func(l *admissionv1.ValidatingWebhookConfigurationList) ([]admissionv1.ValidatingWebhookConfiguration, string) {
			return l.Items, l.Continue
		}, func(i []admissionv1.ValidatingWebhookConfiguration) { s.Validating = i })
	reads(o, "mutatingwebhookconfigurations", optional, webhooks.MutatingWebhookConfigurations().List,
		func(l *admissionv1.MutatingWebhookConfigurationList) ([]admissionv1.MutatingWebhookConfiguration, string) {
			return l.Items, l.Continue
		}, func(i []admissionv1.MutatingWebhookConfiguration) { s.Mutating = i })
}

// ObserveNeighbours reads everything in some namespaces that selects pods, or else is changed by pods with their labels. Nothing of it may be
// left out: a probe pod that an unseen controller adopts would cost a real pod.
func (c *Cluster) ObserveNeighbours(ctx context.Context, s *diagnose.Snapshot, namespaces ...string) error {
	o := newObserver(ctx, s)
	core, apps := c.client.CoreV1(), c.client.AppsV1()
	for _, name := range namespaces {
		reads(o, "replicasets", required, apps.ReplicaSets(name).List,
			func(l *appsv1.ReplicaSetList) ([]appsv1.ReplicaSet, string) { return l.Items, l.Continue },
			func(i []appsv1.ReplicaSet) { s.ReplicaSets = append(s.ReplicaSets, i...) })
		reads(o, "replicationcontrollers", required, core.ReplicationControllers(name).List,
			func(l *corev1.ReplicationControllerList) ([]corev1.ReplicationController, string) {
				return l.Items, l.Continue
			},
			func(i []corev1.ReplicationController) { s.Controllers = append(s.Controllers, i...) })
		reads(o, "deployments", required, apps.Deployments(name).List,
			func(l *appsv1.DeploymentList) ([]appsv1.Deployment, string) { return l.Items, l.Continue },
			func(i []appsv1.Deployment) { s.Deployments = append(s.Deployments, i...) })
		// Those of the whole cluster may not have been readable.
		reads(o, "daemonsets", required, apps.DaemonSets(name).List,
			func(l *appsv1.DaemonSetList) ([]appsv1.DaemonSet, string) { return l.Items, l.Continue },
			func(i []appsv1.DaemonSet) { s.DaemonSets = withoutTwins(append(s.DaemonSets, i...)) })
		reads(o, "statefulsets", required, apps.StatefulSets(name).List,
			func(l *appsv1.StatefulSetList) ([]appsv1.StatefulSet, string) { return l.Items, l.Continue },
			func(i []appsv1.StatefulSet) { s.StatefulSets = append(s.StatefulSets, i...) })
		reads(o, "jobs", required, c.client.BatchV1().Jobs(name).List,
			func(l *batchv1.JobList) ([]batchv1.Job, string) { return l.Items, l.Continue },
			func(i []batchv1.Job) { s.Jobs = append(s.Jobs, i...) })
		reads(o, "poddisruptionbudgets", required, c.client.PolicyV1().PodDisruptionBudgets(name).List,
			func(l *policyv1.PodDisruptionBudgetList) ([]policyv1.PodDisruptionBudget, string) {
				return l.Items, l.Continue
			},
			func(i []policyv1.PodDisruptionBudget) { s.Budgets = append(s.Budgets, i...) })
		reads(o, "horizontalpodautoscalers", required, c.client.AutoscalingV2().HorizontalPodAutoscalers(name).List,
			func(l *autoscalingv2.HorizontalPodAutoscalerList) ([]autoscalingv2.HorizontalPodAutoscaler, string) {
				return l.Items, l.Continue
			},
			func(i []autoscalingv2.HorizontalPodAutoscaler) { s.Autoscalers = append(s.Autoscalers, i...) })
	}
	return o.group.Wait()
}

// withoutTwins keeps the first of each DaemonSet.
func withoutTwins(sets []appsv1.DaemonSet) []appsv1.DaemonSet {
	seen := map[string]bool{}
	var kept []appsv1.DaemonSet
	for _, set := range sets {
		if key := set.Namespace + "/" + set.Name; !seen[key] {
			seen[key] = true
			kept = append(kept, set)
		}
	}
	return kept
}
