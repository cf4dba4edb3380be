package verify

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
)

// canaryForm is a way to deny everything in one direction.
type canaryForm struct {
	role      role
	direction networkingv1.PolicyType
	// nobody says that there is one rule, which admits a peer that does not exist. Otherwise there is no rule.
	nobody bool
}

// canaryForms are two for each direction: engines have been seen that get one of them wrong.
var canaryForms = []canaryForm{
	{ingressNoRule, networkingv1.PolicyTypeIngress, false}, {ingressNobody, networkingv1.PolicyTypeIngress, true},
	{egressNoRule, networkingv1.PolicyTypeEgress, false}, {egressNobody, networkingv1.PolicyTypeEgress, true},
}

// policy is the one that denies in this form.
func (f *canaryForm) policy(g *ground) *networkingv1.NetworkPolicy {
	policy := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: string(f.role) + "-" + g.options.Runner.Run},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: g.labels(f.role)}, PolicyTypes: []networkingv1.PolicyType{f.direction},
		},
	}
	if !f.nobody {
		return policy
	}
	peers := []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{labelNobody: "true"}}}}
	if f.direction == networkingv1.PolicyTypeIngress {
		policy.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: peers}}
	} else {
		policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: peers}}
	}
	return policy
}

// canaryQuestion is a question that a canary should stop, or one that should go on to connect.
type canaryQuestion struct {
	question
	// form is nil for a question that no canary concerns. site is the node of the isolated pod.
	form   *canaryForm
	site   *site
	family corev1.IPFamily
}

// canaryKnocks ask each isolated pod of each node, or have it ask, on its own node and across to one other. Between the free pods goes the
// question that shows that the network still works.
func (g *ground) canaryKnocks(peers map[string][]string) []canaryQuestion {
	var knocks []canaryQuestion
	add := func(form *canaryForm, at *site, from, to *post) {
		if from == nil || to == nil {
			return
		}
		for _, family := range g.families() {
			address, ok := to.address(family)
			if !ok {
				continue
			}
			for _, protocol := range []probe.Protocol{probe.TCP, probe.UDP} {
				knocks = append(knocks, canaryQuestion{form: form, site: at, family: family, question: question{
					from: from, to: to, attempt: probe.Attempt{Protocol: protocol, Host: address.String(), Port: stagePort, UID: to.UID},
				}})
			}
		}
	}
	for _, s := range g.sites {
		others := []*site{s}
		for _, other := range g.sites {
			if slices.Contains(peers[s.node], other.node) {
				others = append(others, other)
				break
			}
		}
		for _, other := range others {
			for i := range canaryForms {
				form := &canaryForms[i]
				if form.direction == networkingv1.PolicyTypeIngress {
					add(form, s, other.post(free), s.post(form.role))
				} else {
					add(form, s, s.post(form.role), other.post(free))
				}
			}
			if other != s {
				add(nil, s, other.post(free), s.post(free))
			}
		}
	}
	return knocks
}

// canaryCell is what one question has found over time.
type canaryCell struct {
	canaryQuestion
	// before is the reply before any policy, last the one at the end.
	before, last reply
	// denied says that it was stopped at the end, and since is the time from the policy to the first of the replies that say so in a row.
	denied bool
	since  time.Duration
	seen   []canarySample
}

// canarySample is one reply to a knock.
type canarySample struct {
	start   time.Duration
	known   bool
	blocked bool
}

const (
	// canarySpacing is the time between two samples.
	canarySpacing = 100 * time.Millisecond
	// canaryOverlap bounds the samples under way: one that stays silent takes a whole timeout to say so.
	canaryOverlap = 16
	// canaryRow is how many samples in a row have to be blocked, over at least canarySpan, for a deny to stand.
	canaryRow  = 4
	canarySpan = time.Second
	// canaryStragglers is how long other pods may take after the first was isolated, or this many times as long as that one took.
	canaryStragglers = 6 * time.Second
	canaryFactor     = 3
)

// sampleTiming sends one packet per sample; samples that follow confirm it.
var sampleTiming = probe.Timing{Sockets: 1, Confirm: -1, ICMPWait: -1}

// watchCanary samples the cells until each has been blocked for long enough, or the bound has passed. Once a cell is blocked, the engine is
// awake, and the others get only some more time.
func watchCanary(ctx context.Context, cells []canaryCell, begun time.Time, timeout time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	var underWay sync.WaitGroup
	defer underWay.Wait()
	defer cancel()
	knocks := make([]question, len(cells))
	for i := range cells {
		knocks[i] = cells[i].question
	}
	var mu sync.Mutex
	bound := begun.Add(timeout)
	settled := make(chan struct{})
	settle := sync.OnceFunc(func() { close(settled) })
	take := func(number int, replies []reply) {
		mu.Lock()
		defer mu.Unlock()
		all := true
		for i := range cells {
			if ctx.Err() == nil {
				cells[i].seen[number].known, cells[i].seen[number].blocked = replies[i].asked, replies[i].blocked()
			}
			if cells[i].form == nil {
				continue
			}
			since, stands := cells[i].blockedSince()
			all = all && stands
			if early := begun.Add(since).Add(max(canaryStragglers, canaryFactor*since)); stands && early.Before(bound) {
				bound = early
			}
		}
		if all {
			settle()
		}
	}
	slots := make(chan struct{}, canaryOverlap)
	ticker := time.NewTicker(canarySpacing)
	defer ticker.Stop()
	for {
		select {
		case slots <- struct{}{}:
			mu.Lock()
			number, start := len(cells[0].seen), time.Since(begun)
			for i := range cells {
				cells[i].seen = append(cells[i].seen, canarySample{start: start})
			}
			mu.Unlock()
			underWay.Go(func() {
				defer func() { <-slots }()
				take(number, askAll(ctx, knocks, sampleTiming))
			})
		default:
		}
		mu.Lock()
		over := time.Now().After(bound)
		mu.Unlock()
		if over {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-settled:
			return nil
		case <-ticker.C:
		}
	}
}

// blockedSince is when the row of blocked samples began that ends with the newest known one, and whether it is long enough. Samples end in
// another order than they began, so that unknown ones are passed over.
func (c *canaryCell) blockedSince() (since time.Duration, stands bool) {
	row, last := 0, time.Duration(0)
	for i := len(c.seen) - 1; i >= 0; i-- {
		sample := &c.seen[i]
		if !sample.known {
			continue
		}
		if !sample.blocked {
			break
		}
		if row == 0 {
			last = sample.start
		}
		row++
		since = sample.start
	}
	return since, row >= canaryRow && last-since >= canarySpan
}

// runCanary shows which nodes enforce, how and how fast: it asks before any policy, applies the canaries, samples until they hold, and asks
// once more with the destinations' evidence.
func (g *ground) runCanary(ctx context.Context, asked []canaryQuestion) ([]canaryCell, error) {
	var cells []canaryCell
	var knocks []question
	for _, k := range asked {
		cells, knocks = append(cells, canaryCell{canaryQuestion: k}), append(knocks, k.question)
	}
	if len(cells) == 0 {
		return nil, nil
	}
	before := askAll(ctx, knocks, pathTiming)
	join(ctx, knocks, before)
	// Only what connected before can show a deny.
	var open []canaryCell
	var shut []canaryCell
	for i := range cells {
		cells[i].before = before[i]
		if before[i].connected() {
			open = append(open, cells[i])
		} else {
			shut = append(shut, cells[i])
		}
	}
	if len(open) == 0 {
		return shut, context.Cause(ctx)
	}
	applied, err := g.releaseCanary(ctx, open)
	if err != nil {
		return nil, err
	}
	if err := g.concludeCanary(ctx, open, applied); err != nil {
		return nil, err
	}
	return append(open, shut...), nil
}

// releaseCanary applies the policies while the cells are sampled, and returns when they hold or the bound has passed, with the time from the
// first sample to each policy's acceptance by the API server.
func (g *ground) releaseCanary(ctx context.Context, cells []canaryCell) (map[role]time.Duration, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	start := time.Now()
	group.Go(func() error { return watchCanary(groupCtx, cells, start, g.options.CanaryTimeout) })
	var mu sync.Mutex
	applied := map[role]time.Duration{}
	for i := range canaryForms {
		form := &canaryForms[i]
		group.Go(func() error {
			if _, err := g.cluster.ApplyPolicy(groupCtx, form.policy(g)); err != nil {
				return fmt.Errorf("apply the canary policy %s: %w", form.role, err)
			}
			mu.Lock()
			defer mu.Unlock()
			applied[form.role] = time.Since(start)
			return nil
		})
	}
	return applied, group.Wait()
}

// concludeCanary asks once more, with the evidence of both ends, and alone where it is doubtful who refused.
func (g *ground) concludeCanary(ctx context.Context, cells []canaryCell, applied map[role]time.Duration) error {
	knocks := make([]question, len(cells))
	for i := range cells {
		knocks[i] = cells[i].question
	}
	last := askAll(ctx, knocks, pathTiming)
	join(ctx, knocks, last)
	for i := range cells {
		if last[i].asked && last[i].result.Outcome == probe.Refused && knocks[i].to != nil {
			last[i] = askQuietly(ctx, knocks[i], last[i])
		}
		cells[i].last = last[i]
		since, stands := cells[i].blockedSince()
		cells[i].denied = last[i].blocked()
		if form := cells[i].form; cells[i].denied && stands && form != nil {
			cells[i].since = max(0, since-applied[form.role])
		}
	}
	return context.Cause(ctx)
}

// askQuietly asks alone, with the counters of the destination read before and after: they tell whether the pod itself has refused.
func askQuietly(ctx context.Context, k question, doubtful reply) reply {
	before, err := k.to.agent.Counters(ctx)
	if err != nil {
		return doubtful
	}
	again := askAll(ctx, []question{k}, pathTiming)[0]
	after, err := k.to.agent.Counters(ctx)
	if err != nil || !again.asked {
		return doubtful
	}
	evidence, err := k.to.agent.Evidence(ctx, probe.EvidenceQuestion{Nonces: []probe.Nonce{again.result.Nonce}, Ports: again.result.Ports})
	if err != nil {
		return doubtful
	}
	destination := evidence.Destination(k.attempt, again.result.Observation, stagePort).InQuietRound(k.attempt.Protocol, before, after)
	again.result.Reading = probe.Classify(k.attempt, again.result.Observation, &destination)
	return again
}
