package policy

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// bitset is a set of small numbers: pod classes or namespaces.
type bitset []uint64

func newBitset(size int) bitset { return make(bitset, (size+63)/64) }

func (b bitset) add(i int) { b[i>>6] |= 1 << (i & 63) }

func (b bitset) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

// intersect returns the members of both sets.
func (b bitset) intersect(other bitset) bitset {
	both := make(bitset, len(b))
	for i := range b {
		both[i] = b[i] & other[i]
	}
	return both
}

// selectors evaluates each distinct selector once against a fixed list of label sets.
type selectors struct {
	sets  []labels.Set
	known map[string]bitset
}

func newSelectors(sets []labels.Set) *selectors {
	return &selectors{sets: sets, known: map[string]bitset{}}
}

// match returns the indexes of the label sets that a selector matches. An empty selector matches all.
func (s *selectors) match(selector *metav1.LabelSelector) (bitset, error) {
	spelled, err := json.Marshal(selector)
	if err != nil {
		return nil, fmt.Errorf("spell selector: %w", err)
	}
	if matched, ok := s.known[string(spelled)]; ok {
		return matched, nil
	}
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, fmt.Errorf("selector: %w", err)
	}
	matched := newBitset(len(s.sets))
	for i, set := range s.sets {
		if compiled.Matches(set) {
			matched.add(i)
		}
	}
	s.known[string(spelled)] = matched
	return matched, nil
}
