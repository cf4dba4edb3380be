package scenarios

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
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
	f.Fuzz(checkLoad)
}

// TestMutatedScenariosLoadOrReport does the same for files that are nearly sound, which fuzzing seldom meets: built-in scenarios with some of
// their words or lines moved about.
func TestMutatedScenariosLoadOrReport(t *testing.T) {
	entries, err := Library()
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{sound}
	for _, entry := range entries {
		text, err := ReadLibrary(entry.File)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 1500 {
		text := texts[random.IntN(len(texts))]
		for range 1 + random.IntN(3) {
			text = mutate(random, text)
		}
		checkLoad(t, text, morePolicies)
		if t.Failed() {
			t.Fatalf("the file was:\n%s", text)
		}
	}
}

var word = regexp.MustCompile(`[\w./*$()-]+`)

// mutate puts a word in place of another, or doubles, drops or moves a line.
func mutate(random *rand.Rand, text string) string {
	lines := strings.SplitAfter(text, "\n")
	i, j := random.IntN(len(lines)), random.IntN(len(lines))
	switch random.IntN(6) {
	case 0:
		return strings.Join(slices.Delete(lines, i, i+1), "")
	case 1:
		return strings.Join(slices.Insert(lines, i, lines[j]), "")
	case 2:
		lines[i], lines[j] = lines[j], lines[i]
		return strings.Join(lines, "")
	}
	words := word.FindAllStringIndex(text, -1)
	at, with := words[random.IntN(len(words))], words[random.IntN(len(words))]
	return text[:at[0]] + text[with[0]:with[1]] + text[at[1]:]
}

func checkLoad(t *testing.T, text, policies string) {
	t.Helper()
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
