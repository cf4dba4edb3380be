package verify

import (
	"iter"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios"
)

// someNamespaces is an engine that has the policies of some namespaces and lacks those of others, at least for the time. Which ones is no matter
// of what the policies say, so that it is read off the run, step by step.
var someNamespaces = Defect{
	"some-namespaces-only", "It enforces the policies of some namespaces, and none of others.", scenarios.AxisPolicyCreate,
}

const (
	// mostNamespaces is how many namespaces with policies a step may have for all their subsets to be tried.
	mostNamespaces = 4
	// openNamespaces is how many scenarios have to have a namespace whose policies are not enforced: one may have another reason.
	openNamespaces = 2
)

// inNamespaces is at most one guess: that in each step all policies of a namespace were enforced, or none, where some were and some were not.
func (s *search) inNamespaces() iter.Seq[guess] {
	return func(yield func(guess) bool) {
		if g, ok := s.byNamespace(); ok {
			yield(g)
		}
	}
}

func (s *search) byNamespace() (guess, bool) {
	g := guess{hypothesis: hypothesis{Defect: someNamespaces}, untimed: true}
	held, open, at := 0, 0, 0
	for _, story := range s.stories {
		storyOpen := false
		for step := range story.moments {
			first := at
			for at < len(s.knocks) && s.knocks[at].story == story && s.knocks[at].step == step {
				at++
			}
			chosen, found := s.enforcedIn(story, step, first, at)
			if !found {
				return g, false
			}
			g.predicted = append(g.predicted, chosen.predicted...)
			held += chosen.held
			storyOpen = storyOpen || chosen.open
		}
		if storyOpen {
			open++
		}
	}
	return g, len(g.predicted) == len(s.knocks) && held > 0 && open >= openNamespaces
}

// choice is which namespaces of a step have their policies enforced.
type choice struct {
	predicted prediction
	// held counts the knocks that were stopped as they should, open says that some namespace was left open.
	held int
	open bool
}

// enforcedIn finds the most namespaces whose policies are enforced such that nothing that the knocks of a step found contradicts it.
func (s *search) enforcedIn(story *story, step, first, end int) (choice, bool) {
	var namespaces []string
	for i := range story.moments[step].cluster.Policies {
		if ns := story.moments[step].cluster.Policies[i].Namespace; !slices.Contains(namespaces, ns) {
			namespaces = append(namespaces, ns)
		}
	}
	if len(namespaces) > mostNamespaces {
		return choice{}, false
	}
	for left := range len(namespaces) + 1 {
		for set := range 1 << len(namespaces) {
			out := chosenOf(namespaces, set)
			if len(out) != left {
				continue
			}
			c := choice{open: left > 0, predicted: s.right[first:end]}
			if left > 0 {
				lacking := dropping(func(p *networkingv1.NetworkPolicy) bool { return slices.Contains(out, p.Namespace) })
				lacking.idle = left == len(namespaces)
				c.predicted = newJudges(story, step, lacking).all(s.knocks[first:end])
			}
			if s.fits(&c, first, end) {
				return c, true
			}
		}
	}
	return choice{}, false
}

// chosenOf are the items of a list whose bits are set.
func chosenOf(list []string, set int) []string {
	var chosen []string
	for i, item := range list {
		if set&(1<<i) != 0 {
			chosen = append(chosen, item)
		}
	}
	return chosen
}

// fits tells whether nothing contradicts a choice, and counts what holds.
func (s *search) fits(c *choice, first, end int) bool {
	for i := first; i < end; i++ {
		k := s.knocks[i]
		if !k.failed && !k.proven || k.wanted == unclear {
			continue
		}
		found := k.effect(c.predicted[i-first], s.right[i])
		switch {
		case found == unclear:
		case k.failed && found != k.seen, k.proven && found != k.wanted:
			return false
		case k.proven && k.wanted == stopped:
			c.held++
		}
	}
	return true
}
