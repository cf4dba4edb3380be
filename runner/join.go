package runner

import (
	"context"
	"slices"
	"sync"

	"github.com/podknock/podknock/probe"
)

// join asks the destinations what they know about the attempts that stayed silent or were refused, and reads those again with it. The
// destinations' facts are stored by cell. Arrivals up to the marks are none of these attempts'.
func (l *lane) join(ctx context.Context, aims []aim, answers table, marks map[string]uint64, destinations []*probe.Destination) {
	ctx, cancel := l.options.pace.forAnswer(ctx)
	defer cancel()
	byTarget := map[string][]int{}
	for i := range answers {
		if answers[i].asked && aims[i].target != "" && wantsEvidence(answers[i].result) {
			byTarget[aims[i].target] = append(byTarget[aims[i].target], i)
		}
	}
	var all sync.WaitGroup
	for target, cells := range byTarget {
		if _, err := l.book.pod(target); err != nil {
			continue
		}
		all.Go(func() {
			for _, part := range questionsOf(cells, answers) {
				l.joinPart(ctx, target, marks[target], part, aims, answers, destinations)
			}
		})
	}
	all.Wait()
}

// questionsOf divides cells into what one question for evidence can name: so many source ports, and no more cells than that.
func questionsOf(cells []int, answers table) [][]int {
	var parts [][]int
	room := 0
	for _, i := range cells {
		size := max(1, len(answers[i].result.Ports))
		if size > room {
			parts, room = append(parts, nil), probe.MaxQuestion
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], i)
		room -= size
	}
	return parts
}

// marks asks the targets of these cells for the newest entries of their logs, before anybody knocks. What arrived until then from a source
// port that the kernel gives out again is none of the knocks that follow. A target that cannot be asked has no mark.
func (l *lane) marks(ctx context.Context, aims []aim, cells []int) map[string]uint64 {
	ctx, cancel := l.options.pace.forAnswer(ctx)
	defer cancel()
	var targets []string
	for _, i := range cells {
		target := aims[i].target
		if target == "" || aims[i].obstacle != "" || slices.Contains(targets, target) {
			continue
		}
		if _, err := l.book.pod(target); err == nil {
			targets = append(targets, target)
		}
	}
	newest := make([]uint64, len(targets))
	var all sync.WaitGroup
	for i, target := range targets {
		all.Go(func() {
			if evidence, err := l.agent(target).Evidence(ctx, probe.EvidenceQuestion{}); err == nil {
				newest[i] = evidence.Mark
			}
		})
	}
	all.Wait()
	marks := make(map[string]uint64, len(targets))
	for i, target := range targets {
		marks[target] = newest[i]
	}
	return marks
}

// wantsEvidence tells the outcomes whose meaning the other end can add to.
func wantsEvidence(result probe.Result) bool {
	return result.Outcome == probe.Timeout || result.Outcome == probe.Refused || result.Outcome == probe.Rejected
}

// joinPart reads some cells of one target again. If the target cannot be asked, they keep the reading of the source alone.
func (l *lane) joinPart(
	ctx context.Context, target string, after uint64, cells []int, aims []aim, answers table, destinations []*probe.Destination,
) {
	question := probe.EvidenceQuestion{After: after}
	for _, i := range cells {
		if nonce := answers[i].result.Nonce; !nonce.IsZero() {
			question.Nonces = append(question.Nonces, nonce)
		}
		question.Ports = append(question.Ports, answers[i].result.Ports...)
	}
	evidence, err := l.agent(target).Evidence(ctx, question)
	if err != nil {
		return
	}
	for _, i := range cells {
		destination := evidence.Destination(aims[i].attempt, answers[i].result.Observation, aims[i].port)
		destinations[i] = &destination
		answers[i].result = l.readAgain(aims[i], answers[i].result, destination)
	}
}

func (l *lane) readAgain(a aim, result probe.Result, destination probe.Destination) probe.Result {
	result.Reading = probe.Classify(a.attempt, result.Observation, &destination)
	return l.reread(a, result)
}
