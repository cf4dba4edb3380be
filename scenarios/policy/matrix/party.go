package matrix

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

// party is one end: an endpoint, or a range of addresses.
type party struct {
	endpoint policy.Endpoint
	within   netip.Prefix
}

func podParty(pod *corev1.Pod) party { return party{endpoint: policy.Pod(pod.Namespace, pod.Name)} }

// parties are the ends that a reference means, and their names.
func (m *Matrix) parties(groups *groups, reference subject.Reference) ([]party, []string, error) {
	switch reference.Kind {
	case subject.KindRange:
		return []party{{within: reference.Range}}, []string{reference.String()}, nil
	case subject.KindName:
		return nil, nil, fmt.Errorf("a DNS name is resolved on the wire only: write the address, or svc/NAMESPACE/NAME")
	case subject.KindPod, subject.KindWorkload, subject.KindLabels:
		pods, err := reference.Pods(&m.objects.Cluster)
		if err != nil {
			return nil, nil, err
		}
		var parties []party
		var names []string
		for _, pod := range pods {
			group := groups.of(pod)
			if reference.Kind == subject.KindPod || group == nil {
				parties, names = append(parties, podParty(pod)), append(names, reference.String())
				continue
			}
			if one := podParty(group.pod); !slices.Contains(parties, one) {
				parties, names = append(parties, one), append(names, group.name)
			}
		}
		return parties, names, nil
	}
	endpoints, err := reference.Endpoints(&m.objects.Cluster)
	if err != nil {
		return nil, nil, err
	}
	return []party{{endpoint: endpoints[0]}}, []string{reference.String()}, nil
}

// group are the pods of one workload that no policy can tell apart.
type group struct {
	name string
	pod  *corev1.Pod
}

type groups struct {
	all   []*group
	byKey map[string]*group
	keys  map[string]bool
	twins map[party]party
}

// newGroups sorts the pods that have not finished.
func newGroups(cluster *policy.Cluster) *groups {
	g := &groups{byKey: map[string]*group{}, keys: selectedKeys(cluster), twins: map[party]party{}}
	pods := make([]*corev1.Pod, 0, len(cluster.Pods))
	for i := range cluster.Pods {
		pods = append(pods, &cluster.Pods[i])
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	named := map[string]int{}
	for _, pod := range pods {
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		key := g.key(pod)
		if g.byKey[key] == nil {
			one := &group{name: display(pod), pod: pod}
			named[one.name]++
			g.byKey[key] = one
			g.all = append(g.all, one)
		} else if first := podParty(g.byKey[key].pod); g.twins[first] == (party{}) {
			g.twins[first] = podParty(pod)
		}
	}
	for _, one := range g.all {
		if named[one.name] > 1 { // pods of a workload that differ, as in the middle of a rollout
			one.name = one.pod.Namespace + "/" + one.pod.Name
		}
	}
	return g
}

// withTwins gives each workload of which one pod is known a second one: it could always be scaled up.
func (g *groups) withTwins(cluster policy.Cluster) policy.Cluster {
	cluster.Pods = slices.Clone(cluster.Pods)
	for _, one := range g.all {
		first := podParty(one.pod)
		if _, has := g.twins[first]; has || len(one.pod.OwnerReferences) == 0 || one.pod.Spec.HostNetwork {
			continue
		}
		twin := *one.pod
		twin.Name += " (another pod)" // no name that a pod could have
		twin.Status = corev1.PodStatus{}
		twin.Spec.NodeName = ""
		cluster.Pods = append(cluster.Pods, twin)
		g.twins[first] = podParty(&twin)
	}
	return cluster
}

// display names a pod by its workload.
func display(pod *corev1.Pod) string {
	if owner := subject.OwnerOf(pod).String(); owner != "" {
		return pod.Namespace + "/" + owner
	}
	return pod.Namespace + "/" + pod.Name
}

// key is equal for pods of one group.
func (g *groups) key(pod *corev1.Pod) string {
	seen := map[string]string{}
	for key, value := range pod.Labels {
		if g.keys[key] {
			seen[key] = value
		}
	}
	spelled, _ := json.Marshal(seen) // a map of strings always has a spelling
	return fmt.Sprintf("%s %s %t", display(pod), spelled, pod.Spec.HostNetwork)
}

func (g *groups) of(pod *corev1.Pod) *group { return g.byKey[g.key(pod)] }

func (g *groups) within(namespace string) []*group {
	return slices.DeleteFunc(slices.Clone(g.all), func(one *group) bool { return namespace != "" && one.pod.Namespace != namespace })
}

// selectedKeys are the labels that any policy or Service looks at.
func selectedKeys(cluster *policy.Cluster) map[string]bool {
	keys := map[string]bool{}
	add := func(selector *metav1.LabelSelector) {
		if selector == nil {
			return
		}
		for key := range selector.MatchLabels {
			keys[key] = true
		}
		for _, requirement := range selector.MatchExpressions {
			keys[requirement.Key] = true
		}
	}
	for i := range cluster.Policies {
		spec := &cluster.Policies[i].Spec
		add(&spec.PodSelector)
		for _, rule := range spec.Ingress {
			for _, peer := range rule.From {
				add(peer.PodSelector)
			}
		}
		for _, rule := range spec.Egress {
			for _, peer := range rule.To {
				add(peer.PodSelector)
			}
		}
	}
	return keys
}
