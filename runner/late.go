package runner

import (
	"fmt"
	"time"
)

// queueing is how long an agent's answer may take longer where agents share streams, which are opened one after the other.
func (l *lane) queueing() time.Duration {
	if !l.crowded {
		return 0
	}
	return time.Duration(len(l.book.pods)) * time.Second / streamsPerSecond
}

// streamsPerSecond is how many streams are opened and handed on in a second at least.
const streamsPerSecond = 6

// lateOf says of pods whose agents, in the round that counts, did not answer in time, why what was found about them may come from that: their node may
// have been cut off meanwhile, and be back. A pod that was asked nothing shares the fate of its node if no agent there was in time.
func (w *watch) lateOf(answers table) map[string]string {
	limit := w.options.pace.late + w.queueing()
	late := map[string]time.Duration{}
	sources, inTime := map[string]bool{}, map[string]bool{}
	for _, i := range w.cells {
		source := w.aims[i].source
		if w.aims[i].obstacle != "" || source == "" {
			continue
		}
		sources[source] = true
		switch by := answers[i].late; {
		case !answers[i].asked:
			late[source] = max(late[source], limit)
		case by > limit:
			late[source] = max(late[source], by)
		}
	}
	for source := range sources {
		if late[source] == 0 {
			inTime[w.book.pods[source].Node] = true
		}
	}
	nodes := map[string]time.Duration{}
	for source, took := range late {
		if node := w.book.pods[source].Node; node != "" && !inTime[node] {
			nodes[node] = max(nodes[node], took)
		}
	}
	why := map[string]string{}
	for name, pod := range w.book.pods {
		switch {
		case nodes[pod.Node] > 0:
			why[name] = fmt.Sprintf("nothing on its node %q answered for %s", pod.Node, nodes[pod.Node].Round(time.Second))
		case late[name] > 0:
			why[name] = fmt.Sprintf("its agent did not answer for %s", late[name].Round(time.Second))
		}
	}
	return why
}
