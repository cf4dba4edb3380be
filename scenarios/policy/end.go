package policy

// subject is the side of a flow whose policies count in a direction, peer the other.
func (f *flow) subject(d direction) party {
	if d == egress {
		return f.source
	}
	return f.receiver
}

func (f *flow) peer(d direction) party {
	if d == egress {
		return f.receiver
	}
	return f.source
}

// self reports whether a pod talks to itself.
func (f *flow) self() bool { return f.source.pod != nil && f.source.pod == f.receiver.pod }

// masked reports whether the receiver may see the address of a node instead of the source's.
func (f *flow) masked() bool { return f.front != nil && f.front.masked }

// end says whether a flow is admitted at one end, and by which rule of the API.
func (e *Evaluator) end(f *flow, d direction) (answer, Basis) {
	subject := f.subject(d)
	if e.unread(subject) {
		return perhaps(doubtUnread), BasisNotPod
	}
	if subject.pod == nil {
		return certain(true), BasisNotPod
	}
	if f.self() && (f.front == nil || e.plugin.GovernsHairpin == No) {
		return certain(true), BasisSelf
	}
	governing := e.governing[d][subject.pod.class]
	if len(governing) == 0 {
		return certain(true), BasisNotIsolated
	}
	admitted := certain(false)
	for _, p := range governing {
		admitted = admitted.or(e.admits(p, f, d))
		if admitted.level == yes {
			return admitted, BasisRule
		}
	}
	return e.exempt(admitted, f, d)
}

// exempt applies what the API takes out of the policies' reach, or leaves to the plugin, where no rule admits a flow for certain.
func (e *Evaluator) exempt(admitted answer, f *flow, d direction) (answer, Basis) {
	subject := f.subject(d)
	basis := BasisNoRule
	if admitted.level == maybe {
		basis = BasisRule
	}
	steps := []struct {
		applies bool
		trait   Trait
		doubt   doubtSet
		basis   Basis
	}{
		{subject.hosted(), e.plugin.GovernsHostNetwork, doubtHostNetwork, BasisNotPod},
		{f.self(), e.plugin.GovernsHairpin, doubtHairpin, BasisSelf},
	}
	for _, step := range steps {
		if !step.applies {
			continue
		}
		admitted = admitted.unlessFree(step.trait, step.doubt)
		if admitted.level == yes {
			return admitted, step.basis
		}
	}
	if free := e.ownNode(f, d); free.level > no {
		admitted = admitted.or(free)
		if admitted.level == yes {
			return admitted, BasisOwnNode
		}
	}
	return admitted, basis
}

// ownNode says whether a flow is between a pod and the node it runs on, and so out of the policies' reach. The API exempts traffic from the
// node; about traffic to it the texts differ and so do plugins.
func (e *Evaluator) ownNode(f *flow, d direction) answer {
	subject, peer := f.subject(d).pod, f.peer(d)
	var local answer
	switch {
	case peer.node != nil:
		local = sameNode(subject.node, peer.node)
	case peer.hosted():
		local = sameNode(subject.node, peer.pod.node)
		switch e.plugin.GovernsHostNetwork {
		case Yes:
			local = certain(false)
		case Unknown:
			local = local.and(perhaps(doubtHostNetwork))
		}
	}
	if d == ingress && f.masked() {
		local = local.either(sameNode(subject.node, f.front.node), doubtSource)
	}
	if d == egress && local.level > no {
		switch e.plugin.GovernsOwnNode {
		case Yes:
			return certain(false)
		case Unknown:
			return perhaps(local.doubts | doubtOwnNode)
		}
	}
	return local
}

// sameNode compares nodes of which either may not be known.
func sameNode(a, b *node) answer {
	if a == nil || b == nil {
		return perhaps(doubtNodeUnknown)
	}
	return certain(a == b)
}

// admits says whether any rule of a policy admits a flow.
func (e *Evaluator) admits(p *policy, f *flow, d direction) answer {
	admitted := certain(false)
	for i := range p.rules[d] {
		admitted = admitted.or(e.ruleAdmits(&p.rules[d][i], f, d))
		if admitted.level == yes {
			break
		}
	}
	return admitted
}

func (e *Evaluator) ruleAdmits(r *rule, f *flow, d direction) answer {
	admitted := certain(false)
	for peer := range count(len(r.peers)) {
		for port := range count(len(r.ports)) {
			admitted = admitted.or(e.itemAdmits(r, index(peer, len(r.peers)), index(port, len(r.ports)), f, d))
			if admitted.level == yes {
				return admitted
			}
		}
	}
	return admitted
}

// count is how many items a list stands for: an empty one for one item that matches everything.
func count(length int) int { return max(length, 1) }

// index is All for that one item.
func index(i, length int) int {
	if length == 0 {
		return All
	}
	return i
}

// itemAdmits judges one peer (or All) together with one port (or All) of a rule.
func (e *Evaluator) itemAdmits(r *rule, peer, port int, f *flow, d direction) answer {
	admitted := e.peerAdmits(r, peer, f, d)
	if admitted.level > no {
		admitted = admitted.and(e.portAdmits(r, port, f))
	}
	if d == egress && f.front != nil && admitted.level < yes {
		admitted = admitted.or(e.frontAdmits(r, peer, port, f))
	}
	return admitted
}

func (e *Evaluator) peerAdmits(r *rule, peer int, f *flow, d direction) answer {
	if peer == All {
		return certain(true)
	}
	seen := e.covers(&r.peers[peer], f.peer(d), f.family)
	if d == ingress && f.masked() {
		return e.masked(seen, &r.peers[peer], f)
	}
	return seen
}

func (e *Evaluator) portAdmits(r *rule, port int, f *flow) answer {
	if port == All {
		return certain(true)
	}
	matched := r.ports[port].match(f.receiver, f.port, f.protocol, &e.plugin)
	if p := &r.ports[port]; e.unread(f.receiver) && p.protocol == f.protocol && !p.any {
		return perhaps(doubtUnread) // a Service may lead to any port
	}
	return matched
}

// unread reports whether a party may be one that could not be read.
func (e *Evaluator) unread(who party) bool { return e.partial && who.pod == nil && who.node == nil }

// frontAdmits judges what a plugin sees that filters before the Service address is translated: that address, and the Service's port. Only an
// ipBlock matches such an address.
func (e *Evaluator) frontAdmits(r *rule, peer, port int, f *flow) answer {
	if peer == All || r.peers[peer].block == nil {
		return certain(false)
	}
	seen := r.peers[peer].block.matchWithin(e.fronts[f.family])
	if f.front.address.IsValid() {
		seen = certain(r.peers[peer].block.contains(f.front.address))
	}
	if port != All {
		seen = seen.and(r.ports[port].match(party{}, f.front.port, f.protocol, &e.plugin))
	}
	return seen.onlyIf(e.plugin.BlocksMatchServices, doubtServiceBlock)
}

// masked weighs that the receiver may see a node's address instead of the client's.
func (e *Evaluator) masked(seen answer, p *peer, f *flow) answer {
	as := party{node: f.front.node}
	if as.node == nil {
		as.node = &node{}
	}
	return seen.either(e.covers(p, as, f.family), doubtSource)
}
