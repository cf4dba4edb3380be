package policy

import (
	networkingv1 "k8s.io/api/networking/v1"
)

// Explain judges a connection and keeps the trace. Its verdict is always that of Verdict.
func (e *Evaluator) Explain(query Query) (Explanation, error) {
	flows, err := e.resolve(query, nil)
	if err != nil {
		return Explanation{}, err
	}
	query.Protocol = protocolOrTCP(query.Protocol)
	explanation := Explanation{Query: query}
	if len(flows) == 0 {
		explanation.Verdict, explanation.Doubts = Depends, doubtNoBackend.list()
		return explanation, nil
	}
	explanation.Query.Family = flows[0].family.api()
	var doubts doubtSet
	for i := range flows {
		path, judged := e.path(&flows[i])
		explanation.Paths = append(explanation.Paths, path)
		if judged.level == maybe {
			doubts |= judged.doubts
		}
		switch {
		case i == 0:
			explanation.Verdict = path.Verdict
		case path.Verdict != explanation.Paths[0].Verdict:
			explanation.Verdict = Depends
			doubts |= doubtBackend
		}
	}
	if explanation.Verdict == Depends {
		explanation.Doubts = doubts.list()
	}
	return explanation, nil
}

// path explains one flow, and returns the answer of both ends together.
func (e *Evaluator) path(f *flow) (Path, answer) {
	leaving, left := e.explainEnd(f, egress)
	arriving, arrived := e.explainEnd(f, ingress)
	judged := left.and(arrived)
	path := Path{
		To: f.receiver.endpoint(), Port: f.port, Verdict: judged.verdict(), Egress: leaving, Ingress: arriving,
	}
	if judged.level == maybe {
		path.Doubts = judged.doubts.list()
	}
	return path, judged
}

func (e *Evaluator) explainEnd(f *flow, d direction) (End, answer) {
	judged, basis := e.end(f, d)
	end := End{
		Direction: d.policyType(),
		Subject:   f.subject(d).endpoint(),
		Peer:      f.peer(d).endpoint(),
		Verdict:   judged.verdict(),
		Basis:     basis,
	}
	if judged.level == maybe {
		end.Doubts = judged.doubts.list()
	}
	subject := f.subject(d).pod
	if subject == nil {
		return end, judged
	}
	for _, p := range e.governing[d][subject.class] {
		alone := judged
		if basis != BasisSelf {
			alone, _ = e.exempt(e.admits(p, f, d), f, d)
		}
		end.Selecting = append(end.Selecting, Selection{Policy: p.ref, Verdict: alone.verdict()})
	}
	if basis == BasisRule {
		end.Deciding = e.deciding(f, d, judged.level)
	}
	if judged.level == no {
		end.Misses = e.misses(f, d)
	}
	end.Hints = e.hints(f, d, end.Deciding)
	return end, judged
}

// deciding finds the first item, in the order of policies, rules, peers and ports, that admits a flow at the level of the verdict.
func (e *Evaluator) deciding(f *flow, d direction, at level) *Match {
	for _, p := range e.governing[d][f.subject(d).pod.class] {
		if match := e.matchIn(p, f, d, at); match != nil {
			return match
		}
	}
	return nil
}

// matchIn finds the first item of a policy that admits a flow at a level.
func (e *Evaluator) matchIn(p *policy, f *flow, d direction, at level) *Match {
	for i := range p.rules[d] {
		r := &p.rules[d][i]
		for j := range count(len(r.peers)) {
			for k := range count(len(r.ports)) {
				peer, port := index(j, len(r.peers)), index(k, len(r.ports))
				admitted := e.itemAdmits(r, peer, port, f, d)
				if admitted.level == at {
					return &Match{Policy: p.ref, Rule: i, Peer: peer, Port: port, Doubts: admitted.doubts.list()}
				}
			}
		}
	}
	return nil
}

// peersOf are the peers of a compiled rule as the API has them.
func (p *policy) peersOf(d direction, rule int) []networkingv1.NetworkPolicyPeer {
	if d == egress {
		return p.object.Spec.Egress[rule].To
	}
	return p.object.Spec.Ingress[rule].From
}
