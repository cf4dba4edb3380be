package cluster

import (
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/podknock/podknock/runner/diagnose"
)

// otherGroups are the API groups whose objects may decide about traffic, with the plural names of their kinds. Egress gateways, quality of
// service and observation are not among them.
var otherGroups = map[string][]string{
	"policy.networking.k8s.io": {"adminnetworkpolicies", "baselineadminnetworkpolicies", "clusternetworkpolicies"},
	"cilium.io":                {"ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies"},
	"crd.projectcalico.org":    {"networkpolicies", "globalnetworkpolicies", "stagednetworkpolicies"},
	"projectcalico.org":        {"networkpolicies", "globalnetworkpolicies"},
	"crd.antrea.io":            {"networkpolicies", "clusternetworkpolicies"},
	"k8s.ovn.org":              {"egressfirewalls"},
	"security.istio.io":        {"authorizationpolicies", "peerauthentications"},
	"policy.linkerd.io":        {"servers", "authorizationpolicies"},
	"k8s.cni.cncf.io":          {"multi-networkpolicies"},
}

// observeOthers reads the policies of other APIs that the cluster has: everywhere or, where that is forbidden, in some namespaces.
func (c *Cluster) observeOthers(o *observer, s *diagnose.Snapshot, namespaces []string) {
	o.group.Go(func() error {
		groups, err := c.client.Discovery().ServerGroups()
		if err != nil {
			return fmt.Errorf("list API groups: %w", err)
		}
		client, err := dynamic.NewForConfig(c.config)
		if err != nil {
			return fmt.Errorf("connect for policies of other APIs: %w", err)
		}
		for _, group := range groups.Groups {
			for _, resource := range otherGroups[group.Name] {
				version := schema.GroupVersionResource{Group: group.Name, Version: group.PreferredVersion.Version, Resource: resource}
				err := readOthers(o, client.Resource(version))
				if apierrors.IsForbidden(err) {
					o.mu.Lock()
					s.Unread = append(s.Unread, diagnose.Unread{What: resource + "." + group.Name, Why: err.Error()})
					o.mu.Unlock()
					for _, namespace := range namespaces {
						if inOne := readOthers(o, client.Resource(version).Namespace(namespace)); !apierrors.IsForbidden(inOne) {
							err = inOne
						}
					}
				}
				if err != nil && !apierrors.IsForbidden(err) {
					return fmt.Errorf("list %s.%s: %w", resource, group.Name, err)
				}
			}
		}
		return nil
	})
}

// readOthers adds the objects of one kind. A kind that is not there has none.
func readOthers(o *observer, kind dynamic.ResourceInterface) error {
	list, err := kind.List(o.ctx, metav1.ListOptions{})
	switch {
	case apierrors.IsNotFound(err), apierrors.IsMethodNotSupported(err):
		return nil
	case err != nil:
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range list.Items {
		o.snapshot.Others = append(o.snapshot.Others, newOther(&list.Items[i]))
	}
	return nil
}

// newOther says which pods an object chooses, as far as its selectors are label selectors.
func newOther(object *unstructured.Unstructured) diagnose.OtherPolicy {
	other := diagnose.OtherPolicy{
		APIVersion: object.GetAPIVersion(), Kind: object.GetKind(), Namespace: object.GetNamespace(), Name: object.GetName(),
	}
	specs := []any{object.Object["spec"]}
	if list, ok := object.Object["specs"].([]any); ok { // Cilium's form with several rules
		specs = list
	}
	for _, spec := range specs {
		if fields, ok := spec.(map[string]any); ok {
			other.Selects = append(other.Selects, selections(fields)...)
		}
	}
	return other
}

// selections reads the selectors of one specification. What none of them is found in governs its whole namespace, or all.
func selections(spec map[string]any) []diagnose.PodSelection {
	switch {
	case spec["subject"] != nil: // AdminNetworkPolicy and its successors
		subject, _ := spec["subject"].(map[string]any)
		if pods, ok := subject["pods"].(map[string]any); ok {
			return []diagnose.PodSelection{{Namespaces: labelSelector(pods["namespaceSelector"]), Pods: labelSelector(pods["podSelector"])}}
		}
		return []diagnose.PodSelection{{Namespaces: labelSelector(subject["namespaces"])}}
	case spec["endpointSelector"] != nil: // Cilium
		return []diagnose.PodSelection{{Pods: labelSelector(spec["endpointSelector"])}}
	case spec["podSelector"] != nil:
		return []diagnose.PodSelection{{Pods: labelSelector(spec["podSelector"])}}
	case spec["appliedTo"] != nil: // Antrea
		var found []diagnose.PodSelection
		list, _ := spec["appliedTo"].([]any)
		for _, entry := range list {
			fields, _ := entry.(map[string]any)
			found = append(found, diagnose.PodSelection{Namespaces: labelSelector(fields["namespaceSelector"]), Pods: labelSelector(fields["podSelector"])})
		}
		return found
	}
	switch selector := spec["selector"].(type) {
	case string: // Calico's own language
		return []diagnose.PodSelection{calicoSelection(selector)}
	case map[string]any: // Istio
		return []diagnose.PodSelection{{Pods: labelSelector(selector)}}
	}
	return []diagnose.PodSelection{{}}
}

// labelSelector reads a label selector. Cilium writes the source of a label before its key.
func labelSelector(field any) *metav1.LabelSelector {
	if field == nil {
		return nil
	}
	text, err := json.Marshal(field)
	if err != nil {
		return nil
	}
	selector := &metav1.LabelSelector{}
	if err := json.Unmarshal(text, selector); err != nil {
		return nil
	}
	plain := &metav1.LabelSelector{}
	for key, value := range selector.MatchLabels {
		if plain.MatchLabels == nil {
			plain.MatchLabels = map[string]string{}
		}
		plain.MatchLabels[withoutSource(key)] = value
	}
	for _, requirement := range selector.MatchExpressions {
		requirement.Key = withoutSource(requirement.Key)
		plain.MatchExpressions = append(plain.MatchExpressions, requirement)
	}
	return plain
}

func withoutSource(key string) string {
	for _, source := range []string{"k8s:", "any:", "k8s.", "any."} {
		if bare, found := strings.CutPrefix(key, source); found {
			return bare
		}
	}
	return key
}

// calicoSelection understands all() and comparisons with == that are joined by &&. Anything else may mean any pod.
func calicoSelection(text string) diagnose.PodSelection {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" || trimmed == "all()" {
		return diagnose.PodSelection{}
	}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{}}
	for term := range strings.SplitSeq(trimmed, "&&") {
		key, value, found := strings.Cut(term, "==")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !found || len(value) < 2 || value[0] != value[len(value)-1] || value[0] != '\'' && value[0] != '"' || strings.ContainsAny(key+value[1:len(value)-1], "()!|'\" ") {
			return diagnose.PodSelection{Unread: text}
		}
		selector.MatchLabels[key] = value[1 : len(value)-1]
	}
	return diagnose.PodSelection{Pods: selector}
}
