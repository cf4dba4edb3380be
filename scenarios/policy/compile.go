package policy

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Compile indexes a cluster. It fails closed: an unreadable selector or cidr, a pod without its namespace, a duplicate or an unnamed object
// is an error that names the object, all of them joined.
func Compile(cluster Cluster) (*Evaluator, error) {
	c := &compiler{
		cluster: &cluster,
		evaluator: &Evaluator{
			plugin:    cluster.Plugin,
			partial:   cluster.Partial,
			ranges:    compileRanges(cluster.PodRanges),
			fronts:    compileRanges(cluster.ServiceRanges),
			pods:      map[objectName]*pod{},
			nodes:     map[string]*node{},
			services:  map[objectName]*service{},
			byAddress: map[netip.Addr]owner{},
			doors:     map[door]entrance{},
		},
		homes:   map[string]*namespace{},
		classOf: map[string]int{},
	}
	c.traits()
	c.namespaces()
	c.nodes()
	c.pods()
	c.addresses()
	c.services()
	c.policies()
	if err := errors.Join(c.faults...); err != nil {
		return nil, fmt.Errorf("compile cluster: %w", err)
	}
	return c.evaluator, nil
}

// compiler collects what is wrong instead of stopping at the first fault.
type compiler struct {
	cluster   *Cluster
	evaluator *Evaluator
	homes     map[string]*namespace
	classOf   map[string]int
	faults    []error
}

func (c *compiler) fault(kind, name string, err error) {
	c.faults = append(c.faults, fmt.Errorf("%s %q: %w", kind, name, err))
}

var (
	errDuplicate   = errors.New("given twice")
	errUnnamed     = errors.New("has no name")
	errNoNamespace = errors.New("has no namespace")
)

// compileRanges sorts prefixes by family. Without any, an address may be anywhere in its family.
func compileRanges(prefixes []netip.Prefix) [2][]netip.Prefix {
	var ranges [2][]netip.Prefix
	for _, prefix := range prefixes {
		f := familyOf(prefix.Addr())
		ranges[f] = append(ranges[f], prefix.Masked())
	}
	for f, whole := range wholeFamily {
		if len(ranges[f]) == 0 {
			ranges[f] = whole
		}
	}
	return ranges
}

func (c *compiler) traits() {
	plugin := c.cluster.Plugin
	for _, trait := range []Trait{
		plugin.BlocksMatchPods, plugin.BlocksMatchNodes, plugin.BlocksMatchServices,
		plugin.GovernsHostNetwork, plugin.GovernsHairpin, plugin.GovernsOwnNode,
	} {
		if trait != Unknown && trait != Yes && trait != No {
			c.faults = append(c.faults, fmt.Errorf("plugin trait %q: not yes, no or empty", trait))
		}
	}
}

func (c *compiler) namespaces() {
	for i := range c.cluster.Namespaces {
		object := &c.cluster.Namespaces[i]
		switch _, known := c.homes[object.Name]; {
		case object.Name == "":
			c.fault("namespace", object.Name, errUnnamed)
		case known:
			c.fault("namespace", object.Name, errDuplicate)
		default:
			c.homes[object.Name] = &namespace{name: object.Name, labels: withMetadataName(object.Name, object.Labels)}
		}
	}
}

// withMetadataName adds the label that the API server gives every namespace and does not let anyone change.
func withMetadataName(name string, given map[string]string) labels.Set {
	set := labels.Set{}
	for key, value := range given {
		set[key] = value
	}
	set[corev1.LabelMetadataName] = name
	return set
}

func (c *compiler) nodes() {
	for i := range c.cluster.Nodes {
		object := &c.cluster.Nodes[i]
		if _, known := c.evaluator.nodes[object.Name]; known {
			c.fault("node", object.Name, errDuplicate)
			continue
		}
		compiled, err := compileNode(object)
		if err == nil && object.Name == "" {
			err = errUnnamed
		}
		if err != nil {
			c.fault("node", object.Name, err)
			continue
		}
		c.evaluator.nodes[object.Name] = compiled
	}
}

func (c *compiler) pods() {
	for i := range c.cluster.Pods {
		object := &c.cluster.Pods[i]
		name := objectName{object.Namespace, object.Name}
		display := object.Namespace + "/" + object.Name
		compiled, err := compilePod(object)
		home := c.homes[object.Namespace]
		switch {
		case err != nil:
		case object.Name == "":
			err = errUnnamed
		case object.Namespace == "":
			err = errNoNamespace
		case home == nil:
			err = fmt.Errorf("its namespace %q is not in the cluster", object.Namespace)
		case c.evaluator.pods[name] != nil:
			err = errDuplicate
		}
		if err != nil {
			c.fault("pod", display, err)
			continue
		}
		compiled.class = c.class(home, object.Labels)
		if !compiled.finished {
			c.evaluator.classes[compiled.class].inhabited = true
		}
		if object.Spec.NodeName != "" {
			compiled.node = c.node(object.Spec.NodeName)
		}
		c.evaluator.pods[name] = compiled
	}
}

// node finds a node by name. One that pods run on but that is not among the objects is known by its name only.
func (c *compiler) node(name string) *node {
	if known := c.evaluator.nodes[name]; known != nil {
		return known
	}
	mentioned := &node{endpoint: Node(name)}
	c.evaluator.nodes[name] = mentioned
	return mentioned
}

func (c *compiler) class(home *namespace, podLabels map[string]string) int {
	set := labels.Set(podLabels)
	key := fmt.Sprintf("%q %q", home.name, podLabels)
	index, known := c.classOf[key]
	if !known {
		index = len(c.evaluator.classes)
		c.evaluator.classes = append(c.evaluator.classes, class{namespace: home, labels: set})
		c.classOf[key] = index
	}
	return index
}

// claim records whose address it is. A cluster in which two objects have one address is broken but must remain readable: only queries for that
// address fail.
func (c *compiler) claim(address netip.Addr, claimant owner) {
	holder, taken := c.evaluator.byAddress[address]
	switch {
	case holder.conflict != "":
		return
	case taken && holder != claimant:
		claimant = owner{conflict: fmt.Sprintf("%s and %s", holder.endpoint(), claimant.endpoint())}
	}
	c.evaluator.byAddress[address] = claimant
}

func (c *compiler) addresses() {
	for _, name := range sortedKeys(c.evaluator.nodes, strings.Compare) {
		n := c.evaluator.nodes[name]
		for _, address := range slices.Concat(n.addresses[ipv4], n.addresses[ipv6]) {
			c.claim(address, owner{node: n})
		}
	}
	for _, name := range sortedKeys(c.evaluator.pods, compareNames) {
		p := c.evaluator.pods[name]
		if p.host || p.finished {
			continue
		}
		for _, address := range p.addresses {
			if address.IsValid() {
				c.claim(address, owner{pod: p})
			}
		}
	}
}

func (c *compiler) policies() {
	read := c.evaluator.reader()
	for i := range c.cluster.Policies {
		object := &c.cluster.Policies[i]
		compiled, err := read.policy(object)
		if err != nil {
			c.fault("policy", object.Namespace+"/"+object.Name, err)
			continue
		}
		c.evaluator.policies = append(c.evaluator.policies, compiled)
	}
	slices.SortFunc(c.evaluator.policies, func(a, b *policy) int { return compareRefs(a.ref, b.ref) })
	for i := 1; i < len(c.evaluator.policies); i++ {
		if c.evaluator.policies[i].ref == c.evaluator.policies[i-1].ref {
			c.fault("policy", c.evaluator.policies[i].ref.String(), errDuplicate)
		}
	}
	for _, d := range []direction{egress, ingress} {
		c.evaluator.governing[d] = make([][]*policy, len(c.evaluator.classes))
		for _, p := range c.evaluator.policies {
			if !p.governs[d] {
				continue
			}
			for class := range c.evaluator.classes {
				if c.evaluator.selects(p, class) {
					c.evaluator.governing[d][class] = append(c.evaluator.governing[d][class], p)
				}
			}
		}
	}
}

// selects reports whether a policy's podSelector selects a class, in the policy's namespace.
func (e *Evaluator) selects(p *policy, class int) bool {
	return e.classes[class].namespace.name == p.ref.Namespace && p.subjects.has(class)
}

// selected lists the pods that a policy selects and that have not finished.
func (e *Evaluator) selected(p *policy) []Endpoint {
	var pods []Endpoint
	for _, name := range sortedKeys(e.pods, compareNames) {
		if candidate := e.pods[name]; !candidate.finished && e.selects(p, candidate.class) {
			pods = append(pods, candidate.endpoint)
		}
	}
	return pods
}

func compareRefs(a, b PolicyRef) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

func compareNames(a, b objectName) int {
	return cmp.Or(strings.Compare(a.namespace, b.namespace), strings.Compare(a.name, b.name))
}

// sortedKeys makes the order of a map's entries that of their keys.
func sortedKeys[K comparable, V any](entries map[K]V, compare func(K, K) int) []K {
	keys := make([]K, 0, len(entries))
	for key := range entries {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compare)
	return keys
}
