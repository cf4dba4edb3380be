package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/verify/plugins"
)

// verification is one under way.
type verification struct {
	cluster *census
	plan    *runner.Plan
	options Options
	report  *Report
	// families are those that probe pods have.
	families []corev1.IPFamily
}

// Run verifies a cluster: pre-flight, paths, canary, and then the plan, which is that of the suite. It cleans up behind itself, whatever
// happens. When ctx ends, what was found so far is reported, with the cause.
func Run(ctx context.Context, cluster Cluster, plan *runner.Plan, options Options) *Report {
	options.setDefaults()
	v := &verification{cluster: newCensus(cluster), plan: plan, options: options, report: newReport(options)}
	suite := v.stages(ctx)
	r := v.report
	if cause := context.Cause(ctx); cause != nil {
		r.Error = cause.Error()
		r.Interrupted = errors.Is(cause, runner.ErrInterrupted)
	}
	if suite != nil {
		r.CleanUp = suite.CleanUp
	} else {
		r.CleanUp = v.cleanUp(ctx)
	}
	v.conclude(suite)
	if suite != nil && options.Suite != nil {
		options.Suite(suite)
	}
	r.Requests, r.Pods = cluster.Requests(), v.cluster.most()
	r.Elapsed = time.Since(r.Start)
	return r
}

// NewFailure is the report of a verification that could not begin.
func NewFailure(options Options, err error) *Report {
	report := newReport(options)
	report.Error, report.Interrupted = err.Error(), errors.Is(err, runner.ErrInterrupted)
	report.Headline = Headline{Conclusion: ConcludedUnknown, Text: "Nothing could be tested: " + err.Error() + "."}
	return report
}

// NewWithoutRights is the report of a verification that could not begin because rights are missing.
func NewWithoutRights(options Options, missing []rbacv1.PolicyRule) *Report {
	report := newReport(options)
	check := rightsCheck(missing, options.Runner.Tenant)
	report.Preflight.add(check)
	report.Error = check.Found
	report.Headline = Headline{Conclusion: ConcludedUnknown, Text: "Nothing could be tested: rights are " + check.Found + ".", Advice: check.Advice}
	report.countStages()
	return report
}

func newReport(options Options) *Report {
	return &Report{
		APIVersion: ReportAPIVersion, Kind: ReportKind, Run: options.Runner.Run, Version: options.Runner.Version, Start: time.Now().UTC(),
		Notes: slices.Clone(options.Runner.Notes), Suite: Suite{Name: SuiteName},
	}
}

// note adds facts, each once.
func (v *verification) note(facts ...string) {
	for _, fact := range facts {
		if !slices.Contains(v.report.Notes, fact) {
			v.report.Notes = append(v.report.Notes, fact)
		}
	}
}

// stage carries out one stage and keeps its time. do says whether it came to its end.
func (v *verification) stage(ctx context.Context, name string, stage *Stage, do func() error) {
	v.options.Runner.Progress(runner.Event{Phase: name})
	stage.Start = time.Now().UTC()
	err := do()
	stage.Elapsed = time.Since(stage.Start)
	v.report.Phases = append(v.report.Phases, runner.PhaseTime{Name: name, Start: stage.Start, Elapsed: stage.Elapsed})
	if cause := context.Cause(ctx); cause != nil && err == nil {
		err = cause
	}
	stage.Done = err == nil
	if err != nil {
		stage.Error, stage.Status = err.Error(), worseStatus(stage.Status, StatusUnknown)
	}
}

// stages carries out as many stages as make sense, and returns the report of the suite, nil if it was not run. Whatever they created is still
// there if the suite was not run.
func (v *verification) stages(ctx context.Context) *runner.Report {
	r := v.report
	var found survey
	var g *ground
	good := false
	v.stage(ctx, "pre-flight", &r.Preflight.Stage, func() error {
		if found, good = v.preflight(ctx); !good {
			return nil
		}
		start := time.Now()
		g = newGround(v.cluster, &v.options, found.nodes)
		if err := g.deploy(ctx); err != nil {
			good = false
			return fmt.Errorf("create probe pods: %w", err)
		}
		g.settleNodes()
		v.families = g.families()
		good = v.checkPods(g, time.Since(start))
		return nil
	})
	if !good || ctx.Err() != nil {
		return nil
	}
	peers := g.choosePeers()
	v.stage(ctx, "paths before policies", &r.Path.Stage, func() error { return v.path(ctx, g, peers) })
	if ctx.Err() != nil {
		return nil
	}
	v.stage(ctx, "canary", &r.Canary.Stage, func() error { return v.canary(ctx, g, peers) })
	if ctx.Err() != nil {
		return nil
	}
	if r.Canary.nothingEnforced() {
		v.sayNothingEnforced(found.plugins, r.Canary.notAsked(g.names()))
		return nil
	}
	if len(r.Canary.Enforcing)+len(r.Canary.Mixed) == 0 {
		return nil // no path, or nobody could be asked: the conclusion says so
	}
	return v.suite(ctx, g)
}

// choosePeers says which nodes are tested with which.
func (g *ground) choosePeers() map[string][]string {
	nodes := g.nodes()
	return peersOf(nodes, g.options.Peers)
}

// nodes are those on which a pod runs.
func (g *ground) nodes() []string {
	var nodes []string
	for _, s := range g.sites {
		if s.node != "" {
			nodes = append(nodes, s.node)
		}
	}
	return nodes
}

func (v *verification) path(ctx context.Context, g *ground, peers map[string][]string) error {
	stage := &v.report.Path
	knocks, untested := g.pathKnocks(peers)
	v.note(untested...)
	replies, err := tryPaths(ctx, knocks, v.options.PathTimeout)
	stage.Pairs = pathPairs(knocks, replies)
	for i := range stage.Pairs {
		stage.Status = worseStatus(stage.Status, stage.Pairs[i].Status)
	}
	covered := coverageOf(g.nodes(), peers)
	stage.Possible, stage.Sampled, stage.Confidence = covered.all, covered.tested, covered.confidence()
	if covered.tested < covered.all {
		stage.Peers = covered.fewest
	}
	return err
}

func (v *verification) canary(ctx context.Context, g *ground, peers map[string][]string) error {
	knocks := g.canaryKnocks(peers)
	held := hold(ctx, g.heldKnocks(knocks))
	defer held.end()
	cells, err := g.runCanary(ctx, knocks)
	if err != nil {
		return err
	}
	held.release(ctx)
	v.report.Canary.Trials = canaryTrials(cells)
	v.report.Canary.fillNodes()
	v.report.Traits = append(v.report.Traits, held.traits(cells)...)
	for i := range cells {
		if cells[i].form == nil && cells[i].before.connected() && !cells[i].last.connected() {
			v.note(fmt.Sprintf("while the canaries were in force, a knock that no policy concerns did not connect from %s to %s: %s",
				cells[i].from.site.name(), cells[i].to.site.name(), cells[i].last.words()))
		}
	}
	return context.Cause(ctx)
}

// cleanUp deletes everything of the run, with a context of its own, because the run's may have ended.
func (v *verification) cleanUp(ctx context.Context) runner.CleanUp {
	if v.options.Runner.Keep {
		return runner.CleanUp{Kept: true, Until: v.options.Runner.Expires.UTC()}
	}
	v.options.Runner.Progress(runner.Event{Phase: "clean-up"})
	start := time.Now()
	timeout := v.options.Runner.CleanUpTimeout
	if timeout <= 0 {
		timeout = runner.DefaultCleanUpTimeout
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	leftovers := v.cluster.CleanUp(ctx)
	return runner.CleanUp{Elapsed: time.Since(start), Leftovers: leftovers}
}

// suiteParallel is the number of scenarios that run at once: they are small, and most of their time is waiting. The bound on pods holds too.
const suiteParallel = 12

// suite runs the plan while the pods of the stages before are deleted. It returns when both have ended.
func (v *verification) suite(ctx context.Context, g *ground) *runner.Report {
	options := v.options.Runner
	options.Notes = nil
	v.shareOut(&options, g)
	options.GiveUp = v.report.Canary.giveUp()
	if options.Parallel <= 0 {
		options.Parallel = suiteParallel
	}
	var closing sync.WaitGroup
	closing.Go(func() {
		g.close(ctx)
		v.cluster.bound(0) // what could not be deleted must not hold up the suite
	})
	var result *runner.Report
	v.stage(ctx, "suite "+SuiteName, &v.report.Suite.Stage, func() error {
		result = runner.Run(ctx, v.cluster, v.plan, options)
		closing.Wait()
		if result.Error != "" {
			return errors.New(result.Error)
		}
		return nil
	})
	return result
}

// shareOut says how many pods the suite may have: all that the run may have, but for the canaries of the suite. Those of the stages before are
// being deleted, and until they are gone, pods of the suite wait for them. Pods that stay count for good.
func (v *verification) shareOut(options *runner.Options, g *ground) {
	if options.MaxPods <= 0 {
		options.MaxPods = runner.DefaultMaxPods
	}
	limit := options.MaxPods
	if options.Keep || options.Tenant != "" {
		options.MaxPods = max(1, limit-v.cluster.now())
		return
	}
	options.MaxPods = max(1, limit-len(g.sites)-1)
	v.cluster.bound(max(limit, v.cluster.now()+1))
}

// sayNothingEnforced is the answer where every canary failed that could be asked: that nothing is enforced if that was all of them on every node.
// It names the plugin and what to do.
func (v *verification) sayNothingEnforced(found []plugins.Plugin, notAsked []string) {
	headline := Headline{Conclusion: ConcludedNotEnforced, Text: "Nothing is enforced: no NetworkPolicy holds on any node."}
	if len(notAsked) > 0 {
		headline.Nodes = v.report.Canary.Open
		headline.Text = fmt.Sprintf("No NetworkPolicy holds on %s, so far as that could be asked. Not everything could be on %s.",
			nodesText(headline.Nodes), nodesText(notAsked))
	}
	var names, advice []string
	for _, plugin := range found {
		name := title(plugin)
		switch plugin.Enforcement {
		case plugins.EnforcesNothing:
			name += ", which has no policy engine"
		case plugins.SwitchedOff:
			name += ", whose enforcement is switched off"
			advice = append(advice, plugin.Off...)
		}
		names = append(names, name+" ("+plugin.Evidence+")")
		if plugin.Advice != "" {
			advice = append(advice, plugin.Advice)
		}
	}
	if len(names) > 0 {
		headline.Text += " The cluster runs " + strings.Join(names, ", ") + "."
	} else {
		headline.Text += " The cluster runs no network plugin that podknock knows, so far as the API shows."
		advice = []string{"install a policy engine: kube-network-policies beside any network, or Calico, Cilium or Antrea in its place"}
	}
	headline.Advice = strings.Join(advice, "; ")
	v.report.Headline = headline
}
