package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/podknock/podknock/runner"
)

// Found is a run that has objects in a cluster.
type Found struct {
	Run   string
	Owner string
	// Expires is when anybody may remove it; zero if its objects do not say.
	Expires time.Time
	// Kept says that its owner wanted it to stay.
	Kept bool
	// Alive says that the process which made it still runs, on this machine.
	Alive bool
	// Elsewhere is the machine that it was made on, if that is another one: whether it still goes on cannot be known here.
	Elsewhere string
	// Namespaces are those that it has to itself or has objects in.
	Namespaces []string
}

// Expired tells whether anybody may remove what is left of the run.
func (f *Found) Expired(now time.Time) bool { return !f.Expires.IsZero() && !now.Before(f.Expires) }

// Find lists the runs that have objects in the cluster, or in the tenant's namespace, by their ids.
func Find(ctx context.Context, client kubernetes.Interface, tenant string) ([]Found, error) {
	found := map[string]*Found{}
	selector := metav1.ListOptions{LabelSelector: runner.LabelRun}
	if tenant == "" {
		var namespaces *corev1.NamespaceList
		err := retry(ctx, func() (err error) { namespaces, err = client.CoreV1().Namespaces().List(ctx, selector); return err })
		if err != nil {
			return nil, fmt.Errorf("list namespaces of runs: %w", err)
		}
		for i := range namespaces.Items {
			add(found, &namespaces.Items[i], namespaces.Items[i].Name)
		}
		claimed := metav1.ListOptions{LabelSelector: labelClaim}
		err = retry(ctx, func() (err error) { namespaces, err = client.CoreV1().Namespaces().List(ctx, claimed); return err })
		if err != nil {
			return nil, fmt.Errorf("list namespaces that runs have claimed: %w", err)
		}
		for i := range namespaces.Items {
			addClaim(found, &namespaces.Items[i])
		}
	}
	var accounts *corev1.ServiceAccountList
	err := retry(ctx, func() (err error) {
		accounts, err = client.CoreV1().ServiceAccounts(tenant).List(ctx, selector)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list service accounts of runs: %w", err)
	}
	for i := range accounts.Items {
		add(found, &accounts.Items[i], accounts.Items[i].Namespace)
	}
	var runs []Found
	for _, run := range slices.Sorted(maps.Keys(found)) {
		slices.Sort(found[run].Namespaces)
		runs = append(runs, *found[run])
	}
	return runs, nil
}

// add takes an object of a run.
func add(found map[string]*Found, object metav1.Object, namespace string) {
	labels := object.GetLabels()
	run := labels[runner.LabelRun]
	f := found[run]
	if f == nil {
		f = &Found{Run: run, Owner: labels[LabelOwner]}
		found[run] = f
	}
	if seconds, err := strconv.ParseInt(labels[LabelExpires], 10, 64); err == nil {
		f.Expires = time.Unix(seconds, 0).UTC()
	}
	f.Kept = f.Kept || labels[LabelKept] != ""
	if process := object.GetAnnotations()[AnnotationProcess]; process != "" {
		alive, elsewhere := whereabouts(process)
		f.Alive, f.Elsewhere = f.Alive || alive, elsewhere
	}
	if !slices.Contains(f.Namespaces, namespace) {
		f.Namespaces = append(f.Namespaces, namespace)
	}
}

// addClaim takes a namespace of a reserve that a run has claimed.
func addClaim(found map[string]*Found, namespace *corev1.Namespace) {
	run, annotations := namespace.Labels[labelClaim], namespace.Annotations
	f := found[run]
	if f == nil {
		f = &Found{Run: run, Owner: annotations[annotationClaimOwner], Expires: claimEnd(namespace)}
		found[run] = f
	}
	if process := annotations[annotationClaimProcess]; process != "" {
		alive, elsewhere := whereabouts(process)
		f.Alive, f.Elsewhere = f.Alive || alive, elsewhere
	}
	if !slices.Contains(f.Namespaces, namespace.Name) {
		f.Namespaces = append(f.Namespaces, namespace.Name)
	}
}

// whereabouts tells whether a process still runs on this machine, or the name of the other machine that it was started on.
func whereabouts(process string) (alive bool, elsewhere string) {
	host, number, _ := strings.Cut(process, "/")
	if own, err := os.Hostname(); err != nil || host != own {
		return false, host
	}
	pid, err := strconv.Atoi(number)
	if err != nil || pid <= 0 {
		return false, ""
	}
	found, err := os.FindProcess(pid)
	if err != nil {
		return false, ""
	}
	defer found.Release()
	// Signal 0 asks whether there is such a process, see kill(2). On Windows it is only found if there is.
	err = found.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, os.ErrPermission) || errors.Is(err, errors.ErrUnsupported), ""
}

// RemoveExpired removes what expired runs have left, and returns their ids and what could not be removed.
func (c *Cluster) RemoveExpired(ctx context.Context, now time.Time) (runs []string, leftovers []runner.Leftover, err error) {
	if len(c.options.Reserve) > 0 {
		return c.removeExpiredReserved(ctx, now)
	}
	found, err := Find(ctx, c.client, c.options.Tenant)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range found {
		if f.Expired(now) {
			runs = append(runs, f.Run)
			leftovers = append(leftovers, Remove(ctx, c.client, f.Run, c.options.Tenant)...)
		}
	}
	return runs, leftovers, nil
}
