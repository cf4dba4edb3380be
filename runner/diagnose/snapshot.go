package diagnose

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/policy"
)

// Snapshot are the objects that bear on a question, as they were before podknock created anything. It is partial where not the whole cluster may be
// read, but some namespaces.
type Snapshot struct {
	policy.Cluster

	// What selects pods in the namespaces of the two ends. DaemonSets are those of the whole cluster: the network's agents are among them.
	ReplicaSets  []appsv1.ReplicaSet
	Controllers  []corev1.ReplicationController
	Deployments  []appsv1.Deployment
	DaemonSets   []appsv1.DaemonSet
	StatefulSets []appsv1.StatefulSet
	Jobs         []batchv1.Job
	Budgets      []policyv1.PodDisruptionBudget
	Autoscalers  []autoscalingv2.HorizontalPodAutoscaler

	Validating []admissionv1.ValidatingWebhookConfiguration
	Mutating   []admissionv1.MutatingWebhookConfiguration

	// Others are the policies of other APIs.
	Others []OtherPolicy
	// Unread says what could not be read, and why.
	Unread []Unread
}

// Unread is a kind of objects that could not be read.
type Unread struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// OtherPolicy is an object of another API that may decide about traffic. What it means is not judged here.
type OtherPolicy struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	// Selects are the selectors by which it chooses pods; any is enough.
	Selects []PodSelection `json:"-"`
}

// PodSelection is how an object of another API chooses pods.
type PodSelection struct {
	// Namespaces restricts it to namespaces with these labels; nil means all of them, or that of the object.
	Namespaces *metav1.LabelSelector
	Pods       *metav1.LabelSelector
	// Unread says that the selector is in a language that is not read here: it may choose any pod.
	Unread string
}

// String is as kubectl names it.
func (o OtherPolicy) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// pod finds a pod; nil if it is not there.
func (s *Snapshot) pod(e policy.Endpoint) *corev1.Pod {
	if e.Kind != policy.KindPod {
		return nil
	}
	for i := range s.Pods {
		if s.Pods[i].Namespace == e.Namespace && s.Pods[i].Name == e.Name {
			return &s.Pods[i]
		}
	}
	return nil
}

// Pod finds a pod; nil if it is not there.
func (s *Snapshot) Pod(e policy.Endpoint) *corev1.Pod { return s.pod(e) }

// service finds a Service; nil if it is not there.
func (s *Snapshot) service(e policy.Endpoint) *corev1.Service {
	if e.Kind != policy.KindService {
		return nil
	}
	for i := range s.Services {
		if s.Services[i].Namespace == e.Namespace && s.Services[i].Name == e.Name {
			return &s.Services[i]
		}
	}
	return nil
}

// Service finds a Service; nil if it is not there.
func (s *Snapshot) Service(e policy.Endpoint) *corev1.Service { return s.service(e) }

// namespaceLabels are the labels of a namespace as the API server would have them.
func (s *Snapshot) namespaceLabels(name string) map[string]string {
	labels := map[string]string{corev1.LabelMetadataName: name}
	for i := range s.Namespaces {
		if s.Namespaces[i].Name == name {
			for key, value := range s.Namespaces[i].Labels {
				labels[key] = value
			}
		}
	}
	return labels
}

// node finds a node by name; nil if it is not there.
func (s *Snapshot) node(name string) *corev1.Node {
	for i := range s.Nodes {
		if s.Nodes[i].Name == name {
			return &s.Nodes[i]
		}
	}
	return nil
}
