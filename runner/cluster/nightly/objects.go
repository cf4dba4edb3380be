// Package nightly makes the objects of a job that runs podknock inside a cluster every night: a CronJob, what it is allowed, and the
// namespaces that it tests in.
//
// By default the job may read nodes and what tells the plugin, and change nothing but its own namespace and a fixed reserve of namespaces.
// With Options.Dynamic it may create and delete namespaces and pods anywhere, as a person does who runs podknock by hand.
package nightly

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/podknock/podknock/runner/cluster"
	"github.com/podknock/podknock/runner/cluster/series"
)

// Options say what job is wanted. All fields but Push and Dynamic are needed.
type Options struct {
	// Name is that of the CronJob and of the series of its runs.
	Name string
	// Namespace is where the job runs and its records are kept.
	Namespace string
	// Schedule is when, in the five fields of cron, in the time zone of the cluster's controller.
	Schedule string
	// Command are the arguments of podknock, without those that this package adds: the verb and what it tests.
	Command []string
	// Image is that of podknock, AgentImage that of its agent.
	Image, AgentImage string
	// Reserve is how many namespaces there are to test in. They are called NAMESPACE-1 and so on.
	Reserve int
	// Dynamic lets the job create and delete namespaces instead.
	Dynamic bool
	// Deadline bounds a run, its clean-up not included.
	Deadline time.Duration
	// Keep is how many records are kept.
	Keep int
	// Push is the address of a Pushgateway. Empty for none.
	Push string
	// Scenarios is the name of a ConfigMap in Namespace with scenario files, which Command refers to below ScenariosPath. Empty for none.
	Scenarios string
}

// ScenariosPath is where the files of the ConfigMap with scenarios are.
const ScenariosPath = "/scenarios"

// account is the name of the job's ServiceAccount, and of the roles that are bound to it.
const account = "podknock"

// cleanUpMargin is how long the job lives beyond its deadline, so that it can clean up and keep its record.
const cleanUpMargin = 5 * time.Minute

// validate returns one sentence for the first option that cannot be.
func (o *Options) validate() error {
	if err := series.ValidateSeries(o.Name); err != nil {
		return err
	}
	if problems := validation.IsDNS1123Label(o.Namespace); len(problems) > 0 || len(o.Namespace) > 58 {
		return fmt.Errorf("namespace %q: write at most 58 lower-case letters, digits and \"-\"", o.Namespace)
	}
	if fields := len(strings.Fields(o.Schedule)); fields != 5 && !strings.HasPrefix(o.Schedule, "@") {
		return fmt.Errorf("schedule %q: write the five fields of cron, such as \"17 2 * * *\"", o.Schedule)
	}
	if !o.Dynamic && (o.Reserve < 1 || o.Reserve > 99) {
		return fmt.Errorf("reserve of %d namespaces: write a number from 1 to 99", o.Reserve)
	}
	if o.Deadline < time.Minute {
		return fmt.Errorf("deadline %s: write at least 1m", o.Deadline)
	}
	if o.Keep < 1 {
		return fmt.Errorf("%d records to keep: write a number above 0", o.Keep)
	}
	if len(o.Command) == 0 {
		return errors.New("there is nothing to run")
	}
	return nil
}

// reserve are the names of the namespaces to test in.
func (o *Options) reserve() []string {
	if o.Dynamic {
		return nil
	}
	names := make([]string, o.Reserve)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", o.Namespace, i+1)
	}
	return names
}

// Objects are all objects of the job, in the order in which they have to be created.
func Objects(options Options) ([]runtime.Object, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	objects := []runtime.Object{
		newNamespace(options.Namespace),
		&corev1.ServiceAccount{TypeMeta: kind("v1", "ServiceAccount"), ObjectMeta: meta(options.Namespace, account)},
	}
	objects = append(objects, role(options.Namespace, account, OwnRules(options.Name))...)
	if options.Dynamic {
		objects = append(objects, clusterRole(account, append(cluster.Rules(cluster.Options{}), ReadRules()...), options.Namespace)...)
	} else {
		objects = append(objects, clusterRole(account, ReadRules(), options.Namespace)...)
	}
	for _, name := range options.reserve() {
		objects = append(objects, newNamespace(name))
		objects = append(objects, boundRole(name, account, cluster.ReserveRules(cluster.Options{Reserve: options.reserve()}), options.Namespace)...)
	}
	return append(objects, networkPolicy(options), cronJob(options)), nil
}

// OwnRules are the rights of the job in its own namespace: to keep records, to hold its Lease, and to tell of regressions.
func OwnRules(name string) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"create", "delete", "list"}},
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"create"}},
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{"podknock-" + name}, Verbs: []string{"get", "update"}},
		{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create"}},
		{APIGroups: []string{"batch"}, Resources: []string{"cronjobs"}, ResourceNames: []string{name}, Verbs: []string{"get"}},
	}
}

// ReadRules are the rights of the job in the whole cluster. They change nothing.
func ReadRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "list"}},
	}
}

func kind(version, name string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: version, Kind: name}
}

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app.kubernetes.io/name": "podknock"}}
}

// newNamespace is a namespace whose pods need no privilege.
func newNamespace(name string) *corev1.Namespace {
	object := &corev1.Namespace{TypeMeta: kind("v1", "Namespace"), ObjectMeta: meta("", name)}
	object.Labels["pod-security.kubernetes.io/enforce"] = "restricted"
	return object
}

func role(namespace, name string, rules []rbacv1.PolicyRule) []runtime.Object {
	return boundRole(namespace, name, rules, namespace)
}

// boundRole is a Role for the job's account, which is in another namespace perhaps.
func boundRole(namespace, name string, rules []rbacv1.PolicyRule, home string) []runtime.Object {
	return []runtime.Object{
		&rbacv1.Role{TypeMeta: kind("rbac.authorization.k8s.io/v1", "Role"), ObjectMeta: meta(namespace, name), Rules: rules},
		&rbacv1.RoleBinding{
			TypeMeta: kind("rbac.authorization.k8s.io/v1", "RoleBinding"), ObjectMeta: meta(namespace, name),
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: home, Name: account}},
		},
	}
}

func clusterRole(name string, rules []rbacv1.PolicyRule, home string) []runtime.Object {
	return []runtime.Object{
		&rbacv1.ClusterRole{TypeMeta: kind("rbac.authorization.k8s.io/v1", "ClusterRole"), ObjectMeta: meta("", name), Rules: rules},
		&rbacv1.ClusterRoleBinding{
			TypeMeta: kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"), ObjectMeta: meta("", name),
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: home, Name: account}},
		},
	}
}

// podLabels are those of the job's pods.
func podLabels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": "podknock", "app.kubernetes.io/component": "nightly"}
}

// networkPolicy lets the job's pods ask for names and talk to the API server, and nothing else: nobody talks to them. The address of the
// API server is known to no manifest, so that its two customary ports are open to every address.
func networkPolicy(options Options) *networkingv1.NetworkPolicy {
	port := func(protocol corev1.Protocol, number int) networkingv1.NetworkPolicyPort {
		return networkingv1.NetworkPolicyPort{Protocol: ptr.To(protocol), Port: ptr.To(intstr.FromInt(number))}
	}
	ports := []networkingv1.NetworkPolicyPort{
		port(corev1.ProtocolUDP, 53), port(corev1.ProtocolTCP, 53), port(corev1.ProtocolTCP, 443), port(corev1.ProtocolTCP, 6443),
	}
	if number, ok := portOf(options.Push); ok {
		ports = append(ports, port(corev1.ProtocolTCP, number))
	}
	return &networkingv1.NetworkPolicy{
		TypeMeta: kind("networking.k8s.io/v1", "NetworkPolicy"), ObjectMeta: meta(options.Namespace, account),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: podLabels()},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			Egress:      []networkingv1.NetworkPolicyEgressRule{{Ports: ports}},
		},
	}
}

// arguments are those of podknock in the job.
func (o *Options) arguments() []string {
	arguments := append(slices.Clone(o.Command),
		"--image="+o.AgentImage, "--deadline="+o.Deadline.String(), "--series="+o.Name, "--records="+o.Namespace, fmt.Sprintf("--keep-records=%d", o.Keep))
	if o.Push != "" {
		arguments = append(arguments, "--push="+o.Push)
	}
	if !o.Dynamic {
		arguments = append(arguments, "--reserve="+strings.Join(o.reserve(), ","))
	}
	return arguments
}

// cronJob is the job. A run that is still going on is waited for; one that is late by less than an hour is made up for.
func cronJob(options Options) *batchv1.CronJob {
	object := &batchv1.CronJob{
		TypeMeta: kind("batch/v1", "CronJob"), ObjectMeta: meta(options.Namespace, options.Name),
		Spec: batchv1.CronJobSpec{
			Schedule:                   options.Schedule,
			ConcurrencyPolicy:          batchv1.ForbidConcurrent,
			StartingDeadlineSeconds:    ptr.To[int64](3600),
			SuccessfulJobsHistoryLimit: ptr.To[int32](3),
			FailedJobsHistoryLimit:     ptr.To[int32](3),
			JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{
				// A second try of the same night would hide what the first has found.
				BackoffLimit:          ptr.To[int32](0),
				ActiveDeadlineSeconds: ptr.To(int64((options.Deadline + 2*cleanUpMargin).Seconds())),
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: podLabels()},
					Spec:       podSpec(options),
				},
			}},
		},
	}
	return object
}

func podSpec(options Options) corev1.PodSpec {
	spec := corev1.PodSpec{
		ServiceAccountName: account,
		RestartPolicy:      corev1.RestartPolicyNever,
		// SIGTERM makes the run end and clean up; that takes this long at most.
		TerminationGracePeriodSeconds: ptr.To(int64(cleanUpMargin.Seconds())),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: "podknock", Image: options.Image, Args: options.arguments(),
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
				Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
			},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
	if options.Scenarios != "" {
		spec.Volumes = []corev1.Volume{{Name: "scenarios", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: options.Scenarios}},
		}}}
		spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "scenarios", MountPath: ScenariosPath, ReadOnly: true}}
	}
	return spec
}
