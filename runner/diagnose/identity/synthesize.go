package identity

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// Result is what a search has found.
type Result struct {
	// Labels are the labels to give to the probe pod, beside the fixed ones. Nil if there are none.
	Labels map[string]string
	// Exhausted says that the search ended for its bound of steps, so that nothing is known.
	Exhausted bool
}

// Found reports whether there are labels.
func (r Result) Found() bool { return r.Labels != nil }

// maxSteps bounds the search. Real namespaces need some hundred steps; the question as such is as hard as satisfiability.
const maxSteps = 200_000

// Synthesize finds labels that, together with the fixed ones, every demand of a policy judges as it judges the real pod's labels, and that no
// other demand matches. Among those it prefers, key by key in alphabetical order, the real pod's own. Keys of fixed labels are never changed.
func Synthesize(real, fixed map[string]string, demands []Demand) Result {
	s := newSearch(real, fixed, demands)
	if s.assign(0) {
		return Result{Labels: s.chosen()}
	}
	return Result{Exhausted: s.steps > maxSteps}
}

// value is what a key may be given: a value, or nothing.
type value struct {
	text   string
	absent bool
}

// test is one demand in the search: all of its requirements have to hold, or at least one must not.
type test struct {
	// keys are the indexes of the variables that each requirement is about.
	keys         []int
	requirements labels.Requirements
	want         bool
}

// search is a depth-first search over the values of every key that a demand mentions.
type search struct {
	fixed map[string]string
	real  map[string]string
	keys  []string
	// domain holds the values of each key, the preferred one first.
	domain [][]value
	tests  []test
	// watching lists, for each key, the tests that it is a part of.
	watching [][]int
	assigned []value
	depth    int
	steps    int
	// impossible: a demand fails whatever is assigned.
	impossible bool
}

func newSearch(real, fixed map[string]string, demands []Demand) *search {
	s := &search{fixed: fixed, real: real}
	mentioned := map[string]map[string]bool{}
	for i := range demands {
		requirements, selectable := demands[i].Selector.Requirements()
		if !selectable {
			continue // a selector of nothing matches neither pod
		}
		for _, r := range requirements {
			if mentioned[r.Key()] == nil {
				mentioned[r.Key()] = map[string]bool{}
			}
			for _, text := range r.ValuesUnsorted() {
				mentioned[r.Key()][text] = true
			}
		}
	}
	s.keys = slices.Sorted(maps.Keys(mentioned))
	index := map[string]int{}
	for i, key := range s.keys {
		index[key] = i
		s.domain = append(s.domain, domainOf(key, real, fixed, mentioned[key]))
	}
	s.assigned = make([]value, len(s.keys))
	s.watching = make([][]int, len(s.keys))
	realSet := labels.Set(real)
	for i := range demands {
		requirements, selectable := demands[i].Selector.Requirements()
		if !selectable {
			continue
		}
		t := test{requirements: requirements, want: demands[i].alike() && demands[i].Selector.Matches(realSet)}
		if len(requirements) == 0 {
			// It matches every pod: fine for a policy, impossible for anything else.
			s.impossible = s.impossible || !demands[i].alike()
			continue
		}
		for _, r := range requirements {
			key := index[r.Key()]
			t.keys = append(t.keys, key)
			if !slices.Contains(s.watching[key], len(s.tests)) {
				s.watching[key] = append(s.watching[key], len(s.tests))
			}
		}
		s.tests = append(s.tests, t)
	}
	return s
}

// domainOf are the values that can make a difference: the real one, none, those that a selector names, and one that no selector names, which
// stands for all others.
func domainOf(key string, real, fixed map[string]string, mentioned map[string]bool) []value {
	if text, is := fixed[key]; is {
		return []value{{text: text}}
	}
	var domain []value
	add := func(v value) {
		if !slices.Contains(domain, v) {
			domain = append(domain, v)
		}
	}
	if text, has := real[key]; has {
		add(value{text: text})
	}
	add(value{absent: true})
	for _, text := range slices.Sorted(maps.Keys(mentioned)) {
		add(value{text: text})
	}
	add(value{text: unnamed(mentioned)})
	return domain
}

// unnamed is a label value that no selector names.
func unnamed(mentioned map[string]bool) string {
	text := "podknock"
	for mentioned[text] {
		text += "-x"
	}
	return text
}

// assign gives values to the keys from one on, and reports whether that succeeded.
func (s *search) assign(key int) bool {
	if s.impossible {
		return false
	}
	if key == len(s.keys) {
		return true
	}
	for _, v := range s.domain[key] {
		if s.steps++; s.steps > maxSteps {
			return false
		}
		s.assigned[key], s.depth = v, key+1
		if s.possible(key) && s.assign(key+1) {
			return true
		}
		s.depth = key
	}
	return false
}

// possible tells whether no test that watches a key has failed yet.
func (s *search) possible(key int) bool {
	for _, i := range s.watching[key] {
		if !s.testPossible(&s.tests[i]) {
			return false
		}
	}
	return true
}

func (s *search) testPossible(t *test) bool {
	open := false
	for i := range t.requirements {
		if t.keys[i] >= s.depth {
			open = true
			continue
		}
		if !holds(&t.requirements[i], s.assigned[t.keys[i]]) {
			return !t.want // one that fails decides
		}
	}
	return open || t.want
}

// holds judges one requirement, with the words of the API: NotIn holds for an absent label.
func holds(r *labels.Requirement, v value) bool {
	set := labels.Set{}
	if !v.absent {
		set[r.Key()] = v.text
	}
	switch r.Operator() {
	case selection.In, selection.NotIn, selection.Equals, selection.DoubleEquals, selection.NotEquals, selection.Exists, selection.DoesNotExist:
		return r.Matches(set)
	}
	return false // comparisons of numbers, which selectors of pods do not have
}

// chosen are the labels of the solution without the fixed ones. What no selector mentions is left out.
func (s *search) chosen() map[string]string {
	found := map[string]string{}
	for i, key := range s.keys {
		if _, is := s.fixed[key]; !is && !s.assigned[i].absent {
			found[key] = s.assigned[i].text
		}
	}
	return found
}
