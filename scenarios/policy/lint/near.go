package lint

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// difference is a part of a selector that a label set does not fulfil.
type difference struct {
	// field is below the selector: matchLabels[app] or matchExpressions[0].
	field   string
	key     string
	wanted  string
	found   string
	absent  bool
	similar bool
}

// differences lists what of a selector a label set does not fulfil, and counts what it does.
func differences(selector *metav1.LabelSelector, set map[string]string) (missed []difference, met int) {
	check := func(field string, requirement metav1.LabelSelectorRequirement) {
		if matches(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{requirement}}, set) {
			met++
			return
		}
		found, present := set[requirement.Key]
		missed = append(missed, difference{
			field: field, key: requirement.Key, wanted: spell(requirement), found: found, absent: !present,
			similar: present && requirement.Operator == metav1.LabelSelectorOpIn && similarTo(found, requirement.Values),
		})
	}
	keys := make([]string, 0, len(selector.MatchLabels))
	for key := range selector.MatchLabels {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		check("matchLabels["+key+"]", metav1.LabelSelectorRequirement{
			Key: key, Operator: metav1.LabelSelectorOpIn, Values: []string{selector.MatchLabels[key]},
		})
	}
	for i, requirement := range selector.MatchExpressions {
		check(fmt.Sprintf("matchExpressions[%d]", i), requirement)
	}
	return missed, met
}

// similarTo reports whether a word is probably a misspelling of one of others. A digit more or less is no misspelling: there are web-1 and web-2.
func similarTo(word string, others []string) bool {
	letters := func(text string) string { return strings.Trim(text, "0123456789-._") }
	for _, other := range others {
		if letters(word) != letters(other) && strict.Nearest(word, []string{other}) != "" || strings.EqualFold(word, other) {
			return true
		}
	}
	return false
}

// spell writes a requirement as kubectl takes it for -l.
func spell(requirement metav1.LabelSelectorRequirement) string {
	values := strings.Join(requirement.Values, ",")
	switch requirement.Operator {
	case metav1.LabelSelectorOpIn:
		if len(requirement.Values) == 1 {
			return requirement.Key + "=" + values
		}
		return requirement.Key + " in (" + values + ")"
	case metav1.LabelSelectorOpNotIn:
		return requirement.Key + " notin (" + values + ")"
	case metav1.LabelSelectorOpExists:
		return requirement.Key
	}
	return "!" + requirement.Key
}

// spellSelector writes a selector in short.
func spellSelector(selector *metav1.LabelSelector) string {
	return metav1.FormatLabelSelector(selector)
}

// closeness is how far a label set is from a selector; small is near.
func closeness(missed []difference) int {
	total := 0
	for _, one := range missed {
		switch {
		case one.similar:
			total++
		case one.absent:
			total += 5
		default:
			total += 4
		}
	}
	return total
}

// near is what comes nearest to a selector.
type near struct {
	name   string
	missed []difference
	met    int
}

// typo reports whether all that differs looks misspelt.
func (n *near) typo() bool {
	return n != nil && !slices.ContainsFunc(n.missed, func(d difference) bool { return !d.similar })
}

// field is the path of the part that differs, below the selector's.
func (n *near) field(selector string) string {
	if n == nil || len(n.missed) == 0 {
		return selector
	}
	return selector + "." + n.missed[0].field
}

// sentence says what is nearest and how it differs; empty if nothing is near.
func (n *near) sentence() string {
	if n == nil {
		return ""
	}
	var parts []string
	for _, one := range n.missed {
		if one.absent {
			parts = append(parts, "lacks the label "+one.key)
			continue
		}
		parts = append(parts, fmt.Sprintf("has %s=%s", one.key, one.found))
	}
	return "; the nearest, " + n.name + ", " + strings.Join(parts, " and ")
}

// nearestOf finds the candidate that misses a selector by the least; nil if none has anything of it.
func nearestOf(selector *metav1.LabelSelector, count int, candidate func(i int) (string, map[string]string)) *near {
	var best *near
	for i := range count {
		name, set := candidate(i)
		missed, met := differences(selector, set)
		related := met > 0 || slices.ContainsFunc(missed, func(d difference) bool { return !d.absent })
		if related && (best == nil || closeness(missed) < closeness(best.missed)) {
			best = &near{name: name, missed: missed, met: met}
		}
	}
	return best
}

// nearestPod is [nearestOf] for pods.
func nearestPod(selector *metav1.LabelSelector, pods []*corev1.Pod) *near {
	return nearestOf(selector, len(pods), func(i int) (string, map[string]string) { return display(pods[i]), pods[i].Labels })
}

// nearestNamespace is [nearestOf] for the namespaces whose labels are known.
func (c *checker) nearestNamespace(selector *metav1.LabelSelector) *near {
	var names []string
	for _, name := range c.names {
		if c.objects.Knowledge.LabelsOf(name) {
			names = append(names, name)
		}
	}
	return nearestOf(selector, len(names), func(i int) (string, map[string]string) { return "namespace " + names[i], c.homes[names[i]] })
}

// correction says what to write instead of the part that differs.
func (n *near) correction(otherwise string) string {
	if n == nil || len(n.missed) == 0 || n.missed[0].absent {
		return otherwise
	}
	if n.typo() || n.met > 0 {
		return fmt.Sprintf("Write %s=%s if that is meant.", n.missed[0].key, n.missed[0].found)
	}
	return otherwise
}
