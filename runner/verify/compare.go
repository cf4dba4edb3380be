package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/podknock/podknock/runner"
)

const (
	// slowerFactor is how many times longer a change has to take to count as slower, and slowerMargin by how much at least: below that, two
	// runs of one engine differ.
	slowerFactor = 3
	slowerMargin = 500 * time.Millisecond
)

// Compare says what has changed from an old verification to a new one. It is pure.
func Compare(old, current *Report) Comparison {
	c := &Comparison{
		Run: old.Run, Start: old.Start, Regressions: []Difference{}, Improvements: []Difference{}, Changes: []Difference{},
	}
	c.ranked(DifferentAnswer, "the answer", string(old.Headline.Conclusion), string(current.Headline.Conclusion), conclusionRank)
	c.axes(old, current)
	c.nodes(old, current)
	c.paths(old, current)
	c.latencies(old, current)
	c.texts(DifferentPlugin, pluginTexts(old), pluginTexts(current))
	c.texts(DifferentTrait, traitTexts(old), traitTexts(current))
	for _, list := range [][]Difference{c.Regressions, c.Improvements, c.Changes} {
		slices.SortStableFunc(list, func(a, b Difference) int { return cmp.Compare(kindRank[a.Kind], kindRank[b.Kind]) })
	}
	return *c
}

var kindRank = map[DifferenceKind]int{
	DifferentAnswer: 0, DifferentAxis: 1, DifferentNode: 2, DifferentPath: 3, DifferentLatency: 4, DifferentPlugin: 5, DifferentTrait: 6,
}

// The ranks say how good something is; what has none can be neither better nor worse.
var (
	conclusionRank = map[string]int{
		string(ConcludedEnforced): 4, string(ConcludedDefective): 3, string(ConcludedUnexplained): 3, string(ConcludedNotEnforced): 2,
		string(ConcludedPath): 1,
	}
	judgementRank = map[string]int{string(Enforced): 3, string(Partly): 2, string(NotEnforced): 1}
	nodeRank      = map[string]int{nodeEnforces: 3, nodeMixed: 2, nodeOpen: 1}
	statusRank    = map[string]int{string(StatusPass): 3, string(StatusWarn): 2, string(StatusFail): 1}
)

// ranked adds a difference, as a regression or an improvement where both values have a rank.
func (c *Comparison) ranked(kind DifferenceKind, subject, old, current string, ranks map[string]int) {
	if old == current {
		return
	}
	difference := Difference{Kind: kind, Subject: subject, Old: old, New: current}
	was, is := ranks[old], ranks[current]
	switch {
	case was == 0 || is == 0 || was == is:
		// What is bad and was not known before is a regression: nobody has seen it work.
		if was == 0 && is > 0 && is < best(ranks) {
			c.Regressions = append(c.Regressions, difference)
			return
		}
		c.Changes = append(c.Changes, difference)
	case is < was:
		c.Regressions = append(c.Regressions, difference)
	default:
		c.Improvements = append(c.Improvements, difference)
	}
}

func best(ranks map[string]int) int {
	top := 0
	for _, rank := range ranks {
		top = max(top, rank)
	}
	return top
}

func (c *Comparison) axes(old, current *Report) {
	if len(old.Axes) == 0 || len(current.Axes) == 0 {
		return // one of the runs never came to the suite: the answer says so
	}
	was, is := map[string]string{}, map[string]string{}
	for _, axis := range old.Axes {
		was[axis.Title] = string(axis.Judgement)
	}
	for _, axis := range current.Axes {
		is[axis.Title] = string(axis.Judgement)
	}
	for _, title := range keysOf(was, is) {
		c.ranked(DifferentAxis, title, was[title], is[title], judgementRank)
	}
}

const (
	nodeEnforces = "enforces"
	nodeMixed    = "enforces in part"
	nodeOpen     = "enforces nothing"
)

func nodeWords(c *Canary) map[string]string {
	words := map[string]string{}
	for _, nodes := range []struct {
		list []string
		word string
	}{{c.Enforcing, nodeEnforces}, {c.Mixed, nodeMixed}, {c.Open, nodeOpen}} {
		for _, node := range nodes.list {
			words[node] = nodes.word
		}
	}
	return words
}

func (c *Comparison) nodes(old, current *Report) {
	was, is := nodeWords(&old.Canary), nodeWords(&current.Canary)
	for _, node := range keysOf(was, is) {
		c.ranked(DifferentNode, node, was[node], is[node], nodeRank)
	}
}

func pathWords(p *Path) map[string]string {
	words := map[string]string{}
	for i := range p.Pairs {
		pair := &p.Pairs[i]
		name := fmt.Sprintf("%s -> %s by %s, %s, %s", pair.From, cmp.Or(pair.To, "any"), pair.Way, pair.Protocol, pair.Family)
		if pair.Size > 0 {
			name += fmt.Sprintf(", %d bytes", pair.Size)
		}
		words[name] = string(pair.Status)
	}
	return words
}

// paths compares the pairs that both runs have tried: a sample may be another one.
func (c *Comparison) paths(old, current *Report) {
	was, is := pathWords(&old.Path), pathWords(&current.Path)
	for _, path := range keysOf(was, is) {
		if was[path] != "" && is[path] != "" {
			c.ranked(DifferentPath, path, was[path], is[path], statusRank)
		}
	}
}

func (c *Comparison) latencies(old, current *Report) {
	for _, was := range old.Changes {
		i := slices.IndexFunc(current.Changes, func(l ChangeLatency) bool { return l.Axis == was.Axis })
		if i < 0 {
			continue
		}
		is := current.Changes[i]
		c.figures(was.Title+", until it denies", was.Latency.Deny, is.Latency.Deny)
		c.figures(was.Title+", until it allows", was.Latency.Allow, is.Latency.Allow)
	}
}

func (c *Comparison) figures(subject string, old, current runner.LatencyFigures) {
	if old.Samples == 0 || current.Samples == 0 {
		return
	}
	difference := Difference{DifferentLatency, subject, "p50 " + rounded(old.P50), "p50 " + rounded(current.P50)}
	switch {
	case current.P50 > slowerFactor*old.P50 && current.P50-old.P50 > slowerMargin:
		c.Regressions = append(c.Regressions, difference)
	case old.P50 > slowerFactor*current.P50 && old.P50-current.P50 > slowerMargin:
		c.Improvements = append(c.Improvements, difference)
	}
}

// texts compares what is neither good nor bad.
func (c *Comparison) texts(kind DifferenceKind, was, is map[string]string) {
	for _, subject := range keysOf(was, is) {
		c.ranked(kind, subject, was[subject], is[subject], nil)
	}
}

func pluginTexts(r *Report) map[string]string {
	words := map[string]string{}
	for _, plugin := range r.Preflight.Plugins {
		words[plugin.Name] = strings.TrimSpace(cmp.Or(plugin.Version, "installed") + " " + plugin.Disabled)
	}
	return words
}

func traitTexts(r *Report) map[string]string {
	words := map[string]string{}
	for _, trait := range r.Traits {
		words[trait.Title] = trait.Found
	}
	return words
}

// keysOf are the keys of two maps, sorted.
func keysOf(one, other map[string]string) []string {
	var keys []string
	for key := range one {
		keys = append(keys, key)
	}
	for key := range other {
		if _, known := one[key]; !known {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
