package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

var testNow = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func testOptions() Options {
	return Options{Run: "run1", Token: "secret", Owner: "alice@example.org", Process: "host/1", Expires: testNow.Add(time.Hour), Image: "agent:1"}
}

func testOrder() runner.PodOrder {
	return runner.PodOrder{
		PodObject: scenarios.PodObject{
			Logical: "web", Meta: metav1.ObjectMeta{Namespace: "ns", Name: "web", Labels: map[string]string{"app": "web", runner.LabelRun: "forged"}},
			Ports: []corev1.ContainerPort{{ContainerPort: 80, Protocol: corev1.ProtocolTCP}, {ContainerPort: 53, Protocol: corev1.ProtocolUDP}},
		},
		Scenario: "story", Namespaces: []string{"ns"},
	}
}

func TestAProbePodIsAGoodGuest(t *testing.T) {
	g := NewWithT(t)
	options := testOptions()
	pod := newPod(testOrder(), &options, metav1.OwnerReference{Name: "podknock-run1"}, testNow)
	g.Expect(pod.Labels).To(HaveKeyWithValue("app", "web"))
	g.Expect(pod.Labels).To(HaveKeyWithValue(runner.LabelRun, "run1"), "a scenario cannot forge the run")
	g.Expect(pod.Labels).To(HaveKeyWithValue(LabelOwner, "alice.example.org"))
	g.Expect(pod.Labels).To(HaveKeyWithValue(LabelExpires, "1767229200"))
	g.Expect(pod.OwnerReferences).To(HaveLen(1))
	spec := pod.Spec
	g.Expect(*spec.ActiveDeadlineSeconds).To(BeEquivalentTo(3600))
	g.Expect(*spec.AutomountServiceAccountToken).To(BeFalse())
	g.Expect(spec.ServiceAccountName).To(Equal("podknock-run1"))
	g.Expect(*spec.SecurityContext.RunAsNonRoot).To(BeTrue())
	g.Expect(spec.SecurityContext.SeccompProfile.Type).To(Equal(corev1.SeccompProfileTypeRuntimeDefault))
	g.Expect(spec.SecurityContext.Sysctls).To(ConsistOf(corev1.Sysctl{Name: "net.ipv4.ip_unprivileged_port_start", Value: "0"}))
	g.Expect(spec.Volumes).To(BeEmpty())
	container := spec.Containers[0]
	g.Expect(container.SecurityContext.Capabilities.Drop).To(ConsistOf(corev1.Capability("ALL")))
	g.Expect(*container.SecurityContext.AllowPrivilegeEscalation).To(BeFalse())
	g.Expect(container.Resources.Requests).To(And(HaveKey(corev1.ResourceCPU), HaveKey(corev1.ResourceMemory)))
	g.Expect(container.Resources.Limits).To(And(HaveKey(corev1.ResourceCPU), HaveKey(corev1.ResourceMemory)))
	g.Expect(container.Args).To(Equal([]string{"serve", "-listen=80/TCP,53/UDP", "-control=127.0.0.1:7665"}))
	g.Expect(spec.ReadinessGates).To(BeEmpty())
}

func TestAProbePodAmongOthersIsNeverReady(t *testing.T) {
	options, order := testOptions(), testOrder()
	order.AmongOthers = true
	pod := newPod(order, &options, metav1.OwnerReference{}, testNow)
	NewWithT(t).Expect(pod.Spec.ReadinessGates).To(ConsistOf(corev1.PodReadinessGate{ConditionType: readinessNever}))
}

func TestTheControlPortAvoidsThePortsUnderTest(t *testing.T) {
	g := NewWithT(t)
	order := testOrder()
	order.Ports = append(order.Ports, corev1.ContainerPort{ContainerPort: controlPort}, corev1.ContainerPort{ContainerPort: controlPort + 1})
	g.Expect(controlPortOf(order)).To(BeEquivalentTo(controlPort + 2))
	first, second := testOrder(), testOrder()
	first.HostNetwork, second.HostNetwork = true, true
	second.Meta.Name = "db"
	g.Expect(controlPortOf(first)).NotTo(Equal(controlPortOf(second)), "pods in the network of one node share its ports")
}

func TestPlacementFollowsTheScenario(t *testing.T) {
	g := NewWithT(t)
	options, order := testOptions(), testOrder()
	order.SameNodeAs, order.OtherNodeThan = "db", "client"
	affinity := placement(order, &options)
	beside := affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	g.Expect(beside).To(HaveLen(1))
	g.Expect(beside[0].LabelSelector.MatchLabels).To(Equal(map[string]string{
		runner.LabelRun: "run1", runner.LabelScenario: "story", labelPod: "db",
	}))
	apart := affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	g.Expect(apart[0].LabelSelector.MatchLabels).To(HaveKeyWithValue(labelPod, "client"))
	g.Expect(apart[0].Namespaces).To(Equal([]string{"ns"}))
}

func TestStartProblemExplainsPodsThatCannotStart(t *testing.T) {
	waiting := func(reason, message string) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "agent", Image: "agent:1", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
		}}}}
	}
	unscheduled := func(since time.Duration) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/2 nodes are available",
			LastTransitionTime: metav1.NewTime(testNow.Add(-since)),
		}}}}
	}
	rows := map[string]struct {
		pod     *corev1.Pod
		problem string
		again   time.Duration
	}{
		"an image that does not come":           {waiting("ImagePullBackOff", "Back-off pulling image"), `the image "agent:1": ImagePullBackOff: Back-off`, 0},
		"an image that may not be pulled":       {waiting("ErrImageNeverPull", ""), "ErrImageNeverPull", 0},
		"a container that cannot be configured": {waiting("CreateContainerConfigError", "secret not found"), "secret not found", 0},
		"a container that ends again and again": {waiting("CrashLoopBackOff", ""), "ends again and again", 0},
		"a pod that no node takes":              {unscheduled(time.Minute), "no node takes it: 0/2 nodes", 0},
		"a pod that the kubelet refuses":        {&corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "SysctlForbidden"}}, "SysctlForbidden", 0},
		"a pod that was deleted":                {&corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}}}, "deleted", 0},
		"a pod that waits for another's node":   {unscheduled(unschedulableGrace - time.Second), "", time.Second},
		"an image that is pulled a second time": {waiting("ErrImagePull", "timeout"), "", 0},
		"a container that is being created":     {waiting("ContainerCreating", ""), "", 0},
		"a pod that the scheduler has not seen": {&corev1.Pod{}, "", 0},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			problem, again := startProblem(row.pod, testNow)
			if row.problem == "" {
				g.Expect(problem).To(BeEmpty())
			}
			g.Expect(problem).To(ContainSubstring(row.problem))
			g.Expect(again).To(Equal(row.again))
		})
	}
}

func TestTemporaryErrors(t *testing.T) {
	resource := schema.GroupResource{Resource: "pods"}
	rows := map[string]struct {
		err  error
		want bool
	}{
		"forbidden, such as by a quota": {apierrors.NewForbidden(resource, "x", errors.New("exceeded quota")), false},
		"the caller has given up":       {context.Canceled, false},
		"not found":                     {apierrors.NewNotFound(resource, "x"), false},
		"too many requests":             {apierrors.NewTooManyRequests("later", 1), true},
		"an internal error":             {apierrors.NewInternalError(errors.New("etcd")), true},
		"the service is unavailable":    {apierrors.NewServiceUnavailable("x"), true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(temporary(row.err)).To(Equal(row.want)) })
	}
}
