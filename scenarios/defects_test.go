package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios/policy"
)

// TestTheSuiteRevealsDefectiveEngines computes what the suite conformance would find on engines of one defect each, and holds that the
// narrowest axis that all wrong cells share is the one that the defect is about.
func TestTheSuiteRevealsDefectiveEngines(t *testing.T) {
	suite := newDefectSuite(t)
	for _, row := range defects {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			wrong := suite.wrong(t, row)
			g.Expect(wrong).NotTo(BeEmpty(), "some cell has to differ")
			seen := slices.ContainsFunc(wrong, func(c placedCell) bool { return suite.name(c) == row.seen })
			g.Expect(seen).To(BeTrue(), "%s; found:\n%s", row.seen, suite.names(wrong))
			if row.axis != "" {
				g.Expect(suite.narrowest(wrong)).To(Equal(row.axis), "the wrong cells:\n%s", suite.names(wrong))
			}
		})
	}
}

// placedCell is a cell of the suite: scenario, step and cell by their indexes.
type placedCell struct{ scenario, step, cell int }

// defectSuite is the suite conformance, written out, with the axes of its cells.
type defectSuite struct {
	expansions []*Expansion
	axes       map[placedCell][]AxisName
	sizes      map[AxisName]int
}

func newDefectSuite(t *testing.T) *defectSuite {
	t.Helper()
	g := NewWithT(t)
	found, err := Loader{}.Find("conformance")
	g.Expect(err).NotTo(HaveOccurred())
	suite := &defectSuite{axes: map[placedCell][]AxisName{}, sizes: map[AxisName]int{}}
	for s, scenario := range found {
		expansion, err := Expand(scenario, ExpandOptions{Families: Families()})
		g.Expect(err).NotTo(HaveOccurred())
		suite.expansions = append(suite.expansions, expansion)
		for i := range expansion.Steps {
			for j := range expansion.Steps[i].Cells {
				at := placedCell{s, i, j}
				for _, axis := range AxesOf(expansion, i, j) {
					if !axis.Unjudged {
						suite.axes[at] = append(suite.axes[at], axis.Name)
						suite.sizes[axis.Name]++
					}
				}
			}
		}
	}
	return suite
}

func (d *defectSuite) at(c placedCell) (*ExpandedStep, Cell) {
	step := &d.expansions[c.scenario].Steps[c.step]
	return step, step.Cells[c.cell]
}

func (d *defectSuite) name(c placedCell) string {
	_, cell := d.at(c)
	return fmt.Sprintf("%s/%d/%s", d.expansions[c.scenario].Scenario.Metadata.Name, c.step+1, cell)
}

func (d *defectSuite) names(cells []placedCell) string {
	text := ""
	for _, cell := range cells[:min(len(cells), 40)] {
		text += fmt.Sprintln(d.name(cell), d.axes[cell])
	}
	return text
}

// narrowest is the axis with the fewest cells among those that all given cells have.
func (d *defectSuite) narrowest(cells []placedCell) AxisName {
	common := slices.Clone(d.axes[cells[0]])
	for _, cell := range cells {
		common = slices.DeleteFunc(common, func(name AxisName) bool { return !slices.Contains(d.axes[cell], name) })
	}
	if len(common) == 0 {
		return ""
	}
	return slices.MinFunc(common, func(a, b AxisName) int { return d.sizes[a] - d.sizes[b] })
}

// wrong are the judged cells that an engine with a defect gets wrong.
func (d *defectSuite) wrong(t *testing.T, row defect) []placedCell {
	t.Helper()
	var wrong []placedCell
	for s, expansion := range d.expansions {
		seen := &past{policies: map[policyKey]networkingv1.NetworkPolicy{}, first: map[policyKey]networkingv1.NetworkPolicy{}}
		for i := range expansion.Steps {
			step := &expansion.Steps[i]
			seen.add(step)
			evaluator := defective(t, step, seen, row)
			for j, cell := range step.Cells {
				if cell.Expected == Any {
					continue
				}
				at := placedCell{s, i, j}
				found, err := evaluator.Expected(cell)
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				if row.open != nil && row.open(cell, d.axes[at]) {
					found = step.world.openOutcome(keyOfCell(cell).knock)
				}
				if row.closed != nil && row.closed(step, evaluator, cell) {
					found = Blocked
				}
				if found != Any && !agree(cell.Expected, found) {
					wrong = append(wrong, at)
				}
			}
		}
	}
	return wrong
}

// defective compiles what a defective engine takes to be in force.
func defective(t *testing.T, step *ExpandedStep, seen *past, row defect) *Evaluator {
	t.Helper()
	cluster := step.world.cluster()
	for i := range cluster.Policies {
		cluster.Policies[i] = *cluster.Policies[i].DeepCopy()
	}
	if row.cluster != nil {
		row.cluster(&cluster, seen)
	}
	if row.policy != nil {
		for i := range cluster.Policies {
			row.policy(&cluster.Policies[i])
		}
	}
	world := step.world.clone()
	world.policies = map[policyKey]*networkingv1.NetworkPolicy{}
	for i := range cluster.Policies {
		world.policies[keyOf(&cluster.Policies[i])] = &cluster.Policies[i]
	}
	for _, pod := range cluster.Pods {
		if living, ok := world.pods[pod.Name]; ok {
			living.labels = pod.Labels
			world.pods[pod.Name] = living
		}
	}
	compiled, err := policy.Compile(cluster)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return &Evaluator{world: world, policy: compiled}
}

// past is what an engine has seen of a scenario so far.
type past struct {
	scenario *Scenario
	// policies are all that ever were, in their last versions; first has the first version of those that are in force.
	policies, first map[policyKey]networkingv1.NetworkPolicy
	// deleted says that a policy was deleted.
	deleted bool
	// pods and namespaces have the labels that they were born with.
	pods, namespaces map[string]map[string]string
}

func (p *past) add(step *ExpandedStep) {
	p.scenario = step.world.scenario
	if p.pods == nil {
		p.pods, p.namespaces = map[string]map[string]string{}, map[string]map[string]string{}
	}
	for _, ref := range step.Delete {
		p.deleted = p.deleted || ref.Kind == RefPolicy
		delete(p.first, policyKey{Namespace: ref.Namespace, Name: ref.Name})
	}
	for key, applied := range step.world.policies {
		p.policies[key] = *applied
		if _, ok := p.first[key]; !ok {
			p.first[key] = *applied
		}
	}
	for name, pod := range step.world.pods {
		if p.pods[name] == nil {
			p.pods[name] = maps.Clone(pod.labels)
		}
	}
	for name, labels := range step.world.namespaces {
		if p.namespaces[name] == nil {
			p.namespaces[name] = maps.Clone(labels)
		}
	}
}

// versions replaces the policies in force.
func versions(cluster *policy.Cluster, policies map[policyKey]networkingv1.NetworkPolicy) {
	cluster.Policies = nil
	for _, key := range slices.SortedFunc(maps.Keys(policies), func(a, b policyKey) int { return slices.Compare([]byte(a.String()), []byte(b.String())) }) {
		applied := policies[key]
		cluster.Policies = append(cluster.Policies, *applied.DeepCopy())
	}
}

// reversed asks whether the packets of an answer would be denied by an engine that judges them like any others.
func reversed(step *ExpandedStep, evaluator *Evaluator, cell Cell) bool {
	if cell.From.Kind != EndpointPod || cell.To.Kind != EndpointPod || cell.From == cell.To {
		return false
	}
	back := keyOfCell(cell)
	back.from, back.to, back.port = cell.To, cell.From, 50000
	query, err := step.world.query(back)
	if err != nil {
		return false
	}
	verdict, err := evaluator.policy.Verdict(query)
	return err == nil && verdict == policy.Deny && cell.Protocol != corev1.ProtocolSCTP
}
