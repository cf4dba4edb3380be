package diagnose

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func selectorOf(key, value string) *metav1.LabelSelector {
	return selectorFrom(map[string]string{key: value})
}

func selectorFrom(labels map[string]string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: labels}
}

func portNumber(number int32) *intstr.IntOrString { return new(intstr.FromInt32(number)) }
