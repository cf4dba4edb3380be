package runner

import (
	"slices"
	"sync"
	"time"

	"github.com/podknock/podknock/scenarios"
)

// deed is a kind of change that engines hear of in a way of its own: how quick they are with one says nothing of another.
type deed int

const (
	policyCreated deed = iota
	policyChanged
	policyDeleted
	podLabelled
	namespaceLabelled
	podCreated
	podDeleted
)

// deeds are the kinds of change that a step makes, each once.
func (s *story) deeds(number int) []deed {
	step := &s.expansion.Steps[number]
	var found []deed
	add := func(d deed) {
		if !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	before := map[policyName]bool{}
	for i := range number {
		for _, policy := range s.expansion.Steps[i].Cluster().Policies {
			before[policyName{policy.Namespace, policy.Name}] = true
		}
	}
	for _, ref := range step.Delete {
		if ref.Kind == scenarios.RefPolicy {
			add(policyDeleted)
		} else {
			add(podDeleted)
		}
	}
	for _, apply := range step.Apply {
		for i := range apply.Policies {
			if before[policyName{apply.Policies[i].Namespace, apply.Policies[i].Name}] {
				add(policyChanged)
			} else {
				add(policyCreated)
			}
		}
	}
	for _, change := range step.Label {
		if isNamespace(change.Object) {
			add(namespaceLabelled)
		} else {
			add(podLabelled)
		}
	}
	if len(step.Create) > 0 {
		add(podCreated)
	}
	return found
}

const (
	// experienceFactor is how many times longer than the slowest change of its kind in the same run a change may take: it was as busy then.
	experienceFactor = 3
	// vainSteps is how many steps have to have waited for a change of a kind to the end, in vain, before others are given up.
	vainSteps = 2
)

// experience is what the steps of a run have shown of how long changes take until they are in force. Its methods are safe for concurrent use.
type experience struct {
	mu sync.Mutex
	// slowest is the longest that a change of each kind took, and vain counts the steps that waited for one to the end although nothing came right.
	slowest map[deed]time.Duration
	vain    map[deed]int
}

func newExperience() *experience {
	return &experience{slowest: map[deed]time.Duration{}, vain: map[deed]int{}}
}

// patience is how long a step with these changes goes on while what is wrong in it stays wrong. The caller knows that of new policies alone, and of
// another kind of change the run has to have shown it: an engine may be quick with the one and slow with the other.
func (e *experience) patience(deeds []deed, ofNewPolicies time.Duration) (limit time.Duration, known bool) {
	if ofNewPolicies <= 0 || len(deeds) == 0 {
		return 0, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	limit = ofNewPolicies
	for _, d := range deeds {
		slowest, shown := e.slowest[d]
		if d != policyCreated && !shown && e.vain[d] < vainSteps {
			return 0, false
		}
		limit = max(limit, experienceFactor*slowest)
	}
	return limit, true
}

// learn takes how long the change of a step took until all came right that did. A step with several kinds of change does not tell which of them took
// the time.
func (e *experience) learn(deeds []deed, took time.Duration) {
	if len(deeds) != 1 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.slowest[deeds[0]] = max(e.slowest[deeds[0]], took)
}

// inVain counts a step that waited for its change to the end, and nothing came of it.
func (e *experience) inVain(deeds []deed) {
	if len(deeds) != 1 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.vain[deeds[0]]++
}

// teach tells the other steps of the run how long the changes of this one took, or that nothing came of them. What was out of reach for a while shows
// neither.
func (w *watch) teach(deeds []deed, history *history, findings []finding) {
	cells := w.hopeful()
	unsure := func(i int) bool { return !findings[i].asked || findings[i].disturbed != "" }
	if w.unheard() != "" || slices.ContainsFunc(cells, unsure) {
		return
	}
	progress, shown := history.progress(cells)
	took := progress.Sub(w.changed)
	switch latency := w.latency(); {
	case w.settled.How != SettledAtBound:
		if shown || latency.Allow.Samples+latency.Deny.Samples > 0 {
			slowest := max(took, latency.Allow.Max, latency.Deny.Max)
			if !history.restless(cells) { // what changes to and fro takes its time for other reasons
				slowest = max(slowest, w.settled.Waited)
			}
			w.experience.learn(deeds, slowest)
		}
	case shown:
		w.experience.learn(deeds, took)
	case w.settled.Waited >= w.options.SettleTimeout && history.hopeless(w.last.start, cells, w.options.GiveUp, w.options.pace.span):
		w.experience.inVain(deeds)
	}
}

// hopeless tells whether what is wrong in a round has been wrong for so long that it will stay so.
func (w *watch) hopeless(deeds []deed, history *history, at time.Time) bool {
	patience, known := w.experience.patience(deeds, w.options.GiveUp)
	return known && w.unheard() == "" && history.hopeless(at, w.hopeful(), patience, w.options.pace.span)
}
