package diagnose

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/policy"
)

// agent is a DaemonSet that enforces NetworkPolicies, or a network that may.
type agent struct {
	name string
	set  *appsv1.DaemonSet
	// off are arguments and environment that switch enforcement off; empty if it is on as far as can be seen.
	off string
	// none says that this network never enforces.
	none bool
}

// knownAgents are the DaemonSets of networks and policy engines, by a word in their names.
var knownAgents = []struct {
	word, name string
	none       bool
}{
	{"calico-node", "Calico", false}, {"cilium", "Cilium", false}, {"antrea-agent", "Antrea", false}, {"kube-router", "kube-router", false},
	{"ovnkube-node", "OVN-Kubernetes", false}, {"ovs-ovn", "Kube-OVN", false}, {"aws-node", "Amazon VPC CNI", false}, {"azure-npm", "Azure NPM", false},
	{"kube-network-policies", "kube-network-policies", false}, {"weave-net", "Weave Net", false}, {"canal", "Canal", false}, {"kindnet", "kindnet", false},
	{"netd", "GKE netd", false}, {"anetd", "GKE Dataplane V2", false}, {"kube-flannel", "flannel", true},
}

// agents are the networks that the DaemonSets show.
func (q *inquiry) agents() []agent {
	var found []agent
	for i := range q.Snapshot.DaemonSets {
		set := &q.Snapshot.DaemonSets[i]
		for _, known := range knownAgents {
			if !strings.Contains(set.Name, known.word) {
				continue
			}
			found = append(found, agent{name: known.name, set: set, none: known.none, off: switchedOff(set)})
			break
		}
	}
	return found
}

// switchedOff is the setting of a product that switches its enforcement off; empty if none is seen.
func switchedOff(set *appsv1.DaemonSet) string {
	for _, container := range set.Spec.Template.Spec.Containers {
		for _, argument := range slices.Concat(container.Command, container.Args) {
			switch strings.TrimLeft(argument, "-") {
			case "enable-network-policy=false", "enable-policy=never", "run-firewall=false", "disable-network-policy=true":
				return argument + " of container " + container.Name
			}
		}
		for _, variable := range container.Env {
			switch {
			case variable.Name == "NETWORK_POLICY_ENFORCING_MODE" && variable.Value == "disabled", variable.Name == "EXPECT_NPC" && variable.Value == "0":
				return variable.Name + "=" + variable.Value + " of container " + container.Name
			}
		}
	}
	return ""
}

// openNodes are the nodes on which the canary had no effect, and those on which it had.
func (q *inquiry) canaryNodes() (open, enforced []string) {
	for _, node := range slices.Sorted(maps.Keys(q.Canary)) {
		if q.Canary[node] == CanaryOpen {
			open = append(open, node)
		} else {
			enforced = append(enforced, node)
		}
	}
	return open, enforced
}

// notEnforced: nothing enforces policies here.
func (q *inquiry) notEnforced(j *joined) []Finding {
	open, enforced := q.canaryNodes()
	if !q.openAgainst(j) || len(enforced) > 0 {
		return nil
	}
	finding := Finding{
		Because: []string{fmt.Sprintf("the policies deny it, and it got through: %s", j.knock.Result.Reason)},
		Advice:  "this cluster does not enforce NetworkPolicies: install a policy engine (kube-network-policies, Calico, Cilium)", Weight: 55,
	}
	var names []string
	for _, a := range q.agents() {
		if a.off != "" {
			return nil // cause 2 says more
		}
		if !a.none {
			names = append(names, a.name)
		}
	}
	if len(names) == 0 {
		finding.Because = append(finding.Because, "no DaemonSet of a known policy engine is to be seen")
		finding.Weight += 5
	} else {
		finding.Advice = fmt.Sprintf("nothing is enforced although %s is installed: look at its agents, and whether it enforces policies for pods of this network", strings.Join(names, ", "))
	}
	if len(open) > 0 {
		finding.Because = append(finding.Because, "a policy of podknock's own that denies everything to its own pods had no effect on "+nodeList(open))
		finding.Weight += 40
	}
	return one(finding)
}

// nodeList is "node a" or "nodes a and b".
func nodeList(names []string) string {
	if len(names) == 1 {
		return "node " + names[0]
	}
	return "nodes " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// switchedOffCause: an engine is there, and its enforcement is switched off.
func (q *inquiry) switchedOffCause(j *joined) []Finding {
	if !q.openAgainst(j) {
		return nil
	}
	for _, a := range q.agents() {
		if a.off != "" {
			return one(Finding{
				Because: []string{fmt.Sprintf("the policies deny it, and it got through: %s", j.knock.Result.Reason), fmt.Sprintf("%s runs with %s", a.name, a.off)},
				Advice:  fmt.Sprintf("switch enforcement on: change %s in DaemonSet %s/%s", a.off, a.set.Namespace, a.set.Name), Weight: 97,
			})
		}
	}
	return nil
}

// brokenNode: some nodes enforce and some do not.
func (q *inquiry) brokenNode(j *joined) []Finding {
	open, enforced := q.canaryNodes()
	if !q.openAgainst(j) || len(open) == 0 || len(enforced) == 0 {
		return nil
	}
	return one(Finding{
		Because: []string{
			"a policy of podknock's own that denies everything to its own pods had no effect on " + nodeList(open),
			"it had on " + nodeList(enforced),
		},
		Advice: fmt.Sprintf("enforcement is broken on %s: look at the policy engine's agent there, restart it, and cordon the node until it works", nodeList(open)),
		Weight: 96,
	})
}

// unmanaged: the pod is older than the agent on its node, and the agent does not know it.
func (q *inquiry) unmanaged(j *joined) []Finding {
	if !q.openAgainst(j) && !q.shutAgainst(j) {
		return nil
	}
	for _, end := range []policy.Endpoint{q.Question.Pod, q.Question.From} {
		pod := q.Snapshot.pod(end)
		if pod == nil || pod.Status.StartTime == nil || pod.Spec.HostNetwork {
			continue
		}
		for _, a := range q.agents() {
			started := q.agentStart(a.set, pod.Spec.NodeName)
			if started.IsZero() || !pod.Status.StartTime.Time.Before(started) {
				continue
			}
			weight := 62
			// The doubles are new, and so known to the agent: that they are stopped and the old pod is not decides it.
			if double := q.outcome(WayDouble, RoleSource, j.family); q.openAgainst(j) && Blocked(double) || q.shutAgainst(j) && double == probe.Connected {
				weight = 95
			}
			return one(Finding{
				Because: []string{fmt.Sprintf("%s started at %s, the agent of %s on its node at %s", end, pod.Status.StartTime.UTC().Format(time.RFC3339), a.name, started.UTC().Format(time.RFC3339))},
				Advice:  fmt.Sprintf("a pod from before the network's agent may be unknown to it: restart %s", end),
				Fix: &Fix{
					Object: "pod " + end.Namespace + "/" + end.Name, Change: "delete the pod, so that its controller makes a new one",
					Command: fmt.Sprintf("kubectl delete pod %s -n %s", end.Name, end.Namespace),
				},
				Weight: weight,
			})
		}
	}
	return nil
}

// agentStart is when the agent of a DaemonSet on a node was created; zero if it is not known.
func (q *inquiry) agentStart(set *appsv1.DaemonSet, node string) time.Time {
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		return time.Time{}
	}
	for i := range q.Snapshot.Pods {
		pod := &q.Snapshot.Pods[i]
		if pod.Namespace == set.Namespace && pod.Spec.NodeName == node && selector.Matches(labels.Set(pod.Labels)) && !finished(pod) {
			return pod.CreationTimestamp.Time
		}
	}
	return time.Time{}
}

// olderThanPolicy: the pod is let through, and a new pod with the same standing is not.
func (q *inquiry) staleState(j *joined) []Finding {
	pod := q.Snapshot.pod(q.Question.Pod)
	if pod == nil || j.agrees() {
		return nil
	}
	for _, end := range []policy.Endpoint{q.Question.Pod, q.Question.From} {
		subject := q.Snapshot.pod(end)
		if subject == nil || subject.Spec.HostNetwork {
			continue
		}
		for i := range q.Snapshot.Pods {
			other := &q.Snapshot.Pods[i]
			if !finished(other) || other.Status.PodIP == "" || other.Status.PodIP != subject.Status.PodIP || other.UID == subject.UID {
				continue
			}
			return one(Finding{
				Because: []string{fmt.Sprintf("the finished pod %s/%s had the address %s, which is now that of %s", other.Namespace, other.Name, other.Status.PodIP, end)},
				Advice:  "the plugin may still treat the address as the finished pod's: delete finished pods, and upgrade the plugin",
				Fix: &Fix{
					Object: "pod " + other.Namespace + "/" + other.Name, Change: "delete the finished pod",
					Command: fmt.Sprintf("kubectl delete pod %s -n %s", other.Name, other.Namespace),
				},
				Weight: 90,
			})
		}
	}
	return nil
}

// policyTypesIgnored: the wire does what rules say whose direction policyTypes does not list.
func (q *inquiry) policyTypesIgnored(j *joined) []Finding {
	if !q.shutAgainst(j) {
		return nil
	}
	for _, end := range q.bothEnds(j) {
		for _, hint := range end.Hints {
			if hint.Kind != policy.HintPolicyTypes {
				continue
			}
			return one(Finding{
				Because: []string{hint.Sentence(), "the wire stops it nevertheless: " + j.knock.Result.Reason},
				Advice:  "this plugin does not follow policyTypes: remove the rules of the direction that is not meant, and report it to the plugin's makers", Weight: 79,
				Fix: policyFix(hint.Policy, "remove the rules of the other direction", policy.Operation{
					Op: "remove", Path: "/spec/" + direction(end.Direction),
				}),
			})
		}
	}
	return nil
}

// otherLayer: policies of other APIs select a pod of the question, and the wire is not as the NetworkPolicies say.
func (q *inquiry) otherLayer(j *joined) []Finding {
	others := q.othersSelecting()
	if len(others) == 0 || j.agrees() {
		return nil
	}
	finding := Finding{Advice: "read these: what they mean is not computed here, and they decide beside the NetworkPolicies or before them", Weight: 87}
	for _, other := range others {
		finding.Because = append(finding.Because, fmt.Sprintf("%s (%s) selects a pod of the question", other, other.APIVersion))
	}
	return one(finding)
}

// othersSelecting are the policies of other APIs that select a pod of the question, or may.
func (q *inquiry) othersSelecting() []OtherPolicy {
	var found []OtherPolicy
	for _, other := range q.Snapshot.Others {
		for _, end := range []policy.Endpoint{q.Question.From, q.Question.Pod} {
			if pod := q.Snapshot.pod(end); pod != nil && other.mayGovern(pod, q.Snapshot) {
				found = append(found, other)
				break
			}
		}
	}
	return found
}

// mayGovern tells whether the object selects a pod, or may because its selector is not understood.
func (o *OtherPolicy) mayGovern(pod *corev1.Pod, s *Snapshot) bool {
	if o.Namespace != "" && o.Namespace != pod.Namespace {
		return false
	}
	matches := func(selector *metav1.LabelSelector, set map[string]string) bool {
		if selector == nil {
			return true
		}
		parsed, err := metav1.LabelSelectorAsSelector(selector)
		return err != nil || parsed.Matches(labels.Set(set))
	}
	for _, selection := range o.Selects {
		if selection.Unread != "" || matches(selection.Namespaces, s.namespaceLabels(pod.Namespace)) && matches(selection.Pods, pod.Labels) {
			return true
		}
	}
	return false
}

// namePrefix: the agent of the Amazon VPC CNI keys policies by the names of workloads.
func (q *inquiry) namePrefix(j *joined) []Finding {
	if j.agrees() || !q.hasAgent("Amazon VPC CNI") {
		return nil
	}
	for _, end := range []policy.Endpoint{q.Question.Pod, q.Question.From} {
		pod := q.Snapshot.pod(end)
		if pod == nil {
			continue
		}
		if metav1.GetControllerOf(pod) == nil {
			return one(Finding{
				Because: []string{fmt.Sprintf("%s has no controller, and the network is the Amazon VPC CNI", end)},
				Advice:  "its agent finds the policies of a pod by the name of its workload: run the pod by a Deployment", Weight: 80,
			})
		}
	}
	return nil
}

func (q *inquiry) hasAgent(name string) bool {
	return slices.ContainsFunc(q.agents(), func(a agent) bool { return a.name == name })
}

// specialLabel: a label key that a plugin uses for itself.
func (q *inquiry) specialLabel(j *joined) []Finding {
	if j.agrees() || !q.hasAgent("Cilium") {
		return nil
	}
	for _, end := range []policy.Endpoint{q.Question.Pod, q.Question.From} {
		pod := q.Snapshot.pod(end)
		if pod == nil {
			continue
		}
		if _, has := pod.Labels["host"]; has {
			return one(Finding{
				Because: []string{fmt.Sprintf("%s has the label host=%s, and the network is Cilium", end, pod.Labels["host"])},
				Advice:  "releases of Cilium take the label key host for their own: rename the label, or upgrade", Weight: 81,
			})
		}
	}
	return nil
}

// uncoveredNode: the pod is on a node of a kind that the engine does not cover.
func (q *inquiry) uncoveredNode(j *joined) []Finding {
	if !q.openAgainst(j) {
		return nil
	}
	for _, end := range []policy.Endpoint{q.Question.Pod, q.Question.From} {
		pod := q.Snapshot.pod(end)
		if pod == nil {
			continue
		}
		node := q.Snapshot.node(pod.Spec.NodeName)
		if node == nil {
			continue
		}
		what := ""
		switch {
		case node.Labels[corev1.LabelOSStable] == "windows":
			what = "runs Windows"
		case node.Labels["type"] == "virtual-kubelet", node.Labels["eks.amazonaws.com/compute-type"] == "fargate":
			what = "is virtual"
		default:
			continue
		}
		return one(Finding{
			Because: []string{fmt.Sprintf("node %s of %s %s", node.Name, end, what)},
			Advice:  "policy engines often do not cover such nodes: run the pod on another, or read what the engine's makers say", Weight: 94,
		})
	}
	return nil
}
