package why

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/runner/diagnose/identity"
)

// Ask answers a question. A [UsageError] says that the question makes no sense in this cluster, and any other error that nothing could be said at
// all. What was created is removed, whatever happens.
func Ask(ctx context.Context, cluster Cluster, o Options) (*diagnose.Report, error) {
	o.Timeouts = o.Timeouts.withDefaults()
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	start := time.Now()
	s := &story{cluster: cluster, options: &o, pods: map[diagnose.Role]runner.Pod{}, agents: map[diagnose.Role]runner.Agent{}}
	report, err := s.tell(ctx)
	if err != nil && len(s.left) > 0 {
		err = LeftBehindError{error: err, Left: s.left}
	}
	if report != nil {
		report.Run, report.Elapsed, report.Requests = o.Run, time.Since(start), cluster.Requests()
		report.Left, report.Static = s.left, o.Static
	}
	return report, err
}

// LeftBehindError is an error after which something that was created could not be removed.
type LeftBehindError struct {
	error
	Left []runner.Leftover
}

// Error says what went wrong, and what is left.
func (e LeftBehindError) Error() string {
	text := e.error.Error()
	for _, left := range e.Left {
		text += fmt.Sprintf("; left behind: %s %s/%s: %s", left.Kind, left.Namespace, left.Name, left.Reason)
	}
	return text
}

// Unwrap returns what went wrong.
func (e LeftBehindError) Unwrap() error { return e.error }

// story is one question on its way.
type story struct {
	cluster  Cluster
	options  *Options
	evidence diagnose.Evidence
	plan     *plan
	pods     map[diagnose.Role]runner.Pod
	agents   map[diagnose.Role]runner.Agent
	left     []runner.Leftover
}

func (s *story) tell(ctx context.Context) (*diagnose.Report, error) {
	if err := s.read(ctx); err != nil {
		return nil, err
	}
	e := &s.evidence
	switch {
	case s.options.Static:
		e.NotAsked = "--static"
	case s.plan.refused != "":
		e.NotAsked = s.plan.refused
	default:
		if err := s.confirm(); err != nil {
			return nil, err
		}
		if err := s.live(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.evidence.Judge(); err != nil {
		return nil, err
	}
	return diagnose.Diagnose(e), nil
}

// read reads the objects, finds what the question means, and plans.
func (s *story) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.options.Timeouts.Read, fmt.Errorf("reading the objects took longer than %s", s.options.Timeouts.Read))
	defer cancel()
	s.options.Progress("reading the objects")
	snapshot, err := s.cluster.Observe(ctx, named(s.options)...)
	if err != nil {
		return err
	}
	withoutProbes(snapshot)
	s.evidence.Snapshot = snapshot
	if s.evidence.Question, err = resolve(s.options, snapshot); err != nil {
		return err
	}
	q := &s.evidence.Question
	if s.options.Static {
		return nil
	}
	if err := s.cluster.ObserveNeighbours(ctx, snapshot, distinct(q.From.Namespace, q.Pod.Namespace)...); err != nil {
		return err
	}
	s.plan, err = newPlan(q, s.options, snapshot, s.cluster.FixedLabels)
	if err == nil {
		s.evidence.Obstacles = append(s.evidence.Obstacles, s.plan.obstacles...)
	}
	return err
}

// named are the namespaces that the words of a question name.
func named(o *Options) []string { return distinct(o.From.Namespace, o.To.Namespace) }

// distinct are the names that are not empty, each once.
func distinct(names ...string) []string {
	var kept []string
	for _, name := range names {
		if name != "" && !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	return kept
}

// withoutProbes leaves out what is no part of the question: the pods and policies of podknock itself, and policies of namespaces that are on
// their way out.
func withoutProbes(snapshot *diagnose.Snapshot) {
	snapshot.Pods = slices.DeleteFunc(snapshot.Pods, func(p corev1.Pod) bool { return p.Labels[runner.LabelRun] != "" })
	ending := map[string]bool{}
	for i := range snapshot.Namespaces {
		if snapshot.Namespaces[i].DeletionTimestamp != nil {
			ending[snapshot.Namespaces[i].Name] = true
		}
	}
	for i := range snapshot.Pods {
		delete(ending, snapshot.Pods[i].Namespace) // its pods are still governed
	}
	snapshot.Policies = slices.DeleteFunc(snapshot.Policies, func(p networkingv1.NetworkPolicy) bool {
		return p.Labels[runner.LabelRun] != "" || ending[p.Namespace]
	})
}

// confirm shows what would be created.
func (s *story) confirm() error {
	if s.options.Confirm == nil {
		return nil
	}
	lines := s.plan.lines()
	if s.options.Ephemeral {
		lines = append(lines, fmt.Sprintf("an ephemeral container in %s, which can never be removed from that pod", s.evidence.Question.From))
	}
	return s.options.Confirm(lines)
}

// live asks the wire, and removes what it created for that.
func (s *story) live(ctx context.Context) error {
	defer s.cleanUp(ctx)
	s.deploy(ctx)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	e := &s.evidence
	if s.agents[diagnose.RoleSource] == nil {
		e.NotAsked = "no probe pod could stand in for the source"
		return nil
	}
	e.Asked = true
	s.options.Progress("asking the wire")
	all := newAims(&e.Question, e.Snapshot, s.options, s.pods)
	s.round(ctx, all, 1)
	if err := s.evidence.Judge(); err != nil {
		return err
	}
	open, differ := differs(e)
	if differ {
		s.options.Progress("asking again, because wire and policies differ")
		s.round(ctx, all, 2)
	}
	if open {
		s.canary(ctx)
	}
	return context.Cause(ctx)
}

// round asks once. What could not be asked is an obstacle.
func (s *story) round(ctx context.Context, all []aim, number int) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.options.Timeouts.Ask, fmt.Errorf("no answer within %s", s.options.Timeouts.Ask))
	defer cancel()
	knocks, err := ask(ctx, s.agents, all, number)
	s.evidence.Knocks = append(s.evidence.Knocks, knocks...)
	if err != nil {
		s.evidence.Obstacles = append(s.evidence.Obstacles, err.Error())
	}
}

// deploy creates the probe pods and waits for them, all at once. One that does not come is an obstacle; the others go on.
func (s *story) deploy(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.options.Timeouts.Start, fmt.Errorf("it did not start within %s", s.options.Timeouts.Start))
	defer cancel()
	s.options.Progress("starting probe pods")
	for _, name := range s.plan.namespaces() {
		if err := s.cluster.PrepareNamespace(ctx, name); err != nil {
			s.obstacle(err)
			return
		}
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for i := range s.plan.doubles {
		d := &s.plan.doubles[i]
		all.Go(func() {
			pod, err := s.start(ctx, d)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.obstacle(fmt.Errorf("probe pod for the %s, %s/%s: %w", d.order.Role, d.order.Namespace, d.order.Name, err))
				return
			}
			s.pods[d.order.Role], s.agents[d.order.Role] = pod, s.cluster.Agent(pod)
			s.evidence.Doubles = append(s.evidence.Doubles, diagnose.Double{
				Role: d.order.Role, Pod: pod.Namespace + "/" + pod.Name, Node: pod.Node, Identity: d.identity,
			})
		})
	}
	if s.options.Ephemeral {
		all.Go(func() {
			agent, err := s.cluster.JoinPod(ctx, s.evidence.Snapshot.Pod(s.evidence.Question.From))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.obstacle(fmt.Errorf("ephemeral container: %w", err))
				return
			}
			s.agents[diagnose.RoleSource], s.evidence.Ephemeral = agent, true
			s.pods[diagnose.RoleSource] = runningPod(s.evidence.Snapshot.Pod(s.evidence.Question.From))
		})
	}
	all.Wait()
	slices.SortFunc(s.evidence.Doubles, func(a, b diagnose.Double) int {
		return slices.Index(roleOrder, a.Role) - slices.Index(roleOrder, b.Role)
	})
	slices.Sort(s.evidence.Obstacles)
}

var roleOrder = []diagnose.Role{diagnose.RoleSource, diagnose.RoleControl, diagnose.RoleTwin, diagnose.RoleDestination}

func (s *story) obstacle(err error) { s.evidence.Obstacles = append(s.evidence.Obstacles, err.Error()) }

// errUnsafe says that the pod as the API server made it is not what was ordered.
var errUnsafe = errors.New("admission changed the pod")

// start looks at what admission would make of a probe pod, creates it, looks again, and waits for it.
func (s *story) start(ctx context.Context, d *double) (runner.Pod, error) {
	tried, err := s.cluster.TryDouble(ctx, d.order)
	if err != nil {
		return runner.Pod{}, err
	}
	if err := unlike(tried, d); err != nil {
		return runner.Pod{}, err
	}
	made, err := s.cluster.CreateDouble(ctx, d.order)
	if err != nil {
		return runner.Pod{}, err
	}
	if err := unlike(made, d); err != nil {
		// It goes at once: something may be about to count it.
		return runner.Pod{}, errors.Join(err, s.cluster.DeletePod(ctx, d.order.Namespace, d.order.Name))
	}
	return s.cluster.AwaitPod(ctx, d.order.Namespace, d.order.Name)
}

// unlike says what admission has changed in a probe pod so that it is not safe, or not what was to be asked from.
func unlike(made *corev1.Pod, d *double) error {
	if n := len(made.Spec.Containers) + len(made.Spec.InitContainers); n != 1 {
		return fmt.Errorf("%w: it has %d containers instead of 1 (a mesh, or another injector)", errUnsafe, n)
	}
	if len(made.Spec.ReadinessGates) == 0 {
		return fmt.Errorf("%w: its readiness gate is gone, so that it might become Ready", errUnsafe)
	}
	if failed := identity.Check(d.real, made.Labels, d.demands, d.identity.Tolerated); len(failed) > 0 {
		return fmt.Errorf("%w: %v", errUnsafe, failed)
	}
	return nil
}

// cleanUp removes what was created, also when the question was interrupted.
func (s *story) cleanUp(ctx context.Context) {
	s.options.Progress("removing the probe pods")
	for _, agent := range s.agents {
		agent.Close()
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), s.options.Timeouts.CleanUp, errors.New("the clean-up took too long"))
	defer cancel()
	s.left = s.cluster.Remove(ctx, s.plan.namespaces()...)
}
