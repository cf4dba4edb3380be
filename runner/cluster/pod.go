package cluster

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/podknock/podknock/runner"
)

const (
	containerName = "agent"
	sidecarName   = "sidecar"
	// agentUser is the user of the image; any but root would do.
	agentUser = 65532
	// controlPort is where an agent is controlled, on loopback.
	controlPort = 7665
	// stopSeconds is how long an agent may take to end. It ends at once.
	stopSeconds = 1
	// readinessNever is a condition that nobody ever sets: a pod with this readiness gate is never Ready, gets no traffic of real Services
	// and counts for no disruption budget as healthy.
	readinessNever = "podknock.dev/never"
	// readinessDelay is when the kubelet asks for the first time whether such a pod's agent is ready: it has ended long before. So the pod is not
	// Ready either where admission takes the gate away.
	readinessDelay = math.MaxInt32
)

// newPod is a probe pod. It satisfies the restricted Pod Security Standard, but for one in the network of its node.
func newPod(order runner.PodOrder, o *Options, owner metav1.OwnerReference, now time.Time) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: order.Meta.Namespace, Name: order.Meta.Name,
			Labels: o.merged(order.Meta.Labels), Annotations: podAnnotations(o),
			OwnerReferences: []metav1.OwnerReference{owner},
		},
		Spec: corev1.PodSpec{
			ServiceAccountName: owner.Name, AutomountServiceAccountToken: ptr.To(false), EnableServiceLinks: ptr.To(false),
			RestartPolicy: corev1.RestartPolicyAlways, TerminationGracePeriodSeconds: ptr.To[int64](stopSeconds),
			ActiveDeadlineSeconds: ptr.To(max(1, int64(o.Expires.Sub(now).Seconds()))),
			NodeSelector:          o.NodeSelector, Tolerations: o.Tolerations, HostNetwork: order.HostNetwork,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](agentUser), RunAsGroup: ptr.To[int64](agentUser),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Affinity: placement(order, o),
		},
	}
	pod.Labels[runner.LabelScenario] = LabelValue(order.Scenario)
	pod.Labels[labelPod] = LabelValue(order.Logical)
	// A mesh must not put a proxy between the wire and us. Istio reads the label, older ones and Linkerd annotations.
	pod.Labels["sidecar.istio.io/inject"] = "false"
	for _, secret := range o.PullSecrets {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: secret})
	}
	if order.AmongOthers {
		pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: readinessNever}}
	}
	if !order.HostNetwork && slices.ContainsFunc(listening(order), func(p corev1.ContainerPort) bool { return p.ContainerPort < 1024 }) {
		// One of the safe sysctls, which the restricted standard allows.
		pod.Spec.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: "0"}}
	}
	pod.Spec.Containers = []corev1.Container{newContainer(order, o)}
	if order.AmongOthers {
		pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
			ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(1)}}, InitialDelaySeconds: readinessDelay,
		}
	}
	if len(order.SidecarPorts) > 0 {
		pod.Spec.Containers = append(pod.Spec.Containers, newSidecar(order, o))
	}
	return pod
}

// newSidecar is a second container that declares ports. All containers of a pod share its network, so that the agent in the first one answers
// on these ports too, where its evidence is; the sidecar only lives.
func newSidecar(order runner.PodOrder, o *Options) corev1.Container {
	sidecar := newContainer(order, o)
	sidecar.Name, sidecar.Ports = sidecarName, order.SidecarPorts
	sidecar.Args = []string{"serve", "-control=127.0.0.1:" + strconv.Itoa(int(freePort(order, controlPortOf(order)+1)))}
	return sidecar
}

// listening are the ports that the pod of an order listens on.
func listening(order runner.PodOrder) []corev1.ContainerPort {
	return slices.Concat(order.Ports, order.SidecarPorts)
}

func podAnnotations(o *Options) map[string]string {
	return map[string]string{
		AnnotationProcess:                                o.Process,
		"sidecar.istio.io/inject":                        "false",
		"linkerd.io/inject":                              "disabled",
		"kuma.io/sidecar-injection":                      "disabled",
		"cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
	}
}

func newContainer(order runner.PodOrder, o *Options) corev1.Container {
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
	}
	return corev1.Container{
		Name: containerName, Image: o.Image, ImagePullPolicy: o.PullPolicy,
		Args: []string{"serve", "-listen=" + listenFlag(listening(order)), "-control=" + controlAddress(order)},
		Env: []corev1.EnvVar{
			field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace"), field("POD_UID", "metadata.uid"),
			field("NODE_NAME", "spec.nodeName"), {Name: "PODKNOCK_TOKEN", Value: string(o.Token)},
		},
		Ports: order.Ports,
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
	}
}

// listenFlag is what the agent answers on.
func listenFlag(ports []corev1.ContainerPort) string {
	words := make([]string, len(ports))
	for i, port := range ports {
		protocol := port.Protocol
		if protocol == "" {
			protocol = corev1.ProtocolTCP
		}
		words[i] = fmt.Sprintf("%d/%s", port.ContainerPort, protocol)
	}
	return strings.Join(words, ",")
}

// controlAddress is where the agent of a pod is controlled.
func controlAddress(order runner.PodOrder) string {
	return "127.0.0.1:" + strconv.Itoa(int(controlPortOf(order)))
}

// controlPortOf avoids the ports under test. In the network of a node every agent needs one of its own, which is derived from the pod's name,
// below the usual range of ephemeral ports.
func controlPortOf(order runner.PodOrder) uint16 {
	port := uint16(controlPort)
	if order.HostNetwork {
		sum := fnv.New32a()
		sum.Write([]byte(order.Meta.Namespace + "/" + order.Meta.Name))
		port = 20000 + uint16(sum.Sum32()%8000)
	}
	return freePort(order, port)
}

// freePort is the first port from a given one on that the pod does not listen on.
func freePort(order runner.PodOrder, port uint16) uint16 {
	for slices.ContainsFunc(listening(order), func(p corev1.ContainerPort) bool { return p.ContainerPort == int32(port) }) {
		port++
	}
	return port
}

// placement says beside whom the pod must or must not run. Without a wish, pods of a scenario spread if they can, so that paths between nodes
// are tested too.
func placement(order runner.PodOrder, o *Options) *corev1.Affinity {
	term := func(name string) corev1.PodAffinityTerm {
		selector := map[string]string{runner.LabelRun: o.Run, runner.LabelScenario: LabelValue(order.Scenario)}
		if name != "" {
			selector[labelPod] = LabelValue(name)
		}
		return corev1.PodAffinityTerm{
			LabelSelector: &metav1.LabelSelector{MatchLabels: selector}, Namespaces: order.Namespaces, TopologyKey: corev1.LabelHostname,
		}
	}
	affinity := &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{}}
	if order.Node != "" {
		affinity.NodeAffinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{
				{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{order.Node}},
			}}},
		}}
	}
	if order.SameNodeAs != "" {
		affinity.PodAffinity = &corev1.PodAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term(order.SameNodeAs)},
		}
	} else {
		affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.WeightedPodAffinityTerm{
			{Weight: 1, PodAffinityTerm: term("")},
		}
	}
	if order.OtherNodeThan != "" {
		affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution = []corev1.PodAffinityTerm{term(order.OtherNodeThan)}
	}
	return affinity
}
