package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file, counted from 1. The zero value means the file as a whole.
type Position struct{ Line, Column int }

// Problem is one fault.
type Problem struct {
	Position
	// Field is the path of the value, such as spec.ports[0].endPort.
	Field   string
	Message string
}

// Sort puts problems into the order of the file.
func Sort(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Field, b.Field))
	})
}

// Nearest finds the candidate that a misspelt word probably means, or "" if none is close. Of equally close ones the first counts.
func Nearest(word string, candidates []string) string {
	best, distance := "", max(1, len(word)/3)+1
	for _, candidate := range candidates {
		if strings.EqualFold(word, candidate) {
			return candidate
		}
		if d := editDistance(word, candidate, distance); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// Suggest is the end of a sentence about an unknown word: what was probably meant, or what there is.
func Suggest(word string, candidates []string) string {
	if nearest := Nearest(word, candidates); nearest != "" {
		return fmt.Sprintf("did you mean %q?", nearest)
	}
	if len(candidates) == 0 {
		return "there is none"
	}
	return "there is " + strings.Join(candidates, ", ")
}

// editDistance counts insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal string alignment). It
// gives up at limit.
func editDistance(a, b string, limit int) int {
	if diff := len(a) - len(b); diff >= limit || -diff >= limit {
		return limit
	}
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			replace := previous[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			current[j] = min(previous[j]+1, current[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
