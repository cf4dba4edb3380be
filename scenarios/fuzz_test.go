package scenarios

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// FuzzLoad holds that loading any file ends in a scenario that can be written out, or in problems that say where they are.
func FuzzLoad(f *testing.F) {
	entries, err := Library()
	if err != nil {
		f.Fatal(err)
	}
	for _, entry := range entries {
		text, err := ReadLibrary(entry.File)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), morePolicies)
	}
	f.Add(sound, morePolicies)
	f.Add(sound, "kind: List\nitems:\n- "+strings.ReplaceAll(morePolicies, "\n", "\n  "))
	f.Add("a: &a [*a]", "&a : *a")
	f.Fuzz(func(t *testing.T, text, policies string) {
		loader := Loader{ReadFile: func(string) ([]byte, error) { return []byte(policies), nil }}
		scenario, err := loader.Parse("fuzz.yaml", []byte(text))
		if err != nil {
			checkProblems(t, err, text, policies)
			return
		}
		for _, families := range [][]corev1.IPFamily{{corev1.IPv4Protocol}, {corev1.IPv6Protocol, corev1.IPv4Protocol}} {
			expansion, err := Expand(scenario, ExpandOptions{Families: families})
			if err != nil {
				t.Fatalf("what was loaded can't be written out: %v", err)
			}
			for _, step := range expansion.Steps {
				for _, cell := range step.Cells {
					if cell.Expected.NeedsControl() && cell.Control == nil {
						t.Errorf("step %q: %s has no control", step.Name, cell)
					}
				}
			}
		}
	})
}

func checkProblems(t *testing.T, err error, text, policies string) {
	t.Helper()
	var problems Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("an error without problems: %v", err)
	}
	last := max(strings.Count(text, "\n"), strings.Count(policies, "\n")) + 2 + strings.Count(text+policies, "\r") +
		strings.Count(text+policies, "\u0085") + strings.Count(text+policies, "\u2028") + strings.Count(text+policies, "\u2029")
	for _, problem := range problems {
		if problem.Message == "" || problem.Line < 0 || problem.Line > last {
			t.Errorf("a problem that says nothing, or of a line that is not there: %+v", problem)
		}
	}
}
