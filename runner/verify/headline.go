package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// headlineOf says which defects explain the run: those that its failing knocks show, and those that its latencies show.
func headlineOf(found solution, late []lateness) Headline {
	h := Headline{Conclusion: ConcludedDefective}
	for _, c := range found.classes {
		h.Explanations = append(h.Explanations, c.explanation())
	}
	for _, l := range late {
		h.Explanations = append(h.Explanations, Explanation{Defects: []Defect{l.Defect}, Cells: []string{}})
	}
	first := h.Explanations[0]
	h.Axis, h.Nodes = first.Defects[0].Axis, first.Nodes
	h.Explained = len(found.fit.hits) + len(found.fit.open)
	if len(h.Explanations) == 1 && first.Defects[0].Axis == "" && len(first.Nodes) == 0 {
		h.Conclusion, h.Text = ConcludedNotEnforced, "No policy is enforced: all knocks that should be blocked got through."
		return h
	}
	var sentences []string
	for _, e := range h.Explanations {
		sentences = append(sentences, e.sentence())
	}
	h.Text = strings.Join(sentences, " ")
	if h.Explained > 0 {
		h.Text += fmt.Sprintf(" This explains all of %d failing knocks.", h.Explained)
		h.Advice = adviceFor(found.fit.hits)
		if first.Defects[0].Name == stoppedEnforcing.Name {
			h.Advice = "look why the policy engine ended, or lost touch with the API server, at that time: its pods or processes on the nodes, and their logs"
		}
	}
	return h
}

// adviceFor is the same for all defects: they are those of an engine, which only its makers can mend.
func adviceFor(knocks []*knock) string {
	advice := "look for a newer release of the policy engine, or report the defect to its makers"
	if len(knocks) > 0 && knocks[0].result.Repeat != "" {
		advice += "; this repeats one failing knock: " + knocks[0].result.Repeat
	}
	return advice
}

func (c class) explanation() Explanation {
	e := Explanation{Nodes: c.guesses[0].nodes, Cells: []string{}}
	for _, g := range c.guesses {
		known := slices.ContainsFunc(e.Defects, func(d Defect) bool { return d.Name == g.Name })
		if slices.Equal(g.nodes, e.Nodes) && !known {
			e.Defects = append(e.Defects, g.Defect)
		}
	}
	for _, k := range c.hits {
		e.Cells = append(e.Cells, k.result.ID)
	}
	return e
}

// sentence says what is wrong, and what it could be as well.
func (e *Explanation) sentence() string {
	on := "Policies are enforced, with a defect: "
	if len(e.Nodes) > 0 {
		on = fmt.Sprintf("Policies are enforced, with a defect on %s: ", nodesText(e.Nodes))
	}
	text := on + "the engine " + e.Defects[0].clause() + "."
	if len(e.Defects) > 1 {
		var others []string
		for _, d := range e.Defects[1:] {
			others = append(others, d.clause())
		}
		text += fmt.Sprintf(" Or, which no knock of this run tells from it, it %s.", strings.Join(others, ", or "))
	}
	return text
}

// clause is what the engine does, without subject and full stop.
func (d *Defect) clause() string { return strings.TrimSuffix(strings.TrimPrefix(d.About, "It "), ".") }

func nodesText(nodes []string) string {
	if len(nodes) == 1 {
		return "node " + nodes[0]
	}
	return "nodes " + strings.Join(nodes, ", ")
}

// headlineUnbroken is the answer where nothing has failed.
func headlineUnbroken(axes []AxisResult, run *runner.Report) Headline {
	unproven := 0
	for i := range run.Scenarios {
		for j := range run.Scenarios[i].Steps {
			for k := range run.Scenarios[i].Steps[j].Cells {
				cell := &run.Scenarios[i].Steps[j].Cells[k]
				if (cell.Mark == runner.MarkInconclusive || cell.Mark == runner.MarkError) && cell.Observed != probe.Unsupported {
					unproven++
				}
			}
		}
	}
	var untested []string
	for _, axis := range axes {
		if axis.Judgement == NotTested && axis.Counts.Inconclusive+axis.Counts.Error > 0 {
			untested = append(untested, axis.Title)
		}
	}
	const tolerated = 20 // one knock in so many may prove nothing
	switch {
	case run.Error != "":
		return Headline{Conclusion: ConcludedUnknown, Text: fmt.Sprintf("Too little was tested: %s.", run.Error)}
	case run.Counts.Fail > 0:
		return Headline{Conclusion: ConcludedUnknown, Unexplained: run.Counts.Fail, Text: fmt.Sprintf(
			"%d knocks failed in ways that no policy causes: before any policy, to and fro, or after the connection had come about. "+
				"Look at the pod network, DNS and the load of the nodes.", run.Counts.Fail)}
	case len(untested) > 0:
		return Headline{Conclusion: ConcludedUnknown, Text: fmt.Sprintf("Nothing is known about %s.", strings.Join(untested, ", "))}
	case run.Counts.Pass == 0 || unproven*tolerated > run.Counts.Pass:
		return Headline{Conclusion: ConcludedUnknown, Text: fmt.Sprintf(
			"Too little was tested: %d knocks found what they should, %d proved nothing.", run.Counts.Pass, unproven)}
	}
	text := fmt.Sprintf("Policies are enforced: all of %d knocks found what they should.", run.Counts.Pass)
	if unproven > 0 {
		text = fmt.Sprintf("Policies are enforced: %d knocks found what they should, and %d proved nothing.", run.Counts.Pass, unproven)
	}
	return Headline{Conclusion: ConcludedEnforced, Text: text}
}

// headlineRestless is the answer where most of what failed changed to and fro until the end. That is no defect of the kinds that are known, and
// what little did not change must not be taken for one.
func headlineRestless(restless int) Headline {
	return Headline{
		Conclusion: ConcludedUnknown, Unexplained: restless,
		Text:   fmt.Sprintf("%d knocks changed to and fro until the end: now they got through, now they did not.", restless),
		Advice: "look at the load of the nodes: some engines let packets through, or lose them, while they are busy; then verify again",
	}
}

// headlineUnexplained is the answer where no known defect predicts just the failing knocks: what they have in common.
func (s *search) headlineUnexplained(failed []*knock) Headline {
	h := Headline{Conclusion: ConcludedUnexplained, Unexplained: len(failed), Advice: adviceFor(failed)}
	for _, axis := range cover(failed, s.knocks) {
		h.Accused = append(h.Accused, axis.Name)
	}
	h.Nodes = s.commonNodes(failed)
	h.Axis = h.Accused[0]
	var titles []string
	for _, name := range h.Accused {
		titles = append(titles, titleOf(name))
	}
	h.Text = fmt.Sprintf("%d of %d knocks found something else than they should, and no known defect explains just these. They are about %s",
		len(failed), len(failed)+s.proven(), strings.Join(titles, ", "))
	if len(h.Nodes) > 0 {
		h.Text += ", and all concern " + nodesText(h.Nodes)
	}
	h.Text += "."
	if near, ok := s.nearest(len(failed)); ok {
		h.Nearest = &near
		h.Text += fmt.Sprintf(" The known defect that comes nearest, without explaining them all: an engine that %s.", near.Defects[0].clause())
	}
	return h
}

func (s *search) proven() int {
	count := 0
	for _, k := range s.knocks {
		if k.proven {
			count++
		}
	}
	return count
}

// nearest is the guess that explains most of the failing knocks, if that is most of them and hardly anything contradicts it.
func (s *search) nearest(failed int) (Explanation, bool) {
	best, bestScore := class{}, 0
	for g := range s.everywhereAndOnNodes() {
		f := s.compare(g.predicted)
		if score := len(f.hits) - 2*(f.wrong-len(f.missed)); score > bestScore {
			best, bestScore = class{guesses: []guess{g}, hits: f.hits}, score
		}
	}
	if bestScore*2 < failed || bestScore == 0 {
		return Explanation{}, false
	}
	return best.explanation(), true
}

// commonNodes is the node that an end of every failing knock is on, if there are others as well.
func (s *search) commonNodes(failed []*knock) []string {
	nodes := s.nodes()
	if len(nodes) < 2 {
		return nil
	}
	common := slices.DeleteFunc(nodes, func(node string) bool {
		return slices.ContainsFunc(failed, func(k *knock) bool { return k.source != node && k.target != node })
	})
	if len(common) != 1 {
		return nil
	}
	return common
}

// accuse marks the axes that the headline names, and has the others with failing cells say what they follow from.
func accuse(axes []AxisResult, headline *Headline, late []lateness) {
	var named []string
	accused := map[scenarios.AxisName]bool{}
	for i := range headline.Explanations {
		named = append(named, headline.Explanations[i].Defects[0].Name)
		accused[headline.Explanations[i].Defects[0].Axis] = true
	}
	for _, axis := range headline.Accused {
		named = append(named, string(axis))
		accused[axis] = true
	}
	for i := range axes {
		axis := &axes[i]
		axis.Headline = accused[axis.Axis]
		if len(axis.Failing) > 0 {
			axis.Nodes = headline.Nodes
			if !axis.Headline {
				axis.Follows = strings.Join(named, ", ")
			}
		}
		for _, l := range late {
			if l.Axis == axis.Axis && axis.Judgement == Enforced {
				axis.Judgement, axis.Why = Partly, l.About
			}
		}
	}
}
