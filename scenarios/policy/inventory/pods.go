package inventory

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/internal/strict"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

// objectMeta is the metadata that matters of every kind but policies.
type objectMeta struct {
	Labels          map[string]string       `json:"labels,omitempty"`
	Annotations     map[string]string       `json:"annotations,omitempty"`
	OwnerReferences []metav1.OwnerReference `json:"ownerReferences,omitempty"`
}

type podDocument struct {
	Metadata objectMeta `json:"metadata,omitempty"`
	Spec     podSpec    `json:"spec,omitempty"`
	Status   podStatus  `json:"status,omitempty"`
}

type podSpec struct {
	NodeName       *string             `json:"nodeName,omitempty"`
	HostNetwork    *bool               `json:"hostNetwork,omitempty"`
	NodeSelector   map[string]string   `json:"nodeSelector,omitempty"`
	Containers     []containerDocument `json:"containers,omitempty"`
	InitContainers []containerDocument `json:"initContainers,omitempty"`
}

type containerDocument struct {
	Name          *string                        `json:"name,omitempty"`
	Ports         []portDocument                 `json:"ports,omitempty"`
	RestartPolicy *corev1.ContainerRestartPolicy `json:"restartPolicy,omitempty"`
}

type portDocument struct {
	Name          *string          `json:"name,omitempty"`
	ContainerPort int32            `json:"containerPort,omitempty"`
	HostPort      int32            `json:"hostPort,omitempty"`
	Protocol      *corev1.Protocol `json:"protocol,omitempty"`
}

type podStatus struct {
	Phase      *corev1.PodPhase `json:"phase,omitempty"`
	PodIP      *string          `json:"podIP,omitempty"`
	PodIPs     []corev1.PodIP   `json:"podIPs,omitempty"`
	Conditions []podCondition   `json:"conditions,omitempty"`
}

type podCondition struct {
	Type   corev1.PodConditionType `json:"type,omitempty"`
	Status corev1.ConditionStatus  `json:"status,omitempty"`
}

func (r *Reader) readPod(decoder *strict.Decoder, e entry, ref Ref) func() {
	var document podDocument
	decoder.Decode(e.node, e.prefix, &document)
	return func() {
		pod := document.pod(ref.Namespace, ref.Name)
		pod.OwnerReferences = document.Metadata.OwnerReferences
		r.inventory.Cluster.Pods = append(r.inventory.Cluster.Pods, pod)
	}
}

// pod is the part of the API object that matters.
func (d *podDocument) pod(namespace, name string) corev1.Pod {
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, Labels: d.Metadata.Labels, Annotations: d.Metadata.Annotations,
	}}
	pod.Spec = corev1.PodSpec{
		NodeName: value(d.Spec.NodeName), HostNetwork: value(d.Spec.HostNetwork), NodeSelector: d.Spec.NodeSelector,
		Containers: containers(d.Spec.Containers), InitContainers: containers(d.Spec.InitContainers),
	}
	pod.Status = corev1.PodStatus{Phase: value(d.Status.Phase), PodIP: value(d.Status.PodIP), PodIPs: d.Status.PodIPs}
	for _, condition := range d.Status.Conditions {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: condition.Type, Status: condition.Status})
	}
	return pod
}

func containers(documents []containerDocument) []corev1.Container {
	var found []corev1.Container
	for _, document := range documents {
		container := corev1.Container{Name: value(document.Name), RestartPolicy: document.RestartPolicy}
		for _, port := range document.Ports {
			container.Ports = append(container.Ports, corev1.ContainerPort{
				Name: value(port.Name), ContainerPort: port.ContainerPort, HostPort: port.HostPort, Protocol: value(port.Protocol),
			})
		}
		found = append(found, container)
	}
	return found
}

// value is what a pointer points to, or nothing.
func value[T any](pointer *T) T {
	if pointer == nil {
		var none T
		return none
	}
	return *pointer
}

// workloadDocument is any kind that makes pods.
type workloadDocument struct {
	Metadata objectMeta   `json:"metadata,omitempty"`
	Spec     workloadSpec `json:"spec,omitempty"`
}

type workloadSpec struct {
	Template    podDocument `json:"template,omitempty"`
	JobTemplate struct {
		Spec struct {
			Template podDocument `json:"template,omitempty"`
		} `json:"spec,omitempty"`
	} `json:"jobTemplate,omitempty"`
}

func (r *Reader) readWorkload(decoder *strict.Decoder, e entry, ref Ref) func() {
	var document workloadDocument
	decoder.Decode(e.node, e.prefix, &document)
	return func() {
		if metav1.GetControllerOf(&metav1.ObjectMeta{OwnerReferences: document.Metadata.OwnerReferences}) != nil {
			return // a ReplicaSet of a Deployment, a Job of a CronJob
		}
		template := &document.Spec.Template
		if ref.Kind == "CronJob" {
			template = &document.Spec.JobTemplate.Spec.Template
		}
		r.inventory.addWorkload(ref, document.Metadata.Labels, template.pod(ref.Namespace, ""))
	}
}

// addWorkload adds a workload and the pod that stands for its pods.
func (i *Inventory) addWorkload(ref Ref, labels map[string]string, template corev1.Pod) {
	owner := subject.Owner{Kind: ref.Kind, Name: ref.Name}
	template.Name, template.Namespace = owner.String(), ref.Namespace
	controls := true
	template.OwnerReferences = []metav1.OwnerReference{{Kind: ref.Kind, Name: ref.Name, Controller: &controls}}
	if ref.Kind == "Job" { // so the Job controller labels them
		template.Labels = maps.Clone(template.Labels)
		if template.Labels == nil {
			template.Labels = map[string]string{}
		}
		template.Labels["batch.kubernetes.io/job-name"], template.Labels["job-name"] = ref.Name, ref.Name
	}
	i.Workloads = append(i.Workloads, Workload{Ref: ref, Labels: labels, Pod: template.Name})
	i.Cluster.Pods = append(i.Cluster.Pods, template)
}

// templates removes the pods that stand for workloads of which real pods are known.
func (i *Inventory) templates() {
	type key struct {
		namespace string
		owner     subject.Owner
	}
	real := map[key]bool{}
	standIn := map[key]string{}
	for j := range i.Workloads {
		w := &i.Workloads[j]
		standIn[key{w.Namespace, subject.Owner{Kind: w.Kind, Name: w.Name}}] = w.Pod
	}
	for j := range i.Cluster.Pods {
		pod := &i.Cluster.Pods[j]
		at := key{pod.Namespace, subject.OwnerOf(pod)}
		real[at] = real[at] || pod.Name != standIn[at]
	}
	var kept []corev1.Pod
	for j := range i.Cluster.Pods {
		pod := &i.Cluster.Pods[j]
		at := key{pod.Namespace, subject.OwnerOf(pod)}
		if !real[at] || pod.Name != standIn[at] {
			kept = append(kept, *pod)
		}
	}
	i.Cluster.Pods = kept
}
