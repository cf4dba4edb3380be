package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// traitsOf says what the unjudged knocks of a run found, axis by axis.
func traitsOf(stories []*story) []Trait {
	knocks := byAxis(stories)
	var traits []Trait
	for _, axis := range scenarios.Axes() {
		if !axis.Unjudged || axis.Measured {
			continue
		}
		trait := Trait{Axis: axis.Name, Title: axis.Title, Found: "not tested"}
		if words := unjudgedWords(knocks[axis.Name]); len(words) > 0 {
			trait.Found, trait.Known = strings.Join(words, "; "), true
		}
		traits = append(traits, trait)
	}
	return traits
}

// wayWords say how a knock goes, by the kind of its target.
var wayWords = map[scenarios.EndpointKind]string{
	scenarios.EndpointPod: "by the pod's address", scenarios.EndpointService: "through a Service", scenarios.EndpointServiceName: "through a Service",
	scenarios.EndpointNode: "at the node's address", scenarios.EndpointNodePort: "through a node port",
}

// unjudgedWords count the outcomes of unjudged knocks while policies govern one of their ends, by the way they go.
func unjudgedWords(knocks []*knock) []string {
	counts := map[string]map[string]int{}
	var ways []string
	for _, k := range knocks {
		if k.result.Mark != runner.MarkUnjudged || k.result.Observed == "" || !k.governed() {
			continue
		}
		way := wayWords[k.cell.To.Kind]
		if counts[way] == nil {
			counts[way] = map[string]int{}
			ways = append(ways, way)
		}
		counts[way][string(k.result.Observed)]++
	}
	var words []string
	for _, way := range ways {
		var outcomes []string
		for outcome, count := range counts[way] {
			outcomes = append(outcomes, fmt.Sprintf("%s %d", outcome, count))
		}
		slices.Sort(outcomes)
		words = append(words, fmt.Sprintf("%s: %s", way, strings.Join(outcomes, ", ")))
	}
	return words
}

// governed tells whether policies isolate an end of the knock.
func (k *knock) governed() bool {
	return slices.ContainsFunc(k.axes(), func(a scenarios.Axis) bool { return a.Group == scenarios.GroupDirection })
}

// traits say how a denied client notices.
func (c *Canary) traits() []Trait {
	trait := Trait{Title: "what a denied client sees", Known: true}
	switch c.Denial.How {
	case DenialSilence:
		trait.Found = "silence: it waits until its own timeout"
	case DenialICMP:
		trait.Found = fmt.Sprintf("an ICMP error at once: type %d, code %d", c.Denial.Type, c.Denial.Code)
	case DenialRST:
		trait.Found = "a RST at once, as if nothing listened"
	default:
		return nil
	}
	return []Trait{trait}
}

// open are the trials that were not denied, and those that were in part on nodes where the suite has proven nothing.
func (c *Canary) open(proven map[string]bool) []CanaryTrial {
	return slices.DeleteFunc(slices.Clone(c.Trials), func(t CanaryTrial) bool {
		return t.Status != StatusFail && (t.Status != StatusWarn || proven[t.Node])
	})
}

// provenNodes are those on which the suite has proven something.
func (s *search) provenNodes() map[string]bool {
	proven := map[string]bool{}
	for _, k := range s.knocks {
		if k.proven {
			proven[k.source], proven[k.target] = true, true
		}
	}
	return proven
}

// headlineOfCanary is the answer where the canary got through and every knock of the suite found what it should.
func headlineOfCanary(open []CanaryTrial) Headline {
	h := Headline{Conclusion: ConcludedUnexplained, Unexplained: len(open)}
	for _, trial := range open {
		if !slices.Contains(h.Nodes, trial.Node) {
			h.Nodes = append(h.Nodes, trial.Node)
		}
		if !slices.Contains(h.Accused, trial.Direction) {
			h.Accused = append(h.Accused, trial.Direction)
		}
	}
	slices.Sort(h.Nodes)
	h.Axis = h.Accused[0]
	h.Text = fmt.Sprintf("The canary got through on %s (%s), although every knock of the suite found what it should.",
		nodesText(h.Nodes), strings.Join(texts(h.Accused), ", "))
	return h
}

func texts(names []scenarios.AxisName) []string {
	var words []string
	for _, name := range names {
		words = append(words, titleOf(name))
	}
	return words
}
