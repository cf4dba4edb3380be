package nightly

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func options(change func(*Options)) Options {
	o := Options{
		Name: "nightly", Namespace: "podknock", Schedule: "17 2 * * *", Command: []string{"verify"}, Image: "podknock:dev", AgentImage: "agent:dev",
		Reserve: 2, Deadline: 30 * time.Minute, Keep: 30,
	}
	if change != nil {
		change(&o)
	}
	return o
}

// pick are the objects of one type.
func pick[T runtime.Object](objects []runtime.Object) []T {
	var picked []T
	for _, object := range objects {
		if o, ok := object.(T); ok {
			picked = append(picked, o)
		}
	}
	return picked
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"a name that no object has", func(o *Options) { o.Name = "Nightly" }, `series "Nightly"`},
		{"a namespace that leaves no room for its reserve", func(o *Options) { o.Namespace = "a-very-long-name-of-a-namespace-that-leaves-no-room-at-all-for-more" }, "at most 52"},
		{"half a schedule", func(o *Options) { o.Schedule = "17 2" }, "write the five fields of cron"},
		{"no namespace to test in", func(o *Options) { o.Reserve = 0 }, "write a number from 1 to 99"},
		{"a deadline that nothing meets", func(o *Options) { o.Deadline = time.Second }, "write at least 1m"},
		{"no record to compare with", func(o *Options) { o.Keep = 0 }, "write a number above 0"},
		{"nothing to run", func(o *Options) { o.Command = nil }, "nothing to run"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Objects(options(test.change))
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(test.want)))
		})
	}
}

func TestByDefaultNothingInTheClusterCanBeChanged(t *testing.T) {
	g := NewWithT(t)
	objects, err := Objects(options(nil))
	g.Expect(err).NotTo(HaveOccurred())
	for _, role := range pick[*rbacv1.ClusterRole](objects) {
		for _, rule := range role.Rules {
			g.Expect(rule.Verbs).To(HaveEach(BeElementOf("get", "list", "watch")), "%v", rule)
		}
	}
	var namespaces []string
	for _, role := range pick[*rbacv1.Role](objects) {
		namespaces = append(namespaces, role.Namespace)
		for _, rule := range role.Rules {
			g.Expect(rule.Verbs).NotTo(ContainElement("*"))
			g.Expect(rule.Resources).NotTo(ContainElement(BeElementOf("*", "pods/exec", "secrets", "roles", "rolebindings")))
			if slices.Contains(rule.Resources, "namespaces") {
				g.Expect(rule.Verbs).To(ConsistOf("get", "patch"), "namespaces of the reserve stay")
			}
		}
	}
	g.Expect(namespaces).To(ConsistOf("podknock", "podknock-nightly-1", "podknock-nightly-2"))
	for _, namespace := range pick[*corev1.Namespace](objects)[1:] {
		g.Expect(namespace.Labels).NotTo(HaveKey(HavePrefix("app.kubernetes.io/")), "by which policies know namespaces")
	}
}

func TestDynamicNamespacesNeedNoReserve(t *testing.T) {
	g := NewWithT(t)
	objects, err := Objects(options(func(o *Options) { o.Dynamic = true }))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(pick[*corev1.Namespace](objects)).To(HaveLen(1))
	g.Expect(pick[*rbacv1.ClusterRole](objects)[0].Rules).To(ContainElement(And(
		HaveField("Resources", ContainElement("namespaces")), HaveField("Verbs", ContainElement("create")))))
	g.Expect(pick[*batchv1.CronJob](objects)[0].Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args).NotTo(ContainElement(HavePrefix("--reserve")))
}

func TestTheJobNeverRunsTwiceAndNeverForEver(t *testing.T) {
	g := NewWithT(t)
	objects, err := Objects(options(nil))
	g.Expect(err).NotTo(HaveOccurred())
	job := pick[*batchv1.CronJob](objects)[0]
	g.Expect(job.Spec.ConcurrencyPolicy).To(Equal(batchv1.ForbidConcurrent))
	g.Expect(*job.Spec.JobTemplate.Spec.BackoffLimit).To(BeZero())
	g.Expect(*job.Spec.JobTemplate.Spec.ActiveDeadlineSeconds).To(BeNumerically(">", int64((30*time.Minute).Seconds())), "the run ends by itself before it is killed")
	pod := job.Spec.JobTemplate.Spec.Template.Spec
	g.Expect(*pod.SecurityContext.RunAsNonRoot).To(BeTrue())
	g.Expect(pod.Containers[0].SecurityContext.Capabilities.Drop).To(ConsistOf(corev1.Capability("ALL")))
	g.Expect(*pod.Containers[0].SecurityContext.ReadOnlyRootFilesystem).To(BeTrue())
	g.Expect(pod.Containers[0].Args).To(ContainElements("verify", "--series=nightly", "--reserve=podknock-nightly-1,podknock-nightly-2", "--deadline=30m0s"))
}

func TestTheJobsOwnPolicySelectsItsPodsAndAdmitsThePushgateway(t *testing.T) {
	g := NewWithT(t)
	objects, err := Objects(options(func(o *Options) { o.Push = "http://gateway.monitoring:9091" }))
	g.Expect(err).NotTo(HaveOccurred())
	policy := pick[*networkingv1.NetworkPolicy](objects)[0]
	labels := pick[*batchv1.CronJob](objects)[0].Spec.JobTemplate.Spec.Template.Labels
	for key, value := range policy.Spec.PodSelector.MatchLabels {
		g.Expect(labels).To(HaveKeyWithValue(key, value))
	}
	g.Expect(policy.Spec.Ingress).To(BeEmpty())
	var ports []int32
	for _, port := range policy.Spec.Egress[0].Ports {
		ports = append(ports, port.Port.IntVal)
	}
	g.Expect(ports).To(ConsistOf(int32(53), int32(53), int32(443), int32(6443), int32(9091)))
}

func TestScenariosOfAConfigMapAreMounted(t *testing.T) {
	g := NewWithT(t)
	objects, err := Objects(options(func(o *Options) { o.Scenarios = "ours" }))
	g.Expect(err).NotTo(HaveOccurred())
	pod := pick[*batchv1.CronJob](objects)[0].Spec.JobTemplate.Spec.Template.Spec
	g.Expect(pod.Volumes[0].ConfigMap.Name).To(Equal("ours"))
	g.Expect(pod.Containers[0].VolumeMounts[0].MountPath).To(Equal(ScenariosPath))
}
