package scenarios

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// checkSteps checks the names in the changes of all steps and plays the changes through.
func (l *loading) checkSteps() {
	s := l.scenario
	if len(s.Pods) == 0 {
		l.report("pods", "there is no pod: add at least the two ends of a knock")
	}
	if len(s.Steps) == 0 {
		l.report("steps", "there is no step: add one with an expectation")
	}
	names := map[string]bool{}
	for i := range s.Steps {
		step, at := &s.Steps[i], strict.Index("steps", i)
		if names[step.Name] {
			l.report(at+".name", "another step is called %q: choose a name that tells them apart", step.Name)
		}
		names[step.Name] = true
		if strings.TrimSpace(step.Name) == "" {
			l.report(at+".name", "the name is blank: say what has just happened")
		}
		for j, ref := range step.Delete {
			l.checkRef(strict.Index(at+".delete", j), ref)
		}
		for j, ref := range step.Create {
			if ref.Kind == RefPolicy {
				l.report(strict.Index(at+".create", j), "policies are applied: move it to apply")
			}
			l.checkRef(strict.Index(at+".create", j), ref)
		}
		for _, change := range step.Label {
			l.checkLabelChange(strict.Key(at+".label", change.Object.String()), change)
		}
	}
	if !l.sound() {
		return
	}
	w := newWorld(s)
	for i := range s.Steps {
		next, faults := w.after(&s.Steps[i], i+1)
		for _, fault := range faults {
			l.report(strict.Index("steps", i)+"."+fault.field, "%s", fault.message)
		}
		w = next
	}
}

// checkRef reports a pod or namespace that nobody declared. Which policies there are depends on the step.
func (l *loading) checkRef(at string, ref Ref) {
	var names []string
	switch ref.Kind {
	case RefPod:
		for _, pod := range l.scenario.Pods {
			names = append(names, pod.Name)
		}
		if l.scenario.pod(ref.Name) != nil {
			return
		}
	case RefNamespace:
		for _, namespace := range l.scenario.Namespaces {
			names = append(names, namespace.Name)
		}
		if l.scenario.namespace(ref.Name) != nil {
			return
		}
	default:
		return
	}
	l.report(at, "the %s %q is unknown: %s", ref.Kind, ref.Name, strict.Suggest(ref.Name, names))
}

func (l *loading) checkLabelChange(at string, change LabelChange) {
	if change.Object.Kind == RefPolicy {
		l.report(at, "policies have no labels that matter: apply the changed policy instead")
	}
	l.checkRef(at, change.Object)
	set := map[string]string{}
	for key, value := range change.Labels {
		if set[key] = ""; value != nil {
			set[key] = *value
		}
	}
	l.checkLabels(at, set)
	if _, ok := set[corev1.LabelMetadataName]; ok && change.Object.Kind == RefNamespace {
		l.report(strict.Key(at, corev1.LabelMetadataName), "the API server sets this label itself: remove it")
	}
	if len(set) == 0 {
		l.report(at, "no label is named: write key: value, or key: null to remove one")
	}
}
