package difftest

import (
	"slices"

	"github.com/podknock/podknock/scenarios/policy"
)

// shrink takes parts away from a cluster as long as it still fails, until nothing more can go.
func shrink(cluster policy.Cluster, fails func(policy.Cluster) bool) policy.Cluster {
	for smaller, ok := step(cluster, fails); ok; smaller, ok = step(cluster, fails) {
		cluster = smaller
	}
	return cluster
}

// step finds one part that the failure does not need.
func step(cluster policy.Cluster, fails func(policy.Cluster) bool) (policy.Cluster, bool) {
	for _, edit := range edits(cluster) {
		smaller := clone(cluster)
		edit(&smaller)
		if fails(smaller) {
			return smaller, true
		}
	}
	return cluster, false
}

func clone(cluster policy.Cluster) policy.Cluster {
	copied := cluster
	copied.Pods, copied.Policies = nil, nil
	for i := range cluster.Pods {
		copied.Pods = append(copied.Pods, *cluster.Pods[i].DeepCopy())
	}
	for i := range cluster.Policies {
		copied.Policies = append(copied.Policies, *cluster.Policies[i].DeepCopy())
	}
	return copied
}

// edits are all ways to take one part away.
func edits(cluster policy.Cluster) []func(*policy.Cluster) {
	var all []func(*policy.Cluster)
	add := func(edit func(*policy.Cluster)) { all = append(all, edit) }
	for i := range cluster.Policies {
		add(func(c *policy.Cluster) { c.Policies = slices.Delete(c.Policies, i, i+1) })
	}
	for i := range cluster.Pods {
		add(func(c *policy.Cluster) { c.Pods = slices.Delete(c.Pods, i, i+1) })
	}
	for i := range cluster.Policies {
		spec := &cluster.Policies[i].Spec
		for j := range spec.Ingress {
			add(func(c *policy.Cluster) { remove(&c.Policies[i].Spec.Ingress, j) })
			for k := range spec.Ingress[j].From {
				add(func(c *policy.Cluster) { remove(&c.Policies[i].Spec.Ingress[j].From, k) })
			}
			for k := range spec.Ingress[j].Ports {
				add(func(c *policy.Cluster) { remove(&c.Policies[i].Spec.Ingress[j].Ports, k) })
			}
		}
		for j := range spec.Egress {
			add(func(c *policy.Cluster) { remove(&c.Policies[i].Spec.Egress, j) })
			for k := range spec.Egress[j].To {
				add(func(c *policy.Cluster) { remove(&c.Policies[i].Spec.Egress[j].To, k) })
			}
			for k := range spec.Egress[j].Ports {
				add(func(c *policy.Cluster) { remove(&c.Policies[i].Spec.Egress[j].Ports, k) })
			}
		}
	}
	for i := range cluster.Pods {
		for j := range cluster.Pods[i].Spec.Containers[0].Ports {
			add(func(c *policy.Cluster) { remove(&c.Pods[i].Spec.Containers[0].Ports, j) })
		}
		for key := range cluster.Pods[i].Labels {
			add(func(c *policy.Cluster) { delete(c.Pods[i].Labels, key) })
		}
	}
	return all
}

func remove[T any](list *[]T, i int) { *list = slices.Delete(*list, i, i+1) }
