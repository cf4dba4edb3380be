package plugins

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Inventory is what the API shows of a cluster's network. What may not be read is missing.
type Inventory struct {
	Nodes []corev1.Node
	// DaemonSets and Deployments are those of all namespaces.
	DaemonSets  []appsv1.DaemonSet
	Deployments []appsv1.Deployment
	// ConfigMaps are those that [WantedConfigMaps] names, as far as they exist.
	ConfigMaps []corev1.ConfigMap
	// Groups are the names of the API groups.
	Groups []string
}

// ConfigMapName names a ConfigMap.
type ConfigMapName struct{ Namespace, Name string }

// WantedConfigMaps are those in which plugins keep the switches that this package knows.
func WantedConfigMaps() []ConfigMapName {
	return []ConfigMapName{{"kube-system", "cilium-config"}}
}

// WantedDeployment is the one Deployment in which a product keeps its switch.
const WantedDeployment = "kube-ovn-controller"

// workload is a DaemonSet or Deployment of a plugin.
type workload struct {
	kind, namespace, name string
	spec                  corev1.PodSpec
	// ready and wanted count the pods of a DaemonSet.
	ready, wanted int
}

func (i *Inventory) workloads() []workload {
	var all []workload
	for _, set := range i.DaemonSets {
		all = append(all, workload{
			kind: "DaemonSet", namespace: set.Namespace, name: set.Name, spec: set.Spec.Template.Spec,
			ready: int(set.Status.NumberReady), wanted: int(set.Status.DesiredNumberScheduled),
		})
	}
	for _, deployment := range i.Deployments {
		all = append(all, workload{
			kind: "Deployment", namespace: deployment.Namespace, name: deployment.Name, spec: deployment.Spec.Template.Spec,
		})
	}
	return all
}

func (w *workload) String() string { return w.kind + " " + w.namespace + "/" + w.name }

// container finds one whose name is given, or whose image's repository ends in it.
func (w *workload) container(name string) *corev1.Container {
	for i := range w.spec.Containers {
		if c := &w.spec.Containers[i]; c.Name == name || repository(c.Image) == name {
			return c
		}
	}
	return nil
}

// argument is the value of a flag of any of the containers: --NAME=VALUE, or --NAME VALUE. A flag without value is "true".
func (w *workload) argument(name string) (string, bool) {
	for _, container := range w.spec.Containers {
		words := append(slices.Clone(container.Command), container.Args...)
		for i, word := range words {
			flag, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
			switch {
			case !strings.HasPrefix(word, "-") || flag != name:
			case hasValue:
				return value, true
			case i+1 < len(words) && !strings.HasPrefix(words[i+1], "-"):
				return words[i+1], true
			default:
				return "true", true
			}
		}
	}
	return "", false
}

// environment is the value of a variable of any of the containers.
func (w *workload) environment(name string) (string, bool) {
	for _, container := range w.spec.Containers {
		for _, variable := range container.Env {
			if variable.Name == name && variable.ValueFrom == nil {
				return variable.Value, true
			}
		}
	}
	return "", false
}

// repository is the last part of an image's name, without tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndex(image, "/")+1:]
	image, _, _ = strings.Cut(image, ":")
	return image
}

// tag is that of an image, empty if it has none.
func tag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return tag
}

// setting is a key of one of the ConfigMaps.
func (i *Inventory) setting(name ConfigMapName, key string) (string, bool) {
	for _, config := range i.ConfigMaps {
		if config.Namespace == name.Namespace && config.Name == name.Name {
			value, ok := config.Data[key]
			return value, ok
		}
	}
	return "", false
}
