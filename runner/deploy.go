package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// deploy brings everything into being that the scenario starts with, and waits for it. Pods that can't start are remembered with the reason;
// the others go on without them.
func (l *lane) deploy(ctx context.Context, start []scenarios.Ref) error {
	prepare := existingNamespaces(l.scenario)
	if l.options.Tenant != "" {
		prepare = []string{l.options.Tenant}
	}
	for _, name := range prepare {
		if err := l.audit(ctx, name); err != nil {
			return err
		}
		if err := l.cluster.PrepareNamespace(ctx, name); err != nil {
			return err
		}
	}
	if err := l.create(ctx, start); err != nil {
		return err
	}
	return l.lookAround(ctx)
}

func existingNamespaces(scenario *scenarios.Scenario) []string {
	var names []string
	for _, namespace := range scenario.Namespaces {
		if namespace.Existing && slices.ContainsFunc(scenario.Pods, func(p scenarios.Pod) bool { return p.Namespace == namespace.Name }) {
			names = append(names, namespace.Name)
		}
	}
	return names
}

// create brings namespaces into being with their Services, then pods, and waits for the pods.
func (l *lane) create(ctx context.Context, refs []scenarios.Ref) error {
	topology := l.book.naming.topology()
	group, groupCtx := errgroup.WithContext(ctx)
	for _, ref := range refs {
		if !isNamespace(ref) || l.alive[ref] {
			continue
		}
		i := slices.IndexFunc(topology.Namespaces, func(n scenarios.NamespaceObject) bool { return n.Logical == ref.Name })
		l.alive[ref] = true
		if i >= 0 {
			group.Go(func() error { return l.cluster.CreateNamespace(groupCtx, topology.Namespaces[i]) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := l.createServices(ctx, topology, refs); err != nil {
		return err
	}
	return l.createPods(ctx, refs)
}

// createServices creates those whose namespace is new.
func (l *lane) createServices(ctx context.Context, topology scenarios.Topology, refs []scenarios.Ref) error {
	group, groupCtx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	for i, service := range l.scenario.Services {
		if !slices.Contains(refs, scenarios.Ref{Kind: scenarios.RefNamespace, Name: service.Namespace}) {
			continue
		}
		group.Go(func() error {
			created, err := l.cluster.CreateService(groupCtx, &topology.Services[i])
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			l.book.services[service.Name] = created
			return nil
		})
	}
	return group.Wait()
}

// createPods creates pods and waits until each runs and its agent answers, or cannot start.
func (l *lane) createPods(ctx context.Context, refs []scenarios.Ref) error {
	startCtx, cancel := context.WithTimeoutCause(ctx, l.options.StartTimeout,
		fmt.Errorf("it did not start within %s", l.options.StartTimeout))
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, order := range l.orders {
		ref := scenarios.Ref{Kind: scenarios.RefPod, Name: order.Logical}
		if !slices.Contains(refs, ref) || l.alive[ref] {
			continue
		}
		l.alive[ref] = true
		all.Go(func() {
			pod, agent, offset, err := l.startPod(startCtx, order)
			mu.Lock()
			defer mu.Unlock()
			delete(l.book.problems, order.Logical)
			l.book.untested[order.Logical] = order.HostNetwork && errors.Is(err, ErrRefused)
			if err != nil {
				l.book.problems[order.Logical] = err.Error()
				return
			}
			l.book.pods[order.Logical], l.agents[order.Logical], l.offsets[order.Logical] = pod, agent, offset
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return l.learnNodes(ctx)
}

// startPod creates one pod and returns when its agent has answered, with what its clock is ahead of ours.
func (l *lane) startPod(ctx context.Context, order PodOrder) (Pod, Agent, time.Duration, error) {
	if err := l.cluster.CreatePod(ctx, order); err != nil {
		return Pod{}, nil, 0, err
	}
	pod, err := l.cluster.AwaitPod(ctx, order.Meta.Namespace, order.Meta.Name)
	if err != nil {
		return Pod{}, nil, 0, err
	}
	agent := l.cluster.Agent(pod)
	offset, err := meet(ctx, agent, pod)
	if err != nil {
		agent.Close()
		return Pod{}, nil, 0, err
	}
	return pod, agent, offset, nil
}

// meet makes sure that the agent is that of the pod, and compares the clocks.
func meet(ctx context.Context, agent Agent, pod Pod) (time.Duration, error) {
	introduction, err := agent.Introduction(ctx)
	if err != nil {
		return 0, fmt.Errorf("its agent does not answer: %w", err)
	}
	if introduction.Identity.UID != pod.UID {
		return 0, fmt.Errorf("the agent that answers is in pod %q with UID %q, not %q",
			introduction.Identity.Pod, introduction.Identity.UID, pod.UID)
	}
	asked := time.Now()
	evidence, err := agent.Evidence(ctx, probe.EvidenceQuestion{})
	if err != nil {
		return 0, fmt.Errorf("its agent does not answer: %w", err)
	}
	return evidence.Time.Sub(asked.Add(time.Since(asked) / 2)), nil
}

// learnNodes looks up the addresses of nodes, where the scenario knocks on nodes.
func (l *lane) learnNodes(ctx context.Context) error {
	for _, pod := range l.book.pods {
		if _, known := l.book.nodes[pod.Node]; known || !l.scenarioKnocksOnNodes() {
			continue
		}
		addresses, err := l.cluster.NodeAddresses(ctx, pod.Node)
		if err != nil {
			l.note("the addresses of node %q are not known: %v", pod.Node, err)
			continue
		}
		l.book.nodes[pod.Node] = addresses
	}
	return context.Cause(ctx)
}

func (l *lane) scenarioKnocksOnNodes() bool {
	for _, step := range l.scenario.Steps {
		for _, expectation := range step.Expect.List {
			if slices.ContainsFunc(expectation.To, func(t scenarios.Target) bool { return t.Kind == scenarios.TargetNode }) {
				return true
			}
		}
	}
	return false
}

// note adds a fact once.
func (l *lane) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(l.notes, text) {
		l.notes = append(l.notes, text)
	}
}

// ownNamespaces are the namespaces in the cluster that policies of the scenario can be in, as far as they exist.
func (l *lane) ownNamespaces() []string {
	if l.options.Tenant != "" {
		return []string{l.options.Tenant}
	}
	var names []string
	for _, namespace := range l.scenario.Namespaces {
		if !namespace.Existing && l.alive[scenarios.Ref{Kind: scenarios.RefNamespace, Name: namespace.Name}] {
			names = append(names, l.book.naming.namespace(namespace.Name))
		}
	}
	return names
}
