package report

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// passed is a run of two scenarios that are as expected, of which a third was skipped.
func passed(t *testing.T) *runner.Report {
	r := newReport()
	for _, name := range []string{"deny-all-ingress", "mistake-label-typo"} {
		add(r, play(t, load(t, name), nil, nil))
	}
	r.Skipped = []runner.Skipped{{
		Name: "egress-external-api", Suite: "guides",
		Reason: "it needs hosts outside the cluster: name them with --external inside=ADDRESS --external outside=ADDRESS",
	}}
	r.Latency = runner.Latency{
		Allow: runner.LatencyFigures{Samples: 3, P50: 61 * time.Millisecond, P95: 118 * time.Millisecond, Max: 118 * time.Millisecond},
		Deny:  runner.LatencyFigures{Samples: 6, P50: 48 * time.Millisecond, P95: 96 * time.Millisecond, Max: 102 * time.Millisecond},
	}
	return r
}

// failed is a run whose scenario has a policy with a wrong label.
func failed(t *testing.T) *runner.Report {
	r := newReport()
	add(r, play(t, load(t, "testdata/shop.yaml"), nil, map[string]answer{
		"2 web -> db:5432/TCP (IPv4)": {mark: runner.MarkFail, outcome: probe.Timeout},
	}))
	r.Scenarios[0].File = "shop.yaml"
	forEachCell(r, func(c *runner.Cell) {
		if c.Because.File != "" {
			c.Because.File = "shop.yaml"
		}
		if c.Repeat != "" {
			c.Repeat = "podknock run shop.yaml --only 2/web/db:5432/TCP/IPv4"
		}
	})
	r.Latency.Deny = runner.LatencyFigures{Samples: 1, P50: 52 * time.Millisecond, P95: 52 * time.Millisecond, Max: 52 * time.Millisecond}
	return r
}

// repeated is the run that asks the wrong cell of failed again, with its control.
func repeated(t *testing.T) *runner.Report {
	r := failed(t)
	s := &r.Scenarios[0]
	r.Counts, s.Counts = runner.Counts{}, runner.Counts{}
	for i := range s.Steps {
		step := &s.Steps[i]
		step.Counts = runner.Counts{}
		step.Cells = slices.DeleteFunc(step.Cells, func(c runner.Cell) bool { return c.From.Name != "web" })
		for _, cell := range step.Cells {
			judge(&step.Counts, &step.Mark, cell.Mark)
		}
		s.Counts = s.Counts.Sum(step.Counts)
	}
	r.Counts = s.Counts
	return r
}

// notEnforced is a run, in both families, on a cluster that enforces no policy on IPv6.
func notEnforced(t *testing.T) *runner.Report {
	r := newReport()
	r.Cluster.Families = []string{"IPv4", "IPv6"}
	s := play(t, load(t, "deny-all-ingress"), scenarios.Families(), map[string]answer{
		"2 neighbour -> myapp:80/TCP (IPv6)": {mark: runner.MarkFail, outcome: probe.Connected},
	})
	add(r, s)
	return r
}

// notTested is a run with everything that keeps a cell from a verdict: a pod that does not start, a control that fails, an outcome that
// keeps changing; and a clean-up that left something.
func notTested(t *testing.T) *runner.Report {
	r := newReport()
	s := play(t, load(t, "deny-all-ingress"), []corev1.IPFamily{corev1.IPv4Protocol}, map[string]answer{
		"2 myapp -> neighbour:80/TCP (IPv4)": {
			mark: runner.MarkError, failed: "pod neighbour: container probe was killed (out of memory) while it was asked",
		},
		"2 neighbour -> myapp:80/TCP (IPv4)": {
			mark: runner.MarkInconclusive, outcome: probe.Timeout, why: "it looks blocked, but so might a dead path",
			reading: &probe.Reading{Outcome: probe.Timeout, Where: probe.WhereUnknown, Inconclusive: true,
				Reason: "no answer to 2 SYNs in 800ms: dropped, or address gone (or lost: the chance is 0.0004)"},
		},
	})
	s.Pods[1].Problem = "container probe was killed: OOMKilled"
	s.Notes = []string{"LimitRange default/limits sets the memory limit of probe pods to 4Mi"}
	for i := range s.Steps[1].Cells {
		if cell := &s.Steps[1].Cells[i]; cell.Control != nil {
			cell.Control.Proven, cell.Control.Observed = false, probe.Timeout
			cell.Flapping = true
			cell.Changes = []runner.Change{
				{After: 90 * time.Millisecond, Outcome: probe.Timeout}, {After: 2 * time.Second, Outcome: probe.Connected},
				{After: 2300 * time.Millisecond, Outcome: probe.Timeout},
			}
		}
	}
	add(r, s)
	r.CleanUp.Leftovers = []runner.Leftover{{Kind: "Namespace", Name: "pk-k7f3q-default-abcdefgh", Reason: "finalizers remain: example.com/hold"}}
	r.CleanUp.Kept, r.CleanUp.Until = true, start.Add(time.Hour)
	return r
}

// setUpFailed is a run that found nothing.
func setUpFailed(*testing.T) *runner.Report {
	r := newReport()
	r.Cluster = runner.ClusterFacts{Context: "lab"}
	r.Requests = 2
	r.Error = "create namespace \"pk-k7f3q-default-abcdefgh\": namespaces is forbidden: User \"guest\" cannot create resource \"namespaces\"\n" +
		"a Role in one namespace is enough for most scenarios: --namespace NAME"
	return r
}

// hostile is a run in which everything that can carry a text carries an attack on its reader.
func hostile(t *testing.T) *runner.Report {
	const attack = "\x1b[2J\x07\u009b31m\u202e]]></failure>|`*<b>&\x00\xff\r\n# no\n名前é́"
	r := failed(t)
	r.Run, r.Cluster.Context, r.Cluster.Version = attack, attack, attack
	r.Error = attack
	r.Notes = []string{attack}
	r.Skipped = []runner.Skipped{{Name: attack, File: attack, Reason: attack}}
	r.CleanUp.Leftovers = []runner.Leftover{{Kind: attack, Namespace: attack, Name: attack, Reason: attack}}
	s := &r.Scenarios[0]
	s.Name, s.File, s.About, s.Error, s.Notes = attack, attack, attack, attack, []string{attack}
	s.Pods[0].Name, s.Pods[0].Problem = attack, attack
	s.Steps = s.Steps[1:]
	s.Steps[0].Name, s.Steps[0].Error = attack, attack
	forEachCell(r, func(c *runner.Cell) {
		c.From.Text += attack
		if c.Mark == runner.MarkPass {
			return
		}
		c.To.Text, c.Why, c.Repeat, c.Because.File, c.Result.Reason = attack, attack, attack, attack, attack
	})
	return r
}

func forEachCell(r *runner.Report, do func(*runner.Cell)) {
	for i := range r.Scenarios {
		for j := range r.Scenarios[i].Steps {
			for k := range r.Scenarios[i].Steps[j].Cells {
				do(&r.Scenarios[i].Steps[j].Cells[k])
			}
		}
	}
}
