package diagnose_test

import (
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/runner/diagnose/identity"
	"github.com/podknock/podknock/scenarios/policy"
)

// TestWhatMatchesADouble holds the rows of what a pod with production's labels would trigger: each object alone beside a policy that looks at the
// very same label, so that no other labels do.
func TestWhatMatchesADouble(t *testing.T) {
	meta, selector := metav1.ObjectMeta{Namespace: "shop", Name: "x"}, &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}
	hashed := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db", "pod-template-hash": "abc"}}
	deployed := func(s *diagnose.Snapshot) {
		s.Deployments = []appsv1.Deployment{{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: selector}}}
		s.ReplicaSets = []appsv1.ReplicaSet{{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Selector: hashed}}}
	}
	scaled := func(metric autoscalingv2.MetricSourceType) func(*diagnose.Snapshot) {
		return func(s *diagnose.Snapshot) {
			deployed(s)
			s.Autoscalers = []autoscalingv2.HorizontalPodAutoscaler{{ObjectMeta: meta, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
				ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "x"}, Metrics: []autoscalingv2.MetricSpec{{Type: metric}},
			}}}
		}
	}
	for _, row := range []struct {
		name   string
		add    func(s *diagnose.Snapshot)
		way    identity.Way
		object string
	}{
		{"a ReplicaSet without the hash of a template", func(s *diagnose.Snapshot) {
			s.ReplicaSets = []appsv1.ReplicaSet{{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Selector: selector}}}
		}, identity.WayRefused, "ReplicaSet shop/x"},
		{"a ReplicationController", func(s *diagnose.Snapshot) {
			s.Controllers = []corev1.ReplicationController{{ObjectMeta: meta, Spec: corev1.ReplicationControllerSpec{Selector: selector.MatchLabels}}}
		}, identity.WayRefused, "ReplicationController shop/x"},
		{"a DaemonSet", func(s *diagnose.Snapshot) {
			s.DaemonSets = []appsv1.DaemonSet{{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector}}}
		}, identity.WayRefused, "DaemonSet shop/x"},
		{"a Job", func(s *diagnose.Snapshot) {
			s.Jobs = []batchv1.Job{{ObjectMeta: meta, Spec: batchv1.JobSpec{Selector: selector}}}
		}, identity.WayRefused, "Job shop/x"},
		{"a Service that publishes addresses that are not ready", func(s *diagnose.Snapshot) {
			s.Services[0].Spec.PublishNotReadyAddresses = true
		}, identity.WayRefused, "Service shop/db"},
		{"an autoscaler by the resources of a container", scaled(autoscalingv2.ContainerResourceMetricSourceType), identity.WayRefused, "HorizontalPodAutoscaler shop/x"},

		{"a Deployment's ReplicaSet, whose hash is left out", deployed, identity.WayTolerated, "Service shop/db"},
		{"a Service", func(*diagnose.Snapshot) {}, identity.WayTolerated, "Service shop/db"},
		{"a StatefulSet, which adopts by name", func(s *diagnose.Snapshot) {
			s.StatefulSets = []appsv1.StatefulSet{{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: selector}}}
		}, identity.WayTolerated, "StatefulSet shop/x"},
		{"a disruption budget", func(s *diagnose.Snapshot) {
			s.Budgets = []policyv1.PodDisruptionBudget{{ObjectMeta: meta, Spec: policyv1.PodDisruptionBudgetSpec{Selector: selector}}}
		}, identity.WayTolerated, "PodDisruptionBudget shop/x"},
		{"a disruption budget of all pods", func(s *diagnose.Snapshot) {
			s.Budgets = []policyv1.PodDisruptionBudget{{ObjectMeta: meta, Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{}}}}
		}, identity.WayTolerated, "PodDisruptionBudget shop/x"},
		{"an autoscaler by resources", scaled(autoscalingv2.ResourceMetricSourceType), identity.WayTolerated, "HorizontalPodAutoscaler shop/x"},
		{"a spread of pods", func(s *diagnose.Snapshot) {
			s.Pods[1].Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{LabelSelector: selector}}
		}, identity.WayTolerated, "topology spread shop/db"},
		{"an anti-affinity of pods of another namespace", func(s *diagnose.Snapshot) {
			other := newPod("other", "y", "node-1", "10.1.0.8", "app=y")
			other.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{LabelSelector: selector, Namespaces: []string{"shop"}}},
			}}
			s.Pods = append(s.Pods, other)
		}, identity.WayTolerated, "pod affinity other/y"},

		{"no object but policies", func(s *diagnose.Snapshot) { s.Services = nil }, identity.WaySynthesized, ""},
		{"objects of another namespace", func(s *diagnose.Snapshot) {
			s.Services[0].Namespace = "other"
			s.Jobs = []batchv1.Job{{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: "x"}, Spec: batchv1.JobSpec{Selector: selector}}}
		}, identity.WaySynthesized, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			w.policy("shop", "db", fromWeb)
			row.add(w.Snapshot)
			db := w.pod("db")
			demands, err := w.Snapshot.Demands(db)
			g.Expect(err).NotTo(HaveOccurred())
			got := identity.Judge(db.Labels, map[string]string{"podknock.dev/run": "r"}, demands)
			g.Expect(got.Way).To(Equal(row.way), "%+v", got)
			switch row.way {
			case identity.WayRefused:
				g.Expect(got.Obstacles).To(ContainElement(HavePrefix(row.object)))
			case identity.WayTolerated:
				g.Expect(got.Tolerated).To(ContainElement(HaveField("Object", row.object)))
				g.Expect(got.Labels).To(Equal(map[string]string{"app": "db"}))
			}
		})
	}
}

func TestPoliciesOfOtherAPIsHaveToJudgeADoubleAlike(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.Snapshot.Services = nil
	w.Snapshot.Others = []diagnose.OtherPolicy{{Kind: "CiliumNetworkPolicy", Namespace: "shop", Name: "x", Selects: []diagnose.PodSelection{{
		Pods: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}},
	}}}}
	demands, err := w.Snapshot.Demands(w.pod("db"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(identity.Judge(w.pod("db").Labels, nil, demands).Labels).To(Equal(map[string]string{"app": "db"}))
	g.Expect(identity.Judge(w.pod("web").Labels, nil, demands).Labels).To(Equal(map[string]string{"app": "web"}))
}

func TestASelectorThatCannotBeReadMakesNothingSafe(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.Snapshot.Budgets = []policyv1.PodDisruptionBudget{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "x"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}},
	}}
	_, err := w.Snapshot.Demands(w.Snapshot.Pod(policy.Pod("shop", "db")))
	g.Expect(err).To(MatchError(ContainSubstring("PodDisruptionBudget shop/x")))
}
