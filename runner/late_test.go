package runner

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestPodsThatWereOutOfReach(t *testing.T) {
	pods := map[string]Pod{"one": {Node: "node1"}, "two": {Node: "node1"}, "mute": {Node: "node1"}, "far": {Node: "node2"}}
	in := func(took time.Duration) answer { return answer{asked: true, late: took} }
	for _, row := range []struct {
		name    string
		answers map[string]answer
		want    []string
	}{
		{"a node of which no agent was in time, with the pod that was asked nothing",
			map[string]answer{"one": in(30 * time.Second), "two": {failure: "no answer"}, "far": in(time.Second)}, []string{"one", "two", "mute"}},
		{"one agent of a node on which another was in time", map[string]answer{"one": in(30 * time.Second), "two": in(time.Second), "far": in(time.Second)}, []string{"one"}},
		{"nobody", map[string]answer{"one": in(time.Second), "two": in(3 * time.Second), "far": in(time.Second)}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := &watch{story: &story{lane: &lane{options: Options{}.withDefaults(), book: &book{pods: pods}}}}
			var answers table
			for source, answer := range row.answers {
				w.cells = append(w.cells, len(answers))
				w.aims = append(w.aims, aim{source: source})
				answers = append(answers, answer)
			}
			var names []string
			for name := range w.lateOf(answers) {
				names = append(names, name)
			}
			NewWithT(t).Expect(names).To(ConsistOf(row.want))
		})
	}
}
