package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/podknock/podknock/runner"
)

// A namespace of the reserve is claimed while a scenario uses it. The claim is a label, so that what was killed can be found, and its
// annotations say until when it holds, which labels came with it, and who made it.
const (
	labelClaim             = "podknock.dev/claim"
	annotationClaimExpires = "podknock.dev/claim-expires"
	annotationClaimLabels  = "podknock.dev/claim-labels"
	annotationClaimOwner   = "podknock.dev/claim-owner"
	annotationClaimProcess = "podknock.dev/claim-process"
)

// reserved tells whether a namespace is one of the reserve, which a run uses but never creates or deletes.
func (o *Options) reserved(name string) bool { return slices.Contains(o.Reserve, name) }

// claimEmptied claims a namespace of the reserve, without what a run has left in it whose claim has expired meanwhile: its policies would be in force
// beside ours.
func (c *Cluster) claimEmptied(ctx context.Context, wanted *corev1.Namespace) error {
	var there *corev1.Namespace
	err := retry(ctx, func() (err error) {
		there, err = c.client.CoreV1().Namespaces().Get(ctx, wanted.Name, metav1.GetOptions{})
		return err
	})
	if err != nil {
		return err
	}
	if other := there.Labels[labelClaim]; other != "" && other != c.options.Run && claimExpired(there, time.Now()) {
		if left := removeReserved(ctx, c.client, other, wanted.Name, true); len(left) > 0 {
			return fmt.Errorf("remove what run %s has left there: %s %q: %s", other, left[0].Kind, left[0].Name, left[0].Reason)
		}
	}
	return c.claim(ctx, wanted)
}

// claim takes a namespace of the reserve for a scenario and gives it the scenario's labels. It fails if another run has it.
func (c *Cluster) claim(ctx context.Context, wanted *corev1.Namespace) error {
	return changeNamespace(ctx, c.client, wanted.Name, func(there *corev1.Namespace) (labels, annotations map[string]*string, err error) {
		if other := there.Labels[labelClaim]; other != "" && other != c.options.Run && !claimExpired(there, time.Now()) {
			return nil, nil, fmt.Errorf("run %s uses it until %s", other, claimEnd(there).Format(time.RFC3339))
		}
		labels, annotations = unclaim(there)
		own := slices.DeleteFunc(slices.Sorted(maps.Keys(there.Labels)), func(key string) bool { _, claimed := labels[key]; return claimed })
		var added []string
		for _, key := range slices.Sorted(maps.Keys(wanted.Labels)) {
			value := wanted.Labels[key]
			switch {
			case !slices.Contains(own, key):
				labels[key] = &value
				added = append(added, key)
			case there.Labels[key] != value:
				return nil, nil, fmt.Errorf("the scenario needs label %s=%s, but the namespace has %s=%s of its own", key, value, key, there.Labels[key])
			}
		}
		keys := strings.Join(added, ",")
		expires := strconv.FormatInt(c.options.Expires.Unix(), 10)
		labels[labelClaim] = &c.options.Run
		owner := LabelValue(c.options.Owner)
		annotations[annotationClaimExpires], annotations[annotationClaimLabels] = &expires, &keys
		annotations[annotationClaimOwner], annotations[annotationClaimProcess] = &owner, &c.options.Process
		return labels, annotations, nil
	})
}

// unclaim are the changes that take a claim and its labels off a namespace.
func unclaim(there *corev1.Namespace) (labels, annotations map[string]*string) {
	labels = map[string]*string{labelClaim: nil}
	annotations = map[string]*string{annotationClaimExpires: nil, annotationClaimLabels: nil, annotationClaimOwner: nil, annotationClaimProcess: nil}
	for _, key := range claimedLabels(there) {
		labels[key] = nil
	}
	return labels, annotations
}

// labelReserved changes labels of a namespace of the reserve, those of the scenario alone, and notes them so that they go with the claim.
func (c *Cluster) labelReserved(ctx context.Context, name string, labels map[string]*string) error {
	return changeNamespace(ctx, c.client, name, func(there *corev1.Namespace) (changed, annotations map[string]*string, err error) {
		keys := claimedLabels(there)
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			if slices.Contains(keys, key) {
				continue
			}
			if _, own := there.Labels[key]; own {
				return nil, nil, fmt.Errorf("the scenario changes label %s, which namespace %q has of its own", key, name)
			}
			keys = append(keys, key)
		}
		text := strings.Join(keys, ",")
		return labels, map[string]*string{annotationClaimLabels: &text}, nil
	})
}

// claimedLabels are the keys of the labels that came with a claim.
func claimedLabels(there *corev1.Namespace) []string {
	return strings.FieldsFunc(there.Annotations[annotationClaimLabels], func(r rune) bool { return r == ',' })
}

func claimEnd(namespace *corev1.Namespace) time.Time {
	seconds, err := strconv.ParseInt(namespace.Annotations[annotationClaimExpires], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

func claimExpired(namespace *corev1.Namespace, now time.Time) bool {
	return !now.Before(claimEnd(namespace))
}

// maxConflicts bounds how often a namespace is looked at again because somebody else has changed it.
const maxConflicts = 5

// changeNamespace changes the labels and annotations of a namespace, unless somebody else has changed it in between: then it is looked at
// again.
func changeNamespace(
	ctx context.Context, client kubernetes.Interface, name string, change func(*corev1.Namespace) (labels, annotations map[string]*string, err error),
) error {
	for attempt := 1; ; attempt++ {
		err := retry(ctx, func() error {
			there, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			labels, annotations, err := change(there)
			if err != nil {
				return err
			}
			patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
				"resourceVersion": there.ResourceVersion, "labels": labels, "annotations": annotations,
			}})
			if err != nil {
				return err
			}
			_, err = client.CoreV1().Namespaces().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
			return err
		})
		if !apierrors.IsConflict(err) || attempt == maxConflicts {
			return err
		}
	}
}

// retire removes what the run has in a namespace of the reserve, waits until its pods are gone, and gives the namespace back.
func (c *Cluster) retire(ctx context.Context, name string) error {
	c.pods.release(name, "")
	if left := removeReserved(ctx, c.client, c.options.Run, name, false); len(left) > 0 {
		return fmt.Errorf("empty namespace %q: %s %q: %s", name, left[0].Kind, left[0].Name, left[0].Reason)
	}
	return nil
}

// removeReserved removes what a run has in a namespace of the reserve and gives it back if the run has it. The owner of everything stays until
// the end of the run.
func removeReserved(ctx context.Context, client kubernetes.Interface, run, name string, last bool) []runner.Leftover {
	r := &remover{client: client, selector: metav1.ListOptions{LabelSelector: runner.LabelRun + "=" + run}}
	kinds := r.kinds(name)
	if !last {
		kinds = slices.DeleteFunc(kinds, func(k kind) bool { return k.name == "ServiceAccount" })
	}
	r.removeKinds(ctx, name, kinds)
	if len(r.leftovers) > 0 {
		return r.leftovers
	}
	r.giveBack(ctx, run, name)
	return r.leftovers
}

var errNotClaimed = errors.New("it is not claimed by this run")

// giveBack takes the claim of a run off a namespace.
func (r *remover) giveBack(ctx context.Context, run, name string) {
	err := changeNamespace(ctx, r.client, name, func(there *corev1.Namespace) (labels, annotations map[string]*string, err error) {
		if there.Labels[labelClaim] != run {
			return nil, nil, errNotClaimed
		}
		labels, annotations = unclaim(there)
		return labels, annotations, nil
	})
	if err != nil && !errors.Is(err, errNotClaimed) {
		r.left("Namespace", "", name, fmt.Errorf("give it back: %w", err))
	}
}

// giveBackClaimed takes the claims of a run off all namespaces, whose names only the run has known.
func (r *remover) giveBackClaimed(ctx context.Context, run string) {
	var claimed *corev1.NamespaceList
	err := retry(ctx, func() (err error) {
		claimed, err = r.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: labelClaim + "=" + run})
		return err
	})
	if err != nil {
		r.left("Namespace", "", labelClaim+"="+run, fmt.Errorf("list namespaces: %w", err))
		return
	}
	for _, namespace := range claimed.Items {
		r.giveBack(ctx, run, namespace.Name)
	}
}

// removeExpiredReserved removes what expired runs have left in the namespaces of the reserve.
func (c *Cluster) removeExpiredReserved(ctx context.Context, now time.Time) (runs []string, leftovers []runner.Leftover, err error) {
	for _, name := range c.options.Reserve {
		found, err := Find(ctx, c.client, name)
		if err != nil {
			return runs, leftovers, fmt.Errorf("namespace %q of the reserve: %w", name, err)
		}
		for _, f := range found {
			if !f.Expired(now) {
				continue
			}
			if !slices.Contains(runs, f.Run) {
				runs = append(runs, f.Run)
			}
			leftovers = append(leftovers, removeReserved(ctx, c.client, f.Run, name, true)...)
		}
	}
	return runs, leftovers, nil
}

// ReserveRules are the rights that a run needs in each namespace of its reserve, of a Role there. A Role may grant rights to its own
// namespace's object: the API server takes the name of a namespace for its namespace (RequestInfoFactory in k8s.io/apiserver). What takes pods
// for its own by their labels is not looked for: nobody else has anything in these namespaces.
func ReserveRules(options Options) []rbacv1.PolicyRule {
	options.Tenant = options.Reserve[0]
	var rules []rbacv1.PolicyRule
	for _, rule := range Rules(options) {
		rule.Resources = slices.DeleteFunc(slices.Clone(rule.Resources), func(resource string) bool { return slices.Contains(adopters, resource) })
		if len(rule.Resources) > 0 {
			rules = append(rules, rule)
		}
	}
	return append(rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get", "patch"}})
}

// adopters are the kinds that [Cluster.AuditLabels] lists beside Services.
var adopters = []string{"replicationcontrollers", "replicasets", "daemonsets", "statefulsets", "jobs"}
