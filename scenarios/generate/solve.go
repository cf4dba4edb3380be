package generate

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// term is one part of a selector; a matchLabels entry is an In.
type term = metav1.LabelSelectorRequirement

// termsOf lists the parts of a selector in a fixed order.
func termsOf(selector *metav1.LabelSelector) []term {
	if selector == nil {
		return nil
	}
	var terms []term
	for _, key := range slices.Sorted(maps.Keys(selector.MatchLabels)) {
		terms = append(terms, term{Key: key, Operator: metav1.LabelSelectorOpIn, Values: []string{selector.MatchLabels[key]}})
	}
	return append(terms, selector.MatchExpressions...)
}

// negated is the opposite of a term. A value that differs is preferred to a label that is missing: engines get that wrong more often.
func negated(t term) []term {
	switch t.Operator {
	case metav1.LabelSelectorOpIn:
		return []term{{Key: t.Key, Operator: metav1.LabelSelectorOpExists}, {Key: t.Key, Operator: metav1.LabelSelectorOpNotIn, Values: t.Values}}
	case metav1.LabelSelectorOpNotIn:
		return []term{{Key: t.Key, Operator: metav1.LabelSelectorOpIn, Values: t.Values}}
	case metav1.LabelSelectorOpExists:
		return []term{{Key: t.Key, Operator: metav1.LabelSelectorOpDoesNotExist}}
	}
	return []term{{Key: t.Key, Operator: metav1.LabelSelectorOpExists}}
}

// breaking are the terms with one of them turned into its opposite.
func breaking(terms []term, i int) []term {
	return slices.Concat(terms[:i], negated(terms[i]), terms[i+1:])
}

// constraint is what terms demand of one key.
type constraint struct {
	// among are the values that are left; nil for any.
	among   []string
	not     []string
	present bool
	absent  bool
}

// constraints gathers the terms by key.
func constraints(terms []term) map[string]*constraint {
	byKey := map[string]*constraint{}
	for _, t := range terms {
		c := byKey[t.Key]
		if c == nil {
			c = &constraint{}
			byKey[t.Key] = c
		}
		switch t.Operator {
		case metav1.LabelSelectorOpIn:
			c.present = true
			if c.among == nil {
				c.among = slices.Clone(t.Values)
			} else {
				c.among = slices.DeleteFunc(c.among, func(value string) bool { return !slices.Contains(t.Values, value) })
			}
			if c.among == nil {
				c.among = []string{}
			}
		case metav1.LabelSelectorOpNotIn:
			c.not = append(c.not, t.Values...)
		case metav1.LabelSelectorOpExists:
			c.present = true
		case metav1.LabelSelectorOpDoesNotExist:
			c.absent = true
		}
	}
	return byKey
}

// value is one that fulfils the constraint. It is not ok if there is none.
func (c *constraint) value() (value string, present, ok bool) {
	switch {
	case c.absent:
		return "", false, !c.present
	case !c.present:
		return "", false, true
	case c.among != nil:
		for _, candidate := range c.among {
			if !slices.Contains(c.not, candidate) {
				return candidate, true, true
			}
		}
		return "", false, false
	}
	base := "any"
	if len(c.not) > 0 {
		base = "not-" + c.not[0]
		base = strings.TrimRight(base[:min(len(base), 60)], "-_.")
	}
	for candidate := base; ; candidate += "x" {
		if !slices.Contains(c.not, candidate) {
			return candidate, true, true
		}
	}
}

// solve finds labels that fulfil all terms, as few as possible. It is not ok if the terms contradict each other.
func solve(terms []term) (map[string]string, bool) {
	set := map[string]string{}
	for key, c := range constraints(terms) {
		value, present, ok := c.value()
		if !ok {
			return nil, false
		}
		if present {
			set[key] = value
		}
	}
	return set, true
}
