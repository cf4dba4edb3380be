package scenarios

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func namespaceObject(name string, labels map[string]string) corev1.Namespace {
	return corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

func dnsObject() corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: dnsNamespace, Name: dnsPod, Labels: map[string]string{dnsLabel: dnsPod}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "dns", Ports: []corev1.ContainerPort{
			{Name: "dns", ContainerPort: dnsPort, Protocol: corev1.ProtocolUDP},
			{Name: "dns-tcp", ContainerPort: dnsPort, Protocol: corev1.ProtocolTCP},
		}}}},
	}
}

func containerPorts(ports []Port) []corev1.ContainerPort {
	if len(ports) == 0 {
		return nil
	}
	result := make([]corev1.ContainerPort, len(ports))
	for i, port := range ports {
		result[i] = corev1.ContainerPort{Name: port.Name, ContainerPort: port.Number, Protocol: port.Protocol}
	}
	return result
}

// serviceObject is a Service with the scenario's names. Ports without a name get one, because the API wants names where there are several.
func serviceObject(service *Service) corev1.Service {
	object := corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace, Name: service.Name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: service.Selector},
	}
	switch service.Type {
	case Headless:
		object.Spec.ClusterIP = corev1.ClusterIPNone
	case NodePort:
		object.Spec.Type = corev1.ServiceTypeNodePort
	}
	for i, port := range service.Ports {
		target := intstr.FromString(port.Target)
		if number, err := strconv.ParseInt(port.Target, 10, 32); err == nil {
			target = intstr.FromInt32(int32(number))
		}
		name := port.Name
		if name == "" {
			name = "port-" + strconv.Itoa(i+1)
		}
		object.Spec.Ports = append(object.Spec.Ports, corev1.ServicePort{
			Name: name, Port: port.Number, TargetPort: target, Protocol: port.Protocol,
		})
	}
	return object
}
