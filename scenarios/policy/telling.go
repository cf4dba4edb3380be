package policy

import (
	"maps"
	"slices"
	"strings"
)

// namingLabels are the keys by which people name an application, the usual first.
var namingLabels = []string{"app.kubernetes.io/name", "app", "name", "k8s-app", "app.kubernetes.io/component", "component"}

// generatedLabels are keys whose values controllers make up: they change with every template or pod.
var generatedLabels = []string{
	"pod-template-hash", "controller-revision-hash", "pod-template-generation", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
	"controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name",
}

// TellingLabel finds a label that all of some pods have and none of the others, by the labels of both: one that names the application before any
// other, and never one that a controller made up.
func TellingLabel(of, others []map[string]string) (key, value string, found bool) {
	if len(of) == 0 {
		return "", "", false
	}
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(of[0])), func(key string) bool { return slices.Contains(generatedLabels, key) })
	rank := func(key string) int {
		if i := slices.Index(namingLabels, key); i >= 0 {
			return i
		}
		return len(namingLabels)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if rank(a) != rank(b) {
			return rank(a) - rank(b)
		}
		return strings.Compare(a, b)
	})
	for _, key := range keys {
		value := of[0][key]
		has := func(labels map[string]string) bool { found, ok := labels[key]; return ok && found == value }
		if !slices.ContainsFunc(of, func(labels map[string]string) bool { return !has(labels) }) && !slices.ContainsFunc(others, has) {
			return key, value, true
		}
	}
	return "", "", false
}
