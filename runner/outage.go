package runner

import (
	"time"

	"github.com/podknock/podknock/scenarios"
)

// outageMemory is how long after an outage of the API server an engine may not have heard of changes: client-go, which most engines are made with,
// waits up to twice 30 s before it lists and watches again.
const outageMemory = time.Minute

// unheard says why the engines may not know of the step's change: the API server was away, not long before or since. Empty if it was not.
func (w *watch) unheard() string {
	last := w.cluster.LastOutage()
	if last.IsZero() || !last.After(w.changed.Add(-outageMemory)) {
		return ""
	}
	return "the API server was out of reach shortly before or during the step, so that engines may not have heard of the change in time"
}

// excuse takes the outage for the reason of what is not as expected. What is, nobody has to hear of any more.
func (w *watch) excuse(why string, cell scenarios.Cell, f *finding) {
	if why != "" && f.asked && f.disturbed == "" && agree(cell.Expected, cell.To.Kind, f.result, f.destination) == differs {
		f.disturbed = why
		w.note("%s", why)
	}
}
