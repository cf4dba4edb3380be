package verify

import (
	"cmp"
	"iter"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// search looks for the engine that a run was made with.
type search struct {
	stories []*story
	knocks  []*knock
	// right is what an engine without defect decides.
	right prediction
	// guesses are the predictions of the catalogue, in its order, made when they are needed. So are the routes of the knocks.
	guesses []guess
	routes  [][endCount]route
}

// guess is a hypothesis with what it predicts.
type guess struct {
	hypothesis
	// nodes are those that it is restricted to.
	nodes     []string
	predicted prediction
	// untimed says that with the defect it depends on other things when a policy takes hold, so that latencies accuse nobody of lateness.
	untimed bool
}

func newSearch(stories []*story) *search {
	s := &search{stories: stories}
	for _, story := range stories {
		s.knocks = append(s.knocks, story.knocks...)
	}
	return s
}

// failed are the knocks that found something else than they should.
func (s *search) failed() []*knock {
	return slices.DeleteFunc(slices.Clone(s.knocks), func(k *knock) bool { return !k.failed })
}

// restless counts the failing knocks that changed to and fro, and so prove nothing.
func (s *search) restless() int {
	count := 0
	for _, k := range s.knocks {
		if k.result.Mark == runner.MarkFail && !k.atRest() {
			count++
		}
	}
	return count
}

// prepare makes the predictions of the catalogue. Those that share an engine share the work.
func (s *search) prepare() {
	if s.guesses != nil {
		return
	}
	s.right = predict(s.stories, engine{})
	for _, k := range s.knocks {
		s.routes = append(s.routes, [endCount]route{k.route(leaving), k.route(arriving), k.route(asking)})
	}
	idle := predict(s.stories, engine{idle: true})
	for _, h := range catalogue() {
		g := guess{hypothesis: h, predicted: idle}
		if !h.engine.idle {
			g.predicted = predict(s.stories, h.engine)
		}
		s.guesses = append(s.guesses, s.within(g, h.scope))
	}
}

// within restricts a guess to where a scope holds.
func (s *search) within(g guess, where scope) guess {
	if where == nil {
		return g
	}
	restricted := make(prediction, len(s.knocks))
	for i, k := range s.knocks {
		for at := range endCount {
			restricted[i][at] = mixed(s.right[i][at], g.predicted[i][at], where(k, at))
		}
	}
	g.predicted = restricted
	return g
}

// mixed is the answer of an end at which a defect shows or not.
func mixed(right, wrong, shows level) level {
	switch {
	case shows == admits || right == wrong:
		return wrong
	case shows == refuses:
		return right
	}
	return unsure
}

// fit says how well a prediction explains a run.
type fit struct {
	// hits are the failing knocks that it predicts, open those about which it says nothing.
	hits, open []*knock
	// wrong counts the knocks that it predicts wrongly: failing ones that should have passed, passing ones that should have failed, and those
	// that failed in another way.
	wrong int
	// missed are the failing ones among them that it takes for passing.
	missed []*knock
}

// explains tells whether nothing contradicts the prediction, and most of the failing knocks confirm it.
func (f fit) explains() bool { return f.wrong == 0 && len(f.hits) > len(f.open) }

// compare holds a prediction against the run.
func (s *search) compare(predicted prediction) fit {
	var f fit
	for i, k := range s.knocks {
		if !k.failed && !k.proven || k.wanted == unclear {
			continue
		}
		switch found := k.effect(predicted[i], s.right[i]); {
		case k.failed && found == unclear:
			f.open = append(f.open, k)
		case found == unclear:
		case k.failed && found == k.seen:
			f.hits = append(f.hits, k)
		case k.failed:
			f.wrong++
			if found == k.wanted {
				f.missed = append(f.missed, k)
			}
		case found != k.wanted:
			f.wrong++
		}
	}
	return f
}

// solution is a set of defects that together predict just the failing knocks: a class for each of them.
type solution struct {
	classes []class
	fit     fit
}

// untimed tells whether one of the defects has latencies that say nothing.
func (s solution) untimed() bool {
	return slices.ContainsFunc(s.classes, func(c class) bool { return c.guesses[0].untimed })
}

// class is a set of guesses that the run cannot tell apart.
type class struct {
	guesses []guess
	hits    []*knock
}

// solve finds the simplest solution: one defect, one defect on one node, one defect in some part of the traffic, an
// engine that ended, one that lacks some namespaces, two defects. ok is false if there is none.
func (s *search) solve() (found solution, ok bool) {
	s.prepare()
	for _, candidates := range []iter.Seq[guess]{slices.Values(s.guesses), s.onNodes(), s.inParts(), s.since(), s.inNamespaces()} {
		if found, ok := s.single(candidates); ok {
			return found, true
		}
	}
	return s.double()
}

// single finds the guesses that explain the run alone, and keeps those that do it best.
func (s *search) single(candidates iter.Seq[guess]) (solution, bool) {
	type fitting struct {
		guess guess
		fit   fit
	}
	var all []fitting
	for g := range candidates {
		if f := s.compare(g.predicted); f.explains() {
			all = append(all, fitting{g, f})
		}
	}
	if len(all) == 0 {
		return solution{}, false
	}
	slices.SortStableFunc(all, func(a, b fitting) int { return cmp.Compare(len(b.fit.hits), len(a.fit.hits)) })
	best := class{hits: all[0].fit.hits}
	for _, f := range all {
		if len(f.fit.hits) == len(all[0].fit.hits) {
			best.guesses = append(best.guesses, f.guess)
		}
	}
	return solution{[]class{best}, all[0].fit}, true
}

// part is some part of the traffic.
type part struct {
	suffix, text string
	scope        scope
}

func parts() []part {
	return []part{
		{"for-ingress", "for ingress alone", onlyDirection(scenarios.AxisIngress)},
		{"for-egress", "for egress alone", onlyDirection(scenarios.AxisEgress)},
		{"for-tcp", "for TCP alone", onlyProtocol(corev1.ProtocolTCP)},
		{"for-udp", "for UDP alone", onlyProtocol(corev1.ProtocolUDP)},
		{"for-sctp", "for SCTP alone", onlyProtocol(corev1.ProtocolSCTP)},
		{"for-ipv4", "for IPv4 alone", onlyFamily(corev1.IPv4Protocol)},
		{"for-ipv6", "for IPv6 alone", onlyFamily(corev1.IPv6Protocol)},
		{"on-same-node", "between pods of one node alone", onlyPlacement(sameNode)},
		{"across-nodes", "between pods of different nodes alone", onlyPlacement(otherNode)},
		{"through-services", "for the addresses of Services alone", onlyTranslated},
	}
}

// inParts are the guesses restricted to some part of the traffic.
func (s *search) inParts() iter.Seq[guess] {
	return func(yield func(guess) bool) {
		for _, g := range s.guesses {
			for _, p := range parts() {
				restricted := s.within(g, p.scope)
				restricted.Name += "-" + p.suffix
				restricted.About = g.About[:len(g.About)-1] + ", " + p.text + "."
				if !yield(restricted) {
					return
				}
			}
		}
	}
}

// everywhereAndOnNodes are the guesses, and then those that are restricted to nodes.
func (s *search) everywhereAndOnNodes() iter.Seq[guess] {
	return func(yield func(guess) bool) {
		for _, guesses := range []iter.Seq[guess]{slices.Values(s.guesses), s.onNodes()} {
			for g := range guesses {
				if !yield(g) {
					return
				}
			}
		}
	}
}

// maxPairs bounds the pairs of defects that are tried.
const maxPairs = 4000

// double finds two guesses that explain the run together. Each must explain something that the other does not, and contradict nothing alone
// but what it takes for passing.
func (s *search) double() (solution, bool) {
	type candidate struct {
		guess guess
		fit   fit
	}
	var candidates []candidate
	for g := range s.everywhereAndOnNodes() {
		f := s.compare(g.predicted)
		if len(f.hits) > 0 && f.wrong == len(f.missed) {
			candidates = append(candidates, candidate{g, f})
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return cmp.Compare(len(b.fit.hits), len(a.fit.hits)) })
	var guesses []guess
	for _, c := range candidates {
		guesses = append(guesses, c.guess)
	}
	tried := 0
	for i, one := range candidates {
		for _, other := range candidates[i+1:] {
			if tried++; tried > maxPairs {
				return solution{}, false
			}
			f := s.compare(s.together(one.guess.predicted, other.guess.predicted))
			if f.explains() && len(one.fit.hits) < len(f.hits) && len(other.fit.hits) < len(f.hits) {
				return solution{[]class{
					{s.alike(one.guess, guesses), one.fit.hits}, {s.alike(other.guess, guesses), other.fit.hits},
				}, f}, true
			}
		}
	}
	return solution{}, false
}

// together is what an engine with two defects decides, as far as each of them shows at the ends that the other leaves alone.
func (s *search) together(one, other prediction) prediction {
	both := make(prediction, len(s.knocks))
	for i := range both {
		for at := range endCount {
			switch right := s.right[i][at]; {
			case one[i][at] == right || one[i][at] == other[i][at]:
				both[i][at] = other[i][at]
			case other[i][at] == right:
				both[i][at] = one[i][at]
			default:
				both[i][at] = unsure
			}
		}
	}
	return both
}

// alike are the guesses that predict the same as one of them for the whole run.
func (s *search) alike(g guess, among []guess) []guess {
	alike := []guess{g}
	for _, other := range among {
		if (other.Name != g.Name || !slices.Equal(other.nodes, g.nodes)) && len(other.nodes) == len(g.nodes) && s.same(g.predicted, other.predicted) {
			alike = append(alike, other)
		}
	}
	return alike
}

// same tells whether two predictions are the same for every knock.
func (s *search) same(one, other prediction) bool {
	for i, k := range s.knocks {
		if k.effect(one[i], s.right[i]) != k.effect(other[i], s.right[i]) {
			return false
		}
	}
	return true
}
