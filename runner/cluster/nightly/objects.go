// Package nightly makes the objects of a job that runs podknock inside a cluster every night: a CronJob, what it is allowed, and the
// namespaces that it tests in.
//
// By default the job may read nodes and what tells the plugin, and change nothing but its own namespace and a fixed reserve of namespaces.
// With Options.Dynamic it may create and delete namespaces and pods anywhere, as a person does who runs podknock by hand.
package nightly

import (
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
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
	// Name is that of the CronJob, of its account and of the series of its runs.
	Name string
	// Namespace is where the job runs and its records are kept.
	Namespace string
	// Schedule is when, in the five fields of cron, in the time zone of the cluster's controller.
	Schedule string
	// Command are the arguments of podknock, without those that this package adds: the verb and what it tests. Reads are the rights to read
	// that it needs besides those on nodes, see [PluginRules] and [PolicyRules]: in the namespaces of ReadsIn or, without any, in the whole cluster.
	Command []string
	Reads   []rbacv1.PolicyRule
	ReadsIn []string
	// Image is that of podknock, AgentImage that of its agent.
	Image, AgentImage string
	// Reserve is how many namespaces there are to test in. They are called NAMESPACE-NAME-1 and so on.
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

// cleanUpMargin is how long the job lives beyond its deadline, so that it can clean up and keep its record.
const cleanUpMargin = 8 * time.Minute

// validate returns one sentence for the first option that cannot be.
func (o *Options) validate() error {
	if err := series.ValidateSeries(o.Name); err != nil {
		return err
	}
	longest := validation.DNS1123LabelMaxLength - len(o.Name) - len("--99")
	if problems := validation.IsDNS1123Label(o.Namespace); len(problems) > 0 || len(o.Namespace) > longest {
		return fmt.Errorf("namespace %q: write at most %d lower-case letters, digits and \"-\"", o.Namespace, longest)
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

// fullName names what belongs to the job and is not in its namespace, so that several jobs get on with each other.
func (o *Options) fullName() string { return o.Namespace + "-" + o.Name }

// reserve are the names of the namespaces to test in.
func (o *Options) reserve() []string {
	if o.Dynamic {
		return nil
	}
	names := make([]string, o.Reserve)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", o.fullName(), i+1)
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
		&corev1.ServiceAccount{TypeMeta: kind("v1", "ServiceAccount"), ObjectMeta: meta(options.Namespace, options.Name)},
	}
	objects = append(objects, options.role(options.Namespace, options.Name, OwnRules(options.Name))...)
	whole := NodeRules()
	if options.Dynamic {
		whole = cluster.Rules(cluster.Options{}) // those on nodes are among them
	}
	if len(options.ReadsIn) == 0 {
		whole = append(whole, options.Reads...)
	}
	for _, namespace := range options.ReadsIn {
		objects = append(objects, options.role(namespace, options.fullName(), options.Reads)...)
	}
	objects = append(objects, options.clusterRole(whole)...)
	for _, name := range options.reserve() {
		objects = append(objects, options.spareNamespace(name))
		objects = append(objects, options.role(name, options.fullName(), cluster.ReserveRules(cluster.Options{Reserve: options.reserve()}))...)
	}
	return append(objects, networkPolicy(options), cronJob(options)), nil
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

// spareNamespace is one of the reserve. Scenarios give it labels by which policies know namespaces, so that it has none of these of its own.
func (o *Options) spareNamespace(name string) *corev1.Namespace {
	object := newNamespace(name)
	delete(object.Labels, "app.kubernetes.io/name")
	object.Labels["podknock.dev/reserve"] = o.Name
	return object
}

// podLabels are those of the job's pods.
func (o *Options) podLabels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": "podknock", "app.kubernetes.io/component": "nightly", "app.kubernetes.io/instance": o.Name}
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
		TypeMeta: kind("networking.k8s.io/v1", "NetworkPolicy"), ObjectMeta: meta(options.Namespace, options.Name),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: options.podLabels()},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			Egress:      []networkingv1.NetworkPolicyEgressRule{{Ports: ports}},
		},
	}
}
