package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// trialKey puts the cells of one trial together.
type trialKey struct {
	node   string
	form   *canaryForm
	family corev1.IPFamily
}

// canaryTrials sum up the cells: a trial is denied if all its knocks were, over TCP and UDP, from the same node and from another.
func canaryTrials(cells []canaryCell) []CanaryTrial {
	var keys []trialKey
	byKey := map[trialKey][]*canaryCell{}
	for i := range cells {
		if cells[i].form == nil {
			continue
		}
		key := trialKey{cells[i].site.name(), cells[i].form, cells[i].family}
		if byKey[key] == nil {
			keys = append(keys, key)
		}
		byKey[key] = append(byKey[key], &cells[i])
	}
	slices.SortStableFunc(keys, func(a, b trialKey) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(formOrder(a.form), formOrder(b.form)), cmp.Compare(a.family, b.family))
	})
	trials := make([]CanaryTrial, len(keys))
	for i, key := range keys {
		trials[i] = newTrial(key, byKey[key])
	}
	return trials
}

func formOrder(form *canaryForm) int {
	return slices.IndexFunc(canaryForms, func(f canaryForm) bool { return f.role == form.role })
}

func newTrial(key trialKey, cells []*canaryCell) CanaryTrial {
	trial := CanaryTrial{Node: key.node, Direction: scenarios.AxisIngress, Form: FormNoRule, Family: string(key.family)}
	if key.form.direction == networkingv1.PolicyTypeEgress {
		trial.Direction = scenarios.AxisEgress
	}
	if key.form.nobody {
		trial.Form = FormAbsentPeer
	}
	var open, unknown, denied []*canaryCell
	for _, cell := range cells {
		switch {
		case !cell.before.connected() || !cell.last.asked:
			unknown = append(unknown, cell)
		case cell.denied:
			denied = append(denied, cell)
		default:
			open = append(open, cell)
		}
	}
	switch {
	case len(denied) > 0 && len(open) == 0:
		trial.Status = StatusPass
	case len(denied) > 0:
		trial.Status, trial.Why = StatusWarn, "not all is denied: "+ways(open)
	case len(open) > 0:
		trial.Status, trial.Why = StatusFail, "nothing is denied: "+open[0].last.words()
	default:
		trial.Status, trial.Why = StatusUnknown, "it could not be asked: "+whyUnknown(unknown[0])
	}
	if len(denied) == 0 {
		if len(open) > 0 {
			trial.Observed = open[0].last.result.Outcome
		}
		return trial
	}
	trial.Observed, trial.Denial = denied[0].last.result.Outcome, denialOf(&denied[0].last)
	trial.After = latest(denied)
	return trial
}

// latest is when the last question of a trial was denied: only then the deny was whole.
func latest(denied []*canaryCell) (after time.Duration) {
	for _, cell := range denied {
		after = max(after, cell.since)
	}
	return after
}

func whyUnknown(cell *canaryCell) string {
	if !cell.before.connected() {
		return "it did not connect before the policy, " + cell.before.words()
	}
	return cell.last.failure
}

// ways name the knocks that pass.
func ways(cells []*canaryCell) string {
	var words []string
	for _, cell := range cells {
		from := "from another node"
		if cell.from.site == cell.to.site {
			from = "on the same node"
		}
		if word := fmt.Sprintf("%s %s", cell.attempt.Protocol, from); !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ") + " still connects"
}

// denialOf says what the denied client saw.
func denialOf(r *reply) Denial {
	switch icmp := r.result.ICMP; {
	case icmp != nil && icmp.Version != 0:
		return Denial{How: DenialICMP, Type: int(icmp.Type), Code: int(icmp.Code), From: icmp.Offender.String()}
	case r.result.Outcome == probe.Timeout:
		return Denial{How: DenialSilence}
	case r.result.Errno == "ECONNREFUSED":
		return Denial{How: DenialRST}
	}
	return Denial{How: DenialSilence}
}

// fillNodes sorts the nodes by their trials, and says how most trials were denied.
func (c *Canary) fillNodes() {
	byNode := map[string][]Status{}
	var nodes []string
	counts := map[Denial]int{}
	for _, trial := range c.Trials {
		if byNode[trial.Node] == nil {
			nodes = append(nodes, trial.Node)
		}
		if trial.Status != StatusUnknown {
			byNode[trial.Node] = append(byNode[trial.Node], trial.Status)
		}
		c.Status = worseStatus(c.Status, trial.Status)
		if trial.Denial.How == "" {
			continue
		}
		how := trial.Denial
		how.From = "" // every node may send its own
		counts[how]++
		if c.Denial.How == "" || counts[how] > counts[Denial{How: c.Denial.How, Type: c.Denial.Type, Code: c.Denial.Code}] {
			c.Denial = trial.Denial
		}
	}
	for _, node := range nodes {
		statuses := byNode[node]
		switch {
		case len(statuses) == 0:
		case !slices.ContainsFunc(statuses, func(s Status) bool { return s != StatusPass }):
			c.Enforcing = append(c.Enforcing, node)
		case !slices.ContainsFunc(statuses, func(s Status) bool { return s != StatusFail }):
			c.Open = append(c.Open, node)
		default:
			c.Mixed = append(c.Mixed, node)
		}
	}
}

// nothingEnforced says that every form failed that could be asked, and that some could.
func (c *Canary) nothingEnforced() bool {
	return len(c.Open) > 0 && len(c.Enforcing) == 0 && len(c.Mixed) == 0
}

// notAsked are those of some nodes on which not every form could be asked.
func (c *Canary) notAsked(nodes []string) []string {
	var found []string
	for _, node := range nodes {
		asked := false
		for _, trial := range c.Trials {
			if trial.Node == node {
				asked = trial.Status != StatusUnknown
				if !asked {
					break
				}
			}
		}
		if !asked {
			found = append(found, node)
		}
	}
	return found
}
