package main

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner/cluster"
)

func TestCleanUpTouchesOnlyWhatIsSurelyOverOrAskedFor(t *testing.T) {
	later, earlier := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	rows := []struct {
		name   string
		run    cluster.Found
		flags  cleanUpFlags
		why    string
		chosen bool
	}{
		{"a run of somebody else", cluster.Found{Owner: "bob", Expires: later}, cleanUpFlags{}, "it is of bob", false},
		{"a run that goes on", cluster.Found{Owner: "alice", Expires: later, Alive: true}, cleanUpFlags{}, "still goes on", false},
		{"a run from another machine", cluster.Found{Owner: "alice", Expires: later, Elsewhere: "laptop"}, cleanUpFlags{}, "on laptop and may still go on", false},
		{"a run that was kept", cluster.Found{Owner: "alice", Expires: later, Kept: true}, cleanUpFlags{}, "kept on purpose", false},
		{"not the run that was asked for", cluster.Found{Run: "r1", Owner: "alice"}, cleanUpFlags{runs: []string{"r2"}}, "another run", false},
		{"the run that was asked for", cluster.Found{Run: "r2", Owner: "bob", Expires: later, Alive: true}, cleanUpFlags{runs: []string{"r2"}}, "as asked", true},
		{"every run, with --all", cluster.Found{Owner: "bob", Expires: later, Alive: true}, cleanUpFlags{all: true}, "all", true},
		{"an expired run of somebody else, from another machine", cluster.Found{Owner: "bob", Expires: earlier, Elsewhere: "laptop"}, cleanUpFlags{}, "expired", true},
		{"a run whose process has ended", cluster.Found{Owner: "alice", Expires: later}, cleanUpFlags{}, "its process has ended", true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			why, chosen := row.flags.chooses(&row.run, "alice")
			g.Expect(why).To(ContainSubstring(row.why))
			g.Expect(chosen).To(Equal(row.chosen))
		})
	}
}
