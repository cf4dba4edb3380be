package engine

import (
	"context"
	"net"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/kube-network-policies/pkg/network"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

// judge gives verdicts on one node.
type judge struct {
	*state
	node, lastNode string
	// find returns the pod of an address that the API has not told yet, by
	// "NAMESPACE/NAME"; nil when nobody knows earlier than the API.
	find func(ip string) (string, bool)
}

// verdict is what becomes of a connection: it is allowed, unless denied; its
// replies are let through, unless cut.
type verdict struct{ denied, repliesCut bool }

// judge decides on the first packet of a connection.
func (j *judge) judge(ctx context.Context, p network.Packet, translated bool) verdict {
	src, dst := j.podOf(p.SrcIP), j.podOf(p.DstIP)
	v := verdict{denied: !j.allows(ctx, p, src, dst, translated)}
	if !v.denied && j.defect.stateless {
		back := p
		back.SrcIP, back.DstIP, back.SrcPort, back.DstPort = p.DstIP, p.SrcIP, p.DstPort, p.SrcPort
		v.repliesCut = !j.allows(ctx, back, dst, src, false)
	}
	return v
}

func (j *judge) podOf(ip net.IP) *corev1.Pod {
	if pod := j.byIP(ip.String()); pod != nil {
		return pod
	}
	if j.find != nil {
		if k, ok := j.find(ip.String()); ok {
			return j.byKey(k)
		}
	}
	return nil
}

// allows asks for both ends, as far as they are pods of this node.
func (j *judge) allows(ctx context.Context, p network.Packet, src, dst *corev1.Pod, translated bool) bool {
	f := flow{node: j.node, lastNode: j.lastNode, protocol: p.Proto, family: p.Family, translated: translated}
	f.direction, f.pod, f.peer = networkingv1.PolicyTypeEgress, src, dst
	if !j.allowsEnd(ctx, p, f) {
		return false
	}
	f.direction, f.pod, f.peer = networkingv1.PolicyTypeIngress, dst, src
	return j.allowsEnd(ctx, p, f)
}

func (j *judge) allowsEnd(ctx context.Context, p network.Packet, f flow) bool {
	if f.pod == nil || f.pod.Spec.NodeName != j.node {
		return true
	}
	if j.defect.unfiltered != nil && j.defect.unfiltered(j.state, f) {
		return true
	}
	if f.peer != nil && j.defect.stranger != nil && j.defect.stranger(f) {
		f.peer = nil
	}
	policies := j.selecting(f.pod)
	pod, peer := j.info(f.pod), j.info(f.peer)
	target, targetInfo := f.pod, pod
	if f.direction == networkingv1.PolicyTypeEgress {
		target, targetInfo = f.peer, peer
	}
	if target != nil && j.defect.ports != nil {
		j.defect.ports(j.state, target, targetInfo)
	}
	if f.direction == networkingv1.PolicyTypeEgress {
		return networkpolicy.EvaluatePolicyDirection(ctx, policies, f.direction, pod, p.SrcPort, peer, p.DstIP, p.DstPort, p.Proto)
	}
	return networkpolicy.EvaluatePolicyDirection(ctx, policies, f.direction, pod, p.DstPort, peer, p.SrcIP, p.SrcPort, p.Proto)
}

// selecting returns the policies that apply to a pod.
func (j *judge) selecting(pod *corev1.Pod) []*networkingv1.NetworkPolicy {
	subject := pod
	if j.defect.subject != nil {
		subject = j.defect.subject(j.state, pod)
	}
	var selecting []*networkingv1.NetworkPolicy
	for _, policy := range j.allPolicies() {
		if policy.Namespace != pod.Namespace {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
		if err == nil && selector.Matches(labels.Set(subject.Labels)) {
			selecting = append(selecting, policy)
		}
	}
	if j.defect.applied != nil {
		selecting = j.defect.applied(j.state, pod, selecting)
	}
	return selecting
}
