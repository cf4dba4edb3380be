package verify

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// role is what a pod of a site is for.
type role string

// The roles. Policies select pods by them.
const (
	// free is selected by no policy.
	free role = "free"
	// closed... are isolated by the canary, each in one way.
	ingressNoRule role = "ingress-no-rule"
	ingressNobody role = "ingress-nobody"
	egressNoRule  role = "egress-no-rule"
	egressNobody  role = "egress-nobody"
	// onNode uses the network of its node.
	onNode role = "on-node"
)

const (
	// labelRole is on the pods of the live stages.
	labelRole = "podknock.dev/role"
	// labelNobody is on no pod.
	labelNobody = "podknock.dev/nobody"
	// stageName is the value of [runner.LabelScenario] on the pods of the live stages.
	stageName = "verify"
	// stagePort is what they answer on, over TCP and UDP.
	stagePort = 8080
)

// podRoles are those of the pods in the pod network.
var podRoles = []role{free, ingressNoRule, ingressNobody, egressNoRule, egressNobody}

// post is a pod of a site that runs.
type post struct {
	runner.Pod
	role  role
	site  *site
	agent runner.Agent
}

// address is that of a family.
func (p *post) address(family corev1.IPFamily) (netip.Addr, bool) {
	return addressOf(p.Addresses, family)
}

func addressOf(addresses []netip.Addr, family corev1.IPFamily) (netip.Addr, bool) {
	for _, address := range addresses {
		if address.Is6() == (family == corev1.IPv6Protocol) {
			return address, true
		}
	}
	return netip.Addr{}, false
}

func parseAddresses(texts []string) []netip.Addr {
	var addresses []netip.Addr
	for _, text := range texts {
		// The API server gives addresses; "None" of a headless Service is none.
		if address, err := netip.ParseAddr(text); err == nil {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// site is a node with the pods of the live stages.
type site struct {
	number int
	// node is its name. Where nodes may not be read it is empty until a pod runs.
	node string
	// addresses are those of the node in the cluster's network, as far as they are known.
	addresses []netip.Addr

	mu       sync.Mutex
	posts    map[role]*post
	problems map[role]string
}

func (s *site) post(r role) *post {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posts[r]
}

func (s *site) problem(r role) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problems[r]
}

// ground is everything that the live stages have in the cluster.
type ground struct {
	cluster Cluster
	options *Options
	// namespace holds the pods, nodeNamespace those in the network of their nodes.
	namespace, nodeNamespace string
	sites                    []*site
	service                  *corev1.Service
	// serviceProblem and nodeProblem say why there is no Service, or no pod in the network of a node.
	serviceProblem, nodeProblem string
}

func newGround(cluster Cluster, options *Options, nodes []string) *ground {
	g := &ground{
		cluster: cluster, options: options,
		namespace: "pk-" + options.Runner.Run + "-verify", nodeNamespace: "pk-" + options.Runner.Run + "-verify-nodes",
	}
	if options.Runner.Tenant != "" {
		g.namespace, g.nodeNamespace = options.Runner.Tenant, ""
		g.nodeProblem = "pods in the network of their nodes need a namespace of their own, and --namespace was given"
	} else if options.Namespace != "" {
		g.namespace, g.nodeNamespace = options.Namespace, ""
		g.nodeProblem = "pods in the network of their nodes need a privileged namespace, and those of the reserve are not"
	}
	for i, node := range nodes {
		g.sites = append(g.sites, &site{number: i + 1, node: node, posts: map[role]*post{}, problems: map[role]string{}})
	}
	return g
}

// deploy creates everything and waits for it. Pods that cannot start are remembered with the reason; an error means that nothing could.
func (g *ground) deploy(ctx context.Context) error {
	if err := g.createNamespaces(ctx); err != nil {
		return err
	}
	startCtx, cancel := context.WithTimeoutCause(ctx, g.options.startTimeout(), fmt.Errorf("it did not start within %s", g.options.startTimeout()))
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		service, err := g.cluster.CreateService(startCtx, g.newService())
		if err != nil {
			g.serviceProblem = err.Error()
			return
		}
		g.service = service
	})
	for _, s := range g.sites {
		for _, r := range podRoles {
			all.Go(func() { g.start(startCtx, s, r, g.namespace) })
		}
		if g.nodeProblem == "" {
			all.Go(func() { g.start(startCtx, s, onNode, g.nodeNamespace) })
		}
		if s.node != "" {
			all.Go(func() {
				// Without addresses the knocks on this node are not tested, and the report says so.
				s.addresses, _ = g.cluster.NodeAddresses(startCtx, s.node)
			})
		}
	}
	all.Wait()
	return context.Cause(ctx)
}

func (g *ground) createNamespaces(ctx context.Context) error {
	if g.options.Runner.Tenant != "" {
		return g.cluster.PrepareNamespace(ctx, g.namespace)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return g.cluster.CreateNamespace(groupCtx, scenarios.NamespaceObject{Logical: stageName, Object: corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: g.namespace}}})
	})
	if g.nodeNamespace == "" {
		return group.Wait()
	}
	group.Go(func() error {
		object := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: g.nodeNamespace}}
		// Whoever may not have privileged pods still gets all other results.
		if err := g.cluster.CreateNamespace(groupCtx, scenarios.NamespaceObject{Logical: stageName + "-nodes", Object: object, HostNetwork: true}); err != nil {
			g.nodeProblem = err.Error()
		}
		return nil
	})
	return group.Wait()
}

// newService stands before the free pods of all sites.
func (g *ground) newService() *corev1.Service {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: "verify-" + g.options.Runner.Run},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Selector: g.labels(free)},
	}
	for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP} {
		service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{
			Name: "port-" + string([]byte{protocol[0] | 0x20}), Port: stagePort, TargetPort: intstr.FromInt32(stagePort), Protocol: protocol,
		})
	}
	return service
}

// labels select the pods of a role, of this run alone.
func (g *ground) labels(r role) map[string]string {
	return map[string]string{labelRole: string(r), runner.LabelRun: g.options.Runner.Run}
}

// start brings one pod into being and meets its agent.
func (g *ground) start(ctx context.Context, s *site, r role, namespace string) {
	p, err := g.startPod(ctx, s, r, namespace)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.problems[r] = err.Error()
		return
	}
	s.posts[r] = p
}

func (g *ground) startPod(ctx context.Context, s *site, r role, namespace string) (*post, error) {
	order := g.order(s, r, namespace)
	if err := g.cluster.CreatePod(ctx, order); err != nil {
		return nil, err
	}
	pod, err := g.cluster.AwaitPod(ctx, namespace, order.Meta.Name)
	if err != nil {
		return nil, err
	}
	agent := g.cluster.Agent(pod)
	introduction, err := agent.Introduction(ctx)
	if err == nil && introduction.Identity.UID != pod.UID {
		err = fmt.Errorf("another agent answers in its place: that of pod %q", introduction.Identity.Pod)
	}
	if err != nil {
		agent.Close()
		return nil, fmt.Errorf("its agent does not answer: %w", err)
	}
	return &post{Pod: pod, role: r, site: s, agent: agent}, nil
}

func (g *ground) order(s *site, r role, namespace string) runner.PodOrder {
	name := fmt.Sprintf("%s-%d", r, s.number)
	order := runner.PodOrder{
		Scenario: stageName, Namespaces: []string{namespace}, Node: s.node, AmongOthers: g.options.Runner.Tenant != "",
		PodObject: scenarios.PodObject{
			Logical: name, HostNetwork: r == onNode, Meta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{labelRole: string(r)}},
		},
	}
	if g.options.Runner.Tenant != "" {
		order.Meta.Name = name + "-pk-" + g.options.Runner.Run
	}
	if s.node == "" && r != free {
		order.SameNodeAs = string(free) + "-" + strconv.Itoa(s.number)
	}
	if r != onNode {
		for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP} {
			order.Ports = append(order.Ports, corev1.ContainerPort{ContainerPort: stagePort, Protocol: protocol})
		}
	}
	return order
}

// settleNodes learns the nodes of sites that were left to the scheduler, and drops sites whose node another has already.
func (g *ground) settleNodes() {
	seen := map[string]bool{}
	var kept []*site
	for _, s := range g.sites {
		if p := s.post(free); p != nil {
			s.node = p.Node
		}
		if s.node == "" || !seen[s.node] {
			kept = append(kept, s)
		}
		seen[s.node] = true
	}
	g.sites = kept
}

// families are those that the pods have, the cluster's first family first.
func (g *ground) families() []corev1.IPFamily {
	if only := g.options.Runner.Family; only != "" {
		return []corev1.IPFamily{corev1.IPFamily(only)}
	}
	for _, s := range g.sites {
		if p := s.post(free); p != nil {
			var families []corev1.IPFamily
			for _, address := range p.Addresses {
				family := corev1.IPv4Protocol
				if address.Is6() {
					family = corev1.IPv6Protocol
				}
				families = append(families, family)
			}
			return families
		}
	}
	return nil
}

// names are those of the nodes.
func (g *ground) names() []string {
	var names []string
	for _, s := range g.sites {
		names = append(names, s.name())
	}
	return names
}

// close gives the streams back and deletes the namespaces, unless they are kept. What fails here the clean-up of the run does again.
func (g *ground) close(ctx context.Context) {
	for _, s := range g.sites {
		for _, p := range s.posts {
			p.agent.Close()
		}
	}
	if g.options.Runner.Keep || g.options.Runner.Tenant != "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	group := errgroup.Group{}
	for _, namespace := range []string{g.namespace, g.nodeNamespace} {
		if namespace == "" {
			continue
		}
		group.Go(func() error { return g.cluster.DeleteNamespace(ctx, namespace, false) })
	}
	_ = group.Wait()
}

// closeTimeout bounds the deletion of the pods of the live stages.
const closeTimeout = 30 * time.Second
